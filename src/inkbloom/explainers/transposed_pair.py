"""The convolution and its transpose that the topic `transposed` draws."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..convolution import Axis, axes_of, correlate, flipped, inserted
from ..convolution.transposed import Transposing
from ..data.resize import resized
from ..errors import UsageError
from .options import Options

SMALL = 3  # rows and columns of the small matrix
WIDEST = 40  # of that with the zeros put in, at most


@dataclass(frozen=True, eq=False)
class Pair:
    """A convolution and its transpose, float64, all with a batch and a channel of 1.

    x: (1, 1, H, W), the image reduced so far that y, its convolution, has SMALL rows and columns. wide: y with the zeros put
    in. real: where there is no such zero, (rows, columns). back: the transposed convolution of y, of the shape of x.
    """

    x: Tensor
    kernel: Tensor
    y: Tensor
    wide: Tensor
    real: Tensor
    back: Tensor
    axes: list[Axis]

    @property
    def error(self) -> float:
        """How far `back`, times the factor that brings it nearest, is from x on average."""
        factor = float((self.back * self.x).sum() / self.back.square().sum().clamp_min(1e-30))
        return float((factor * self.back - self.x).abs().mean())

    @property
    def zeros_between(self) -> bool:
        """Whether a zero was put between two of the numbers."""
        rows, columns = (self.real.any(axis) for axis in (1, 0))
        return any(bool((~along[a : b + 1]).any()) for along in (rows, columns) for a, b in [_ends(along)])

    @property
    def zeros_around(self) -> bool:
        """Whether zeros were put around the numbers, on any side."""
        rows, columns = (self.real.any(axis) for axis in (1, 0))
        return any(_ends(along) != (0, len(along) - 1) for along in (rows, columns))

    @property
    def zeros(self) -> bool:
        """Whether any zero was put in."""
        return not bool(self.real.all())

    @property
    def cut(self) -> bool:
        """Whether some of the numbers were cut off, since the padding is wider than the kernel."""
        return int(self.real.sum()) < self.y.numel()

    @property
    def settings(self) -> Transposing:
        """For the functions of `convolution.transposed`."""
        return {"stride": [axis.stride for axis in self.axes], "padding": [axis.padding for axis in self.axes]}


def pair_of(options: Options, kernel: Tensor) -> Pair:
    """The two convolutions that were asked for. Raises UsageError where the kernel does not fit on the image."""
    image, weights = options.example.image, kernel[None, None]
    axes = axes_of(kernel.shape, 2 if options.stride is None else options.stride, options.padding or 0)
    for axis, size in zip(axes, image.shape[2:], strict=True):
        axis.output(size)
    rows, columns = (axis.transposed(SMALL) for axis in axes)
    side = max(size + axis.taps - 1 for size, axis in zip((rows, columns), axes, strict=True))
    if side > WIDEST:
        raise UsageError(
            f"{side} rows or columns with the zeros put in, {WIDEST} can be drawn: less --stride, or a smaller kernel"
        )
    x = resized(image, (rows, columns)).double()
    settings: Transposing = {"stride": [axis.stride for axis in axes], "padding": [axis.padding for axis in axes]}
    y = correlate(x, weights, stride=settings["stride"], padding=settings["padding"])
    wide = inserted(y, weights, **settings)
    real = inserted(torch.ones_like(y), weights, **settings)[0, 0] > 0
    return Pair(x, weights, y, wide, real, correlate(wide, flipped(weights)), axes)


def other_taps(axes: list[Axis]) -> list[int] | None:
    """The taps, rounded up to what the stride divides; where it divides them all already, one more each. None for stride 1."""
    up = [axis.taps + -axis.taps % axis.stride for axis in axes]
    if all(axis.stride == 1 for axis in axes):
        return None
    return up if up != [axis.taps for axis in axes] else [taps + 1 for taps in up]


def _ends(along: Tensor) -> tuple[int, int]:
    """The first and the last place (N,) that is true; (0, -1) where none is."""
    places = along.nonzero().flatten().tolist() or [0, -1]
    return places[0], places[-1]
