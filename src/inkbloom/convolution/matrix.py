"""Convolution is linear, so it is a matrix: large, mostly zeros, and the same few weights on every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor

from .discrete import Sliding, correlate


def matrix_of(kernel: Tensor, size: Sequence[int], **settings: Unpack[Sliding]) -> Tensor:
    """M with  correlate(x, kernel, **settings).flatten() = M @ x.flatten()  for one image x of shape (C, *size).

    Kernel (O, C / groups, *taps); M has O x (output pixels) rows and C x (input pixels) columns. Column q is the picture
    that one lit pixel q makes; row p holds the weights with which output p reads the image. All modes of padding.
    """
    channels = kernel.shape[1] * settings.get("groups", 1)
    pixels = channels * torch.Size(size).numel()
    lit = torch.eye(pixels, dtype=kernel.dtype, device=kernel.device).view(pixels, channels, *size)
    return correlate(lit, kernel, **settings).flatten(1).T
