"""How the cost of a training step grows with batch, width, image size, threads and processes.

Run it with: python benchmarks/growth.py [--recipe fast] [--quick] [--json FILE]
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from machine import about, flags, print_rows, show, write
from matplotlib.figure import Figure
from step import step_seconds
from timing import spread

from inkbloom.bench.plots import blank, save
from inkbloom.bench.rows import Row
from inkbloom.config import Recipe, dump_recipe
from inkbloom.data import Data, load_for
from inkbloom.device import best_device
from inkbloom.recipe_files import load_recipe
from inkbloom.training.prepare import counted, settled

BATCHES = (16, 32, 64, 128, 256)
WIDENED = (0.5, 1, 2)  # times the recipe's widths
SIDES = (16, 28, 32, 48, 64)  # pixels
STEPS = 30  # of each number of processes
INK_WIDTHS = (32, 64)  # what the network `ink` takes where the recipe names none


def growth(recipe: Recipe, data: Data, device: torch.device, quick: bool) -> Iterator[Row]:
    """Seconds a step for each value of each quantity, and the exponent of the power law through the first and last of them."""
    recipe, _ = settled(counted(recipe.resolved(compile="off"), len(data.images)), device)
    budget = 0.3 if quick else 1.5
    few = 3 if quick else None

    def measured(name: str, values: Sequence[float], recipes: Sequence[Recipe], sets: Sequence[Data]) -> Iterator[Row]:
        medians = []
        for value, each, images in zip(values, recipes, sets, strict=True):
            taken = spread(step_seconds(each, images, device, budget))
            medians.append(taken["median"])
            rate = each.batch_size / taken["median"]
            figures: dict[str, Any] = {"of": name, "value": value, "step": taken, "images_per_second": rate}
            yield Row(f"{name:9} {value:6g}: {1000 * taken['median']:9.1f} ms a step, {rate:9,.0f} images/s", figures)
        if len(values) > 1:
            power = exponent(values, medians)
            yield Row(f"{name:9} a step takes time as its power {power:.2f}", {"of": name, "exponent": power})

    batches = BATCHES[:few]
    yield from measured("batch", batches, [recipe.resolved(batch_size=b) for b in batches], [data] * len(batches))
    if recipe.teacher:
        yield Row("width, side: as the teacher's", {})
        return
    if recipe.net == "ink":
        widths = recipe.widths or INK_WIDTHS
        wider = [recipe.resolved(widths=[max(16, 16 * round(w * times / 16)) for w in widths]) for times in WIDENED]
        yield from measured("width", [each.widths[0] for each in wider], wider, [data] * len(wider))
    sides = SIDES[:few]
    yield from measured("side", sides, [recipe] * len(sides), [grey(data, side) for side in sides])
    if device.type == "cpu":
        yield from _threads(recipe, data, device, budget)
    if device.type == "cpu" and not quick:
        yield from _processes(recipe, data)


def exponent(values: Sequence[float], seconds: Sequence[float]) -> float:
    """p of the power law seconds = c value^p through the first and the last point."""
    return math.log(seconds[-1] / seconds[0]) / math.log(values[-1] / values[0])


def doublings(most: int) -> list[int]:
    """1, 2, 4 ... up to `most`, which is the last."""
    return sorted({2**k for k in range(most.bit_length()) if 2**k <= most} | {most})


def grey(data: Data, side: int) -> Data:
    """As many images of that size, all grey: what they show costs nothing."""
    count = min(len(data.images), 1024)
    labels = None if data.labels is None else data.labels[:count]
    images = torch.full((count, data.channels, side, side), 128, dtype=torch.uint8)
    return replace(data, images=images, labels=labels, slices={})


def _threads(recipe: Recipe, data: Data, device: torch.device, budget: float) -> Iterator[Row]:
    most = torch.get_num_threads()
    single = None
    try:
        for threads in doublings(most):
            torch.set_num_threads(threads)
            taken = spread(step_seconds(recipe, data, device, budget))
            single = single or taken["median"]
            faster = single / taken["median"]
            figures = {"of": "threads", "value": threads, "step": taken, "speedup": faster}
            yield Row(f"threads   {threads:6}: {1000 * taken['median']:9.1f} ms a step, {faster:.2f}x", figures)
    finally:
        torch.set_num_threads(most)


def _processes(recipe: Recipe, data: Data) -> Iterator[Row]:
    """Whole trainings by torchrun that share the batch, each process with its share of the threads."""
    most = torch.get_num_threads()
    for processes in doublings(most):
        rate = images_per_second(recipe, data.source, processes, max(1, most // processes))
        figures = {"of": "processes", "value": processes, "threads": max(1, most // processes), "images_per_second": rate}
        yield Row(f"processes {processes:6}: {rate:9,.0f} images/s with {most // processes} threads each", figures)


def images_per_second(recipe: Recipe, source: str, processes: int, threads: int) -> float:
    """The median over the second half of a short training's log."""
    with TemporaryDirectory() as folder:
        file, run = Path(folder) / "short.toml", Path(folder) / "run"
        short = recipe.resolved(data=source, steps=STEPS, checkpoint_every=10**9, preview_every=0, holdout_every=0)
        file.write_text(dump_recipe(short), encoding="utf-8")
        launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
        command = [sys.executable, *(["-m", *launch] if launch else []), "-m", "inkbloom", "train", str(file)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        subprocess.run([*command, "--out", str(run), "--quiet"], check=True, env=environment, capture_output=True)
        lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
        rates = [json.loads(line)["images_per_second"] for line in lines]
    return statistics.median(rates[len(rates) // 2 :])


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Seconds of a step over each quantity, both as multiples of the first."""
    figure = blank()
    axes = figure.add_subplot()
    timed = [row for row in rows if "step" in row]
    for name in dict.fromkeys(row["of"] for row in timed):
        mine = [row for row in timed if row["of"] == name]
        first = mine[0]
        axes.plot(
            [row["value"] / first["value"] for row in mine],
            [row["step"]["median"] / first["step"]["median"] for row in mine],
            "o-",
            label=f"{name}, from {first['value']:g}",
        )
    axes.set(xlabel="times the first value", ylabel="times its step", xscale="log", yscale="log")
    axes.legend(fontsize="small")
    return figure


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--recipe", default="fast", metavar="RECIPE", help="a name or a TOML file (default: fast)")
    args = parser.parse_args()
    recipe, machine = load_recipe(args.recipe), about()
    data = load_for(recipe).take(recipe.split)
    show({"recipe": args.recipe, "seed": recipe.seed, **machine})
    parts = {"growth": print_rows(growth(recipe, data, best_device(), args.quick))}
    write(args.json, {"recipe": args.recipe, "seed": recipe.seed, "quick": args.quick, "machine": machine, "parts": parts})
    if args.json:
        for path in save(draw(parts["growth"]["rows"]), args.json.with_suffix("")):
            print(f"plot: {path}")


if __name__ == "__main__":
    main()
