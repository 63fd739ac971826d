"""The log of a run: one JSON object a line, one line a step, each step exactly once.

Two rules make that hold through crashes. The log is flushed before a checkpoint is committed, so it is never behind one; and
a run that resumes from the checkpoint of step S first cuts the log back to S, so that what it repeats is not there twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, DiskError, disk_error
from ..files import sync_folder, write_file

BLOCK = 100  # records that may wait in memory


class Log:
    """Appends to the log at `path`. A record whose writing failed waits and goes out with the next, so none is lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[bytes] = []

    def append(self, record: dict[str, Any]) -> None:
        """Adds a record, which needs a whole number `step`; every `BLOCK` records they are written, if the disk takes them.

        Raises ValueError for a number that JSON does not know, infinite or not a number: see `to_hex`.
        """
        self._waiting.append(json.dumps(record, allow_nan=False).encode() + b"\n")
        if len(self._waiting) >= BLOCK:
            with suppress(DiskError):  # they wait, and `flush` tells
                self._write(durable=False)

    def flush(self) -> None:
        """Brings every record to the disk. Raises DiskError."""
        self._write(durable=True)

    def cut(self, step: int) -> None:
        """Forgets all records after `step`, and a last line that a crash tore. Raises CheckpointError, DiskError."""
        self.flush()
        write_file(self.path, b"".join(line for line, record in _records(self.path) if record["step"] <= step))

    def _write(self, durable: bool) -> None:
        data = b"".join(self._waiting)
        try:
            with open(self.path, "ab", buffering=0) as file:
                before = file.tell()
                try:
                    rest = memoryview(data)
                    while rest:
                        rest = rest[file.write(rest) :]
                    if durable:
                        os.fsync(file.fileno())
                except BaseException:
                    file.truncate(before)
                    raise
            self._waiting = []
            if durable:
                sync_folder(self.path.parent)
        except OSError as problem:
            raise disk_error(problem, self.path, len(data)) from problem


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records of the log at `path`, in order, torn lines left out; none where there is no log. Raises CheckpointError."""
    return (record for _, record in _records(path))


def _records(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    try:
        with open(path, "rb") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if line.endswith(b"\n") and isinstance(record, dict) and type(record.get("step")) is int:
                    yield line, record
    except FileNotFoundError:
        return
    except OSError as problem:
        raise CheckpointError(f"cannot read the log ({path}): {problem.strerror}; check its permissions") from problem


def to_hex(value: float) -> str:
    """A number as text that keeps every bit, as in '0x1.8p+1' for 3.0; 'inf' and 'nan' too."""
    return float(value).hex()


def from_hex(text: str) -> float:
    """The number that `to_hex` wrote. Raises ValueError or OverflowError for other text."""
    return float.fromhex(text)
