"""Transposed convolution: from small to large, in three views that give the same numbers.

With A(x) = correlate(x, kernel, ...) and zero padding it is the adjoint of A, <A(x), y> = <x, transposed(y)>, and what
backpropagation applies to a convolution's gradients. It restores the shape of x, not its values: the transpose of a matrix is
not its inverse. Kernel (O, C / groups, *taps) and settings are those of A. Where a stride above 1 gives images of several
sizes one output size, `output_padding`, from 0 to stride - 1, tells which one is meant: what `Axis.unused` says of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple, TypedDict, Unpack

import torch
from torch import Tensor

from .discrete import check_channels, correlate, flipped, same_dtype
from .matrix import matrix_of
from .padding import pad
from .sizes import Axis, Ints, Padding, axes_of, last_axes, per_axis


class Transposing(TypedDict, total=False):
    """The settings of the forward convolution, and which of the sizes that lead to y is meant."""

    stride: Ints
    padding: Padding
    output_padding: Ints
    dilation: Ints
    groups: int


class Stamp(NamedTuple):
    """What one pixel of the small image adds to the large one."""

    at: tuple[int, ...]  # the pixel
    window: tuple[slice, ...]  # where it lands, on the large image with its padding still around it
    values: Tensor  # (N, C, *taps): the kernel times the pixel, summed over the O channels


def stamps(y: Tensor, kernel: Tensor, **settings: Unpack[Transposing]) -> Iterator[Stamp]:
    """The stamps of y (N, O, *space), in reading order."""
    axes, _, groups = _plan(y, kernel, **settings)
    y, kernel = same_dtype(y, kernel)
    by_group = kernel.unflatten(0, (groups, -1))
    for at in product(*map(range, y.shape[2:])):
        pixel = y[last_axes(at)].unflatten(1, (groups, -1))
        values = torch.einsum("ngo,goc...->ngc...", pixel, by_group).flatten(1, 2)
        yield Stamp(at, tuple(axis.window(n) for axis, n in zip(axes, at, strict=True)), values)


def transposed_by_stamping(y: Tensor, kernel: Tensor, **settings: Unpack[Transposing]) -> Tensor:
    """First view, stamping: each pixel of y (N, O, *space) stamps the kernel, scaled, `stride` pixels from the last one.

    Overlapping stamps add up; at the end the padding is cut off. Gives (N, C, *sizes). Raises UsageError for shapes that
    do not go together.
    """
    axes, sizes, groups = _plan(y, kernel, **settings)
    large = [size + sum(axis.padding) for axis, size in zip(axes, sizes, strict=True)]
    dtype = torch.promote_types(y.dtype, kernel.dtype)
    canvas = y.new_zeros(len(y), groups * kernel.shape[1], *large, dtype=dtype)
    for stamp in stamps(y, kernel, **settings):
        canvas[last_axes(stamp.window)] += stamp.values
    return pad(canvas, [(-before, -after) for before, after in (axis.padding for axis in axes)])


def inserted(y: Tensor, kernel: Tensor, **settings: Unpack[Transposing]) -> Tensor:
    """y with stride - 1 zeros between neighbours and a border of zeros: what the second view slides over.

    The border is reach - 1 - padding wide, plus output_padding at the end; where that is negative it cuts instead.
    `inserted(torch.ones_like(y), ...)` tells the pixels from the zeros.
    """
    axes, sizes, _ = _plan(y, kernel, **settings)
    spread = y.new_zeros(*y.shape[:2], *(axis.stride * (n - 1) + 1 for axis, n in zip(axes, y.shape[2:], strict=True)))
    spread[last_axes(slice(None, None, axis.stride) for axis in axes)] = y
    border = []
    for axis, had, wanted in zip(axes, spread.shape[2:], sizes, strict=True):
        before = axis.reach - 1 - axis.padding[0]
        border.append((before, wanted + axis.reach - 1 - had - before))
    return pad(spread, border)


def transposed_by_inserting(y: Tensor, kernel: Tensor, **settings: Unpack[Transposing]) -> Tensor:
    """Second view: insert zeros, then slide the flipped kernel over them with stride 1, as in an ordinary convolution."""
    groups = settings.get("groups", 1)
    wide = inserted(y, kernel, **settings)
    turned = flipped(kernel).unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)  # (C, O / groups, *taps)
    return correlate(wide, turned, dilation=settings.get("dilation", 1), groups=groups)


def transposed_by_matrix(y: Tensor, kernel: Tensor, **settings: Unpack[Transposing]) -> Tensor:
    """Third view, which gave it the name: the forward convolution's matrix, transposed, times y."""
    axes, sizes, groups = _plan(y, kernel, **settings)
    y, kernel = same_dtype(y, kernel)
    strides, sides = [axis.stride for axis in axes], [axis.padding for axis in axes]
    dilations = [axis.dilation for axis in axes]
    forward = matrix_of(kernel, sizes, stride=strides, padding=sides, dilation=dilations, groups=groups)
    return torch.einsum("np,pq->nq", y.flatten(1), forward).unflatten(1, (-1, *sizes))


VIEWS: dict[str, Callable[..., Tensor]] = {
    "stamping": transposed_by_stamping,
    "inserting": transposed_by_inserting,
    "matrix": transposed_by_matrix,
}


def overlaps(size: Sequence[int], taps: Sequence[int], **settings: Unpack[Transposing]) -> Tensor:
    """How many stamps of a kernel with so many taps fall on each pixel of the large image: int64, one axis a dimension.

    Uneven counts away from the edges, which come when the stride does not divide the taps, are the checkerboard (Odena et
    al. 2016).
    """
    ones = torch.ones(1, 1, *size, dtype=torch.long), torch.ones(1, 1, *taps, dtype=torch.long)
    return transposed_by_stamping(*ones, **settings)[0, 0]


def _plan(
    y: Tensor,
    kernel: Tensor,
    stride: Ints = 1,
    padding: Padding = 0,
    output_padding: Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> tuple[list[Axis], list[int], int]:
    """The axes, the sizes of the result, the groups. Raises UsageError."""
    axes = axes_of(kernel.shape[2:], stride, padding, dilation)
    check_channels(y, kernel, groups, reads=len(kernel))
    more = per_axis("output_padding", output_padding, len(axes))
    sizes = [axis.transposed(size, extra) for axis, size, extra in zip(axes, y.shape[2:], more, strict=True)]
    return axes, sizes, groups
