"""Parity: recipe x export, the worst difference between inkbloom and each export of a model of every kind.

    python benchmarks/parity.py [--json FILE] [--to TARGET ...] [--dtype fp32 ...] [--only KIND ...]

Each kind is trained for a few steps on the embedded digits, with a small network: parity does not ask whether the pictures are
good. A dash stands where the target cannot express the kind, and the line below says why.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from machine import about, show, write

import inkbloom
from inkbloom.config import ExportName
from inkbloom.errors import UsageError

SMALL = {"steps": 20, "batch_size": 16, "precision": "fp32", "compile": "off", "preview_every": 0, "holdout_every": 0}
INK, UNET = {"widths": (16, 32), "layers": 1}, {"widths": (16, 32), "layers": 1, "net": "unet2d", "optimizer": "adam"}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddpm, unet2d": ("ddpm", {**UNET, "labels": False}),
    "ddpm, unet2d, x0, euler": ("ddpm", {**UNET, "labels": False, "target": "x0", "loss_on": "x0", "solver": "euler"}),
    "ddpm": ("ddpm", INK),
    "fast": ("fast", INK),
    "fast, unet2d, v, euler": ("fast", {**UNET, "target": "v", "solver": "euler", "spacing": "uniform"}),
    "fast, cosine, heun": ("fast", {**INK, "path": "cosine", "solver": "heun", "spacing": "uniform"}),
    "fast-uncond": ("fast-uncond", {**INK, "clusters": 10}),
    "tinted": ("tinted", INK),
    "tutorial": ("tutorial", {"widths": (16, 32), "layers": 1}),
    "tutorial-basic": ("tutorial-basic", {}),
    "few-step": ("few-step", {}),
    "vae": ("vae", {}),
    "gan": ("gan", {}),
}


def measure(name: str, targets: list[str], dtypes: list[str], folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each target of a kind: its worst differences, or why it cannot be exported."""
    recipe, changes = KINDS[name]
    run = inkbloom.train(recipe, **{**SMALL, **changes}, out=folder / "run", quiet=True)
    for target in targets:
        for dtype in dtypes:
            row: dict[str, Any] = {"kind": name, "to": target, "dtype": dtype}
            try:
                made = inkbloom.export(run, target, folder / f"{target}-{dtype}", dtype=dtype, quiet=True)
                row |= json.loads(made["parity"].read_text())
            except UsageError as problem:
                row["why"] = str(problem)
            yield row


def told(row: dict[str, Any]) -> str:
    """A row in words."""
    if "why" in row:
        return f"{row['kind']} to {row['to']}: - ({row['why']})"
    return f"{row['kind']} to {row['to']}, {row['dtype']}: {figures(row)} ({row['made']})"


def figures(row: dict[str, Any]) -> str:
    """The worst difference of a step and, where the export draws, of whole pictures."""
    if "why" in row:
        return "-"
    return ", ".join(f"{row[name]:.0e}" if row[name] else "0" for name in ("one", "pictures") if row[name] is not None)


def table(rows: list[dict[str, Any]], dtype: str = "fp32") -> str:
    """The rows as a table of Markdown, a kind a line."""
    by = {(row["kind"], row["to"]): figures(row) for row in rows if row["dtype"] == dtype}
    targets = list(get_args(ExportName))
    lines = [f"| kind | {' | '.join(targets)} |", "|---" * (len(targets) + 1) + "|"]
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    return "\n".join([*lines, *(f"| {kind} | {' | '.join(by.get((kind, to), '') for to in targets)} |" for kind in kinds)])


def main() -> None:
    """Measures, prints, and writes JSON, in which new rows take the place of old ones of the same kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--to", nargs="+", default=list(get_args(ExportName)))
    parser.add_argument("--only", nargs="+", default=list(KINDS))
    parser.add_argument("--dtype", nargs="+", default=["fp32", "fp16"])
    args, machine = parser.parse_args(), about()
    show(machine)
    rows = json.loads(args.json.read_text())["rows"] if args.json and args.json.exists() else []
    for name in args.only:
        rows = [row for row in rows if row["kind"] != name or row["to"] not in args.to or row["dtype"] not in args.dtype]
        with tempfile.TemporaryDirectory() as folder:
            for row in measure(name, args.to, args.dtype, Path(folder)):
                rows.append(row)
                print(told(row), flush=True)
        write(args.json, {"machine": machine, "rows": rows})
    print(table(rows))


if __name__ == "__main__":
    main()
