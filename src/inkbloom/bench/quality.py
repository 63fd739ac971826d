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
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch

from ..config import Recipe
from ..data import Data
from ..families import Family
from ..sampling import pictures, request
from ..store.folder import RunFolder
from ..training.prepare import prepare
from ..training.session import Logged, sampling_copies, session
from ..training.state import State
from .rows import Row
from .scoring import Scorer

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
    made = prepare(recipe.resolved(preview_every=0, holdout_every=0), images, device)
    state = made.state
    with TemporaryDirectory() as folder:
        events = session(RunFolder(Path(folder)), made)
        with closing(events):
            for event in events:
                if isinstance(event, Logged) and state.step < (made.recipe.steps or 0):
                    before += time.perf_counter() - since
                    yield Moment(before, state.step, state)
                    since = time.perf_counter()
    yield Moment(before + time.perf_counter() - since, state.step, state)


def average_of(state: State) -> Family:
    """A copy of what samples: the average of the weights where there is one."""
    return sampling_copies(state)["ema" if state.ema is not None else "live"]


def quality(
    recipe: Recipe,
    data: Data,
    device: torch.device,
    scorer: Scorer | None,
    seeds: int,
    quick: bool,
    keep: Callable[[Family], None],
) -> Iterator[Row]:
    """Trains with `seeds` seeds from the recipe's on, judging at TIMES and at the end; then the time to each rung.

    Quick: one look after SHORT seconds, and that is all. keep: is given each family that was judged.
    """
    if scorer is None:
        yield Row(f"no judge of {data.source} is shipped: nothing to measure quality by", {"judge": None})
        return
    about, t30 = scorer.about(), scorer.t30
    known = f"T30 {t30['fd']:.3f}" if t30 else "T30 not known: no ladder (--t30 names its card)"
    yield Row(f"judge {about['judge']}, N = {about['n']}: real against real FD {scorer.floor['fd']:.3f}; {known}", about)
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
            score = scorer.score(samples(family, scorer))
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


def trained(recipe: Recipe, images: Data, device: torch.device, quick: bool) -> Generator[Row, None, Family]:
    """Trains the recipe, or in SHORT seconds as much of it as they allow, and returns what samples."""
    for moment in training(recipe, images, device):
        if quick and moment.seconds > SHORT:
            break
    yield Row(f"trained for it: {moment.seconds:.0f} s, {moment.step:,} steps", {"trained_steps": moment.step})
    return average_of(moment.state)


def samples(family: Family, scorer: Scorer, **settings: Any) -> torch.Tensor:
    """As many pictures as the scorer looks at, uint8 (N, C, H, W); of the reference's classes where the family knows them."""
    labels = [label for label in scorer.labels if label in family.trained]
    wanted = request(family, scorer.count, labels=labels or None, **settings)
    return torch.cat([batch for batch, _ in pictures(family, wanted)])


def ladder(curves: list[list[dict[str, Any]]], t30: dict[str, float]) -> Iterator[Row]:
    """For each rung the time at which a training was there: median and range over the seeds."""
    for rung in RUNGS:
        goal = t30["floor"] + rung * (t30["fd"] - t30["floor"])
        reached = [arrival(curve, goal) for curve in curves]
        there = [seconds for seconds in reached if seconds is not None]
        figures: dict[str, Any] = {"rung": rung, "goal": goal, "seconds": reached}
        text = f"T30's excess x {rung:g} (FD {goal:.3f}): "
        if len(there) == len(curves):
            figures |= {"median": statistics.median(there), "low": min(there), "high": max(there)}
            ranged = f" ({min(there):.1f} .. {max(there):.1f}, {len(there)} seeds)" if len(there) > 1 else ""
            text += f"{figures['median']:.1f} s{ranged}"
        else:
            text += f"reached by {len(there)} of {len(curves)} seeds"
        yield Row(text, figures)


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
