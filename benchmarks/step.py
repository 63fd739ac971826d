"""Where the time of a training step goes: of a recipe, and of the tutorial's two beside it on the same images.

Run it with: python benchmarks/step.py [--recipe fast] [--quick] [--json FILE]

The steps are those of a real run, with log and all. The clock is read at the borders between their parts: when the plan
is asked for the images, before and after the family's forward pass, after the backward pass, the optimizer, the average.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from machine import about, flags, print_rows, show, write
from matplotlib.figure import Figure
from numpy.typing import NDArray
from peaks import highest, peaks
from timing import spread

from inkbloom.anatomy.flops import forward_flops
from inkbloom.bench.plots import blank, save
from inkbloom.bench.rows import Row
from inkbloom.bench.timing import now
from inkbloom.config import Recipe
from inkbloom.data import Data, load_for
from inkbloom.device import best_device
from inkbloom.philox import Draw
from inkbloom.recipe_files import load_recipe
from inkbloom.store.folder import RunFolder
from inkbloom.training.batches import Plan
from inkbloom.training.fit import fit
from inkbloom.training.prepare import Training, counted, prepare, settled
from inkbloom.training.session import session
from inkbloom.training.teacher import take_teacher

BESIDE = ("tutorial-basic", "tutorial")  # recipes whose step is measured beside the one asked for
PARTS = ("data", "random numbers", "forward", "backward", "optimizer", "average", "logging")
MODEL = ("forward", "backward")
WARM_UP, PROFILED = 3, 3  # steps
OPERATORS = {  # group -> pattern of the operators' names, the first that fits
    "fused": r"cpp_fused|triton|CompiledFx",
    "convolution": r"conv",
    "norm": r"(layer|group|batch|instance)_norm",
    "activation": r"silu|gelu|relu|sigmoid|tanh|softmax",
    "matrix product": r"::(addmm|mm|bmm|baddbmm)\b|scaled_dot|attention",
}
REST = "rest"


def step(recipe: Recipe, data: Data, device: torch.device, quick: bool, peaks: dict[str, float]) -> Iterator[Row]:
    """The breakdown of the recipe's step, and the shares of its operators. peaks: GFLOP/s by precision."""
    recipe, _ = settled(counted(recipe, len(data.images)), device)
    with TemporaryDirectory() as folder:
        steps = watched_steps(recipe, data, device, 12 if quick else 30, 5 if quick else 20, Path(folder))
    parts = {name: statistics.median(step[name] for step in steps) for name in PARTS}
    parts["logging"] = statistics.fmean(step["logging"] for step in steps)  # it comes in blocks of steps
    total = sum(parts.values())
    outside = 1 - sum(parts[name] for name in MODEL) / total
    family = prepare(recipe, data, device).state.family.cpu()
    flops = forward_flops(family.net, family.spec.shape)
    rate = recipe.batch_size / total
    mfu = 3e-9 * flops * rate / peaks[recipe.precision] if recipe.precision in peaks and not recipe.teacher else None
    figures: dict[str, Any] = {
        "precision": recipe.precision,
        "compiled": recipe.compile == "on",
        "batch": recipe.batch_size,
        "parameters": sum(p.numel() for p in family.parameters() if p.requires_grad),
        "forward_mflop": flops / 1e6,
        "step": spread([sum(step.values()) for step in steps]),
        "parts": parts,
        "outside": outside,
        "images_per_second": rate,
        "mfu": mfu,
    }
    used = "" if mfu is None else f", {100 * mfu:.0f} % of the peak"
    how = f"{recipe.precision}{', compiled' if recipe.compile == 'on' else ''}, batch {recipe.batch_size}"
    yield Row(f"{1000 * total:.1f} ms a step ({how}), {rate:,.0f} images/s{used}", figures)
    listed = ", ".join(f"{name} {100 * value / total:.1f} %" for name, value in parts.items())
    yield Row(f"  {listed}; outside the model {100 * outside:.1f} %", {})
    shares = operator_shares(recipe, data, device)
    listed = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    yield Row(f"  operators: {listed}", {"operators": shares})


def watched_steps(
    recipe: Recipe, data: Data, device: torch.device, most: int, budget: float, folder: Path
) -> list[dict[str, float]]:
    """Seconds of each of PARTS for up to `most` steps, after WARM_UP unseen ones; no more are begun after `budget` seconds,
    but three are measured at least."""
    recipe = recipe.resolved(steps=WARM_UP + most + 1, checkpoint_every=10**9, preview_every=0, holdout_every=0)
    training = prepare(recipe, data, device)
    watch = Watch(device, lambda done, spent: done >= WARM_UP + 3 and spent > budget)
    watch.attach(training)
    plan = WatchedPlan(recipe.seed, len(data.images), recipe.batch_size, recipe.short_batches, watch)
    events = session(RunFolder(folder), replace(training, plan=plan))
    with drawing_watched(watch), closing(events), suppress(Enough):
        for _ in events:
            pass
    return watch.steps[WARM_UP:]


class Enough(Exception):
    """The budget is spent."""


