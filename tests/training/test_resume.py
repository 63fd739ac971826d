"""A run that was stopped, killed or damaged, and resumed, ends with the same bits as one that never was."""

import importlib.metadata
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from safetensors import torch as tensors

import inkbloom
from inkbloom.errors import CheckpointError, DiskError
from inkbloom.philox import Draw
from inkbloom.store import checkpoint, weights
from inkbloom.store.folder import load_training_nets
from inkbloom.store.log import Log
from inkbloom.training import batches, fit, session
from inkbloom.training.signals import Stop
from inkbloom.training.state import State

narrate, train_api = import_module("inkbloom.api.narrate"), import_module("inkbloom.api.train")
STEPS, EVERY = 24, 5  # of the tiny recipe; its 40 training images make 2.5 batches of 16


class Crash(BaseException):
    """As sudden as a kill, as far as that can be had without ending the process."""


class CrashInSave(Crash):
    """The same between the log and the checkpoint of a step that is saved."""


@contextmanager
def stopping(step, how):
    """Training is stopped at `step`: by a signal right after it, or by a crash before anything more is saved."""

    def fit(training):
        for done in session_fit(training):
            if done.number == step:
                if how is Crash:
                    raise Crash
                if how is not CrashInSave:
                    signal.raise_signal(how)
            yield done

    def commit(folder, number, files):
        if how is CrashInSave and number == step:
            raise CrashInSave
        return session_commit(folder, number, files)

    session_fit, session_commit = session.fit, session.commit
    with mock.patch.multiple(session, fit=fit, commit=commit):
        yield


def stop_and_go_on(command, checkpoints, train, run, stops, before=lambda: None):
    """Trains into `run`, stopped by each of `stops` = (step, how) in turn, then to the end; looks at what each stop left."""
    for step, how in stops:
        before()
        with stopping(step, how):
            ended = command(*train, "--out", run)
        if how in (Crash, CrashInSave):
            assert ended.code == 1
            assert "Crash" in ended.err
            assert max(checkpoints(run), default=0) == (step - 1) // EVERY * EVERY
        elif step == STEPS:
            assert ended.code == 0
        else:
            assert ended.code == 128 + how
            assert ended.error == f"stopped after step {step} ({run}): the same command goes on from there"
            assert max(checkpoints(run)) == step
    before()
    ended = command(*train, "--out", run)
    assert ended.code == 0, ended.err


# ---- R6: the matrix

TERM, INT = signal.SIGTERM, signal.SIGINT
CELLS = {
    "step 1, Adam": ([(1, TERM)], {"optimizer": "adam", "ema": 0.0, "flip": True}),
    "step 1, killed": ([(1, Crash)], {"short_batches": True, "noise": "uniform", "pixels": "0..1", "precision": "bf16"}),
    "within an epoch, bf16": ([(7, INT)], {"precision": "bf16", "flip": True, "weight_decay": 0.1, "augment": 0.5}),
    "within an epoch, killed": ([(8, Crash)], {"optimizer": "adam", "labels": False, "clip": 0.5, "schedule": "linear"}),
    "between epochs": ([(6, TERM)], {"short_batches": True, "label_drop": 0.5, "optimizer": "adam"}),
    "between epochs, wrapped": ([(5, INT)], {"times": "logit_normal", "loss_on": "v", "ema": 0.0, "holdout_every": 3}),
    "after a save, killed": ([(11, Crash)], {"path": "vp", "target": "eps", "loss_on": "eps", "precision": "bf16"}),
    "last but one": ([(23, TERM)], {"short_batches": True, "flip": True, "schedule": "constant", "path": "cosine"}),
    "in a save": ([(5, CrashInSave), (15, CrashInSave)], {"optimizer": "adam", "holdout_every": 5}),
    "last step": ([(24, TERM)], {"optimizer": "adam", "precision": "bf16", "label_drop": 0.0}),
    "last step, killed": ([(24, Crash)], {"short_batches": True, "ema": 0.5, "preview_every": 4, "holdout_every": 4}),
    "over and over": ([(3, Crash), (4, TERM), (9, Crash), (9, Crash), (17, INT)], {"flip": True}),
    "Muon": ([(7, TERM), (12, Crash)], {"optimizer": "muon", "widths": [16, 16], "augment": 0.3}),
    "clusters": ([(7, TERM), (12, Crash)], {"clusters": 3, "labels": False, "label_drop": 0.3}),
    "another network": ([(13, INT)], {"net": "basic", "widths": [16, 16, 16], "labels": False, "target": "v", "loss_on": "v"}),
}


