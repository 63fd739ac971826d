"""The commit protocol under kills, full disks and bit rot; nothing here needs torch."""

import ast
import errno
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from inkbloom import files
from inkbloom.errors import CheckpointError, DiskError
from inkbloom.files import make_folder, write_file
from inkbloom.store import checkpoint as store

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # where thousands of fsyncs cost nothing


def contents(step):
    """Files of the same sizes at every step, larger than a page, so that a swap shows in the hash alone."""
    numbers = random.Random(step)
    return {
        "model.safetensors": numbers.randbytes(5000),
        "ema.safetensors": numbers.randbytes(4500),
        "state.json": json.dumps({"step": f"{step:08d}"}).encode(),
    }


def name(step):
    return f"step-{step:08d}"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def newest(folder):
    """(step, lines) of the newest intact checkpoint, or (None, []); its files are the ones of that step."""
    try:
        found = store.newest_intact(folder)
    except CheckpointError:
        found = None
    if found is None:
        return None, []
    path, files, lines = found
    step = int(path.name[5:])
    assert files == contents(step)
    return step, lines


@pytest.fixture
def ram():
    """A folder on a RAM disk where there is one: a kill does not lose what the kernel has, synced or not."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as root:
        yield Path(root)


# ---- a disk that fails


class Crash(BaseException):
    """The end of a process, as far as one can play it without ending it."""


def kill(path):
    os.kill(os.getpid(), signal.SIGKILL)


def crash(path):
    raise Crash


def failing(number):
    def fail(path):
        raise OSError(number, os.strerror(number), str(path))

    return fail


@contextmanager
def disk(at=0, fate=None, stays=False):
    """Lists every mutating call of checkpoint.py and files.py as (what, name), and ends call number `at` (and, if it `stays`,
    all later ones) by `fate`. Raw writes take at most 2,000 bytes, so that files can be torn.
    """
    calls = []

    def tick(what, path):
        calls.append((what, os.path.basename(path).replace(f".tmp-{os.getpid()}", ".tmp")))
        if fate and (len(calls) == at or (stays and len(calls) > at)):
            fate(path)

    class Raw(io.FileIO):
        def write(self, data):
            tick("write", self.name)
            return super().write(memoryview(data)[:2000])

    def opened(path, mode):
        tick("open", path)
        return io.BufferedWriter(Raw(path, mode), 1 << 16)

    def counted(what):
        original = getattr(os, what)

        def call(path, *rest, **options):
            tick(what, os.path.realpath(f"/proc/self/fd/{path}") if what == "fsync" else path)
            return original(path, *rest, **options)

        return mock.patch.object(os, what, call)

    with mock.patch.object(store, "open", opened, create=True), mock.patch.object(files, "open", opened, create=True):
        patches = [counted(what) for what in ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync")]
        for patch in patches:
            patch.start()
        try:
            yield calls
        finally:
            for patch in patches:
                patch.stop()


# ---- what it promises when nothing goes wrong


def test_commit_read_latest(tmp_path):
    folder = tmp_path / "runs" / "a" / "checkpoints"
    assert store.newest_intact(folder) is None
    assert store.latest(folder) is None
    assert store.steps(folder) == []
    assert store.sweep(folder) == []
    path = store.commit(folder, 1000, contents(1000))
    assert path == folder / "step-00001000"
    assert store.read(path) == contents(1000)
    assert store.latest(folder) == path
    assert store.newest_intact(folder) == (path, contents(1000), [])
    assert (folder / "latest").read_text() == "step-00001000\n"
    manifest = json.loads((path / "manifest.json").read_bytes())
    assert manifest["format"] == 1
    assert manifest["step"] == 1000
    assert manifest["files"].keys() == contents(1000).keys()


def test_steps_are_numbers(tmp_path):
    for step in (9000, 10000, 99_999_999, 100_000_000):
        store.commit(tmp_path, step, contents(step), keep=9)
    (tmp_path / "step-00000007.tmp-1").mkdir()
    (tmp_path / "step-7").mkdir()
    (tmp_path / "notes").write_text("")
    assert [path.name for path in store.steps(tmp_path)] == [name(9000), name(10000), "step-99999999", "step-100000000"]


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_prune(tmp_path, keep):
    for step in range(10, 60, 10):
        store.commit(tmp_path, step, contents(step), keep=keep)
    assert names(tmp_path) == ["latest", *(name(step) for step in range(10, 60, 10)[-keep:])]


def test_damaged_newer_ones_step_aside_and_are_kept(tmp_path):
    for step in (10, 20, 30, 40):
        store.commit(tmp_path, step, contents(step), keep=9)
    for step in (20, 30, 40):
        (tmp_path / name(step) / "model.safetensors").unlink()
    (tmp_path / f"aside-{name(20)}").mkdir()
    store.commit(tmp_path, 15, contents(15), keep=2)
    assert newest(tmp_path) == (15, [])
    assert names(tmp_path) == [*(f"aside-{name(step)}" for step in (20, 30, 40)), "latest", name(10), name(15)]
    assert (tmp_path / f"aside-{name(20)}" / "ema.safetensors").read_bytes() == contents(20)["ema.safetensors"]
    assert store.latest(tmp_path) == tmp_path / name(15)


def test_a_valid_one_is_kept_a_damaged_one_replaced(tmp_path):
    path = store.commit(tmp_path, 10, contents(10))
    before = path.stat().st_ino
    assert store.commit(tmp_path, 10, {"other": b""}) == path
    assert path.stat().st_ino == before
    assert store.read(path) == contents(10)
    (path / "state.json").write_bytes(b"")
    store.commit(tmp_path, 10, contents(10))
    assert store.read(path) == contents(10)
    assert names(tmp_path) == ["latest", name(10)]


def test_sweep_removes_only_leftovers(tmp_path):
    store.commit(tmp_path, 10, contents(10))
    damaged = store.commit(tmp_path, 20, contents(20))
    (damaged / "manifest.json").write_bytes(b"{")
    for folder in ("step-00000030.tmp-77", "old-step-00000005.tmp-77", name(30)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.safetensors").write_bytes(b"half")
    (tmp_path / "latest.tmp-77").write_bytes(b"st")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    assert len(store.sweep(tmp_path)) == 3
    assert names(tmp_path) == ["latest", "notes.txt", *map(name, (10, 20, 30))]  # no crash leaves the last: it is damaged
    assert newest(tmp_path)[0] == 10


@pytest.mark.parametrize(
    "said", [None, b"", b"step-1", b"../step-00000010", b"\xff\xfe", b"step-00000010\n", b"step-00000090\n"]
)
def test_the_newest_is_that_of_the_largest_step_whatever_latest_says(said, tmp_path):
    for step in (10, 20):
        store.commit(tmp_path, step, contents(step))
    (tmp_path / "latest").unlink()
    if said is not None:
        (tmp_path / "latest").write_bytes(said)
    assert store.latest(tmp_path) == tmp_path / name(20)
    store.follow(tmp_path / name(20))
    assert (tmp_path / "latest").read_text() == f"{name(20)}\n"
    (tmp_path / name(20) / "manifest.json").unlink()
    assert store.latest(tmp_path) == tmp_path / name(20)  # never another in its place
    assert newest(tmp_path)[0] == 10
    assert f"({tmp_path / name(20) / 'manifest.json'}): damaged checkpoint" in newest(tmp_path)[1][0]


def test_what_follows_from_a_checkpoint_is_written_where_it_is_not_so_alone(tmp_path):
    for step in (10, 20):
        store.commit(tmp_path, step, contents(step))
    with disk() as calls:
        store.follow(tmp_path / name(20))
    assert calls == []


def test_write_file_replaces_with_the_mode_of_the_umask(tmp_path):
    path = tmp_path / "card.json"
    old = os.umask(0o027)
    try:
        write_file(path, b"old")
        write_file(path, b"new")
        folder = store.commit(tmp_path, 1, contents(1))
    finally:
        os.umask(old)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["card.json", "latest", name(1)]
    if os.name == "posix":
        assert {file.stat().st_mode & 0o777 for file in (path, *folder.iterdir())} == {0o640}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_written_into_and_no_file_takes_its_place(tmp_path):
    """As with `--json >(jq .fd)` or `--json /dev/stdout`; trying it first takes nothing from whoever reads."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    files.try_to_write(path)
    write_file(path, b"card")
    assert os.read(reading, 100) == b"card"
    os.close(reading)
    assert path.is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_files_in_the_way(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="a file stands where a folder is needed"):
        store.commit(tmp_path / "file" / "checkpoints", 1, contents(1))
    (tmp_path / name(1)).write_bytes(b"")
    with pytest.raises(DiskError, match="a file stands where a folder is needed"):
        store.commit(tmp_path, 1, contents(1))
    with pytest.raises(DiskError):
        write_file(tmp_path / "file" / "x", b"")
    assert names(tmp_path) == ["file", name(1)]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to name what is synced")
