"""Two processes on the CPU train what one trains, and either goes on where the other stopped."""

import json
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest
import torch
import torch.distributed
from safetensors.torch import load_file

from inkbloom.store.lock import hold

pytestmark = [
    pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed"),
    pytest.mark.skipif(sys.platform != "linux", reason="the loopback interface is called otherwise here"),
]
LOCAL = {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
# 27 images, 22 of them to train on: batches of 7, 7, 7 and 1, so shares of 3 + 4 and of none + 1
ODD = {"steps": 24, "batch_size": 7, "short_batches": True, "flip": True, "augment": 0.5, "clip": 1.0, "checkpoint_every": 10}

WATCHED = """
import os, sys
writes = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod")
def watch(event, args):
    if event in writes and isinstance(args[0], (str, bytes)) and {run!r} in os.fsdecode(args[0]):
        mode, flags = args[1:3] if event == "open" else (None, 0)
        if event != "open" or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            seen.write(event + " " + os.fsdecode(args[0]) + chr(10))
            seen.flush()
seen = open({seen!r} + os.environ["RANK"], "a")
sys.addaudithook(watch)
from inkbloom.cli import main
sys.exit(main())
"""


def torchrun(*words, world=2):
    """Runs `words` in as many processes; all are gone when it returns."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}", *map(str, words)]
    started = psutil.Popen(command, env=os.environ | LOCAL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = started.communicate(timeout=120)
    except BaseException:
        for process in [*started.children(recursive=True), started]:  # torchrun gives each worker a session of its own
            process.kill()
        raise
    return started.returncode, out, err


@pytest.fixture
def ranks(zygote):
    """ranks(*argv) -> how each of two processes ended, forked without torchrun."""

    def run(*argv, **options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        shared = LOCAL | {"MASTER_PORT": str(port), "WORLD_SIZE": "2"}
        jobs = [(argv, shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(2)]
        return zygote.together(jobs, **options)

    return run


@pytest.fixture
def odd(recipe, source):
    return recipe(**ODD, data=source(count=27))


def losses(run):
    records = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == list(range(1, len(records) + 1))
    return [float.fromhex(record["losses"]["denoise"]) for record in records]


def same(one, other, tolerance=1e-5):
    """The same training, but for the order in which numbers were added."""
    assert losses(one)[:20] == pytest.approx(losses(other)[:20], abs=tolerance, rel=tolerance)
    for name in ("model", "ema"):
        ours, theirs = (load_file(run / f"checkpoints/step-00000024/{name}.safetensors") for run in (one, other))
        assert ours.keys() == theirs.keys()
        for key, tensor in ours.items():
            torch.testing.assert_close(tensor, theirs[key], atol=1e-4, rtol=1e-3)


def test_two_processes_train_what_one_trains(odd, command, checkpoints, tmp_path):
    one, two, script = tmp_path / "one", tmp_path / "two", tmp_path / "watched.py"
    assert command("train", odd, "--out", one).code == 0
    script.write_text(WATCHED.format(run=str(two), seen=str(tmp_path / "seen-")))
    code, out, err = torchrun(script, "train", odd, "--out", two)
    assert code == 0, err
    assert out.count("device: cpu (1 threads), 2 processes") == 1
    assert out.count("epoch 5: mean loss") == 1
    same(one, two)
    assert checkpoints(two) == checkpoints(one) == [10, 20, 24]
    assert sorted(path.name for path in (two / "previews").iterdir()) == ["step-00000024.png"]
    assert (tmp_path / "seen-0").read_text().count("model.safetensors") >= 3
    assert (tmp_path / "seen-1").read_text() == ""  # only the first process wrote


def test_one_begins_and_two_go_on(odd, command, tmp_path):
    """Through torchrun and `python -m inkbloom`, from a checkpoint in the midst of an epoch."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert command("train", odd, "--out", whole).code == 0
    begun(whole, run, 10)
    code, out, err = torchrun("-m", "inkbloom", "train", odd, "--out", run)
    assert code == 0, err
    assert out.count("resuming after step 10") == 1
    same(whole, run)


def test_two_learn_few_steps_as_one_does(odd, recipe, source, ranks, command, tmp_path):
    """The teacher is frozen, so it has no gradients to share; each process takes its steps from the noise of its own images."""
    assert command("train", odd, "--out", tmp_path / "teacher").code == 0
    taught = {"teacher": str(tmp_path / "teacher"), "sample_steps": 2, "spacing": "shifted", "train_guidance": 1.5}
    few = recipe("few", **{**ODD, **taught, "augment": 0.0}, data=source(count=27))
    one, two = tmp_path / "one", tmp_path / "two"
    assert command("train", few, "--out", one).code == 0
    assert [ended.code for ended in ranks("train", few, "--out", two)] == [0, 0]
    same(one, two)


def begun(whole, run, step):
    """A copy of a run as it stood at a checkpoint."""
    run.mkdir()
    for name in ("config.toml", "log.jsonl"):
        (run / name).write_bytes((whole / name).read_bytes())
    kept = run / "checkpoints" / f"step-{step:08d}"
    kept.mkdir(parents=True)
    for path in (whole / "checkpoints" / kept.name).iterdir():
        (kept / path.name).write_bytes(path.read_bytes())
    (run / "checkpoints/latest").write_text(f"{kept.name}\n")


def test_two_begin_and_one_goes_on(odd, ranks, command, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert [ended.code for ended in ranks("train", odd, "--out", whole)] == [0, 0]
    begun(whole, run, 20)
    ended = command("train", odd, "--out", run)
    assert ended.code == 0
    assert "resuming after step 20" in ended.out
    same(whole, run)


def test_two_stopped_and_resumed_end_with_the_same_bits(odd, ranks, outcome, checkpoints, tmp_path):
    """A signal to one of the two stops both after the same step, with one line and one checkpoint."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert [ended.code for ended in ranks("train", odd, "--out", whole)] == [0, 0]
    second_gets_a_signal_at_13 = """
import os, signal
from inkbloom.training import session
fit = session.fit
def stopped(training):
    for done in fit(training):
        if done.number == 13 and os.environ["RANK"] == "1":
            signal.raise_signal(signal.SIGTERM)
        yield done
session.fit = stopped
"""
    stopped = ranks("train", odd, "--out", run, first=second_gets_a_signal_at_13)
    assert [ended.code for ended in stopped] == [143, 143]
    assert "stopped after step 13" in stopped[0].err
    assert max(checkpoints(run)) == 13
    assert [ended.code for ended in ranks("train", odd, "--out", run)] == [0, 0]
    assert outcome(run) == outcome(whole)


def test_fewer_images_than_processes(recipe, source, ranks, command, tmp_path):
    """Batches of one image: one of the two has nothing to do, and the mean stays the mean."""
    one = recipe(batch_size=1, steps=24, data=source(count=5))
    assert command("train", one, "--out", tmp_path / "one").code == 0
    assert [ended.code for ended in ranks("train", one, "--out", tmp_path / "two")] == [0, 0]
    same(tmp_path / "one", tmp_path / "two")


SABOTAGE = {
    "noise by the place in a share": """
from inkbloom.training import fit
Draw = fit.Draw
fit.Draw = lambda seed, index, device: Draw(seed, index - index[0], device)
""",
    "odd images left out": """
from inkbloom.training import fit
share = fit.share
fit.share = lambda count, rank, world: share(count // world * world or 1, rank, world)
""",
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_shares_cut_wrongly_are_noticed(what, odd, zygote, ranks, tmp_path):
    assert zygote("train", odd, "--out", tmp_path / "one", first=SABOTAGE[what]).code == 0
    assert [ended.code for ended in ranks("train", odd, "--out", tmp_path / "two", first=SABOTAGE[what])] == [0, 0]
    with pytest.raises(AssertionError):
        same(tmp_path / "one", tmp_path / "two")


def test_one_that_fails_does_not_leave_the_other_waiting(odd, ranks, checkpoints, tmp_path):
    full = """
import errno
import os
mkdir = os.mkdir
def full(path, *args, **options):
    if any(f"step-{number:08d}" in str(path) for number in (20, 24)):
        raise OSError(errno.ENOSPC, "No space left on device")
    mkdir(path, *args, **options)
os.mkdir = full
"""
    start = time.monotonic()
    first, second = ranks("train", odd, "--out", tmp_path / "run", first=full)
    assert time.monotonic() - start < 20
    assert first.code == 5
    assert first.error.startswith("disk full")
    assert second.code not in (0, -9)
    assert checkpoints(tmp_path / "run") == [10]


def test_one_that_is_refused_does_not_leave_the_other_waiting(odd, tmp_path):
    """The first process never joins the second, which torchrun then ends: at once, not after its grace of 30 seconds."""
    (tmp_path / "run").write_text("a file")
    start = time.monotonic()
    code, out, err = torchrun("-m", "inkbloom", "train", odd, "--out", tmp_path / "run")
    assert time.monotonic() - start < 28
    assert code == 1  # torchrun's own; the reason is above its report
    assert err.count("error: a file stands where a folder is needed") == 1
    assert out == ""


def test_the_first_process_holds_the_run(odd, ranks, tmp_path):
    visited = """
import os
from pathlib import Path
from inkbloom.errors import Busy
from inkbloom.store import lock
from inkbloom.training import session
fit = session.fit
def visit(training):
    for done in fit(training):
        if done.number == 2 and os.environ["RANK"] == "1":
            try:
                with lock.hold(Path({run!r})):
                    print("free")
            except Busy:
                print("busy")
        yield done
session.fit = visit
""".format(run=str(tmp_path / "run"))
    first, second = ranks("train", odd, "--out", tmp_path / "run", first=visited)
    assert (first.code, second.code) == (0, 0)
    assert second.out.strip() == "busy"  # and the second says nothing else


def test_processes_whose_torchrun_is_gone_end_and_free_the_run(odd, recipe, command, checkpoints, tmp_path):
    run, long = tmp_path / "run", recipe("long", **ODD | {"steps": 1_000_000, "checkpoint_every": 5})
    command_line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "inkbloom"]
    with (tmp_path / "said").open("w") as said:
        started = psutil.Popen([*command_line, "train", str(long), "--out", str(run)], env=os.environ | LOCAL, stderr=said)
    try:
        patience = time.monotonic() + 100
        while not checkpoints(run) and time.monotonic() < patience:
            time.sleep(0.1)
        workers = started.children(recursive=True)
        assert len(workers) >= 2
        started.kill()
        started.wait()
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert alive == []
    finally:
        for process in [*started.children(recursive=True)] if started.is_running() else workers:
            if process.is_running():
                process.kill()
    assert "torchrun is gone" in (tmp_path / "said").read_text()
    with hold(run):  # nobody holds it any more
        pass


def test_how_long_one_waits_for_another_is_decided_here(odd, ranks, tmp_path):
    seen = """
import torch.distributed
begin = torch.distributed.init_process_group
def init(*args, **options):
    print("waits", options["timeout"])
    begin(*args, **options)
torch.distributed.init_process_group = init
"""
    for ended in ranks("train", odd, "--out", tmp_path / "run", first=seen):
        assert ended.code == 0, ended.err
        assert "waits 0:30:00" in ended.out
