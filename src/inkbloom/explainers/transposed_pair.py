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


def other_taps(axis: Axis) -> int:
    """The next number of taps that the stride divides; where it divides them already, one more than they are."""
    return axis.taps + (axis.stride - axis.taps % axis.stride if axis.taps % axis.stride else 1)
