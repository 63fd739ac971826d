"""What the scripts beside it share: the machine and how quiet it was, from the package; tables and JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inkbloom.bench.machine import Quiet, about, peak_gflops

__all__ = ["Quiet", "about", "peak_gflops", "show", "write"]


def show(told: dict[str, Any]) -> None:
    """Prints a table of names and values."""
    for name, value in told.items():
        print(f"{name:12} {value}")
    print(flush=True)


def write(path: Path | None, result: dict[str, Any]) -> None:
    """Writes the result as JSON where a path was given."""
    if path is not None:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(f"written: {path}")
