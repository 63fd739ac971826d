"""One output number of a convolution taken apart: every pixel and weight that it is the sum of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple, Unpack

from torch import Tensor

from ..errors import UsageError, brief
from .discrete import Sliding, check_channels
from .padding import sources
from .sizes import axes_of


class Operand(NamedTuple):
    """One product in the sum behind an output number."""

    channel: int  # of the image
    tap: tuple[int, ...]  # place in the kernel
    place: tuple[int, ...]  # where the tap lies, counted from the image's first pixel; negative or too large in the padding
    source: tuple[int, ...] | None  # the pixel that is read there: `place` itself inside, None for a zero of the padding
    pixel: float
    weight: float
    product: float
    total: float  # the running sum, this product included

    @property
    def inside(self) -> bool:
        """Whether the tap lies on the image and not in its padding."""
        return self.source == self.place


def operands_of(x: Tensor, kernel: Tensor, at: Sequence[int], **settings: Unpack[Sliding]) -> Iterator[Operand]:
    """The operands of `correlate(x, kernel, **settings)[at]`, with at = (n, o, *position), channel by channel and tap by tap.

    The last total is that number. For a true convolution pass `flipped(kernel)`. Raises UsageError, as `correlate` does, and
    for a position that the output does not have.
    """
    mode, groups = settings.get("mode", "zero"), settings.get("groups", 1)
    axes = axes_of(kernel.shape[2:], settings.get("stride", 1), settings.get("padding", 0), settings.get("dilation", 1))
    check_channels(x, kernel, groups, reads=kernel.shape[1] * groups if kernel.dim() > 1 else 0)
    sizes = [axis.output(size) for axis, size in zip(axes, x.shape[2:], strict=True)]
    shape = (len(x), len(kernel), *sizes)
    if len(at) != len(shape) or not all(0 <= index < size for index, size in zip(at, shape, strict=True)):
        raise UsageError(f"no output number at {brief(tuple(at))}: the output has shape {shape}, counted from 0")
    read = [sources(size, *axis.padding, mode).tolist() for axis, size in zip(axes, x.shape[2:], strict=True)]
    n, o, *position = at
    first = o // (len(kernel) // groups) * kernel.shape[1]  # channel of o's group
    total = 0.0
    for c, *tap in product(*map(range, kernel.shape[1:])):
        padded = [p * axis.stride + k * axis.dilation for axis, p, k in zip(axes, position, tap, strict=True)]
        place = tuple(q - axis.padding[0] for axis, q in zip(axes, padded, strict=True))
        source = tuple(along[q] for along, q in zip(read, padded, strict=True))
        pixel = 0.0 if -1 in source else float(x[(n, first + c, *source)])
        weight = float(kernel[(o, c, *tap)])
        total += pixel * weight
        yield Operand(first + c, tuple(tap), place, None if -1 in source else source, pixel, weight, pixel * weight, total)
