"""One file written whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import disk_error


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `path` when the block ends well.

    It is written under a temporary name beside `path`; if the block fails, the old file stands and the new one goes.
    Missing folders are made. Raises DiskError.
    """
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.tmp")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder stands there", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        raise disk_error(problem, path) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


class _Tried(Exception):
    """The file could be written."""


def try_to_write(path: Path) -> None:
    """Raises DiskError where `path` cannot be written: better now than after minutes of work."""
    with suppress(_Tried), replacing(path):
        raise _Tried
