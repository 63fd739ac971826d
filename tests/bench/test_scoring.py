"""The scorer measures as a card does, sees what any judge must see, and T30 counts only where it compares."""

import json

import pytest
import torch

from inkbloom.bench import scoring
from inkbloom.bench.scoring import read_t30, scorer_for, t30_of
from inkbloom.data import load_data
from inkbloom.errors import DataError
from inkbloom.evaluation.card import measure


@pytest.fixture(scope="module")
def scorer():
    return scorer_for(load_data("digits"))


def noise():
    return torch.randint(0, 256, (1000, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def card(scorer):
    return measure(noise(), None, scorer.real, made={})[0]


def test_the_scorer_ranks_real_images_copies_and_noise(scorer, source):
    data = load_data("digits")
    assert scorer.count == 1000
    assert abs(scorer.score(data.take("reference").images)["fd"]) < 1e-3
    unseen, copies, scored = (scorer.score(x) for x in (data.take("holdout").images, data.take("train").images[:1000], noise()))
    assert unseen["fd"] < 2 * scorer.floor["fd"]
    assert copies["near"] == 1
    assert scored["fd"] > 20 * scorer.floor["fd"]
    assert scored["kid"] > 20 * abs(scorer.floor["kid"])
    assert scored["recall"] < 0.1 < unseen["recall"]
    assert scorer.labels == tuple(data.take("reference").labels.tolist())
    assert scorer_for(load_data(source())) is None


def test_the_scorer_scores_as_a_card_does(scorer, card):
    assert scorer.score(noise()) == {name: card[name] for name in ("fd", "kid", "recall", "coverage", "near")}
    assert scorer.about().items() >= card["header"].items()
    assert scorer.floor["fd"] == card["floor"]["fd"]


def test_t30_of_the_digits_is_known(scorer):
    """The figure of the results page, from the card that comes with the package."""
    assert scorer.t30["fd"] == pytest.approx(2.283, abs=5e-4)


def test_t30_is_read_from_a_card_that_compares(scorer, card, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "baseline", lambda data, judge: scorer.real)
    file = tmp_path / "t30.json"
    file.write_text(json.dumps(card))
    assert scorer_for(load_data("digits"), file).t30 == {"fd": card["fd"], "floor": card["floor"]["fd"]}


@pytest.mark.parametrize(
    ("field", "value"), [("n", 500), ("source", "fashion-mnist"), ("judge_sha256", "ab" * 32), ("reference_sha256", "cd" * 32)]
)
def test_t30_of_other_conditions_is_refused(scorer, card, field, value):
    with pytest.raises(DataError, match=f"of another {field} "):
        t30_of({**card, "header": {**card["header"], field: value}}, scorer.real)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"fd": null, "floor": {"fd": 1}}', "\x00"])
def test_a_file_that_is_no_card_is_one_line(tmp_path, text):
    file = tmp_path / "t30.json"
    file.write_text(text)
    with pytest.raises(DataError, match="not an evaluation card"):
        read_t30(file)


def test_a_card_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(DataError, match="no such card"):
        read_t30(tmp_path / "t30.json")