@pytest.mark.parametrize("cell", CELLS)
def test_stopped_and_resumed_is_never_stopped(cell, recipe, command, checkpoints, outcome, tmp_path):
    stops, changes = CELLS[cell]
    train = ("train", recipe(**changes))
    assert command(*train, "--out", tmp_path / "whole").code == 0
    stop_and_go_on(command, checkpoints, train, tmp_path / "stopped", stops)
    whole = outcome(tmp_path / "whole")
    assert outcome(tmp_path / "stopped") == whole
    assert whole["steps"] == list(range(1, STEPS + 1))
    assert ("ema.safetensors" in whole) == (changes.get("ema") != 0)
    previews = sorted(path.name for path in (tmp_path / "whole" / "previews").iterdir())
    for name in previews:
        assert (tmp_path / "stopped" / "previews" / name).read_bytes() == (tmp_path / "whole" / "previews" / name).read_bytes()


def global_order(seed, epoch, count):
    return torch.randperm(count).numpy()


def global_noise(self, purpose, *shape, draw=0):
    return torch.randn(len(self.index), *shape)


def without_slots(self, slots, where):
    pass


def without_average(self, files, where):
    about = load(self, files, where)
    self.ema.seen = 0
    return about


def without_weights(self, files, where):
    fresh = {name: tensor.clone() for name, tensor in self.family.net.state_dict().items()}
    about = load(self, files, where)
    self.family.net.load_state_dict(fresh)
    return about


