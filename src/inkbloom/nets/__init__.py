"""Networks: `net(x: (B, C, H, W), t: (B,), y: (B,) | None) -> (B, C, H, W)`, plain modules that pad inside and crop.

Each takes `channels`, `size`, `num_classes` (0: none), `widths` and `layers`, all with working defaults, says in `num_classes`
how many classes it is conditioned on, and in `channels_last` which memory layout it is fast in. One that takes `augment`, a
count of numbers, too, can be told of augmentation: `net(x, t, y, a: (B, augment))`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from .basic import Basic
from .clustered import ClusterConditioned
from .ink import TOLD, Ink, untold
from .unet2d import UNet2D

NETS: dict[str, Callable[..., nn.Module]] = {"basic": Basic, "unet2d": UNet2D, "ink": Ink}


__all__ = ["NETS", "TOLD", "Basic", "ClusterConditioned", "Ink", "UNet2D", "untold"]
