"""Bytes to the numbers that a network sees, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import Diverged

RANGES: dict[str, tuple[float, float]] = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0)}


def to_floats(images: Tensor, pixels: str, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 (B, C, H, W) -> floats in the range named by `pixels`: 0 and 255 become its ends."""
    low, high = RANGES[pixels]
    x = images.to(dtype) / 255
    return x if (low, high) == (0, 1) else x * (high - low) + low


def to_bytes(x: Tensor, pixels: str) -> Tensor:
    """Floats (B, C, H, W) in the range named by `pixels` -> uint8, rounded; what lies outside the range is clipped.

    Raises Diverged for numbers that are not finite, which would all be black or white.
    """
    if not bool(torch.isfinite(x).all()):
        raise Diverged("the pictures are not finite numbers: use an earlier checkpoint, another solver or less guidance")
    low, high = RANGES[pixels]
    return ((x.float() - low) * (255 / (high - low))).round().clamp(0, 255).to(torch.uint8)


def affordable(most: int, size: tuple[int, int], least: int = 4) -> int:
    """How many images (height, width) cost no more than `most` of 32 x 32 would: `most` up to that size, `least` at least.

    What stands beside a training (hold-out loss, previews, the report's pictures) is bounded by it.
    """
    return max(least, min(most, most * 32 * 32 // (size[0] * size[1])))
