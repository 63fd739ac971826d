"""What runs are called where several stand side by side. Imports nothing heavy, so that a bad choice is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError, shown


def distinct(paths: Sequence[Path]) -> list[str]:
    """Names for the runs: their folders' own, or the paths as given where two are alike. Raises UsageError for bad choices."""
    if len(paths) < 2:
        raise UsageError(
            f"one run only ({shown(paths[0])}): name two or more to compare" if paths else "no runs: name two or more"
        )
    seen: dict[Path, Path] = {}
    for path in paths:
        if (same := seen.setdefault(path.resolve(), path)) is not path:
            raise UsageError(f"the same run twice ({shown(same)}, {shown(path)}): name each one once")
    names = [shown(path.absolute().name, 40) for path in paths]
    return names if len(set(names)) == len(names) else [shown(path, 60) for path in paths]
