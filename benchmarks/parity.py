"""Parity: recipe x export, the worst difference between inkbloom and each export of a model of every kind.

    python benchmarks/parity.py [--json FILE] [--to TARGET ...] [--dtype fp32 ...] [--only KIND ...]

Each kind is trained for a few steps on the embedded digits, with a small network: parity does not ask whether the pictures are
good. A dash stands where the target cannot express the kind, and the line below says why.
"""

from __future__ import annotations

import argparse
import json
import tempfile
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


def measure(names: list[str], targets: list[str], dtypes: list[str], folder: Path) -> list[dict[str, Any]]:
    """A row for each kind and target: its worst differences, or why it cannot be exported."""
    rows = []
    for name in names:
        recipe, changes = KINDS[name]
        run = inkbloom.train(recipe, **{**SMALL, **changes}, out=folder / f"run-{len(rows)}", quiet=True)
        for target in targets:
            for dtype in dtypes:
                row: dict[str, Any] = {"kind": name, "to": target, "dtype": dtype}
                try:
                    made = inkbloom.export(run, target, folder / f"out-{len(rows)}", dtype=dtype, quiet=True)
                    row |= json.loads(made["parity"].read_text())
                except UsageError as problem:
                    row["why"] = str(problem)
                rows.append(row)
                print(told(row), flush=True)
    return rows


def told(row: dict[str, Any]) -> str:
    """A row in words."""
    if "why" in row:
        return f"{row['kind']} to {row['to']}: - ({row['why']})"
    drawn = "" if row["pictures"] is None else f", pictures {row['pictures']:.1e}"
    return f"{row['kind']} to {row['to']}, {row['dtype']}: {row['one']:.1e}{drawn} ({row['made']})"


def main() -> None:
    """Measures, prints, and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--to", nargs="+", default=list(get_args(ExportName)))
    parser.add_argument("--only", nargs="+", default=list(KINDS))
    parser.add_argument("--dtype", nargs="+", default=["fp32", "fp16"])
    args, machine = parser.parse_args(), about()
    show(machine)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(args.only, args.to, args.dtype, Path(folder))
    write(args.json, {"machine": machine, "rows": rows})


if __name__ == "__main__":
    main()