load = State.load
SABOTAGE = {
    "order from a global generator": (batches, "epoch_order", global_order, "log"),
    "noise from a global generator": (Draw, "normal", global_noise, "log"),
    "optimizer not restored": (State, "_load_slots", without_slots, "optimizer.safetensors"),
    "age of the average not restored": (State, "load", without_average, "ema.safetensors"),
    "weights not restored": (State, "load", without_weights, "model.safetensors"),
    "log not cut back": (Log, "cut", lambda self, step: None, "steps"),
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_each_part_of_a_resume_is_needed(what, recipe, command, checkpoints, outcome, tmp_path, monkeypatch):
    place, name, worse, differs = SABOTAGE[what]
    monkeypatch.setattr(place, name, worse)

    train = ("train", recipe())
    torch.manual_seed(0)
    assert command(*train, "--out", tmp_path / "whole").code == 0
    stop_and_go_on(command, checkpoints, train, tmp_path / "stopped", [(15, CrashInSave)], lambda: torch.manual_seed(0))
    assert outcome(tmp_path / "stopped")[differs] != outcome(tmp_path / "whole")[differs]


@pytest.fixture
def ram():
    """A folder on a RAM disk where there is one: a kill does not lose what the kernel has, synced or not."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as root:
        yield Path(root)


# ---- R1, R2, R9: real kills and signals, in forks

COUNTED = """
import os
from inkbloom.training import session
fit, mark = session.fit, os.open({mark!r}, os.O_WRONLY | os.O_CREAT)
def counted(training):
    for done in fit(training):
        os.pwrite(mark, b"%08d" % done.number, 0)
        yield done
session.fit = counted
"""


@pytest.fixture
def long(recipe):
    """A run of 60 steps with a save after each ten."""
    return ("train", recipe(steps=60, checkpoint_every=10, preview_every=20, flip=True), "--quiet")


@pytest.fixture
def whole(zygote, long, outcome, ram):
    """What `long` ends with, and the seconds that it takes."""
    start = time.monotonic()
    assert zygote(*long, "--out", ram / "whole") == (0, "", "")
    return outcome(ram / "whole"), time.monotonic() - start


def left_over(run):
    """Names that no finished run should hold."""
    return [path for path in run.rglob("*") if re.search(r"\.tmp", path.name)]


def test_twenty_kills_end_with_the_same_bits(zygote, long, whole, checkpoints, outcome, ram):
    expected, seconds = whole
    chance, in_training, trial = random.Random(1), 0, 0
    while trial < 20 or in_training < 5:  # at least five fall between the first step and the last
        trial += 1
        assert trial < 80
        run, mark = ram / str(trial), ram / f"{trial}.mark"
        ended = zygote(
            *long,
            "--out",
            run,
            first=COUNTED.format(mark=str(mark)),
            kill=[(chance.uniform(0.02, seconds), signal.SIGKILL)],
        )
        assert ended.code in (0, -signal.SIGKILL)
        done = int(mark.read_bytes() or 0) if mark.exists() else 0
        saved = [step for step in checkpoints(run) if (run / "checkpoints" / f"step-{step:08d}" / "manifest.json").exists()]
        assert done - max(saved, default=0) <= 10
        in_training += 0 < done < 60
        assert zygote(*long, "--out", run) == (0, "", "")
        assert outcome(run) == expected
        assert left_over(run) == []
    assert expected["steps"] == list(range(1, 61))


def test_one_run_killed_again_and_again(zygote, long, whole, outcome, ram):
    expected, seconds = whole
    for part in (0.3, 0.5, 0.4, 0.6, 0.3, 0.5):
        zygote(*long, "--out", ram / "run", kill=[(part * seconds, signal.SIGKILL)])
    assert zygote(*long, "--out", ram / "run") == (0, "", "")
    assert outcome(ram / "run") == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_lose_no_step(number, zygote, long, whole, checkpoints, outcome, ram):
    expected, seconds = whole
    chance, stopped, trial = random.Random(number), 0, 0
    while trial < 6 or stopped < 2:
        trial += 1
        assert trial < 40
        run, mark = ram / str(trial), ram / f"{trial}.mark"
        when = chance.uniform(0.05, 0.9 * seconds)
        ended = zygote(*long, "--out", run, first=COUNTED.format(mark=str(mark)), kill=[(when, number)])
        done = int(mark.read_bytes() or 0) if mark.exists() else 0
        if 0 < done < 60:
            assert ended.code == 128 + number
            assert ended.error == f"stopped after step {done} ({run}): the same command goes on from there"
            assert max(checkpoints(run)) == done
            stopped += 1
        elif done == 0:  # nothing to lose yet
            assert ended.code in (128 + number, -number)
        assert left_over(run) == []
        assert zygote(*long, "--out", run) == (0, "", "")
        assert outcome(run) == expected


def test_without_its_handler_a_signal_loses_steps(recipe, command, checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "stop_signals", lambda: nullcontext(Stop()))
    with stopping(13, signal.SIGTERM):
        assert command("train", recipe(), "--out", tmp_path / "run", "--quiet").code == 143
    assert checkpoints(tmp_path / "run") == [5, 10]


@pytest.mark.parametrize("sooner", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_after_another_signal_ends_at_once(sooner, recipe, command, checkpoints, tmp_path, monkeypatch):
    went_on = []

    def share(*args):
        signal.raise_signal(sooner)
        went_on.append(True)
        signal.raise_signal(signal.SIGINT)
        went_on.append(True)

    monkeypatch.setattr(fit, "share", share)
    ended = command("train", recipe(), "--out", tmp_path / "run")
    assert ended.code == 130
    assert ended.error == "interrupted"
    assert went_on == [True]
    assert checkpoints(tmp_path / "run") == []


KILLED_AT_CALL = """
import os, signal
from inkbloom.training import session
commit, made = session.commit, 0
def call(original):
    def counted(*args, **options):
        global made
        made += 1
        if made == {at}:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **options)
    return counted
def first(*args):
    names = ("mkdir", "fsync", "rename", "replace")
    originals = {{name: getattr(os, name) for name in names}}
    for name in names:
        setattr(os, name, call(originals[name]))
    try:
        return commit(*args)
    finally:
        for name in names:
            setattr(os, name, originals[name])
        session.commit = commit