def test_order_of_a_save(tmp_path):
    folder = tmp_path / "checkpoints"
    store.commit(folder, 10, contents(10), keep=1)
    with disk() as calls:
        store.commit(folder, 20, contents(20), keep=1)
    done = [call for call in calls if call[0] != "write"]
    synced = [[("open", file), ("fsync", file)] for file in (*contents(20), "manifest.json")]
    assert done[: 2 * len(synced) + 10] == [
        ("mkdir", f"{name(20)}.tmp"),
        *(call for pair in synced for call in pair),
        ("fsync", f"{name(20)}.tmp"),
        ("rename", f"{name(20)}.tmp"),
        ("fsync", "checkpoints"),
        ("fsync", tmp_path.name),
        ("open", "latest.tmp"),
        ("fsync", "latest.tmp"),
        ("replace", "latest.tmp"),
        ("fsync", "checkpoints"),
        ("unlink", "latest.tmp"),  # finds nothing
    ]
    assert done[2 * len(synced) + 10 :][:2] == [("rename", name(10)), ("fsync", "checkpoints")]


@contextmanager
def unsynced(number, is_kind):
    """A drive whose fsync answers with error `number` for what `is_kind`, such as stat.S_ISDIR, says yes to."""
    fsync = os.fsync

    def call(descriptor):
        if is_kind(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    with mock.patch.object(os, "fsync", call):
        yield


@pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS], ids=errno.errorcode.get)
def test_a_drive_that_syncs_files_alone_is_told_once_and_saves(tmp_path, capsys, number):
    files._warn.cache_clear()
    folder = tmp_path / "checkpoints"
    with unsynced(number, stat.S_ISDIR):
        for step in (10, 20):
            store.commit(folder, step, contents(step))
    assert newest(folder) == (20, [])
    assert capsys.readouterr().err == (
        "warning: this drive cannot bring folders to the disk: after a power cut the newest files may be missing\n"
    )
    with unsynced(number, stat.S_ISREG), pytest.raises(DiskError):
        store.commit(folder, 30, contents(30))
    with unsynced(errno.EIO, stat.S_ISDIR), pytest.raises(DiskError):
        store.commit(folder, 30, contents(30))
    assert newest(folder) == (20, [])


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to name what is synced")
def test_new_folders_are_synced_by_name(tmp_path):
    with disk() as calls:
        make_folder(tmp_path / "runs" / "a")
        make_folder(tmp_path / "runs" / "a")
    assert calls == [("mkdir", "runs"), ("fsync", tmp_path.name), ("mkdir", "a"), ("fsync", "runs")]


