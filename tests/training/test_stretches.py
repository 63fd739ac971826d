"""A finished run that is asked for more steps goes on: a new stretch of the schedule, exact to the bit through any stop."""

import json
import shutil
import signal
from itertools import pairwise
from pathlib import Path

import pytest

import inkbloom
from inkbloom.config import Recipe
from inkbloom.errors import UsageError
from inkbloom.recipe_files import load_recipe
from inkbloom.training.state import learning_rate

from .test_resume import Crash, stopping

OLD = Path(__file__).parents[1] / "fixtures" / "run-0.1"
KINDS = {
    "diffusion": {"holdout_every": 7, "flip": True},
    "clusters, short batches": {"clusters": 2, "short_batches": True, "optimizer": "muon"},
    "gan": {"family": "gan", "net": None, "layers": None, "sample_steps": None, "optimizer": "adam"},
    "vae": {"family": "vae", "net": None, "layers": None, "sample_steps": None, "ema": 0.0},
}


def rates(run):
    return [json.loads(line)["lr"] for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_each_stretch_has_the_schedule_of_a_run_of_its_own(schedule):
    """Stretches of 20, 30 and 5 steps: the rates of trainings of 20, 30 and 5 steps, one after the other."""
    whole = Recipe(steps=55, stretches=(20, 50), warmup=0.2, schedule=schedule)
    alone = [Recipe(steps=steps, warmup=0.2, schedule=schedule) for steps in (20, 30, 5)]
    expected = [learning_rate(step, recipe) for recipe in alone for step in range(recipe.steps)]
    assert [learning_rate(step, whole) for step in range(55)] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_goes_on_is_the_same_however_it_was_stopped(kind, recipe, command, outcome, tmp_path):
    """20 steps and then 20 more, never stopped; killed on the way; and trained by the recipe that the run noted, in one go."""
    path = recipe(**KINDS[kind])
    first, more = (("train", path, "--steps", steps, "--out") for steps in (20, 40))
    for run in ("whole", "killed"):
        assert command(*first, tmp_path / run).code == 0
    assert command(*more, tmp_path / "whole").code == 0
    for step, how in ((27, Crash), (33, signal.SIGTERM)):
        with stopping(step, how):
            assert command(*more, tmp_path / "killed").code != 0
    assert command(*more, tmp_path / "killed").code == 0
    whole = outcome(tmp_path / "whole")
    assert whole["steps"] == list(range(1, 41))
    assert outcome(tmp_path / "killed") == whole
    noted = load_recipe(str(tmp_path / "whole/config.toml"))
    assert (noted.steps, noted.stretches) == (40, (20,))
    assert command("train", tmp_path / "whole/config.toml", "--out", tmp_path / "again").code == 0
    assert outcome(tmp_path / "again") == whole


def test_what_is_said_of_a_run_that_goes_on(recipe, command, tmp_path):
    path, run = recipe(), tmp_path / "run"
    assert "stretch" not in command("train", path, "--out", run).out
    with stopping(40, signal.SIGINT):
        ended = command("train", path, "--steps", 54, "--out", run)
    assert "steps: 54 of 16 images (21.6 epochs), in stretches of 24 and 30 steps" in ended.out
    assert "going on after step 24: stretch 2 of the schedule, 30 steps" in ended.out
    ended = command("train", path, "--steps", 54, "--out", run)
    assert "resuming after step 40, in stretch 2 of the schedule (steps 25 to 54)" in ended.out
    assert "trained 14 steps in" in ended.out
    records = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [record.get("stretch") for record in records] == [None] * 24 + [2] * 30
    assert "already trained: 54 steps" in command("train", path, "--steps", 54, "--out", run).out
    page, card = ((run / name).read_text() for name in ("report.html", "README.md"))
    assert "trained for 54 steps in 2 stretches" in page
    assert page.count('class="mark s0"') == 2  # the training loss and the hold-out loss over the steps
    assert "- schedule: stretches of 24 and 30 steps" in card
    assert "--stretches 24" in card  # the command that repeats it
    assert inkbloom.Run(run).recipe.stretches == (24,)


def test_a_third_stretch_by_epochs_and_by_the_run_s_own_recipe(recipe, command, tmp_path):
    run = tmp_path / "run"
    assert command("train", recipe(), "--epochs", 2, "--out", run).code == 0  # 40 images in batches of 16: 5 steps
    assert command("train", recipe(), "--epochs", 4, "--out", run).code == 0
    assert command("train", run / "config.toml", "--steps", 13, "--out", run).code == 0
    noted = load_recipe(str(run / "config.toml"))
    assert (noted.steps, noted.stretches) == (13, (5, 10))
    low = [step for step, (early, late) in enumerate(pairwise(rates(run)), 1) if late > early]
    assert {5, 10} <= set(low)  # the rate rises again where a stretch begins
    assert inkbloom.train(load_recipe(str(run / "config.toml")), out=run, steps=15, quiet=True).step == 15


def test_fewer_steps_and_steps_on_the_way(recipe, command, tmp_path):
    run, words = tmp_path / "run", ("train", recipe(), "--out", tmp_path / "run")
    assert command(*words).code == 0
    ended = command(*words, "--steps", 20)
    assert (ended.code, ended.error) == (
        2, f"the run ended after 24 steps ({run}), not 20: give --steps 24, more to go on, or train 20 steps in another --out",
    )  # fmt: skip
    with stopping(30, signal.SIGINT):
        command(*words, "--steps", 48)
    for asked, mend in ((60, "give --steps 48 to finish it first"), (24, "give --steps 48"), (20, "give --steps 48")):
        ended = command(*words, "--steps", asked)
        told = f"the run is on its way to 48 steps ({run}), not {asked}: {mend}, or train {asked} steps in another --out"
        assert (ended.code, ended.error) == (2, told)
    ended = command(*words, "--steps", 48, "--lr", 0.1)
    assert "a run of another recipe" in ended.error
    assert command(*words, "--steps", 48).code == 0


def test_a_stretch_of_which_nothing_is_saved_may_be_another(recipe, command, checkpoints, tmp_path):
    run, words = tmp_path / "run", ("train", recipe(), "--out", tmp_path / "run")
    assert command(*words).code == 0
    before = (run / "config.toml").read_text()
    with stopping(25, Crash):  # before its first checkpoint
        command(*words, "--steps", 400)
    assert max(checkpoints(run)) == 24
    assert "stretches = [24]" in (run / "config.toml").read_text()
    assert "already trained: 24 steps" in command(*words).out
    assert (run / "config.toml").read_text() == before
    assert command(*words, "--steps", 30).code == 0


def test_a_damaged_end_is_trained_again_within_its_own_stretch(recipe, command, outcome, tmp_path):
    words = ("train", recipe())
    for run in ("whole", "damaged"):
        assert command(*words, "--out", tmp_path / run).code == 0
    (tmp_path / "damaged/checkpoints/step-00000024/model.safetensors").write_bytes(b"")
    for run in ("whole", "damaged"):
        assert command(*words, "--steps", 30, "--out", tmp_path / run).code == 0
    assert outcome(tmp_path / "damaged") == outcome(tmp_path / "whole")


def test_a_run_of_version_0_1_goes_on(command, tmp_path, monkeypatch):
    shutil.copytree(OLD, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    words = ("train", "basic.toml", "--out", "run")
    assert "is on its way to 20 steps" in command(*words, "--steps", 30).error
    assert command(*words).code == 0
    assert "going on after step 20: stretch 2" in command(*words, "--steps", 30).out
    assert inkbloom.Run("run").step == 30
    assert rates(Path("run"))[20] > rates(Path("run"))[19]


@pytest.mark.parametrize("stretches", [[20, 10], [10, 10], [40], [50]])
def test_stretches_out_of_order(stretches):
    with pytest.raises(UsageError, match=r"must rise, and end below steps = 40"):
        Recipe(steps=40).resolved(stretches=stretches)
