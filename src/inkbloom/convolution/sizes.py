"""How a kernel slides along one axis, and how many numbers come out.

Of a kernel with k taps, dilation d puts neighbouring taps d pixels apart, so it reaches over d (k - 1) + 1 pixels; stride s
moves it s pixels from one output to the next. The names are those of Dumoulin and Visin, "A guide to convolution arithmetic
for deep learning" (2016).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Literal

from ..errors import UsageError, brief, unknown

Ints = int | Sequence[int]
"""One number for all axes, or one for each."""
Padding = Literal["valid", "same", "full"] | int | Sequence[int | tuple[int, int]]
"""A name, one number for all sides, or for each axis a number or a pair (before, after)."""

PADDINGS: dict[str, Callable[[int, int], tuple[int, int]]] = {
    "valid": lambda taps, dilation: (0, 0),  # only where the whole kernel lies on the image
    "same": lambda taps, dilation: (dilation * (taps - 1) // 2, (dilation * (taps - 1) + 1) // 2),  # stride 1 keeps the size
    "full": lambda taps, dilation: (dilation * (taps - 1),) * 2,  # wherever any tap touches the image
}
"""(taps, dilation) -> pixels added before and after.

`same` shares dilation x (taps - 1) out evenly, an odd pixel going to the end, as torch does. That centres the kernel on tap
(taps - 1) // 2: the middle one, or of an even number the one before the middle, as the second row and column of a 4x4 kernel.
(With an even dilation the middle of an even kernel falls on a pixel between those two taps, and is taken.)
"""


@dataclass(frozen=True)
class Axis:
    """A kernel along one axis of an image: its taps, and how it slides. Raises UsageError if it cannot."""

    taps: int
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    dilation: int = 1

    def __post_init__(self) -> None:
        steps = [("kernel size", self.taps, 1), ("stride", self.stride, 1), ("dilation", self.dilation, 1)]
        for name, value, least in [*steps, *(("padding", side, 0) for side in self.padding)]:
            if not isinstance(value, int) or value < least:
                raise UsageError(f"{name} = {brief(value)}: must be a whole number, {least} or more")

    @property
    def reach(self) -> int:
        """Pixels from the first tap to the last, both included."""
        return self.dilation * (self.taps - 1) + 1

    def output(self, size: int) -> int:
        """How often the kernel fits on `size` pixels: floor((i + before + after - reach) / s) + 1 (the guide's section 2).

        Raises UsageError when it does not fit at all.
        """
        padded = size + sum(self.padding)
        if size < 1:
            raise UsageError(f"an image of {size} pixels along an axis: it needs at least 1")
        if padded < self.reach:
            raise UsageError(
                f"a kernel that reaches over {self.reach} pixels does not fit on {size} with {sum(self.padding)} of padding: "
                f"use a smaller kernel or dilation, or {self.reach - padded} more padding"
            )
        return (padded - self.reach) // self.stride + 1

    def unused(self, size: int) -> int:
        """Padded pixels beyond the last window, from 0 to stride - 1: the next window would not fit.

        Images that differ only in this number have outputs of one size; on the way back it is the `output_padding`.
        """
        return size + sum(self.padding) - self.reach - (self.output(size) - 1) * self.stride

    def transposed(self, size: int, output_padding: int = 0) -> int:
        """The size that the transposed convolution makes from `size`: s (i - 1) + reach - before - after + output_padding.

        (The guide's relationship 14.) Raises UsageError for an output_padding outside 0..s - 1, or when nothing is left.
        """
        if not isinstance(output_padding, int) or not 0 <= output_padding < self.stride:
            raise UsageError(
                f"output_padding = {brief(output_padding)}: must be from 0 to {self.stride - 1}, below the stride "
                f"({self.stride}), for no more than that is left over in the forward direction"
            )
        if size < 1:
            raise UsageError(f"an image of {size} pixels along an axis: it needs at least 1")
        made = self.stride * (size - 1) + self.reach - sum(self.padding) + output_padding
        if made < 1:
            raise UsageError(f"padding {self.padding} leaves nothing of {made + sum(self.padding)} pixels: use less padding")
        return made

    def met(self, tap: int, outputs: int) -> slice:
        """The padded pixels that a tap meets while the kernel slides: tap d, tap d + s, tap d + 2 s, ..."""
        first = tap * self.dilation
        return slice(first, first + (outputs - 1) * self.stride + 1, self.stride)

    def window(self, output: int) -> slice:
        """The padded pixels that the taps meet for one output: s n, s n + d, s n + 2 d, ..."""
        first = output * self.stride
        return slice(first, first + self.reach, self.dilation)


def axes_of(taps: Sequence[int], stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1) -> list[Axis]:
    """One Axis for each spatial dimension of a kernel, from settings given once or per axis. Raises UsageError."""
    strides, dilations = per_axis("stride", stride, len(taps)), per_axis("dilation", dilation, len(taps))
    axes = [Axis(*numbers) for numbers in zip(taps, strides, [(0, 0)] * len(taps), dilations, strict=True)]
    if isinstance(padding, str):
        if padding not in PADDINGS:
            raise unknown("padding", padding, PADDINGS)
        sides = [PADDINGS[padding](axis.taps, axis.dilation) for axis in axes]
    else:
        sides = [_pair(amount) for amount in per_axis("padding", padding, len(taps))]
    return [Axis(axis.taps, axis.stride, pair, axis.dilation) for axis, pair in zip(axes, sides, strict=True)]


def per_axis(name: str, value: object, axes: int) -> list:
    """`value` for each of so many axes: itself if it is a sequence of that length, else repeated. Raises UsageError."""
    values = list(value) if isinstance(value, Sequence) else [value] * axes
    if len(values) != axes or isinstance(value, str):
        raise UsageError(f"{name} = {brief(value)}: give one number, or one for each of the {axes} axes")
    return values


def last_axes(indices: Iterable[int | slice]) -> tuple[EllipsisType | int | slice, ...]:
    """What to index a tensor with, so that these apply to its last axes."""
    return (..., *indices)


def _pair(amount: int | Sequence[int]) -> tuple[int, int]:
    pair = tuple(amount) if isinstance(amount, Sequence) else (amount, amount)
    if len(pair) != 2:
        raise UsageError(f"padding = {brief(amount)} along an axis: give one number, or (before, after)")
    return pair
