"""What lies beyond the edge of an image: nothing (zero), its mirror image (reflect), or itself again (circular)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from ..errors import UsageError, unknown

Mode = Literal["zero", "reflect", "circular"]

MODES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "zero": lambda at, size: torch.where((at >= 0) & (at < size), at, -1),
    "reflect": lambda at, size: size - 1 - (size - 1 - at.abs()).abs(),  # the edge pixel itself is not repeated
    "circular": lambda at, size: at % size,
}
"""(places along an axis, its size) -> the pixel that is read there; -1 where there is none, which counts as 0."""


def sources(size: int, before: int, after: int, mode: str) -> Tensor:
    """(before + size + after,) the pixel read at each place from -before on. A negative amount crops.

    Raises UsageError for an unknown mode, and where reflect reaches the whole axis or circular goes beyond it.
    """
    if mode not in MODES:
        raise unknown("padding mode", mode, MODES)
    most = {"reflect": size - 1, "circular": size}.get(mode, max(before, after))
    if max(before, after) > most:
        raise UsageError(f"{mode} padding of {max(before, after)} on {size} pixels: at most {most}; use less, or mode zero")
    return MODES[mode](torch.arange(-before, size + after), size)


def pad(x: Tensor, sides: Sequence[tuple[int, int]], mode: str = "zero") -> Tensor:
    """x with (before, after) pixels added along each of its last len(sides) axes."""
    for axis, (before, after) in enumerate(sides, start=x.dim() - len(sides)):
        source = sources(x.shape[axis], before, after, mode).to(x.device)
        outside = (source < 0).view(-1, *[1] * (x.dim() - axis - 1))
        x = x.index_select(axis, source.clamp_min(0)).masked_fill(outside, 0)
    return x
