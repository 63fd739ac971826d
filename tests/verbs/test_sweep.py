"""`inkbloom sweep`: what varies, what is suggested, how trials end, and that a sweep goes on where it stopped."""

import json
import signal
import statistics
from math import log

import pytest
from PIL import Image

import inkbloom
from inkbloom.recipe_files import load_recipe
from inkbloom.search import study as studies
from inkbloom.search.space import Choices, Range, check_space, corners, read_space
from inkbloom.search.study import Study
from inkbloom.search.trials import Tried, best_of, ranked
from inkbloom.store.log import from_hex

VARY = ("--vary", "lr=1e-3..1e-1", "--vary", "clip=0|1")


@pytest.fixture
def swept(command, tmp_path):
    """swept(recipe, *flags, out) -> (how it ended, what its --json file says)."""

    def call(recipe, *flags, out="sweep"):
        file = tmp_path / f"{out}.json"
        ended = command("sweep", recipe, "--out", tmp_path / out, "--json", file, *flags)
        return ended, json.loads(file.read_text()) if file.exists() and ended.code == 0 else None

    return call


def last_loss(run):
    """The hold-out loss at the end of a run, as its own file has it."""
    record = json.loads((run / "holdout.jsonl").read_text().splitlines()[-1])
    return record["step"], statistics.fmean(map(from_hex, record["loss"]))


# ---- what varies


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lr=1e-3..1e-2", Range(0.001, 0.01)),
        ("label_drop=0..0.5", Range(0.0, 0.5)),
        ("batch-size=16..128", Range(16, 128)),
        ("steps=100..1e3", Range(100, 1000)),
        ("t_mean=-1..1", Range(-1.0, 1.0)),
        ("widths=32,64|48,96", Choices(((32, 64), (48, 96)))),
        ("betas=0.9,0.99|0.9,0.999", Choices(((0.9, 0.99), (0.9, 0.999)))),
        ("flip=true|false", Choices((True, False))),
        ("optimizer=adamw|muon", Choices(("adamw", "muon"))),
        ("kernel=3|5", Choices((3, 5))),
        ("lr=0.001|0.01", Choices((0.001, 0.01))),
    ],
)
def test_what_varies_is_read(text, found):
    (values,) = read_space([text]).values()
    assert values == found
    assert type(values.ends[0]) is type(found.ends[0])


def test_ranges_above_zero_are_drawn_by_factors():
    assert read_space(["lr=1e-3..1e-2"])["lr"].log
    assert not read_space(["label_drop=0..0.5"])["label_drop"].log
    assert read_space({"lr": (1e-3, 1e-2), "widths": [[16], [32]]}) == read_space(["lr=1e-3..1e-2", "widths=16|32"])


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("lr", "vary = lr: write FIELD=LOW..HIGH or FIELD=A|B"),
        ("=1|2", "write FIELD="),
        ("lr=3", "needs two values or more"),
        ("lr=3..1", "the lower end must come first"),
        ("lr=a..b", "from one number to another"),
        ("lr=1|1", "all different"),
        ("lr=1..nan", "the lower end must come first"),
        ("lr=0.1..1e9", "lr = 1000000000.0: must lie in [0, 1000]"),
        ("steps=10..20.5", "from one whole number to another"),
        ("widths=3..4", "only numbers have ranges"),
        ("widths=16|a,b", "widths = ('a', 'b'): needs a list of whole numbers"),
        ("widths=16|17", "width 17: must be a multiple of 16"),
        ("flip=true|no", "flip = 'no': needs true or false"),
        ("kernel=1..7", "kernel = 2: must be odd"),
        ("optimizer=adam|mun", "unknown optimizer 'mun': did you mean 'muon'?"),
        ("solver=euler|heun", "the hold-out loss does not depend on it"),
        ("checkpoint_every=1..9", "the hold-out loss does not depend on it"),
        ("path=lerp|vp", "hold-out losses compare only where it is the same"),
        ("family=vae|gan", "hold-out losses compare only where it is the same"),
        ("learning_rat=1|2", "unknown recipe field 'learning_rat'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(vary, said, command, recipe, tmp_path):
    ended = command("sweep", recipe(), "--vary", vary, "--out", tmp_path / "sweep")
    assert ended.code == 2
    assert said in ended.error
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to vary: give --vary"),
        (("--vary", "lr=1|2", "--vary", "lr=3|4"), "lr: twice"),
        (("--vary", "lr=1|2", "--lr", "3"), "lr both varied and given: leave out --lr, or do not vary it"),
        (("--vary", "lr=1|2", "--trials", "0"), "trials = 0"),
        (("--vary", "lr=1|2", "--split", "all"), "no image is held out"),
        (("--vary", "lr=1|2", "--teacher", "pretrained"), "its student has no hold-out loss"),
        (("--vary", "lr=1|2", "--family", "vae", "--net", "ink", "--widths", "16"), "a vae: it has no hold-out loss"),
        (("--vary", "net=ink|basic", "--vary", "kernel=3|5", "--widths", "16"), "kernel with net basic"),  # only together
    ],
)
def test_settings_that_make_no_sweep(words, said, command, recipe, tmp_path):
    changes = {"layers": None, "ema": 0.2} if "vae" not in words else {"layers": None, "net": None, "sample_steps": None}
    ended = command("sweep", recipe(**changes), *words, "--out", tmp_path / "sweep")
    assert ended.code == 2
    assert said in ended.error
    assert not (tmp_path / "sweep").exists()


