"""Errors about files in one line, whatever a file is called or a decoder says."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError


def shown(text: Path | str, room: int = 72) -> str:
    """`text` on one printable line of at most `room` characters; a long one keeps its end, which tells files apart."""
    line = "".join(letter if letter.isprintable() else "?" for letter in str(text))
    return line if len(line) <= room else "…" + line[1 - room :]


def brief(text: object, room: int = 60) -> str:
    """The first line of `text`, in at most `room` printable characters; a long one keeps its start."""
    lines = str(text).strip().splitlines() or [""]
    line = "".join(letter if letter.isprintable() else "?" for letter in lines[0])
    return line if len(line) <= room else line[: room - 1] + "…"


def cause(problem: Exception) -> str:
    """What an exception says, briefly."""
    return brief((isinstance(problem, OSError) and problem.strerror) or str(problem) or type(problem).__name__)


def unusable(what: str, path: Path, spot: str, fix: str) -> DataError:
    """The error `what (path, spot): fix`; `spot` names a field or an offset in the file, or is empty."""
    return DataError(f"{what} ({shown(path)}{', ' if spot else ''}{spot}): {fix}")