session.commit = first
"""


def test_a_killed_first_save_leaves_nothing_half_written(zygote, recipe, command, checkpoints, outcome, ram):
    train = ("train", recipe(steps=3, checkpoint_every=2), "--quiet")
    assert zygote(*train, "--out", ram / "whole").code == 0
    calls, seen = 0, set()
    while True:
        calls += 1
        run = ram / str(calls)
        ended = zygote(*train, "--out", run, first=KILLED_AT_CALL.format(at=calls))
        if ended.code == 0:
            break
        assert ended.code == -signal.SIGKILL
        found = checkpoint.newest_intact(run / "checkpoints")
        seen.add(found is not None)
        assert checkpoints(run) == ([2] if found else [])
        assert command("sample", run, "--quiet", "--out", ram / "pictures").code == (0 if found else 4)
        assert zygote(*train, "--out", run) == (0, "", "")
        assert outcome(run) == outcome(ram / "whole")
        assert left_over(run) == []
    assert calls > 10
    assert seen == {True, False}


def test_a_save_in_place_would_be_half_written(zygote, recipe, checkpoints, ram):
    """The control: without the temporary folder a kill leaves a folder of that name with a part of the files."""
    in_place = KILLED_AT_CALL.format(at=5) + "from inkbloom.store import checkpoint\ncheckpoint.temporary = lambda path: path"
    train = ("train", recipe(steps=3, checkpoint_every=2), "--quiet", "--out", ram / "run")
    assert zygote(*train, first=in_place).code == -signal.SIGKILL
    assert checkpoints(ram / "run") == [2]
    with pytest.raises(CheckpointError, match="no intact checkpoint among 1"):
        checkpoint.newest_intact(ram / "run/checkpoints")


KILLED_AT_LATEST = """
import os, signal
replace, made = os.replace, 0
def first(source, place):
    global made
    made += str(place).endswith("latest")
    if made == {at} and str(place).endswith("latest"):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, place)