def test_a_source_without_hold_out_images(command, recipe, source, tmp_path):
    ended = command("sweep", recipe(data=source(count=2, classes=0)), *VARY, "--out", tmp_path / "sweep")
    assert ended.code == 3
    assert "no hold-out images" in ended.error


def test_a_missing_optuna_is_told_with_the_command(command, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "find_spec", lambda name: None)
    ended = command("sweep", recipe(), *VARY, "--out", tmp_path / "sweep")
    assert ended.code == 2
    assert ended.error == "optuna is not installed: pip install 'inkbloom[sweep]'"


# ---- a sweep


def test_a_sweep_ends_with_a_table_a_plot_and_a_recipe(swept, command, recipe, tmp_path):
    ended, told = swept(recipe(), *VARY, "--trials", 6)
    assert (ended.code, ended.err) == (0, "")
    assert len(told["trials"]) == 6
    done = {}
    for trial in told["trials"]:
        run = tmp_path / "sweep" / "trials" / f"{trial['trial']:03d}"
        assert trial["run"] == str(run)
        assert 1e-3 <= trial["values"]["lr"] <= 1e-1
        kept = load_recipe(str(run / "config.toml"))
        assert (kept.lr, kept.clip) == (trial["values"]["lr"], trial["values"]["clip"])
        step, loss = last_loss(run)
        assert trial["state"] == ("complete" if step == 24 else "pruned")
        if step == 24:
            done[trial["trial"]] = loss
            assert trial["holdout_loss"] == pytest.approx(loss, abs=1e-12)
            assert len(trial["looks"]) == 5
    best = min(done, key=done.get)
    assert told["best"] == best
    first_row = ended.out[ended.out.index("\ntrial   ") :].splitlines()[2].split()
    assert first_row[0] == f"{best:03d}"
    assert first_row[-2:] == [f"{done[best]:.5f}", "best"]
    with Image.open(tmp_path / "sweep" / "sweep.png") as plot:
        assert plot.width > 300
    assert command("train", tmp_path / "sweep" / "best.toml", "--out", tmp_path / "again").code == 0
    assert last_loss(tmp_path / "again")[1] == done[best]


def test_the_same_command_on_a_fresh_folder_makes_the_same_suggestions(swept, recipe):
    _, first = swept(recipe(), *VARY, "--trials", 3, out="one")
    _, second = swept(recipe(), *VARY, "--trials", 3, out="two")
    assert [trial["values"] for trial in first["trials"]] == [trial["values"] for trial in second["trials"]]
    assert len({trial["values"]["lr"] for trial in first["trials"]}) == 3


def test_a_stopped_sweep_goes_on_with_the_trial_it_was_in(swept, recipe, monkeypatch, tmp_path):
    whole, straight = swept(recipe(), *VARY, "--trials", 3, out="straight")
    assert whole.code == 0
    look = Study.look

    def pressed(study, trial, number, loss):
        if trial.number == 1 and number == 2:
            signal.raise_signal(signal.SIGINT)
        return look(study, trial, number, loss)

    with monkeypatch.context() as patch:
        patch.setattr(Study, "look", pressed)
        stopped, _ = swept(recipe(), *VARY, "--trials", 3, out="stopped")
    assert stopped.code == 130
    assert "the same command goes on" in stopped.err
    ended, told = swept(recipe(), *VARY, "--trials", 3, out="stopped")
    assert "going on after 1 trial\n" in ended.out
    for name in ("values", "state", "holdout_loss", "looks"):
        assert [trial[name] for trial in told["trials"]] == [trial[name] for trial in straight["trials"]]
    again, later = swept(recipe(), *VARY, "--trials", 4, out="stopped")
    assert again.out.startswith("going on after 3 trials\ntrial 003: ")
    assert later["trials"][:3] == told["trials"]


def test_a_trial_that_diverges_fails_and_the_sweep_goes_on(swept, recipe):
    ended, told = swept(recipe(optimizer="adam"), "--vary", "lr=0.001|1000", "--trials", 4)
    assert ended.code == 0
    states = {trial["values"]["lr"]: (trial["state"], trial["why"]) for trial in told["trials"]}
    assert states[0.001] == ("complete", None)
    assert states[1000][0] == "failed"
    assert "not a finite number" in states[1000][1]
    assert "failed: " in ended.out