# ---- kill -9 before every call


def rubbish(folder):
    for leftover in (f"{name(30)}.tmp-{os.getpid()}", f"old-{name(10)}.tmp-{os.getpid()}", f"{name(20)}.tmp-1"):
        (folder / leftover).mkdir()
        (folder / leftover / "model.safetensors").write_bytes(b"half")
    (folder / "latest.tmp-1").write_bytes(b"st")


def two(folder):
    for step in (10, 20):
        store.commit(folder, step, contents(step))


def two_and_rubbish(folder):
    two(folder)
    rubbish(folder)


def two_one_damaged(folder):
    two(folder)
    (folder / name(20) / "state.json").write_bytes(b"{}")


SAVES = {  # what stands there, what is saved and how many are kept, the newest before and after
    "first save": (lambda folder: None, (10, 3), None, 10),
    "save and prune": (two, (30, 1), 20, 30),
    "save over rubbish": (two_and_rubbish, (30, 2), 20, 30),
    "save over a damaged one": (two_one_damaged, (20, 3), 10, 20),
    "save again": (two, (20, 2), 20, 20),
}


def dies(before, act, at):
    """Whether a child that does `before`, then `act` with a kill -9 before its call number `at`, was killed."""
    child = os.fork()
    if child == 0:
        try:
            before()
            with disk(at, kill):
                act()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


