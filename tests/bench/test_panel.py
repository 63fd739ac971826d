"""The panel scores by the shipped judge as a card does, sees what any judge must see, and T30 counts only where it compares."""

import json

import pytest
import torch

from inkbloom.bench.panel import load_t30, panel_for
from inkbloom.data import load_data
from inkbloom.errors import DataError
from inkbloom.evaluation.card import measure


@pytest.fixture(scope="module")
def panel():
    return panel_for(load_data("digits"))


def noise():
    return torch.randint(0, 256, (1000, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_panel_ranks_real_images_copies_and_noise(panel, source):
    data = load_data("digits")
    assert panel.count == 1000
    assert abs(panel.score(data.take("reference").images)["fd"]) < 1e-3
    unseen, copies, scored = (panel.score(x) for x in (data.take("holdout").images, data.take("train").images[:1000], noise()))
    assert unseen["fd"] < 2 * panel.floor["fd"]
    assert copies["near"] == 1
    assert scored["fd"] > 20 * panel.floor["fd"]
    assert scored["kid"] > 20 * abs(panel.floor["kid"])
    assert scored["recall"] < 0.1 < unseen["recall"]
    assert panel.labels == tuple(data.take("reference").labels.tolist())
    assert panel_for(load_data(source())) is None


def test_the_panel_scores_as_a_card_does(panel):
    card, _ = measure(noise(), None, panel.real, made={})
    assert panel.score(noise()) == {name: card[name] for name in ("fd", "kid", "recall", "coverage", "near")}
    assert panel.about().items() >= card["header"].items()
    assert panel.floor["fd"] == card["floor"]["fd"]


def test_t30_is_read_from_a_card_that_compares(panel, tmp_path):
    file = tmp_path / "t30.json"
    assert load_t30(file, panel.real) is None
    card, _ = measure(noise(), None, panel.real, made={})
    file.write_text(json.dumps(card))
    assert load_t30(file, panel.real) == {"fd": card["fd"], "floor": card["floor"]["fd"]}


@pytest.mark.parametrize(
    ("field", "value"), [("n", 500), ("source", "fashion-mnist"), ("judge_sha256", "ab" * 32), ("reference_sha256", "cd" * 32)]
)
def test_t30_of_other_conditions_is_refused(panel, tmp_path, field, value):
    file = tmp_path / "t30.json"
    card, _ = measure(noise(), None, panel.real, made={})
    card["header"][field] = value
    file.write_text(json.dumps(card))
    with pytest.raises(DataError, match=f"of another {field} "):
        load_t30(file, panel.real)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"fd": null, "floor": {"fd": 1}}', "\x00"])
def test_a_file_that_is_no_card_is_one_line(panel, tmp_path, text):
    file = tmp_path / "t30.json"
    file.write_text(text)
    with pytest.raises(DataError, match="not an evaluation card"):
        load_t30(file, panel.real)
