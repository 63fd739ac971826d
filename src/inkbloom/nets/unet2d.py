"""`unet2d`: diffusers' UNet2DModel with the tutorial's settings (its section 3.5). The one file that knows its API."""

from __future__ import annotations

from math import gcd

from torch import Tensor, nn

from .pad import check_channels, check_layers, check_size, check_widths, pad_to

HEAD = 8  # channels of one attention head, diffusers' default


class UNet2D(nn.Module):
    """A residual UNet with attention at all levels but the first; 1,707,009 parameters for one channel without classes.

    `net(x: (B, C, H, W), t: (B,), y: (B,) | None) -> (B, C, H, W)`. t in [0, 1] becomes DDPM's timestep i of
    t = (i + 1) / 1000, and 0 for t = 0, which is what the tutorial always passes. y = `num_classes` means "no class".
    """

    channels_last = False

    def __init__(
        self,
        channels: int = 1,
        size: int | tuple[int, int] = 28,
        num_classes: int = 0,
        widths: tuple[int, ...] = (32, 64, 64),
        layers: int = 2,
    ) -> None:
        super().__init__()
        from diffusers import UNet2DModel  # seconds to import: only those who use this network wait for it

        check_channels(channels)
        check_widths(widths, HEAD, range(2, 5))  # a fourth halving would leave nothing to reflect at 8 pixels
        check_layers(layers)
        levels = len(widths)
        self.num_classes, self.multiple = num_classes, 2 ** (levels - 1)
        self.unet = UNet2DModel(
            sample_size=check_size(size),
            in_channels=channels,
            out_channels=channels,
            layers_per_block=layers,
            block_out_channels=widths,
            down_block_types=("DownBlock2D", *["AttnDownBlock2D"] * (levels - 1)),
            up_block_types=(*["AttnUpBlock2D"] * (levels - 1), "UpBlock2D"),
            attention_head_dim=HEAD,
            norm_num_groups=gcd(32, widths[-1] // 2, *widths),  # a group of one channel would cancel time and class
            num_class_embeds=num_classes + 1 if num_classes else None,
        )

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        height, width = x.shape[-2:]
        if not self.num_classes:
            y = None  # diffusers refuses labels that it has no use for
        elif y is None:
            y = t.new_full(t.shape, self.num_classes).long()
        timestep = (1000 * t - 1).clamp_min(0)
        out: Tensor = self.unet(pad_to(x, self.multiple), timestep, class_labels=y, return_dict=False)[0]
        return out[..., :height, :width]