os.replace = first
"""


@pytest.mark.parametrize("at", [1, 2])
def test_killed_before_latest_names_the_last_checkpoint(at, zygote, recipe, command, outcome, ram):
    """The last of three saves, or the only one of a run that goes on: nobody is given older weights in its place."""
    train = ("train", recipe(steps=12, checkpoint_every=6))
    whole, run = ram / "whole", ram / "run"
    for place in (whole, run):
        assert zygote(*train, "--out", place, "--steps", 6 * at, "--quiet").code == 0
    on = () if at == 1 else ("--steps", 18)
    assert zygote(*train, *on, "--out", whole, "--quiet").code == 0
    killed = zygote(*train, *on, "--out", run, "--quiet", first=KILLED_AT_LATEST.format(at=1))
    assert killed.code == -signal.SIGKILL
    ended = 6 * at + 6
    stale = run / "checkpoints/latest"
    assert stale.read_text() == f"step-{6 * at:08d}\n"
    assert inkbloom.Run(run).step == ended
    again = command(*train, *on, "--out", run)
    assert (again.code, f"already trained: {ended} steps" in again.out) == (0, True)
    assert stale.read_text() == f"step-{ended:08d}\n"
    assert outcome(run) == outcome(whole)
    assert (run / "report.html").stat().st_mtime_ns > stale.stat().st_mtime_ns  # it shows that checkpoint
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == sorted(
        path.name for path in (whole / "checkpoints").iterdir()
    )


@pytest.mark.parametrize("said", ["step-00000020\n", "step-00000090\n", "best", "\0"])
def test_a_wrong_name_in_latest_misleads_nobody(said, recipe, command, tmp_path):
    run, train = tmp_path / "run", ("train", recipe(), "--out", tmp_path / "run")
    assert command(*train, "--quiet").code == 0
    (run / "checkpoints/latest").write_text(said)
    assert inkbloom.Run(run).step == STEPS
    assert command(*train, "--quiet").code == 0
    assert newest(run).name == "step-00000024"


LOOKED = {"holdout_every": 5, "preview_every": 10}


@pytest.mark.parametrize("step", [15, 20, 24])
def test_a_look_that_a_crash_prevented_is_made_up_for(step, recipe, command, checkpoints, outcome, tmp_path, monkeypatch):
    """A kill between a save and what is looked at after it."""
    train, whole, run = ("train", recipe(**LOOKED)), tmp_path / "whole", tmp_path / "run"
    assert command(*train, "--out", whole, "--quiet").code == 0

    def crash(family, holdout, now, anchors):
        if now == step:
            raise Crash
        return measure(family, holdout, now, anchors)

    measure = session.measure_holdout
    with monkeypatch.context() as patched:
        patched.setattr(session, "measure_holdout", crash)
        assert "Crash" in command(*train, "--out", run, "--quiet").err
    assert max(checkpoints(run)) == step  # saved first
    for _ in range(2):  # and never twice
        assert command(*train, "--out", run, "--quiet").code == 0
        assert outcome(run) == outcome(whole)
    pictures = [sorted(path.name for path in (each / "previews").iterdir()) for each in (whole, run)]
    assert pictures[0] == pictures[1] == [f"step-000000{number}.png" for number in (10, 20, 24)]


NO_MEMORY = RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried")
LOOKS = {
    "hold-out anchors": (session, "anchors_of"),
    "hold-out loss": (session, "measure_holdout"),
    "preview": (narrate, "save_preview"),
    "report": (train_api, "write_report"),
}


@pytest.mark.parametrize("problem", [NO_MEMORY, MemoryError(), DiskError("disk full (x): free some space")])
@pytest.mark.parametrize("what", LOOKS)
def test_a_look_that_fails_is_told_once_and_costs_the_training_nothing(
    what, problem, recipe, command, checkpoints, outcome, tmp_path, monkeypatch
):
    train, run = ("train", recipe(**LOOKED)), tmp_path / "run"
    assert command(*train, "--out", tmp_path / "whole", "--quiet").code == 0
    saved = []

    def fail(*args, **options):
        saved.append(max(checkpoints(run)))
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr(*LOOKS[what], fail)
        ended = command(*train, "--out", run)
    assert (ended.code, ended.err) == (0, "")
    assert saved == {"hold-out anchors": [5], "preview": [10, 20, 24], "report": [24]}.get(what, [5, 10, 15, 20, 24])
    why = "disk full (x): free some space" if isinstance(problem, DiskError) else "out of memory"
    warnings = [line for line in ended.out.splitlines() if line.startswith("warning: ")]
    assert warnings == [f"warning: no {what} ({why}): the training does without"]
    assert (run / "report.html").exists() == (what != "report")
    whole, found = outcome(tmp_path / "whole"), outcome(run)
    assert len(found["holdout"].splitlines()) == (0 if what == "hold-out loss" else 5)
    assert {**found, "holdout": ""} == {**whole, "holdout": ""}


OTHERS = {"another seed": {"seed": 1}, "other settings": {"label_drop": 0.5}, "another schedule": {"steps": 48}}


@pytest.mark.parametrize("other", OTHERS)
def test_a_whole_checkpoint_of_another_run_is_not_this_run_s(other, recipe, command, outcome, tmp_path):
    run, train = tmp_path / "run", ("train", recipe(), "--out", tmp_path / "run")
    assert command(*train, "--quiet").code == 0
    expected = outcome(run)
    strange = recipe("other", **{"steps": STEPS, **OTHERS[other]})
    assert command("train", strange, "--out", tmp_path / "other", "--checkpoint-every", 12, "--quiet").code == 0
    last = run / "checkpoints/step-00000024"
    shutil.rmtree(last)
    shutil.copytree(tmp_path / "other/checkpoints/step-00000024", last)
    told = f"a checkpoint of another run ({last}: "
    for refused in (command("sample", run), command("compare", run, tmp_path / "other")):
        assert refused.code == 4
        assert refused.error.startswith(told)
    ended = command(*train)
    assert ended.code == 0
    assert [line.startswith(f"warning: {told}") for line in ended.out.splitlines() if "warning" in line] == [True]
    assert "resuming after step 20" in ended.out
    assert outcome(run) == expected
    theirs = checkpoint.read(tmp_path / "other/checkpoints/step-00000024")
    kept = run / "checkpoints/aside-step-00000024"
    assert {path.name: path.read_bytes() for path in kept.iterdir() if path.name in theirs} == theirs


def test_the_only_checkpoint_without_its_manifest_is_told(recipe, command, tmp_path):
    """It is not taken for a run of which nothing was saved."""
    train, run = ("train", recipe(steps=2), "--out", tmp_path / "run"), tmp_path / "run"
    assert command(*train, "--quiet").code == 0
    (newest(run) / "manifest.json").unlink()
    assert command(*train).error.startswith("no intact checkpoint among 1 (")
    assert (newest(run) / "model.safetensors").exists()


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is for POSIX")
def test_the_command_itself_killed(recipe, command, outcome, tmp_path):
    """Two whole processes at the same time: the forks above hide nothing."""
    train = ("train", recipe(steps=300, checkpoint_every=20), "--quiet")
    assert command(*train, "--out", tmp_path / "whole").code == 0
    runs = [tmp_path / "a", tmp_path / "b"]

    def start(run):
        return subprocess.Popen([sys.executable, "-m", "inkbloom", *map(str, train), "--out", str(run)])

    deadline = time.monotonic() + 120
    for run, wait in [(run, process) for run, process in zip(runs, map(start, runs), strict=True)]:
        while not (run / "checkpoints" / "latest").exists():
            assert time.monotonic() < deadline
            assert wait.poll() is None
            time.sleep(0.01)
        time.sleep(random.Random(str(run.name)).uniform(0, 0.3))
        wait.kill()
        assert wait.wait() == -signal.SIGKILL
    assert all(outcome(run)["counters"][0] < 300 for run in runs)
    assert [process.wait(timeout=120) for process in map(start, runs)] == [0, 0]
    for run in runs:
        assert outcome(run) == outcome(tmp_path / "whole")


# ---- R5: damaged checkpoints


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 4
    path.write_bytes(data)


DAMAGE = {
    "a flipped bit": flip_a_bit,
    "a missing file": lambda path: path.unlink(),
    "a cut file": lambda path: os.truncate(path, path.stat().st_size - 1),
}
FILES = ["model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json", "manifest.json"]


def newest(run):
    return run / "checkpoints" / (run / "checkpoints" / "latest").read_text().strip()


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint(name, damage, recipe, command, outcome, tmp_path):
    train, run = ("train", recipe(), "--out", tmp_path / "run"), tmp_path / "run"
    assert command(*train, "--quiet") == (0, "", "")
    expected = outcome(run)
    DAMAGE[damage](newest(run) / name)
    refused = command("sample", run)
    assert refused.code == 4
    assert str(newest(run) / name) in refused.error
    assert refused.out == ""
    assert not (run / "samples").exists()
    ended = command(*train)
    assert ended.code == 0
    warnings = [line for line in ended.out.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert str(tmp_path / "run/checkpoints/step-00000024" / name) in warnings[0]
    assert (run / "checkpoints/aside-step-00000024").is_dir()
    assert "resuming after step 20" in ended.out
    assert outcome(run) == expected
    assert command("sample", run).code == 0


def test_without_hashes_a_flipped_bit_spreads(recipe, command, outcome, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_sha256", lambda data: "")
    train, run = ("train", recipe(), "--out", tmp_path / "run"), tmp_path / "run"
    assert command(*train, "--quiet").code == 0
    expected = outcome(run)
    flip_a_bit(newest(run) / "ema.safetensors")
    assert command("sample", run).code == 0
    ended = command(*train)
    assert "warning" not in ended.out
    assert outcome(run) != expected


def test_the_two_newest_damaged(recipe, command, outcome, tmp_path):
    train, run = ("train", recipe(), "--out", tmp_path / "run"), tmp_path / "run"
    assert command(*train, "--quiet").code == 0
    expected = outcome(run)
    for step in (20, 24):
        flip_a_bit(run / "checkpoints" / f"step-{step:08d}" / "optimizer.safetensors")
    ended = command(*train)
    assert ended.code == 0
    assert ended.out.count("warning: ") == 2
    assert "resuming after step 15" in ended.out
    assert outcome(run) == expected


def test_all_damaged(recipe, command, tmp_path):
    train, run = ("train", recipe(), "--out", tmp_path / "run"), tmp_path / "run"
    assert command(*train, "--quiet").code == 0
    for path in (run / "checkpoints").glob("step-*"):
        flip_a_bit(path / "model.safetensors")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for ended in (command(*train), command("sample", run)):
        assert ended.code == 4
        assert len(ended.error.replace(str(run), "RUN")) <= 200
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "contents", "code"),
    [
        ("state.json", b"[]", 4),
        ("state.json", b'{"step": "one", "averaged": 0}', 4),
        ("state.json", b"[" * 100_000, 4),
        ("state.json", None, 4),
        ("optimizer.safetensors", b"not tensors", 4),
        ("optimizer.safetensors", "another network", 4),
        ("model.safetensors", "another network", 4),
        ("ema.safetensors", "another network", 4),
        ("ema.safetensors", None, 4),
        ("state.json", b'{"step": 20, "averaged": 20, "images": "others"}', 3),
    ],
)
def test_sealed_but_wrong(name, contents, code, recipe, command, tmp_path):
    """A manifest proves that the files are as they were saved, not that they make sense."""
    run, other = tmp_path / "run", tmp_path / "other"
    assert command("train", recipe(steps=4), "--out", run, "--quiet").code == 0
    files = checkpoint.read(newest(run))
    shutil.rmtree(run / "checkpoints")
    if contents == "another network":
        assert command("train", recipe("other", steps=1, widths=[32]), "--out", other, "--quiet").code == 0
        contents = checkpoint.read(newest(other))[name]
    files = {**files, name: contents}
    checkpoint.commit(run / "checkpoints", 20, {key: value for key, value in files.items() if value is not None})
    ended = command("train", tmp_path / "tiny.toml", "--out", run)
    assert ended.code == code, ended.err
    assert len(ended.error.replace(str(run), "RUN").replace(str(tmp_path), "")) <= 200


# ---- runs of version 0.1, of which tests/test_old_runs.py has a diffusion as that version wrote it

LATENT = {"net": None, "layers": None, "sample_steps": None, "latent": 3, "widths": [4, 6]}


def old_name(name):
    """How version 0.1 called a tensor; what encoder and decoder belong to may stand before it."""
    return name.replace("encoder.", "shrink.").replace("decoder.", "grow.")


def old_tensors(data):
    """A file of tensors with the names of version 0.1, and its recipe, where it has one, with the fields of then."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = json.loads(header.get("__metadata__", {}).get("inkbloom", "{}"))
    if about:
        recipe = about["recipe"]
        recipe |= {"groups": recipe.pop("clusters"), "transposed": False, "upsampler": "transposed"}
        del recipe["loss"]
    renamed = {old_name(name): tensor for name, tensor in tensors.load(data).items()}
    return tensors.save(renamed, {"inkbloom": json.dumps(about)} if about else None)