@needs_fork
@pytest.mark.parametrize("save", SAVES)
def test_killed_before_every_call_of_a_save(ram, save):
    before, (step, keep), old, new = SAVES[save]
    at, saved_early = 1, 0
    while True:
        folder = ram / str(at) / "checkpoints"
        folder.parent.mkdir()
        killed = dies(lambda: before(folder), lambda: store.commit(folder, step, contents(step), keep), at)  # noqa: B023
        found, _ = newest(folder)
        assert found in ({old, new} if killed else {new})
        saved_early += killed and found == new
        if save != "save over a damaged one":  # there, `latest` names the damaged one to begin with
            assert store.latest(folder) in [*store.steps(folder), None]
            assert all(store.read(path) for path in store.steps(folder))
        if folder.exists():
            store.sweep(folder)
            assert set(names(folder)) - {"latest"} == {path.name for path in store.steps(folder)}
        assert newest(folder)[0] == found
        store.commit(folder, step, contents(step), keep)
        assert newest(folder) == (new, [])
        assert names(folder) == ["latest", *[name(other) for other in (10, 20, 30) if other <= new][-keep:]]
        assert {path.name for path in (folder / name(new)).iterdir()} == {*contents(new), "manifest.json"}
        shutil.rmtree(folder.parent)
        if not killed:
            break
        at += 1
    assert at > (2 if save == "save again" else 20)
    assert saved_early > 0


@needs_fork
def test_killed_before_every_call_of_a_sweep(ram):
    at = 1
    while True:
        folder = ram / str(at)
        killed = dies(lambda: two_and_rubbish(folder), lambda: store.sweep(folder), at)  # noqa: B023
        assert newest(folder) == (20, [])
        store.sweep(folder)
        assert names(folder) == ["latest", name(10), name(20)]
        if not killed:
            break
        at += 1
    assert at > 7


@needs_fork
def test_killed_before_every_call_of_write_file(ram):
    path = ram / "card.json"
    old, new = b"old" * 1000, b"new" * 1000
    at = 1
    while True:
        killed = dies(lambda: write_file(path, old), lambda: write_file(path, new), at)
        assert path.read_bytes() in ((old, new) if killed else (new,))
        store.sweep(ram)
        assert names(ram) == ["card.json"]
        if not killed:
            break
        at += 1
    assert at > 6


# ---- full and failing disks