def test_a_sweep_whose_every_trial_fails(swept, recipe, tmp_path):
    ended, _ = swept(recipe(optimizer="adam"), "--vary", "lr=900..1000", "--trials", 2)
    assert ended.code == 6
    assert ended.error.startswith(f"2 of 2 trials failed and none came to its end ({tmp_path}/sweep), the first: the ")
    assert "is not a finite number" in ended.error
    assert not (tmp_path / "sweep" / "best.toml").exists()
    again, _ = swept(recipe(optimizer="adam"), "--vary", "lr=900..1000", "--trials", 2)
    assert (again.code, again.error) == (6, ended.error)


def test_a_folder_with_another_sweep_or_a_damaged_one_is_left_alone(swept, recipe, tmp_path):
    assert swept(recipe(), "--vary", "lr=0.001|0.01", "--trials", 1)[0].code == 0
    other, _ = swept(recipe(), "--vary", "lr=0.001|0.02", "--trials", 1)
    assert other.code == 2
    assert f"the folder holds a sweep of other settings ({tmp_path}/sweep: --vary lr=0.001|0.01)" in other.error
    changed, _ = swept(recipe(), "--vary", "lr=0.001|0.01", "--trials", 1, "--clip", 1)
    assert changed.code == 2
    assert "clip: 0.0 -> 1.0" in changed.error
    (tmp_path / "sweep" / "sweep.db").write_bytes(b"no database at all" * 100)
    damaged, _ = swept(recipe(), "--vary", "lr=0.001|0.01", "--trials", 1)
    assert damaged.code == 4
    assert "cannot read the sweep" in damaged.error


def test_a_sweep_in_python(recipe, tmp_path):
    vary = {"lr": (1e-3, 1e-2), "ema": [0, 0.2]}
    found = inkbloom.sweep(str(recipe()), vary, trials=2, out=tmp_path / "sweep", quiet=True, steps=10)
    assert [set(trial.values) for trial in found.trials] == [{"lr", "ema"}] * 2
    assert found.best == load_recipe(str(tmp_path / "sweep" / "best.toml"))
    assert found.best.steps == 10
    assert inkbloom.Run(found.run).step == 10


# ---- pruning


def test_a_trial_is_pruned_below_the_median_of_those_before(recipe, tmp_path):
    base, space = load_recipe(str(recipe())), read_space(["lr=1e-3..1e-1"])
    made, curves = Study(tmp_path, base, space), []
    losses = [[5, 4, 3, 2, 1], [5, 5, 4, 3, 2], [6, 3, 3, 3, 3], [4, 4, 4, 4, 4]]
    for curve in losses:
        trial, _ = made.begin()
        assert not any(made.look(trial, number, loss) for number, loss in enumerate(curve, start=1))
        made.done(trial, curve[-1])
        curves.append(curve)
    median = [statistics.median(curve[look] for curve in curves) for look in range(5)]
    for curve in ([9, 4.1, 1, 1, 1], [9, 3.9, 3.4, 3.1, 1], [9, 9, 9, 9, 9]):
        trial, _ = made.begin()
        pruned = next((number for number, loss in enumerate(curve, start=1) if made.look(trial, number, loss)), None)
        best = [min(curve[: look + 1]) for look in range(5)]
        expected = next((look + 1 for look in range(1, 4) if best[look] > median[look]), None)
        assert pruned == expected
        made.pruned(trial) if pruned else made.done(trial, curve[-1])
        if not pruned:
            break
    assert [trial.state for trial in made.tried()][:4] == ["complete"] * 4


def test_suggestions_cover_a_range_evenly_by_factors(recipe, tmp_path):
    made = Study(tmp_path, load_recipe(str(recipe())), read_space(["lr=1e-4..1e-2"]))
    drawn = []
    for _ in range(8):
        trial, values = made.begin()
        drawn.append(log(values["lr"]))
        made.failed(trial, "no", 1)
    middle = log(1e-3)
    assert 2 <= sum(value < middle for value in drawn) <= 6


def test_the_order_of_trials():
    def tried(number, state, loss):
        return Tried(number, {}, state, loss, [])

    trials = [tried(0, "failed", None), tried(1, "pruned", 0.1), tried(2, "complete", 0.3), tried(3, "complete", 0.2)]
    assert [trial.number for trial in ranked(trials)] == [3, 2, 1, 0]
    assert best_of(trials).number == 3
    assert best_of(trials[:2]) is None


def test_corners_are_all_combinations(recipe):
    space = read_space(["lr=1e-3..1e-1", "flip=true|false"])
    check_space(load_recipe(str(recipe())), space)
    assert {tuple(corner.values()) for corner in corners(space)} == {(0.001, True), (0.001, False), (0.1, True), (0.1, False)}
