"""The log through kills and full disks: each step exactly once."""

import errno
import io
import json
import math
import os
import signal
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkbloom.errors import CheckpointError, DiskError
from inkbloom.store import checkpoint as store
from inkbloom.store import log as module
from inkbloom.store.log import Log, from_hex, read, to_hex

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


@pytest.fixture
def ram():
    """A folder on a RAM disk where there is one: a kill does not lose what the kernel has, synced or not."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as root:
        yield Path(root)


def record(step):
    return {"step": step, "loss": to_hex(1 / step), "note": "ä\n"}


def steps(path):
    return [entry["step"] for entry in read(path)]


def written(path, count):
    log = Log(path)
    for step in range(1, count + 1):
        log.append(record(step))
    log.flush()
    return log


@given(st.floats())
def test_losses_keep_every_bit(value):
    back = from_hex(json.loads(json.dumps(to_hex(value))))
    assert math.isnan(back) if math.isnan(value) else (back, math.copysign(1, back)) == (value, math.copysign(1, value))


def test_to_hex_takes_numbers_that_are_like_floats():
    assert to_hex(3) == "0x1.8000000000000p+1"
    with pytest.raises(ValueError, match="hexadecimal"):
        from_hex("loss")


def test_records_come_back_in_order(tmp_path):
    written(tmp_path / "log.jsonl", 250)
    assert list(read(tmp_path / "log.jsonl")) == [record(step) for step in range(1, 251)]
    assert len((tmp_path / "log.jsonl").read_bytes().splitlines()) == 250


def test_written_in_blocks(tmp_path):
    path = tmp_path / "log.jsonl"
    log = Log(path)
    for step in range(1, module.BLOCK):
        log.append(record(step))
    assert not path.exists()
    log.append(record(module.BLOCK))
    assert len(steps(path)) == module.BLOCK
    log.append(record(module.BLOCK + 1))
    assert len(steps(path)) == module.BLOCK
    log.flush()
    assert steps(path) == list(range(1, module.BLOCK + 2))


def test_flush_syncs_the_file_and_its_folder(tmp_path):
    with mock.patch.object(os, "fsync", wraps=os.fsync) as fsync:
        written(tmp_path / "log.jsonl", module.BLOCK - 1)
    assert fsync.call_count == 2


def test_no_log_reads_as_empty(tmp_path):
    assert steps(tmp_path / "log.jsonl") == []
    Log(tmp_path / "log.jsonl").cut(0)
    assert steps(tmp_path / "log.jsonl") == []
    with pytest.raises(CheckpointError, match="cannot read the log"):
        list(read(tmp_path))


def test_numbers_that_json_lacks_are_refused(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        log.append({"step": 1, "loss": math.nan})
    log.append({"step": 1, "loss": to_hex(math.nan)})
    log.flush()
    assert steps(tmp_path / "log.jsonl") == [1]


def test_cut_keeps_whole_lines_up_to_the_step_however_the_tail_is_torn(ram):
    path = ram / "log.jsonl"
    written(path, 6)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        complete = whole[:length].count(b"\n")
        assert steps(path) == list(range(1, complete + 1))
        Log(path).cut(4)
        assert path.read_bytes() == b"".join(lines[: min(complete, 4)])


FOREIGN = [b"\0" * 20, b'{"step": 3', b"\xff\xfe\n", b"[1]\n", b'{"step": "3"}\n', b"[" * 99_999 + b"\n"]


@pytest.mark.parametrize("torn", FOREIGN, ids=range(len(FOREIGN)))
def test_foreign_lines_are_passed_over(tmp_path, torn):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1}\n' + torn)
    assert steps(path) == [1]
    Log(path).cut(9)
    assert path.read_bytes() == b'{"step": 1}\n'


def test_cut_counts_waiting_records_too(tmp_path):
    log = written(tmp_path / "log.jsonl", 5)
    log.append(record(6))
    log.append(record(7))
    log.cut(6)
    log.append(record(7))
    log.flush()
    assert steps(tmp_path / "log.jsonl") == [1, 2, 3, 4, 5, 6, 7]


def failing_open(fate, at, portion=40):
    """An `open` for log.py whose files take `portion` bytes a write, and end write number `at` by `fate`."""
    calls = 0

    class Raw(io.FileIO):
        def write(self, data):
            nonlocal calls
            calls += 1
            if calls == at:
                fate()
            return super().write(memoryview(data)[:portion])

    return lambda path, mode, buffering=-1: Raw(path, mode) if "a" in mode else open(path, mode, buffering)


def disk_full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("at", range(1, 40, 3))
def test_a_full_disk_loses_and_repeats_nothing(tmp_path, at):
    path = tmp_path / "log.jsonl"
    log = written(path, 3)
    errors = []
    with mock.patch.object(module, "open", failing_open(disk_full, at), create=True):
        for step in range(4, 40):
            log.append(record(step))
            if step % 5 == 0:
                try:
                    log.flush()
                except DiskError as problem:
                    errors.append(problem)
                    assert path.read_bytes().endswith(b"\n")
        log.flush()
    assert len(errors) == 1
    assert "disk full (" in str(errors[0])
    assert steps(path) == list(range(1, 40))


def test_a_failed_sync_is_tried_again(tmp_path):
    log = written(tmp_path / "log.jsonl", 3)
    log.append(record(4))
    with mock.patch.object(os, "fsync", side_effect=OSError(errno.EIO, "Input/output error")), pytest.raises(DiskError):
        log.flush()
    log.flush()
    assert steps(tmp_path / "log.jsonl") == [1, 2, 3, 4]


def test_a_failed_cut_leaves_the_log(tmp_path):
    log = written(tmp_path / "log.jsonl", 9)
    with mock.patch.object(os, "replace", side_effect=disk_full), pytest.raises(DiskError):
        log.cut(4)
    assert steps(tmp_path / "log.jsonl") == list(range(1, 10))
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def train(run, until):
    """What a run does: resume from the newest checkpoint, cut the log, go on; a checkpoint every 5 steps."""
    folder = run / "checkpoints"
    found = store.newest_intact(folder)
    step = int(found[0].name[5:]) if found else 0
    log = Log(run / "log.jsonl")
    log.cut(step)
    while step < until:
        step += 1
        log.append(record(step))
        if step % 5 == 0:
            log.flush()
            store.commit(folder, step, {"model": bytes(10)})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
def test_each_step_stands_once_after_kills_at_every_write(ram):
    at, killed = 1, True
    while killed:
        run = ram / str(at)
        run.mkdir()
        child = os.fork()
        if child == 0:
            try:
                opener = failing_open(lambda: os.kill(os.getpid(), signal.SIGKILL), at)
                with mock.patch.object(module, "BLOCK", 3), mock.patch.object(module, "open", opener, create=True):
                    train(run, 20)
                os._exit(0)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        killed = os.WIFSIGNALED(status)
        assert killed or status == 0
        train(run, 25)
        assert steps(run / "log.jsonl") == list(range(1, 26))
        at += 1
    assert at > 20
