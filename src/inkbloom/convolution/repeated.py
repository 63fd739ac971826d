"""A small kernel over and over, as ink spreads in water: its powers under convolution grow into one wide Gaussian."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from ..errors import UsageError
from .discrete import convolve


def powers(kernel: Tensor) -> Iterator[Tensor]:
    """The powers 0, 1, 2, ... of a kernel (*taps), without end: a single 1, kernel, kernel * kernel, ...

    Power n has n (taps - 1) + 1 taps along an axis. By the central limit theorem a kernel of positive weights with the sum 1
    comes close to the Gaussian with n times its mean and variance.
    """
    power = torch.ones_like(kernel[(slice(1),) * kernel.dim()])
    while True:
        yield power
        power = convolve(power[None, None], kernel[None, None], padding="full")[0, 0]


def power(kernel: Tensor, n: int) -> Tensor:
    """The one kernel that does what n convolutions with `kernel` do. Raises UsageError below 0."""
    if n < 0:
        raise UsageError(f"a convolution repeated {n} times: give 0 or more")
    return next(islice(powers(kernel), n, None))


def variances(kernel: Tensor) -> Tensor:
    """(axes,) the variance of a kernel (*taps) of non-negative weights along each axis, in pixels squared.

    Convolving two kernels adds theirs up.
    """
    weights = kernel / kernel.sum()
    found = []
    for axis, size in enumerate(kernel.shape):
        along = weights.sum([other for other in range(kernel.dim()) if other != axis]) if kernel.dim() > 1 else weights
        place = torch.arange(size, dtype=weights.dtype)
        found.append(along @ (place - along @ place) ** 2)
    return torch.stack(found)
