"""`basic`: the tutorial's mini UNet (its section 3.4). Six 5x5 convolutions, blind to time and class."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UsageError
from .pad import check_channels, check_size, check_widths, pad_to


class Basic(nn.Module):
    """channels -> 32 -> 64 -> 64 down, 64 -> 64 -> 32 -> channels up; SiLU after every convolution, the last one too.

    Max-pooling halves before the 2nd and 3rd convolution; nearest upsampling doubles before the last two, where the skip
    is added. 309,057 parameters for one channel. `net(x: (B, C, H, W), t, y) -> (B, C, H, W)` ignores t and y.
    """

    channels_last = False

    def __init__(
        self,
        channels: int = 1,
        size: int | tuple[int, int] = 28,
        num_classes: int = 0,
        widths: tuple[int, ...] = (32, 64, 64),
        layers: int = 1,
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_size(size)
        check_widths(widths, 1, range(3, 4))
        if widths[1] != widths[2]:
            raise UsageError(
                f"widths = {list(widths)}: basic adds its skips, so the last two must be equal; nearest: {widths[1]}"
            )
        if layers != 1:
            raise UsageError(f"layers = {layers}: basic has 1 convolution in each level; nearest: 1")
        first, second, third = widths
        self.num_classes = 0
        self.down = nn.ModuleList(
            nn.Conv2d(i, o, kernel_size=5, padding=2) for i, o in ((channels, first), (first, second), (second, third))
        )
        self.up = nn.ModuleList(
            nn.Conv2d(i, o, kernel_size=5, padding=2) for i, o in ((third, second), (second, first), (first, channels))
        )

    def forward(self, x: Tensor, t: Tensor | None = None, y: Tensor | None = None) -> Tensor:
        height, width = x.shape[-2:]
        h1 = F.silu(self.down[0](pad_to(x, 4)))
        h2 = F.silu(self.down[1](F.max_pool2d(h1, 2)))
        h = F.silu(self.down[2](F.max_pool2d(h2, 2)))
        h = F.silu(self.up[0](h))
        h = F.silu(self.up[1](F.interpolate(h, scale_factor=2) + h2))
        h = F.silu(self.up[2](F.interpolate(h, scale_factor=2) + h1))
        return h[..., :height, :width]
