"""The discrete convolution, as a sum over the taps of the kernel.

    convolution          (f * g)[n] = sum over k of f[n - k] g[k]
    cross-correlation    (f ⋆ g)[n] = sum over k of f[n + k] g[k]

They differ in the direction in which the kernel is read, and so convolution is correlation with the kernel flipped. What
networks call convolution is the second one: a kernel that is learned may as well be learned flipped.
"""

from __future__ import annotations

from itertools import product
from typing import TypedDict, Unpack

import torch
from torch import Tensor

from ..errors import UsageError, brief
from .padding import Mode, pad
from .sizes import Ints, Padding, axes_of, last_axes


class Sliding(TypedDict, total=False):
    """The settings of `correlate`, for the functions that hand them on."""

    stride: Ints
    padding: Padding
    mode: Mode
    dilation: Ints
    groups: int


def correlate(
    x: Tensor,
    kernel: Tensor,
    *,
    stride: Ints = 1,
    padding: Padding = 0,
    mode: Mode = "zero",
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """x (N, C, *space), kernel (O, C / groups, *taps) -> (N, O, *sizes), for any number of spatial axes.

    y[n, o, p] = sum over channels c of o's group and taps k of  x[n, c, s p + d k - before] kernel[o, c, k].
    Outputs lie `stride` pixels apart, taps `dilation` pixels; `padding` pixels of the kind `mode` (zero, reflect, circular)
    surround the image. The channels fall into `groups` equal parts; each part of the outputs reads one part of the inputs.

    Kernels of even size are fine. With padding="same" the kernel is centred on tap (taps - 1) // 2 along each axis (see
    PADDINGS), as in torch; scipy.signal.correlate takes taps // 2. Raises UsageError when the shapes do not go together.
    """
    axes = axes_of(kernel.shape[2:], stride, padding, dilation)
    check_channels(x, kernel, groups, reads=kernel.shape[1] * groups if kernel.dim() > 1 else 0)
    sizes = [axis.output(size) for axis, size in zip(axes, x.shape[2:], strict=True)]
    x, kernel = same_dtype(x, kernel)
    padded = pad(x, [axis.padding for axis in axes], mode)
    y = x.new_zeros(len(x), len(kernel), *sizes)
    for tap in product(*map(range, kernel.shape[2:])):
        met = [axis.met(k, size) for axis, k, size in zip(axes, tap, sizes, strict=True)]
        y += _mixed(padded[last_axes(met)], kernel[last_axes(tap)], groups)
    return y


def convolve(x: Tensor, kernel: Tensor, **settings: Unpack[Sliding]) -> Tensor:
    """The true convolution, with shapes and settings as in `correlate`.

    With padding="same" tap (taps - 1) // 2 of the kernel as given lies on the output's pixel, as in scipy.signal.convolve.
    """
    if settings.get("padding") == "same":  # the flip turns the longer arm of an even kernel to the other side
        axes = axes_of(kernel.shape[2:], padding="same", dilation=settings.get("dilation", 1))
        settings["padding"] = [(after, before) for before, after in (axis.padding for axis in axes)]
    return correlate(x, flipped(kernel), **settings)


def flipped(kernel: Tensor) -> Tensor:
    """The kernel (O, I, *taps) reversed along each spatial axis; a matrix is turned by half a circle."""
    return kernel.flip(tuple(range(2, kernel.dim())))


def _mixed(pixels: Tensor, weights: Tensor, groups: int) -> Tensor:
    """One tap's share: (N, C, *space) pixels times (O, C / groups) weights, summed over each group's input channels."""
    pixels, weights = pixels.unflatten(1, (groups, -1)), weights.unflatten(0, (groups, -1))
    return torch.einsum("ngc...,goc->ngo...", pixels, weights).flatten(1, 2)


def same_dtype(x: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the dtype that holds both: a uint8 image with a float64 kernel becomes float64."""
    dtype = torch.promote_types(x.dtype, kernel.dtype)
    return x.to(dtype), kernel.to(dtype)


def check_channels(x: Tensor, kernel: Tensor, groups: int, reads: int) -> None:
    """Raises UsageError unless image and kernel have equally many axes, the groups divide, and x has `reads` channels."""
    if x.dim() != kernel.dim() or x.dim() < 3:
        raise UsageError(
            f"image {tuple(x.shape)} and kernel {tuple(kernel.shape)}: need (N, C, *space) and (O, C / groups, *taps) "
            "with equally many axes; add axes with [None]"
        )
    if not isinstance(groups, int) or groups < 1 or len(kernel) % groups or kernel.numel() == 0:
        raise UsageError(f"groups = {brief(groups)} with a kernel of shape {tuple(kernel.shape)}: must divide its first axis")
    if x.shape[1] != reads:
        raise UsageError(
            f"an image of {x.shape[1]} channels, but a kernel of shape {tuple(kernel.shape)} in {groups} groups takes {reads}: "
            "change the kernel or groups"
        )
