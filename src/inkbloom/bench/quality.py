"""The part `quality`: how long a recipe trains until its samples are as good as the tutorial's, and how it goes on from there.

The clock covers what a user waits for in training: network, precision probe, steps, log, checkpoints. It stands still while
samples are drawn and judged. The figure to reach is T30, the FD of the tutorial's own run after its 30 epochs; below it
lies the ladder, T30's excess over the real-against-real floor times 1, 1/2, 1/4, 1/8, 1/16.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from ..config import Recipe
from ..data import Data
from ..families import Family
from ..sampling import drawn, order
from ..store.folder import RunFolder
from ..training.batches import Plan
from ..training.fit import make_accelerator
from ..training.session import Trained, session, snapshots
from ..training.state import State
from .panel import Panel
from .step import decided, spec_of
from .timing import Row

TIMES = (4, 6, 8, 10, 12.5, 15, 17.5, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600)
"""When to look, in seconds of training."""
RUNGS = (1, 1 / 2, 1 / 4, 1 / 8, 1 / 16)
SHORT = 10.0  # seconds of training where all has to be quick


class Moment(NamedTuple):
    """A point of a training: seconds on its clock, steps done, and its state, to be looked at before the next moment."""

    seconds: float
    step: int
    state: State


def training(recipe: Recipe, images: Data, device: torch.device) -> Iterator[Moment]:
    """Trains in a folder that goes afterwards, and yields after every few steps; the last moment is the finished run.

    The clock runs only while this generator does.
    """
    before, since = 0.0, time.perf_counter()
    recipe, compiled = decided(recipe, images, device)
    recipe = recipe.resolved(preview_every=0, holdout_every=0)
    plan = Plan(recipe.seed, len(images.images), recipe.batch_size, recipe.short_batches)
    accelerator = make_accelerator(device, recipe.precision)
    state = State(spec_of(recipe, images), device)
    with TemporaryDirectory() as folder:
        events = session(RunFolder(Path(folder)), state, images, None, plan, accelerator, compiled)
        with closing(events):
            for event in events:
                if isinstance(event, Trained) and state.step < (recipe.steps or 0):
                    before += time.perf_counter() - since
                    yield Moment(before, state.step, state)
                    since = time.perf_counter()
    yield Moment(before + time.perf_counter() - since, state.step, state)


def average_of(state: State) -> Family:
    """A copy of what samples: the average of the weights where there is one."""
    return snapshots(state)["ema" if state.ema is not None else "live"]


def quality(
    recipe: Recipe,
    data: Data,
    device: torch.device,
    panel: Panel,
    t30: dict[str, float] | None,
    seeds: int,
    quick: bool,
    keep: Callable[[Family], None],
) -> Iterator[Row]:
    """Trains with `seeds` seeds from the recipe's on, judging at TIMES and at the end; then the time to each rung.

    t30: {'fd', 'floor'} or None where it is not known. keep: is given what was judged. Quick: one look after SHORT seconds,
    and that is all.
    """
    images = data.take(recipe.split)
    curves: list[list[dict[str, Any]]] = []
    for seed in range(recipe.seed, recipe.seed + (1 if quick else seeds)):
        curves.append([])
        times = [SHORT] if quick else list(TIMES)
        for moment in training(recipe.resolved(seed=seed), images, device):
            last = moment.step == (recipe.steps or moment.state.spec.recipe.steps)
            if not last and moment.seconds < times[0]:
                continue
            times = [t for t in times if t > moment.seconds] or [float("inf")]
            begin = time.perf_counter()
            family = average_of(moment.state)
            keep(family)
            score = panel.score(samples(family, data, panel))
            figures: dict[str, Any] = {
                "seed": seed,
                "seconds": moment.seconds,
                "step": moment.step,
                **score,
                "judging_seconds": time.perf_counter() - begin,
            }
            curves[-1].append(figures)
            scored = f"FD {score['fd']:.3f}, KID {score['kid']:.3f}"
            yield Row(f"seed {seed}: {moment.seconds:7.1f} s, step {moment.step:6,}: {scored}", figures)
            if quick:
                break
    if t30 is not None:
        yield from ladder(curves, t30)
    seconds = cold_start(recipe)
    yield Row(f"cold start: {seconds:.1f} s for a training of one step, import and saving included", {"cold_start": seconds})


def samples(family: Family, data: Data, panel: Panel, **wishes: Any) -> torch.Tensor:
    """As many pictures as the panel looks at, uint8 (N, C, H, W), of the reference's classes where the family knows classes."""
    wish = order(family, panel.count, labels=panel.labels if family.classes else (), **wishes)
    return torch.cat([pictures for pictures, _ in drawn(family, (data.channels, *data.size), wish)])


def ladder(curves: list[list[dict[str, Any]]], t30: dict[str, float]) -> Iterator[Row]:
    """For each rung the time at which a training was there: median and range over the seeds."""
    for rung in RUNGS:
        goal = t30["floor"] + rung * (t30["fd"] - t30["floor"])
        reached = [arrival(curve, goal) for curve in curves]
        there = [seconds for seconds in reached if seconds is not None]
        figures: dict[str, Any] = {"rung": rung, "goal": goal, "seconds": reached}
        told = f"T30's excess x {rung:g} (FD {goal:.3f}): "
        if len(there) == len(curves):
            figures |= {"median": statistics.median(there), "low": min(there), "high": max(there)}
            ranged = f" ({min(there):.1f} .. {max(there):.1f}, {len(there)} seeds)" if len(there) > 1 else ""
            told += f"{figures['median']:.1f} s{ranged}"
        else:
            told += f"reached by {len(there)} of {len(curves)} seeds"
        yield Row(told, figures)


def arrival(curve: list[dict[str, Any]], goal: float) -> float | None:
    """Seconds of the first look at which FD is at or below `goal` and still is at the next one: a lucky draw is no arrival."""
    there = [look["fd"] <= goal for look in curve]
    return next((look["seconds"] for look, *stays in zip(curve, there, [*there[1:], True], strict=True) if all(stays)), None)


def cold_start(recipe: Recipe) -> float:
    """Seconds of a process that imports everything, trains one step of the recipe on its data and saves the run."""
    from ..config import dump_recipe

    with TemporaryDirectory() as folder:
        file = Path(folder) / "one.toml"
        file.write_text(dump_recipe(recipe.resolved(steps=1, preview_every=0, holdout_every=0)), encoding="utf-8")
        words = [sys.executable, "-m", "inkbloom", "train", str(file), "--out", str(Path(folder) / "run"), "--quiet"]
        begin = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin
