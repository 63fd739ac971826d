"""A file inside another file, where a file on the disk could stand: nothing is unpacked to the disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import cast


class Member(PurePosixPath):
    """A file inside an archive, or one row of a table, named as if the archive were a folder."""

    read: Callable[[], bytes]

    def open(self, mode: str = "rb") -> io.BytesIO:
        """What it holds, in memory. Raises what the archive raises where it is damaged, ValueError where it is too large."""
        return io.BytesIO(self.read())

    def read_bytes(self) -> bytes:
        """What it holds."""
        return self.read()


def member(folder: str | Path, name: str, read: Callable[[], bytes]) -> Path:
    """The file called `name` in `folder`, fit to stand where files are only named and read; `read` gives what it holds."""
    made = Member(folder, name)
    made.read = read
    return cast(Path, made)


def root(path: Path) -> Path:
    """The archive at `path` as the folder in which its members lie."""
    return cast(Path, Member(path))
