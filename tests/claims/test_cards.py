"""Claims that rest on a card of a full training: read as it is, and never made up."""

import json

import pytest

from inkbloom.claims import cards
from inkbloom.claims.cards import FULL, MINI, MINI_UNET, decide, reading
from inkbloom.claims.catalogue import CLAIMS
from inkbloom.errors import CheckpointError
from inkbloom.evaluation.published import published_card


def test_the_rule():
    assert decide(0.85, 0.9, 0.03) == "holds"
    assert decide(0.85, 0.9, 0.06) == "holds partly"  # a class too few
    assert decide(0.79, 0.9, 0.03) == "holds partly"
    assert decide(0.9, 0.49, 0.03) == "does not hold"
    assert decide(None, 0.9, 0.03) == "not measured here"


def test_the_figures_are_those_of_the_card(a_card, shelf):
    path = shelf / "t30.json"
    path.write_text(json.dumps(a_card(recall=0.9, coverage=0.85, classes={"tv": 0.01})))
    found = reading(["t30"])(None)
    figures = {figure.name.en.split(" (")[0]: figure for figure in found.figures}
    assert found.verdict == "holds"
    assert found.seeds == (0,)
    assert (figures["recall"].value, figures["recall"].floor, figures["recall"].n) == (0.9, 0.93, 1000)
    assert (figures["FD"].value, figures["FD"].floor, figures["FD"].spread) == (21.5, 1.9, None)
    assert "judge digits-v1, d=64, N=1000" in next(f.name.en for f in found.figures if f.name.en.startswith("FD"))
    path.write_text(json.dumps(a_card(recall=0.1)))
    assert reading(["t30"])(None).verdict == "does not hold"


def test_several_cards_give_their_mean_and_their_spread(a_card, shelf):
    for seed in range(2):
        (shelf / f"{seed}.json").write_text(json.dumps(a_card(recall=0.9 - 0.2 * seed, classes={"tv": 0.01})))
    found = reading(["0", "1"])(None)
    recall = next(figure for figure in found.figures if figure.name.en == "recall")
    assert (recall.value, recall.spread) == (pytest.approx(0.8), pytest.approx(0.2 / 2**0.5))
    assert found.seeds == (0, 1)
    (shelf / "1.json").unlink()
    assert reading(["0", "1"])(None).verdict == "not measured here"


def test_beside_the_mini_unet_stand_the_cards_of_the_others(a_card, shelf, monkeypatch):
    monkeypatch.setattr(cards, "linear", lambda lab, n: [])
    for file, recall in (("t30-basic", 0.6), ("t30", 0.7), ("fast-uncond-0", 0.8)):
        (shelf / f"{file}.json").write_text(json.dumps(a_card(recall=recall, classes={"tv": 0.01})))
    figures = MINI_UNET.measure(None).figures
    assert [(f.at, f.value) for f in figures if f.name.en == "recall"] == [("", 0.6), ("unet2d", 0.7), ("ink", 0.8)]


def test_without_a_card_nothing_is_said(shelf):
    assert MINI_UNET.measure(None) == ([], "not measured here", ())


def test_a_file_that_is_no_card_is_an_error(shelf):
    (shelf / "t30.json").write_text("{}")
    with pytest.raises(CheckpointError, match="not an evaluation card"):
        reading(["t30"])(None)


def test_every_claim_that_rests_on_trainings_finds_the_cards_that_come_with_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trials = [trial for claim in CLAIMS.values() for trial in claim.trials]
    assert len(trials) > 10
    assert [tuple(trial.cards()) for trial in trials] == [trial.seeds for trial in trials]
    assert all(published_card(name) for name in (*FULL, *MINI))
