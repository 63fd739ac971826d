"""One trainer to a run."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import filelock
import pytest

from inkbloom.errors import Busy, DiskError
from inkbloom.store.lock import hold

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")

HOLDER = """
import sys, time
from pathlib import Path
from inkbloom.store.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(run):
    """Another process that holds the run."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(run)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_held_elsewhere_is_busy_at_once_and_free_after_a_kill(tmp_path):
    run = tmp_path / "runs" / "a"
    with holder(run) as process:
        start = time.monotonic()
        with pytest.raises(Busy) as caught, hold(run):
            pass
        assert time.monotonic() - start < 1
        assert caught.value.code == 8
        assert str(run) in str(caught.value)
        assert "\n" not in str(caught.value)
        with hold(tmp_path / "runs" / "b"):
            pass
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        process.wait()
        with hold(run):
            assert run.is_dir()


def test_freed_at_the_end_of_the_block_however_it_ends(tmp_path):
    for error in (RuntimeError, OSError, KeyboardInterrupt):
        with pytest.raises(error, match="mine"), hold(tmp_path):
            raise error("mine")
    with hold(tmp_path), pytest.raises(Busy), hold(tmp_path):
        pass
    with hold(tmp_path):
        pass


@needs_fork
def test_of_many_at_once_one_wins(tmp_path):
    for race in range(10):
        run = tmp_path / str(race)
        gate, opener = os.pipe()
        stay, dismiss = os.pipe()
        results, report = os.pipe()
        children = []
        for _ in range(4):
            children.append(os.fork())
            if children[-1] == 0:
                os.close(opener)
                os.close(dismiss)
                try:
                    os.read(gate, 1)
                    with hold(run):
                        os.write(report, b"w")
                        os.read(stay, 1)
                except Busy:
                    os.write(report, b"b")
                finally:
                    os._exit(0)
        os.close(opener)
        os.close(report)
        outcome = b"".join(os.read(results, 1) for _ in children)
        os.close(dismiss)
        for child in children:
            os.waitpid(child, 0)
        for descriptor in (gate, stay, results):
            os.close(descriptor)
        assert sorted(outcome) == sorted(b"wbbb")


@needs_fork
@pytest.mark.skipif(int(filelock.__version__.split(".")[0]) < 4, reason="filelock before 4 lends its lock to forked children")
def test_a_child_that_outlives_its_killed_trainer_does_not_hold_the_run(tmp_path):
    ready, report = os.pipe()
    stay, dismiss = os.pipe()
    trainer = os.fork()
    if trainer == 0:
        try:
            with hold(tmp_path):
                if os.fork() == 0:
                    os.close(dismiss)
                    os.write(report, b"r")
                    os.read(stay, 1)
                    os._exit(0)
                os.close(dismiss)
                os.read(stay, 1)
        finally:
            os._exit(0)
    os.close(report)
    assert os.read(ready, 1) == b"r"
    os.kill(trainer, signal.SIGKILL)
    os.waitpid(trainer, 0)
    try:
        with hold(tmp_path):
            pass
    finally:
        for descriptor in (ready, stay, dismiss):
            os.close(descriptor)


@needs_fork
@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_may_not_be_written(exists):
    with tempfile.TemporaryDirectory() as root:
        run = Path(root) / "run"
        if exists:
            run.mkdir(mode=0o555)
        os.chmod(root, 0o555)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)
                with hold(run):
                    pass
            except DiskError as problem:
                code = 0 if "no permission to write" in str(problem) else 2
            finally:
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        os.chmod(root, 0o755)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_read_only_disk(tmp_path):
    problem = OSError(errno.EROFS, os.strerror(errno.EROFS))
    with mock.patch.object(os, "open", side_effect=problem), pytest.raises(DiskError, match="no permission"), hold(tmp_path):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_a_drive_without_locks_is_told_with_what_to_do(tmp_path, number):
    def flock(descriptor, operation):
        raise OSError(number, os.strerror(number))

    without = mock.patch("fcntl.flock", flock)
    with without, warnings.catch_warnings(action="error"), pytest.raises(DiskError) as caught, hold(tmp_path / "run"):
        pass
    told = f"this drive has no locks ({tmp_path / 'run'}): choose an --out on a local disk, or mount it with locks"
    assert str(caught.value) == told
    with hold(tmp_path / "run"):
        pass


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a place where no folder can be made")
def test_a_place_where_no_folder_can_be_made():
    with pytest.raises(DiskError) as caught, hold(Path("/proc/nowhere/run")):
        pass
    told = "a folder on the way is missing or cannot be made (/proc/nowhere/run): make it, or choose another place"
    assert str(caught.value) == told


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(DiskError, match="a file stands where a folder is needed"), hold(tmp_path / "run"):
        pass


def test_a_new_run_folder_is_durable(tmp_path):
    with mock.patch.object(os, "fsync", wraps=os.fsync) as fsync, hold(tmp_path / "runs" / "a"):
        pass
    assert fsync.call_count == (2 if os.name == "posix" else 0)


def test_a_new_folder_that_nothing_was_put_into_goes_again(tmp_path):
    """As where a training finds that its images are missing."""

    def fail(run):
        with hold(run):
            assert (run / ".lock").exists()
            raise ZeroDivisionError

    (tmp_path / "there").mkdir()
    for run in (tmp_path / "a/b/run", tmp_path / "there"):
        with pytest.raises(ZeroDivisionError):
            fail(run)
    assert [*tmp_path.rglob("*")] == [tmp_path / "there"]
    with hold(tmp_path / "a/run"):
        (tmp_path / "a/run/file").write_text("")
    assert (tmp_path / "a/run/.lock").exists()
