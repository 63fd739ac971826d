"""Networks: `net(x: (B, C, H, W), t: (B,), y: (B,) | None) -> (B, C, H, W)`, plain modules that pad inside and crop.

Each takes `channels`, `size`, `classes` (0: none), `widths` and `layers`, all with working defaults, says in `classes`
how many classes it heeds, and in `channels_last` which memory layout it is fast in.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from .basic import Basic
from .grouped import Grouped
from .ink import Ink
from .unet2d import UNet2D

NETS: dict[str, Callable[..., nn.Module]] = {"basic": Basic, "unet2d": UNet2D, "ink": Ink}


def placed(net: nn.Module, device: torch.device) -> nn.Module:
    """The network itself, moved in place to the device and into the memory layout that it is fast in."""
    layout = torch.channels_last if net.channels_last else torch.contiguous_format
    return net.to(device, memory_format=layout)  # type: ignore[call-overload]


__all__ = ["NETS", "Basic", "Grouped", "Ink", "UNet2D", "placed"]