class Watch:
    """Adds up the seconds between marks, step by step. Drawn numbers are counted apart from the part they fall into."""

    def __init__(self, device: torch.device, enough: Callable[[int, float], bool]) -> None:
        self.device, self.enough = device, enough
        self.steps: list[dict[str, float]] = []
        self.step: dict[str, float] | None = None
        self.first = self.last = now(device)
        self.drawn = 0.0

    def begin(self) -> None:
        """A step begins, and what has passed since the last mark belongs to the one before. Raises Enough."""
        if self.step is not None:
            self.mark("logging")
            self.steps.append(self.step)
        if self.enough(len(self.steps), now(self.device) - self.first):
            raise Enough
        self.step, self.drawn, self.last = dict.fromkeys(PARTS, 0.0), 0.0, now(self.device)

    def mark(self, part: str) -> None:
        """The part ends here."""
        if self.step is not None:
            end = now(self.device)
            self.step[part] += end - self.last - self.drawn
            self.step["random numbers"] += self.drawn
            self.last, self.drawn = end, 0.0

    def attach(self, training: Training) -> None:
        """Puts marks where the parts of a step end."""
        state, accelerator = training.state, training.accelerator
        state.family.register_forward_pre_hook(lambda *_: self.mark("data"))
        state.family.register_forward_hook(lambda *_: self.mark("forward"))
        accelerator.backward = self._ending(accelerator.backward, "backward")
        for optimizer in state.optimizers.values():
            optimizer.register_step_post_hook(lambda *_: self.mark("optimizer"))
        if state.ema is not None:
            state.ema.follow = self._ending(state.ema.follow, "average")

    def _ending(self, work: Callable[..., Any], part: str) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            out = work(*arguments, **named)
            self.mark(part)
            return out

        return watched


@dataclass(frozen=True)
class WatchedPlan(Plan):
    """A plan that tells its watch when a step asks for its images."""

    watch: Watch

    def images(self, step: int) -> NDArray[np.int64]:
        """As Plan's."""
        self.watch.begin()
        return super().images(step)


@contextmanager
def drawing_watched(watch: Watch) -> Iterator[None]:
    """Within the block, drawing random numbers is timed."""
    kept = {name: getattr(Draw, name) for name in ("uniform", "normal")}

    def timed(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def draw(*arguments: Any, **named: Any) -> torch.Tensor:
            begin = now(watch.device)
            out = function(*arguments, **named)
            watch.drawn += now(watch.device) - begin
            return out

        return draw

    for name, function in kept.items():
        setattr(Draw, name, timed(function))
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(Draw, name, function)


def operator_shares(recipe: Recipe, data: Data, device: torch.device) -> dict[str, float]:
    """The share of each group of OPERATORS in the time that all operators of some steps take by themselves."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])
    steps = _plain_steps(recipe, data, device)
    next(steps)
    with _silent_stderr(), profile(activities=activities) as profiler:
        for _ in range(PROFILED):
            next(steps)
    spent = dict.fromkeys([*OPERATORS, REST], 0.0)
    for event in profiler.key_averages():
        own = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        group = next((name for name, pattern in OPERATORS.items() if re.search(pattern, event.key)), REST)
        spent[group] += own
    total = sum(spent.values()) or 1.0
    return {name: value / total for name, value in spent.items()}


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """What the profiler's C++ code prints when it starts and stops is nothing for a user."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def step_seconds(recipe: Recipe, data: Data, device: torch.device, budget: float) -> list[float]:
    """Seconds of single steps of `fit`, three at least, until the budget is spent; the first ones are not counted."""
    taken: list[float] = []
    steps = _plain_steps(recipe, data, device)
    for _ in range(WARM_UP):
        next(steps)
    begin = now(device)
    while len(taken) < 3 or now(device) - begin < budget:
        start = now(device)
        next(steps)
        taken.append(now(device) - start)
    return taken


def _plain_steps(recipe: Recipe, data: Data, device: torch.device) -> Iterator[Any]:
    training = prepare(recipe.resolved(steps=10**6), data, device)
    take_teacher(training.state)
    return fit(training)


def draw(rows: list[dict[str, Any]]) -> Figure:
    """The share of each part in a step, a bar for each recipe."""
    figure = blank()
    axes = figure.add_subplot()
    measured = [row for row in rows if "parts" in row]
    left = [0.0] * len(measured)
    for part in PARTS:
        widths = [100 * row["parts"][part] / sum(row["parts"].values()) for row in measured]
        axes.barh([row["recipe"] for row in measured], widths, left=left, label=part)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    axes.set(xlabel="share of a training step, %", xlim=(0, 100))
    axes.invert_yaxis()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4, fontsize="small")
    return figure


def steps_of(
    recipes: dict[str, Recipe], data: Data, device: torch.device, quick: bool, peak: dict[str, float]
) -> Iterator[Row]:
    """The rows of `step` for each recipe, under its name."""
    for name, recipe in recipes.items():
        yield Row(f"{name}:", {})
        for row in step(recipe, data, device, quick, peak):
            yield Row(f"  {row.text}", {"recipe": name, **row.figures} if row.figures else {})


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--recipe", default="fast", metavar="RECIPE", help="a name or a TOML file (default: fast)")
    args = parser.parse_args()
    recipes = {Path(args.recipe).name.removesuffix(".toml"): load_recipe(args.recipe)}
    (recipe,) = recipes.values()
    if not args.quick:
        recipes |= {name: load_recipe(name) for name in BESIDE if name not in recipes}
    data = load_for(recipe).take(recipe.split)
    device, machine = best_device(), about()
    show({"recipe": args.recipe, "seed": recipe.seed, **machine})
    parts = {"peaks": print_rows(peaks(device, args.quick))}
    print()
    parts["step"] = print_rows(steps_of(recipes, data, device, args.quick, highest(parts["peaks"]["rows"])))
    write(args.json, {"recipe": args.recipe, "seed": recipe.seed, "quick": args.quick, "machine": machine, "parts": parts})
    if args.json:
        for path in save(draw(parts["step"]["rows"]), args.json.with_suffix("")):
            print(f"plot: {path}")


if __name__ == "__main__":
    main()
