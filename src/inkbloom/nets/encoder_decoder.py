"""Encoder and decoder: two plain convolutional networks, one the mirror image of the other, for autoencoders and GANs.

`Encoder` recognises: strided convolutions halve the picture (28 -> 14 -> 7) until only features are left. `Decoder` runs the
same way backwards: transposed convolutions double it (7 -> 14 -> 28). A transposed convolution stamps its kernel once for each
pixel that it is given, `stride` pixels apart. Where the stride divides the kernel, as 2 divides 4, every output pixel is
stamped equally often, so the overlaps leave no checkerboard (Odena et al. 2016, "Deconvolution and checkerboard artifacts").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .ink import ChannelNorm
from .pad import check_channels, check_size, check_widths, pad_to

WIDTHS = (64, 128)  # channels at 1/2 and 1/4 of the size
LEVELS = range(1, 4)  # a fourth halving would leave nothing to reflect at 8 pixels

UPSAMPLERS: dict[str, Callable[[int, int], nn.Module]] = {
    "transposed": lambda inputs, outputs: nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1),
    "resize": lambda inputs, outputs: nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1)),
}
"""(channels in, channels out) -> a layer that doubles height and width: (B, in, h, w) -> (B, out, 2 h, 2 w)."""


def check(channels: int, size: int | tuple[int, int], widths: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the smallest level. Raises UsageError for a shape or widths that the two cannot have."""
    check_channels(channels)
    check_widths(widths, 1, LEVELS)
    height, width = check_size(size)
    return -(-height // 2 ** len(widths)), -(-width // 2 ** len(widths))


class Encoder(nn.Module):
    """(B, channels, H, W) -> (B, features): a strided convolution for each of `widths`, then one linear layer."""

    channels_last = False

    def __init__(
        self, channels: int, size: int | tuple[int, int], features: int = 256, widths: tuple[int, ...] = WIDTHS
    ) -> None:
        super().__init__()
        height, width = check(channels, size, widths)
        pairs = zip((channels, *widths), widths, strict=False)
        self.down = nn.ModuleList(nn.Conv2d(i, o, kernel_size=4, stride=2, padding=1) for i, o in pairs)
        self.last = nn.Linear(widths[-1] * height * width, features)

    def layers(self, x: Tensor) -> Iterator[Tensor]:
        """The activations layer by layer: (B, width, h, w) for each of the widths, then the features (B, features)."""
        h = pad_to(x, 2 ** len(self.down))
        for layer in self.down:
            h = F.leaky_relu(layer(h), 0.2)
            yield h
        yield F.leaky_relu(self.last(h.flatten(1)), 0.2)

    def forward(self, x: Tensor) -> Tensor:
        *_, features = self.layers(x)
        return features


class Decoder(nn.Module):
    """(z: (B, latent), y) -> (B, channels, H, W): one linear layer, then an upsampler for each of `widths`, the last first.

    y: (B,) labels, or (B, num_classes) shares of each class for what lies between them; None where `num_classes` is 0. The
    outputs are unbounded: whoever draws with them brings them into the range of the pixels.
    """

    channels_last = False

    def __init__(
        self,
        channels: int,
        size: int | tuple[int, int],
        latent: int,
        num_classes: int = 0,
        widths: tuple[int, ...] = WIDTHS,
        upsampler: str = "transposed",
    ) -> None:
        super().__init__()
        height, width = check(channels, size, widths)
        self.seed = (widths[-1], height, width)
        self.size, self.num_classes = check_size(size), num_classes
        self.first = nn.Linear(latent + num_classes, self.seed[0] * self.seed[1] * self.seed[2])
        back = widths[::-1]
        self.norm = nn.ModuleList(ChannelNorm(width) for width in back)
        self.up = nn.ModuleList(UPSAMPLERS[upsampler](i, o) for i, o in zip(back, (*back[1:], channels), strict=True))

    def layers(self, z: Tensor, y: Tensor | None = None) -> Iterator[Tensor]:
        """The activations layer by layer, (B, width, h, w), each twice as large as the one before; the last is the picture."""
        h = self.first(with_class(z, y, self.num_classes)).unflatten(1, self.seed)
        for norm, up in zip(self.norm, self.up, strict=True):
            yield h
            h = up(F.relu(norm(h)))
        yield h[..., : self.size[0], : self.size[1]]

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        *_, picture = self.layers(z, y)
        return picture


def with_class(z: Tensor, y: Tensor | None, num_classes: int) -> Tensor:
    """(B, N) numbers with the one-hot label appended: (B, N + num_classes). None means no class in particular."""
    if not num_classes:
        return z
    if y is None:
        return F.pad(z, (0, num_classes), value=1 / num_classes)
    shares = y if y.is_floating_point() else F.one_hot(y, num_classes)
    return torch.cat([z, shares.to(z)], 1)
