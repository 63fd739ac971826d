"""Errors about files in one line, whatever a file is called or a decoder says."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError, brief, shown

__all__ = ["brief", "cause", "shown", "unusable"]


def cause(problem: Exception) -> str:
    """What an exception says, briefly."""
    return brief((isinstance(problem, OSError) and problem.strerror) or str(problem) or type(problem).__name__)


def unusable(what: str, path: Path, spot: str, fix: str) -> DataError:
    """The error `what (path, spot): fix`; `spot` names a field or an offset in the file, or is empty."""
    return DataError(f"{what} ({shown(path)}{', ' if spot else ''}{spot}): {fix}")
