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
from ..sampling import Request, history
from ..solvers import step_times

Pictures = NDArray[np.uint8]
Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Trajectory:
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


def trajectory_of(run: Run, request: Request) -> Trajectory:
    """Samples as `Run.history` does, and measures what it sees before values outside the pixel range are cut off."""
    family = run.family
    inputs, predictions = history(family, request, 0, request.count)
    low, high = RANGES[family.recipe.pixels]

    def apart(first: Tensor, second: Tensor) -> float:
        return float((first.double() - second.double()).square().mean().sqrt()) / (high - low)

    return Trajectory(
        inputs=_stacked(run, inputs),
        predictions=_stacked(run, predictions),
        t=levels_of(family, request) if isinstance(family, Diffusion) else None,
        left=np.array([apart(x, inputs[-1]) for x in inputs[:-1]]),
        wrong=np.array([apart(x0, inputs[-1]) for x0 in predictions]),
        moved=np.array([np.nan, *(apart(old, new) for old, new in pairwise(predictions))]),
    )


def levels_of(family: Diffusion, request: Request) -> Numbers:
    """(S,) the noise level of what the network sees before each step, where `Diffusion.sample` starts from pure noise."""
    if request.levels:
        return family.last_time * np.array(request.levels)
    times: Numbers = step_times(request.steps, request.spacing or "uniform", family.path, family.last_time).numpy()
    return times[:-1]


def _stacked(run: Run, images: list[Tensor]) -> Pictures:
    return np.stack([run.as_bytes(x) for x in images]).transpose(0, 1, 4, 2, 3)
