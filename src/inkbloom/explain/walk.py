"""One sampling, kept whole: what the network saw and predicted at each step, and how far both were from the end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..data.pixels import RANGES
from ..families import Diffusion
from ..run import Run
from ..sampling import Order, starting_point, trajectory
from ..solvers import step_times

Pictures = NDArray[np.uint8]
Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Walk:
    """One sampling of several pictures at once, of S steps.

    inputs: (S + 1, N, C, H, W) uint8, what the network saw before each step, then the pictures. predictions: (S, N, C, H, W).
    t: (S,) noise level of each input, None where the steps are a network's layers. left: (S,) how far the input
    is from the final picture. wrong: (S,) how far the prediction is. moved: (S,) how far the prediction moved since
    the step before; the first is NaN. All three are root mean squares over pixels; from black to white is 1.
    """

    inputs: Pictures
    predictions: Pictures
    t: Numbers | None
    left: Numbers
    wrong: Numbers
    moved: Numbers


def walk_of(run: Run, wish: Order) -> Walk:
    """Samples as `Run.history` does, and measures what it sees before values outside the pixel range are cut off."""
    family, shape = run.family, run.shape
    steps = list(trajectory(family, shape, wish, 0, wish.count))
    inputs = [starting_point(family, shape, wish, 0, wish.count), *(x for x, _ in steps)]
    predictions = [x0 for _, x0 in steps]
    low, high = RANGES[family.recipe.pixels]

    def apart(first: Tensor, second: Tensor) -> float:
        return float((first.double() - second.double()).square().mean().sqrt()) / (high - low)

    return Walk(
        inputs=_stacked(run, inputs),
        predictions=_stacked(run, predictions),
        t=levels_of(family, wish) if isinstance(family, Diffusion) else None,
        left=np.array([apart(x, inputs[-1]) for x in inputs[:-1]]),
        wrong=np.array([apart(x0, inputs[-1]) for x0 in predictions]),
        moved=np.array([np.nan, *(apart(old, new) for old, new in pairwise(predictions))]),
    )


def levels_of(family: Diffusion, wish: Order) -> Numbers:
    """(S,) the noise level of what the network sees before each step, as `Diffusion.sample` walks from pure noise."""
    if wish.levels:
        return family.last_time * np.array(wish.levels)
    times: Numbers = step_times(wish.steps, wish.spacing or "uniform", family.path, family.last_time).numpy()
    return times[:-1]


def _stacked(run: Run, images: list[Tensor]) -> Pictures:
    return np.stack([run.pictures(x) for x in images]).transpose(0, 1, 4, 2, 3)
