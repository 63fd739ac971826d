"""Gradually or at once: the rule both ways, and the rows of real images instead of drawn ones."""

from types import SimpleNamespace

import pytest

from inkbloom.claims import gradual
from inkbloom.claims.gradual import decide


def test_the_rule():
    falling, rising = [500, 200, 60, 20, 10], [0.0, 0.1, 0.4, 0.8, 0.9]
    assert decide(falling, rising, 1, 0.01) == "holds"
    assert decide([10, 200, 60, 20, 500], rising, 1, 0.01) == "does not hold"
    assert decide(falling, [0.9, 0.1, 0.4, 0.8, 0.0], 1, 0.01) == "does not hold"
    assert decide([500, 200, 60, 10, 20], rising, 1, 0.01) == "holds partly"  # worse again at the end
    assert decide([500, 200, 60, 10, 20], rising, 6, 0.01) == "holds"  # by no more than luck
    assert decide(falling, rising, 300, 0.01) == "does not hold"  # all of it could be luck


def made_rows(quality):
    """Rows of a network whose KID is `quality(steps)`, and 1 more on the second seed."""

    def rows_at(lab, steps, seed):
        return {"fd": 1.0, "kid": quality(steps) + seed, "recall": 1 - quality(steps) / 1000, "agreement": 0.9}

    return rows_at


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.setattr(gradual, "header_of", lambda real: {"judge": None, "n": 20, "reference_sha256": "ab"})
    floor = {"fd": 0.5, "kid": -1.0, "recall": 0.95, "agreement": 0.99}
    return SimpleNamespace(seeds=(0, 1), real=SimpleNamespace(n=20, floor=floor, floor_sd=dict.fromkeys(floor, 0.001)))


def test_figures_stand_with_their_floor_number_and_spread(lab, monkeypatch):
    monkeypatch.setattr(gradual, "rows_at", made_rows(lambda steps: 400 / steps))
    found = gradual.measure(lab)
    assert (found.verdict, found.seeds) == ("holds", (0, 1))
    (kid,) = (figure for figure in found.figures if figure.name.en.startswith("KID") and figure.at == "steps=8")
    assert (kid.value, kid.floor, kid.n) == (50.5, -1.0, 20)
    assert kid.spread == pytest.approx(0.5**0.5)
    assert len(found.figures) == 4 * len(gradual.STEPS)
    monkeypatch.setattr(gradual, "rows_at", made_rows(lambda steps: 10 * steps))
    assert gradual.measure(lab).verdict == "does not hold"


def test_every_number_of_steps_begins_with_the_same_noise_and_classes(small, monkeypatch):
    """What is drawn and asked for is caught; the judge sees real images, which are no further away than real ones are."""
    asked = []

    def instead(family, request):
        asked.append(request)
        labels = small.data.labels
        yield small.data.images[[int((labels == label).nonzero()[k]) for k, label in enumerate(request.labels)]], None

    monkeypatch.setattr(gradual, "pictures", instead)
    monkeypatch.setattr("inkbloom.evaluation.baseline.DRAWS", 3)
    monkeypatch.setattr("inkbloom.evaluation.baseline.SLOW_PAIRS", 0)
    rows = [gradual.rows_at(small, steps, seed=3) for steps in (1, 40)]
    assert [request.steps for request in asked] == [1, 40]
    assert len({(request.count, request.seed, request.labels, request.guidance, request.solver) for request in asked}) == 1
    assert rows[0] == rows[1]
    assert rows[0]["agreement"] > 0.8
    assert rows[0]["fd"] < 5 * small.real.floor["fd"]
