"""The convolution of functions, (f * g)(x) = integral of f(t) g(x - t) dt, by quadrature; and closed forms beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UsageError

Function = Callable[[Tensor], Tensor]
"""Values at any points, of the points' shape."""


def sliding_product(f: Function, g: Function, x: Tensor, t: Tensor) -> Tensor:
    """f(t) g(x - t) for x (*shape) and t (T,): (*shape, T). As x grows, the mirrored g slides over f."""
    return f(t) * g(x[..., None] - t)


def convolve_functions(f: Function, g: Function, x: Tensor, low: float, high: float, points: int = 2001) -> Tensor:
    """(f * g)(x), of the shape of x, float64: the trapezoidal rule on `points` equally spaced t from `low` to `high`.

    f should vanish outside [low, high]. The error falls with the square of the spacing, much faster for smooth functions that
    vanish at both ends, and only with the spacing for functions that jump. Raises UsageError for an empty interval.
    """
    if not (low < high and points >= 2 and math.isfinite(high - low)):
        raise UsageError(f"an integral from {low} to {high} on {points} points: needs low < high and 2 points or more")
    t = torch.linspace(low, high, points, dtype=torch.float64)
    return torch.trapezoid(sliding_product(f, g, x.double(), t), t)


def gaussian(x: Tensor, variance: float = 1.0, mean: float = 0.0) -> Tensor:
    """The normal density at each x, of any shape.

    Convolved with another it is again one, whose mean and variance are the sums of theirs.
    """
    return torch.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def box(x: Tensor, width: float = 1.0) -> Tensor:
    """1 within width / 2 of 0, else 0."""
    return (x.abs() <= width / 2).to(x.dtype)


def triangle(x: Tensor, width: float = 1.0) -> Tensor:
    """The box of this width convolved with itself: `width` at 0, falling to 0 at -width and width."""
    return (width - x.abs()).clamp_min(0)


def decay(x: Tensor) -> Tensor:
    """exp(-x) from 0 on, 0 before."""
    return torch.where(x >= 0, torch.exp(-x.clamp_min(0)), 0.0)


def ramp(x: Tensor, width: float = 2.0) -> Tensor:
    """Rises from 0 at -width / 2 to 1 at width / 2, and is 0 outside."""
    return box(x, width) * (x / width + 0.5)


def wave(x: Tensor, width: float = 2.0) -> Tensor:
    """One period of a sine around 0, and 0 outside."""
    return box(x, width) * torch.sin(2 * math.pi * x / width)


def pulses(x: Tensor, width: float = 0.25) -> Tensor:
    """Two narrow boxes at -1 and 1: they make two copies of whatever they are convolved with."""
    return box(x - 1, width) + box(x + 1, width)


@dataclass(frozen=True)
class Signal:
    """A function and the interval outside which it vanishes, or nearly so."""

    function: Function
    low: float
    high: float

    def __call__(self, x: Tensor) -> Tensor:
        """Its values at x, of any shape."""
        return self.function(x)


SIGNALS: dict[str, Signal] = {
    "box": Signal(lambda x: box(x, 2.0), -1, 1),
    "triangle": Signal(triangle, -1, 1),
    "gaussian": Signal(lambda x: gaussian(x, 0.25), -2.5, 2.5),
    "decay": Signal(decay, 0, 6),
    "ramp": Signal(ramp, -1, 1),
    "wave": Signal(wave, -1, 1),
    "pulses": Signal(pulses, -1.125, 1.125),
}
"""Functions to try, about 1 high and 2 wide: symmetric ones, one-sided ones, one with negative values, one in two parts."""
