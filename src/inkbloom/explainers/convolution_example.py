"""The convolution that the topic `convolution` draws, and the part of it that is spelled out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..convolution import Axis, axes_of, correlate, pad
from ..convolution.discrete import Sliding
from .options import Options

OUTPUTS, PIXELS = 6, 10  # of the part that is spelled out, on a side and at most


@dataclass(frozen=True, eq=False)
class ConvolutionExample:
    """One convolution and the part of it that is spelled out.

    x: float64 (1, 1, H, W). kernel: (1, 1, *taps). y: (1, 1, *sizes). axes: how the kernel slides, rows then columns.
    part: the rows and the columns of y that are spelled out.
    """

    x: Tensor
    kernel: Tensor
    y: Tensor
    axes: list[Axis]
    part: tuple[range, range]

    @property
    def settings(self) -> Sliding:
        """For `correlate` and `operands_of`."""
        return {"stride": [axis.stride for axis in self.axes], "padding": [axis.padding for axis in self.axes]}

    @property
    def read(self) -> tuple[range, range]:
        """The rows and columns of x under the kernel, from the first place of the part to the last; negative in the padding."""
        rows, columns = (
            range(axis.window(part[0]).start - axis.padding[0], axis.window(part[-1]).stop - axis.padding[0])
            for axis, part in zip(self.axes, self.part, strict=True)
        )
        return rows, columns

    def under(self, x: Tensor) -> Tensor:
        """What an image (1, 1, H, W) of the size of x has there, (rows, columns), with zeros in the padding."""
        wide = pad(x, [axis.padding for axis in self.axes])[0, 0]
        rows, columns = (
            slice(span.start + axis.padding[0], span.stop + axis.padding[0])
            for span, axis in zip(self.read, self.axes, strict=True)
        )
        return wide[rows, columns]


def example_of(options: Options, kernel: Tensor) -> ConvolutionExample:
    """The convolution that was asked for. Raises UsageError where the kernel does not fit."""
    x, weights = options.example.image.double(), kernel[None, None]
    stride, padding = 1 if options.stride is None else options.stride, options.padding or 0
    axes = axes_of(kernel.shape, stride, padding)
    y = correlate(x, weights, stride=stride, padding=padding)
    drawn = correlate(x - paper(x), weights, stride=stride, padding=padding)  # zeros around white paper make no edge in it
    return ConvolutionExample(x, weights, y, axes, liveliest(drawn[0, 0], axes, x.shape[2:]))


def paper(x: Tensor) -> Tensor:
    """What a drawing (1, 1, H, W) stands on: the median of its outermost pixels."""
    rows, columns = x[0, 0, [0, -1]].flatten(), x[0, 0, :, [0, -1]].flatten()
    return torch.cat([rows, columns]).median()


def liveliest(y: Tensor, axes: list[Axis], image: Sequence[int]) -> tuple[range, range]:
    """The rows and columns of the part of y (H, W) that varies most; if one that reaches the padding does, of those."""
    spans = [min(n, OUTPUTS, max(2, (PIXELS - axis.reach) // axis.stride + 1)) for n, axis in zip(y.shape, axes, strict=True)]
    spread = y.unfold(0, spans[0], 1).unfold(1, spans[1], 1).std(dim=(-2, -1), correction=0)
    outside = [
        torch.tensor([_reaches_out(axis, range(first, first + span), size) for first in range(places)])
        for axis, span, size, places in zip(axes, spans, image, spread.shape, strict=True)
    ]
    beyond = outside[0][:, None] | outside[1]
    if spread[beyond].any():
        spread = spread.masked_fill(~beyond, -1)
    row, column = divmod(int(spread.argmax()), spread.shape[1])
    return range(row, row + spans[0]), range(column, column + spans[1])


def _reaches_out(axis: Axis, part: range, size: int) -> bool:
    return axis.window(part[0]).start < axis.padding[0] or axis.window(part[-1]).stop > axis.padding[0] + size


def strongest(example: ConvolutionExample) -> tuple[int, int]:
    """The place (row, column) in the part where the feature map is farthest from zero."""
    rows, columns = example.part
    part = example.y[0, 0, rows.start : rows.stop, columns.start : columns.stop]
    row, column = divmod(int(part.abs().argmax()), len(columns))
    return rows[row], columns[column]
