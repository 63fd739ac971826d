"""What the scripts beside it share: the machine and how quiet it was, from the package; flags, tables and JSON files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from inkbloom.bench.machine import Quiet, about, peak_gflops
from inkbloom.bench.rows import print_rows

__all__ = ["Quiet", "about", "flags", "peak_gflops", "print_rows", "show", "write"]


def flags(description: str) -> argparse.ArgumentParser:
    """A parser with what a measurement of this machine is asked for: --quick and --json."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a rough look: fewer rounds and values")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE and plots beside it")
    return parser


def show(values: dict[str, Any]) -> None:
    """Prints a table of names and values."""
    for name, value in values.items():
        print(f"{name:12} {value}")
    print(flush=True)


def write(path: Path | None, result: dict[str, Any]) -> None:
    """Writes the result as JSON where a path was given."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(f"written: {path}")
