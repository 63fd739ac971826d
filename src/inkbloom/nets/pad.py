"""Any height and width: a UNet that halves its input k times sees it padded to a multiple of 2^k, and crops its answer."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..errors import UsageError, brief


def pad_to(x: Tensor, multiple: int) -> Tensor:
    """(B, C, H, W) grown at the bottom and the right, by reflection, to multiples of `multiple`. H and W must be at least 8."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="reflect") if bottom or right else x


def check_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """`size` as (height, width). Raises UsageError below 8 pixels."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 8:
        raise UsageError(f"images of {height}x{width}: height and width must be at least 8; use --size 8 or larger")
    return height, width


def check_channels(channels: int) -> None:
    """Raises UsageError unless the images have 1 or 3 channels."""
    if channels not in (1, 3):
        raise UsageError(f"channels = {channels}: images have 1 (grey) or 3 (colour); nearest: {1 if channels < 2 else 3}")


def check_widths(widths: tuple[int, ...], multiple: int, levels: range) -> None:
    """Raises UsageError unless each width is a multiple of `multiple` and their number lies in `levels`."""
    if len(widths) not in levels:
        wanted = f"{levels[0]} to {levels[-1]}" if len(levels) > 1 else levels[0]
        raise UsageError(f"widths = {brief(list(widths))}: this network takes {wanted} levels")
    for width in widths:
        if width < 1 or width % multiple:
            near = max(multiple, round(width / multiple) * multiple)
            raise UsageError(f"width {width}: must be a multiple of {multiple}; nearest: {near}")


def check_layers(layers: int) -> None:
    """Raises UsageError below one block a level."""
    if layers < 1:
        raise UsageError(f"layers = {layers}: a level needs at least 1 block")