def grow_old(run):
    """Makes of a run what version 0.1 would have left behind."""
    config = run / "config.toml"
    config.write_text(config.read_text().replace('upsampler = "auto"', 'upsampler = "transposed"'))
    saved = {folder: checkpoint.read(folder) for folder in checkpoint.steps(run / "checkpoints")}
    shutil.rmtree(run / "checkpoints")
    for folder, files in saved.items():
        old = {name: old_tensors(data) if name.endswith(".safetensors") else data for name, data in files.items()}
        if "discriminator.safetensors" in old:
            old["helper.safetensors"] = old.pop("discriminator.safetensors")
        checkpoint.commit(run / "checkpoints", int(folder.name[5:]), old)


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_a_run_of_version_0_1_resumes_and_samples(family, recipe, command, outcome, tmp_path):
    train, whole, run = ("train", recipe(family=family, **LATENT)), tmp_path / "whole", tmp_path / "run"
    assert command(*train, "--out", whole).code == 0
    with stopping(13, TERM):
        assert command(*train, "--out", run).code == 143
    drawn = inkbloom.Run(run).sample(6, seed=2)
    grow_old(run)
    files = checkpoint.read(newest(run))
    assert ("helper.safetensors" in files) == (family == "gan")
    assert b"encoder." not in b"".join(files.values())
    half = inkbloom.Run(run)
    assert np.array_equal(half.sample(6, seed=2), drawn)
    assert list(load_training_nets(run, half.family)) == (["discriminator"] if family == "gan" else [])
    ended = command(*train, "--out", run)
    assert ended.code == 0, ended.err
    assert "resuming after step 13" in ended.out
    assert outcome(run) == outcome(whole)


@pytest.mark.parametrize(("family", "tensor"), [("vae", "decoder."), ("gan", "encoder.")])
def test_without_its_old_names_a_run_of_version_0_1_is_refused(family, tensor, recipe, command, tmp_path, monkeypatch):
    train, run = ("train", recipe(family=family, **LATENT), "--out", tmp_path / "run"), tmp_path / "run"
    with stopping(13, TERM):
        assert command(*train).code == 143
    grow_old(run)
    monkeypatch.setattr(weights, "RENAMED", {})
    ended = command(*train)
    assert ended.code == 4
    assert "weights do not fit the network" in ended.error
    assert tensor in ended.error


def test_a_training_from_the_bare_source_saves_and_goes_on(recipe, command, tmp_path, monkeypatch):
    found = importlib.metadata.version

    def missing(package):
        if package == "inkbloom":
            raise importlib.metadata.PackageNotFoundError(package)
        return found(package)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    ended = command("train", recipe(), "--out", tmp_path / "run", "--steps", "2")
    assert (ended.code, ended.err) == (0, "")
    run = inkbloom.Run(tmp_path / "run")
    assert run.sample(1).shape[0] == 1
