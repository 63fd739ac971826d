"""Time to quality: the clock, the ladder, the stored figure."""

from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

import inkbloom
from inkbloom.bench import quality as module
from inkbloom.bench.quality import average_of, ladder, training
from inkbloom.data import load_data
from inkbloom.recipe_files import load_recipe

CPU = torch.device("cpu")


@pytest.fixture
def tiny(recipe):
    made = load_recipe(str(recipe(precision="fp32")))
    return made, load_data(made.data).take("train")


def test_the_clock_stands_still_while_a_moment_is_looked_at(tiny, monkeypatch):
    recipe, images = tiny
    time = SimpleNamespace(now=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: time.now))
    seconds = []
    for moment in training(recipe, images, CPU):
        seconds.append(moment.seconds)
        time.now += 1000.0  # judging
    assert seconds == [0.0] * len(seconds)
    assert len(seconds) > 1


def test_the_clock_counts_training(tiny, monkeypatch):
    recipe, images = tiny
    ticks = iter(range(10**6))
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    seconds = [moment.seconds for moment in training(recipe, images, CPU)]
    assert seconds == list(range(1, len(seconds) + 1))  # a reading before and one after each stretch, nothing between


def test_moments_end_with_the_finished_run_and_looking_leaves_no_trace(tiny, tmp_path):
    recipe, images = tiny
    for moment in training(recipe, images, CPU):
        copy = average_of(moment.state)
        with torch.no_grad():
            next(copy.parameters()).zero_()
    assert moment.step == recipe.steps
    inkbloom.train(recipe, out=tmp_path / "run", quiet=True)
    (saved,) = (tmp_path / "run" / "checkpoints").glob(f"*{recipe.steps}/ema.safetensors")
    for name, tensor in load_file(saved).items():
        assert torch.equal(tensor, average_of(moment.state).net.state_dict()[name])


def test_the_ladder_tells_the_first_look_from_which_fd_stays_at_or_below_each_rung():
    curves = [
        [{"seconds": 5.0, "fd": 9.0}, {"seconds": 10.0, "fd": 5.0}, {"seconds": 20.0, "fd": 1.9}],
        [{"seconds": 6.0, "fd": 4.9}, {"seconds": 12.0, "fd": 6.0}, {"seconds": 24.0, "fd": 2.0}],  # the first was lucky
    ]
    rows = [row.figures for row in ladder(curves, {"fd": 5.0, "floor": 1.0})]
    assert [row["goal"] for row in rows] == [5.0, 3.0, 2.0, 1.5, 1.25]
    assert [row["seconds"] for row in rows] == [[10.0, 24.0], [20.0, 24.0], [20.0, 24.0], [None, None], [None, None]]
    assert (rows[0]["median"], rows[0]["low"], rows[0]["high"]) == (17.0, 10.0, 24.0)
    assert "median" not in rows[3]