@pytest.mark.parametrize("stays", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize("save", SAVES)
def test_the_disk_fails_at_every_call(save, number, stays):
    before, (step, keep), old, new = SAVES[save]
    at = 1
    while True:
        with tempfile.TemporaryDirectory(dir=MEMORY) as root:
            folder = Path(root) / "checkpoints"
            before(folder)
            error = None
            with disk(at, failing(number), stays) as calls:
                try:
                    store.commit(folder, step, contents(step), keep)
                except DiskError as problem:
                    error = problem
            if len(calls) < at:
                assert error is None
                break
            assert error or calls[at - 1] == ("unlink", "latest.tmp")  # finds nothing
            if error:
                assert "\n" not in str(error)
                assert error.code == 5
                if number == errno.ENOSPC:
                    assert "disk full (" in str(error)
                assert newest(folder)[0] in (old, new)
            if folder.exists():
                temporary = folder / f"{name(step)}.tmp-{os.getpid()}"
                assert not temporary.exists() or stays or save == "save over rubbish"
                store.sweep(folder)
                assert all(entry == "latest" or re.fullmatch("step-[0-9]{8}", entry) for entry in names(folder))
            store.commit(folder, step, contents(step), keep)
            assert newest(folder) == (new, [])
        at += 1
    assert at > (2 if save == "save again" else 20)


FULL = """
import shutil, sys
from pathlib import Path
from inkbloom.errors import DiskError
from inkbloom.store import checkpoint as store
root = Path(sys.argv[1])
files = lambda step: {"model": bytes([step]) * 50_000, "ema": bytes([step]) * 50_000, "state": b"{}"}
folder = root / "checkpoints"
store.commit(folder, 1, files(1))
refused = 0
for spare in range(0, 60, 2):  # pages of 4 KiB left
    filler = root / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() // 4096 - spare) * 4096)
    try:
        store.commit(folder, 2, files(2), keep=2)
    except DiskError as problem:
        assert "disk full (" in str(problem) and "bytes needed" in str(problem), problem
        assert not [path for path in folder.iterdir() if ".tmp-" in path.name], list(folder.iterdir())
        assert store.read(folder / "step-00000001") == files(1)
        refused += 1
    else:
        assert store.newest_intact(folder) == (folder / "step-00000002", files(2), [])
    if (folder / "step-00000002").exists():
        shutil.rmtree(folder / "step-00000002")
    filler.unlink()
store.commit(folder, 2, files(2))
assert store.newest_intact(folder)[1] == files(2)
print(refused)
"""


def in_a_tmpfs(options, script):
    """Runs a script in a tmpfs of its own; skips where the system does not allow that."""
    mount = f'mount -t tmpfs -o {options} tmpfs "$1" && exec "$2" -c "$3" "$1"'
    with tempfile.TemporaryDirectory() as root:
        try:
            probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", root], capture_output=True)
        except OSError:
            probe = None
        if probe is None or probe.returncode:
            pytest.skip("a small real disk needs root and unshare -m (Linux)")
        command = ["unshare", "-m", "sh", "-c", mount, "sh", root, sys.executable, script]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_real_full_disk():
    done = in_a_tmpfs("size=1m", FULL)
    assert done.returncode == 0, done.stderr
    assert 10 < int(done.stdout) < 30


def test_a_real_disk_without_inodes():
    script = """
import shutil, sys
from pathlib import Path
from inkbloom.errors import DiskError
from inkbloom.store import checkpoint as store
folder = Path(sys.argv[1]) / "checkpoints"
store.commit(folder, 1, {"model": b"1", "ema": b"1"})
refused = 0
for spare in range(30):
    taken = []
    try:
        while True:
            taken.append(Path(sys.argv[1]) / f"taken{len(taken)}")
            taken[-1].write_bytes(b"")
    except OSError:
        taken.pop()
    for path in taken[:spare]:
        path.unlink()
    try:
        store.commit(folder, 2, {"model": b"2", "ema": b"2"})
    except DiskError as problem:
        assert "disk full" in str(problem)
        assert store.newest_intact(folder)[1]["model"] in (b"1", b"2")
        refused += 1
    assert not [path for path in folder.iterdir() if ".tmp-" in path.name]
    for path in taken[spare:]:
        path.unlink()
    if (folder / "step-00000002").exists():
        shutil.rmtree(folder / "step-00000002")
print(refused)
"""
    done = in_a_tmpfs("size=1m,nr_inodes=40", script)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 5  # folder, two files, manifest; a fifth for `latest`


# ---- bit rot


def flip(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def some(path, numbers):
    return path / numbers.choice([*contents(0), "manifest.json"])


def flipped(new, old, numbers):
    file = some(new, numbers)
    flip(file, numbers.randrange(8 * file.stat().st_size))


def truncated(new, old, numbers):
    os.truncate(file := some(new, numbers), numbers.randrange(file.stat().st_size))


def grown(new, old, numbers):
    with open(some(new, numbers), "ab") as file:
        file.write(numbers.choice([b"\0", b"\n", b"}", bytes(4096)]))


def zeroed(new, old, numbers):
    file = some(new, numbers)
    data = bytearray(file.read_bytes())
    start = numbers.randrange(0, len(data), 4096)
    data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    file.write_bytes(data)


def missing(new, old, numbers):
    some(new, numbers).unlink()


def extra(new, old, numbers):
    (new / numbers.choice(["model.safetensors.bak", ".hidden", "optimizer.safetensors"])).write_bytes(b"")


def extra_folder(new, old, numbers):
    (new / "more").mkdir()


def other_step(new, old, numbers):
    shutil.copy(old / (file := numbers.choice([*contents(0)])), new / file)


def swapped(new, old, numbers):
    file = numbers.choice([*contents(0)])
    data = (new / file).read_bytes()
    shutil.copy(old / file, new / file)
    (old / file).write_bytes(data)


def old_manifest(new, old, numbers):
    shutil.copy(old / "manifest.json", new / "manifest.json")


def whole_other_step(new, old, numbers):
    shutil.rmtree(new)
    shutil.copytree(old, new)


CORRUPTIONS = [
    flipped,
    truncated,
    grown,
    zeroed,
    missing,
    extra,
    extra_folder,
    other_step,
    swapped,
    old_manifest,
    whole_other_step,
]


@pytest.fixture
def three(ram):
    """Returns a function that puts a fresh folder with the steps 100, 200, 300 there."""
    for step in (100, 200, 300):
        store.commit(ram / "first", step, contents(step))

    def fresh():
        shutil.rmtree(ram / "copy", ignore_errors=True)
        return Path(shutil.copytree(ram / "first", ram / "copy"))

    return fresh


@pytest.mark.parametrize("corrupt", CORRUPTIONS)
def test_every_corruption_is_found(three, corrupt):
    for seed in range(30):  # 330 in all
        folder = three()
        new, old = folder / name(300), folder / name(200)
        corrupt(new, old, random.Random(seed))
        with pytest.raises(CheckpointError) as caught:
            store.read(new)
        assert "\n" not in str(caught.value)
        assert name(300) in str(caught.value)
        step, lines = newest(folder)
        assert step == (100 if corrupt is swapped else 200)
        assert len(lines) == (2 if corrupt is swapped else 1)


def test_without_hashes_corruption_goes_unseen(three, monkeypatch):
    constant = mock.Mock(**{"hexdigest.return_value": "0" * 64})
    monkeypatch.setattr(store.hashlib, "sha256", lambda data: constant)
    seen, total = 0, 0
    for corrupt in (flipped, zeroed, other_step, truncated):
        for seed in range(20):
            folder = three()
            path = folder / name(300)
            shutil.rmtree(path)
            store.commit(folder, 300, contents(300))
            corrupt(path, folder / name(200), random.Random(seed))
            total += 1
            try:
                store.read(path)
            except CheckpointError:
                seen += 1
    assert 20 <= seen < total - 20


def test_every_bit_of_a_small_checkpoint_counts(ram):
    path = store.commit(ram, 7, {"a": b"\0\xff", "b": b""})
    flips = 0
    for file in sorted(path.iterdir()):
        good = file.read_bytes()
        for bit in range(8 * len(good)):
            flip(file, bit)
            with pytest.raises(CheckpointError):
                store.read(path)
            file.write_bytes(good)
            flips += 1
    assert store.read(path) == {"a": b"\0\xff", "b": b""}
    assert flips > 2000


def test_none_intact(three):
    folder = three()
    for step in (100, 200, 300):
        flip(folder / name(step) / "state.json", 3)
    with pytest.raises(CheckpointError, match="no intact checkpoint among 3") as caught:
        store.newest_intact(folder)
    assert caught.value.code == 4


def sealed(body):
    """A manifest ends with the hash of all that stands before it."""
    return body + f',\n "sha256": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


def test_manifests_that_are_sealed_but_wrong(tmp_path):
    path = store.commit(tmp_path, 7, {"a": b"x"})
    good = json.loads((path / "manifest.json").read_bytes())
    del good["sha256"]
    wrong = [
        {},
        [],
        {**good, "format": 2},
        {**good, "format": []},
        {**good, "step": "7"},
        {**good, "step": 7.5},
        {**good, "step": 8},
        {**good, "step": None},
        {**good, "files": []},
        {**good, "files": {"a": []}},
        {**good, "files": {"a": {"size": "1", "sha256": ""}}},
        {**good, "files": {"../a": good["files"]["a"]}},
        {**good, "files": {}},
    ]
    texts = [json.dumps(table, indent=1).removesuffix("\n}").encode() for table in wrong]
    for body in [*texts, b"", b"\xff", b"[" * 100_000, b'{"step":' + b"9" * 10_000]:
        (path / "manifest.json").write_bytes(sealed(body))
        with pytest.raises(CheckpointError) as caught:
            store.read(path)
        assert "\n" not in str(caught.value)


def test_a_moved_checkpoint_is_refused_and_dot_is_a_name(tmp_path, monkeypatch):
    path = store.commit(tmp_path, 7, contents(7))
    monkeypatch.chdir(path)
    assert store.read(Path(".")) == contents(7)
    path.rename(tmp_path / name(8))
    with pytest.raises(CheckpointError, match=name(7)):
        store.read(tmp_path / name(8))


# ---- anything in any order


class Store(RuleBasedStateMachine):
    """Training, crashing and rotting at random: what was reported as saved and did not rot is found."""

    @initialize()
    def start(self):
        self.root = tempfile.TemporaryDirectory(dir=MEMORY)
        self.folder = Path(self.root.name) / "checkpoints"
        self.safe = set()  # reported as saved, not rotten, not pruned

    def next_step(self, more):
        return (newest(self.folder)[0] or 0) + more

    def reported(self, step, keep):
        there = [int(path.name[5:]) for path in store.steps(self.folder)]
        assert sum(other <= step for other in there) <= keep
        self.safe = {other for other in self.safe if other in there} | {step}

    @rule(more=st.integers(1, 3), keep=st.integers(1, 3))
    def save(self, more, keep):
        step = self.next_step(more)
        store.commit(self.folder, step, contents(step), keep)
        self.reported(step, keep)

    @rule(
        more=st.integers(0, 3),
        keep=st.integers(1, 3),
        at=st.integers(1, 45),
        fate=st.sampled_from([crash, failing(errno.ENOSPC)]),
    )
    def save_on_a_bad_day(self, more, keep, at, fate):
        step = self.next_step(more)
        with disk(at, fate, stays=True):
            try:
                store.commit(self.folder, step, contents(step), keep)
            except (Crash, DiskError):
                there = newest(self.folder)[0]
                if there == step:  # saved, but not reported: older ones may be gone
                    self.safe &= {int(path.name[5:]) for path in store.steps(self.folder)}
                return
        self.reported(step, keep)

    @precondition(lambda self: store.steps(self.folder))
    @rule(data=st.data(), seed=st.integers(0, 999))
    def rot(self, data, seed):
        path = data.draw(st.sampled_from(store.steps(self.folder)))
        numbers = random.Random(seed)
        corrupt = numbers.choice([flipped, truncated, missing, extra])
        if len(names(path)) == 4:
            corrupt(path, None, numbers)
            self.safe.discard(int(path.name[5:]))

    @rule()
    def sweep(self):
        before = set(store.steps(self.folder))
        store.sweep(self.folder)
        assert set(store.steps(self.folder)) == before
        if self.folder.exists():
            assert all(entry == "latest" or re.fullmatch("(aside-)?step-[0-9]{8}", entry) for entry in names(self.folder))

    @precondition(lambda self: newest(self.folder)[0])
    @rule()
    def go_on(self):
        step = newest(self.folder)[0]
        store.follow(self.folder / name(step), keep=3)
        assert newest(self.folder) == (step, [])
        assert store.latest(self.folder).name == (self.folder / "latest").read_text().strip() == name(step)
        self.reported(step, keep=3)

    @invariant()
    def the_newest_safe_one_is_found(self):
        if self.safe:
            assert newest(self.folder)[0] >= max(self.safe)
        for step in self.safe:
            assert store.read(self.folder / name(step)) == contents(step)

    def teardown(self):
        self.root.cleanup()


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)


# ---- no code comes out of a file


def unsafe_loads(tree):
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                modules = {alias.name.split(".")[0] for alias in aliases}
            case ast.ImportFrom(module=module):
                modules = {(module or "").split(".")[0]}
            case _:
                modules = set()
        yield from modules & {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
        match node:
            case ast.Attribute(value=ast.Name(id="torch"), attr="load"):
                yield "torch.load"
            case ast.ImportFrom(module="torch", names=aliases) if any(alias.name == "load" for alias in aliases):
                yield "torch.load"
            case ast.keyword(arg="allow_pickle", value=value) if not (isinstance(value, ast.Constant) and value.value is False):
                yield "allow_pickle"
            case ast.keyword(arg="custom_pipeline" | "trust_remote_code" as argument):
                yield argument


def test_no_file_of_ours_loads_pickles():
    source = Path(store.__file__).parents[1]
    files = sorted(source.rglob("*.py"))
    assert source / "errors.py" in files
    found = {str(file): list(unsafe_loads(ast.parse(file.read_text(encoding="utf-8")))) for file in files}
    assert {file: uses for file, uses in found.items() if uses} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "import os, dill as d",
        "torch.load(path, weights_only=True)",
        "from torch import load",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "DiffusionPipeline.from_pretrained(x, custom_pipeline='y')",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
    ],
)
def test_the_search_for_pickles_finds_them(line):
    assert list(unsafe_loads(ast.parse(line)))
    assert not list(unsafe_loads(ast.parse("np.load(path, allow_pickle=False)")))
