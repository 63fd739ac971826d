"""A number that is not finite never becomes a good one: not in a measure, not on a card, not where the best is chosen."""

import json
import math

import pytest
import torch

from inkbloom.claims.claim import Figure, Text
from inkbloom.data.pixels import to_bytes
from inkbloom.errors import CheckpointError, Diverged, UsageError
from inkbloom.evaluation.card_file import read_card, write_card
from inkbloom.evaluation.classes import agreement, total_variation
from inkbloom.evaluation.distances import fd, kid
from inkbloom.evaluation.judge import load_judge
from inkbloom.evaluation.manifold import manifold
from inkbloom.evaluation.memorisation import copying_z, near_share, ratio_share
from inkbloom.evaluation.train_judge import accuracy
from inkbloom.report.facts import read_facts
from inkbloom.search.trials import Tried, best_of

BAD = [math.nan, math.inf, -math.inf]
MEASURES = {  # each of two sets of 30 x 4 numbers
    "fd": fd,
    "kid": lambda a, b: kid(a, b, size=10),
    **{name: lambda a, b, name=name: getattr(manifold(a, b), name) for name in manifold(*torch.rand(2, 30, 4))._fields},
    "near": lambda a, b: near_share(a[:, 0], b[:, 0]),
    "near_ratio": lambda a, b: ratio_share(torch.cat([a, b])[:, :2]),
    "copying_z": lambda a, b: copying_z(a[:, 0], b[:, 0]),
    "agreement": lambda a, b: agreement(a[:, 0], b[:, 0]),
    "tv": lambda a, b: total_variation(a[:, 0], b[:, 0]),
}


def spoiled(bad, how_many):
    """Numbers of which the first `how_many` rows are not finite."""
    numbers = torch.rand(30, 4)
    numbers[:how_many] = bad
    return numbers


@pytest.mark.parametrize("how_many", [1, 30])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_of_such_numbers_is_none(name, bad, how_many):
    sound = torch.rand(30, 4)
    assert math.isfinite(MEASURES[name](sound, sound.flip(0)))
    for pair in ((spoiled(bad, how_many), sound), (sound, spoiled(bad, how_many))):
        try:
            value = MEASURES[name](*pair)
        except UsageError:  # a histogram of no images
            value = math.nan
        assert not math.isfinite(value)


@pytest.mark.parametrize("bad", BAD)
def test_pictures_of_such_numbers_are_none(bad):
    picture = torch.rand(2, 1, 8, 8)
    picture[1, 0, 3, 3] = bad
    with pytest.raises(Diverged, match="not finite"):
        to_bytes(picture, "0..1")


def test_a_judge_that_answers_so_judges_nothing():
    judge = load_judge("digits-v1")
    with torch.no_grad():
        judge.net.outer.bias[0] = math.inf
    with pytest.raises(CheckpointError, match="give another --judge"):
        judge.look(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))


def test_no_judge_learns_so(source):
    from inkbloom.data import load_data
    from inkbloom.evaluation.train_judge import JudgeTraining

    data = load_data(source())
    training = JudgeTraining(data, epochs=1, d=8)
    with torch.no_grad():
        next(training.net.parameters()).fill_(math.nan)
    with pytest.raises(Diverged, match="step 1"):
        training.advance()
    with pytest.raises(Diverged):
        accuracy(training.net, data.take("holdout"))


@pytest.mark.parametrize("text", ["NaN", "1e999", "-Infinity"])
def test_a_card_with_such_a_number_anywhere_is_none(text, a_card, tmp_path):
    card = {**a_card(), "holdout": {"levels": [0.5], "loss": [0.123456], "wiener": None, "mean_image": None}}
    write_card(card, tmp_path / "card.json")
    assert read_card(tmp_path / "card.json") == card
    (tmp_path / "card.json").write_text(json.dumps(card).replace("0.123456", text))
    with pytest.raises(CheckpointError, match="not an evaluation card"):
        read_card(tmp_path / "card.json")


@pytest.mark.parametrize("bad", [None, *BAD])
def test_a_trial_with_such_a_loss_is_never_the_best(bad):
    bad, good = Tried(0, {}, "complete", bad, []), Tried(1, {}, "complete", 0.5, [])
    assert best_of([bad, good]) is best_of([good, bad]) is good
    assert best_of([bad]) is None


@pytest.mark.parametrize("bad", BAD)
def test_no_claim_rests_on_such_a_figure(bad):
    with pytest.raises(Diverged, match="no verdict"):
        Figure(Text("error", "误差"), bad)
    with pytest.raises(Diverged, match="no verdict"):
        Figure(Text("error", "误差"), 1.0, floor=bad)


@pytest.mark.parametrize("log", ["log.jsonl", "holdout.jsonl"])
def test_a_log_with_such_a_loss_is_none(log, recipe, command, tmp_path):
    run = tmp_path / "run"
    assert command("train", recipe(holdout_every=24), "--out", run, "--quiet").code == 0
    first, *others = (run / log).read_text().splitlines()
    record = json.loads(first)
    if log == "log.jsonl":
        record["losses"] = dict.fromkeys(record["losses"], "nan")
    else:
        record["loss"][0] = "-inf"
    (run / log).write_text("\n".join([json.dumps(record), *others]) + "\n")
    with pytest.raises(CheckpointError, match="not the log of a training"):
        read_facts(run)


@pytest.mark.parametrize("bad", BAD)
def test_the_solver_that_is_nearest_has_a_distance(bad):
    from inkbloom.bench.sampling import nearest

    assert nearest({"euler": bad, "heun": 0.2, "dpmpp_2m": 0.3}) == "heun"
