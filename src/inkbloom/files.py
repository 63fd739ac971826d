"""Files that are written whole or not at all: beside their place first, brought to the disk, then renamed at one stroke."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from .errors import disk_error
from .printing import say

STDOUT = Path("/dev/stdout")  # what is written there goes to standard output, on every system
LEFTOVER = re.compile(r".+\.tmp-[0-9]+|\..+\.[0-9]+\.tmp")  # what `temporary` names, now and in 0.1: rubbish after a crash
NOT_FOR_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # how a drive says that it syncs files alone


def temporary(path: Path) -> Path:
    """Where a file or a folder is built before it takes the place of `path`: beside it, with this process in its name."""
    return path.with_name(f"{path.name[:200]}.tmp-{os.getpid()}")


@contextmanager
def replacing(path: Path, size: int = 0) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `path` when the block ends well: whoever looks, even after a crash, finds the old
    file or the new one.

    If the block fails, the old file stands and the new one goes. Missing folders are made. What is no file, such as a pipe or
    /dev/stdout, is written into. `size`: the bytes that are about to be written, for the message where the disk is full.
    Raises DiskError.
    """
    unfinished = temporary(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder stands there", str(path))
        if is_stream(path):
            with open(1 if path == STDOUT else path, "ab", closefd=path != STDOUT) as stream:
                yield stream
            return
        make_folder(path.parent)
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        sync_folder(path.parent)
    except OSError as problem:
        raise disk_error(problem, path, size) from problem
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """Whether a device or a pipe stands there, whose place no file may take."""
    there = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    return there or path == STDOUT or path.absolute().parent == Path("/dev")


def write_file(path: Path, data: bytes) -> None:
    """Replaces the file at `path` by `data`. Raises DiskError; the old file is then still there."""
    with replacing(path, len(data)) as file:
        file.write(data)


def write_json(path: Path, table: dict[str, Any]) -> None:
    """Writes a table of plain values as JSON. Raises DiskError."""
    write_file(path, json.dumps(table, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


class _Tried(Exception):
    """The file could be written."""


def try_to_write(path: Path) -> None:
    """Raises DiskError where `path` cannot be written: better now than after minutes of work."""
    if not is_stream(path):
        with suppress(_Tried), replacing(path):
            raise _Tried


def make_folder(path: Path) -> None:
    """Makes the folder at `path` and those above it, where missing; the new names survive a power loss. Raises OSError."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when the block ends well; if it fails, however, nothing is left. Raises DiskError.

    Where an empty folder stands at `out`, it takes its place.
    """
    unfinished = temporary(out)
    missing = [above for above in out.absolute().parents if not above.exists()]
    done = False
    os.umask(mask := os.umask(0))
    try:
        make_folder(out.absolute().parent)
        unfinished.mkdir()
        yield unfinished
        for path in unfinished.rglob("*"):
            if path.is_file():
                path.chmod(0o666 & ~mask)  # safetensors makes files that nobody else may read
                with open(path, "rb+") as file:
                    os.fsync(file.fileno())
        if out.is_dir():
            out.rmdir()  # Windows renames nothing to a name that is there
        os.rename(unfinished, out)
        sync_folder(out.absolute().parent)
        done = True
    except OSError as problem:
        raise disk_error(problem, out) from problem
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not done:
            for above in missing:
                with suppress(OSError):
                    above.rmdir()


def sync_folder(path: Path) -> None:
    """Brings the names in a folder to the disk, where the drive can: some network drives cannot, which is told once.

    Raises OSError.
    """
    if os.name == "nt":  # Windows neither opens folders nor needs this
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in NOT_FOR_FOLDERS:
            raise
        _warn("this drive cannot bring folders to the disk: after a power cut the newest files may be missing")
    finally:
        os.close(descriptor)


@cache
def _warn(line: str) -> None:
    """Tells a line once."""
    say(f"warning: {line}", sys.stderr)
