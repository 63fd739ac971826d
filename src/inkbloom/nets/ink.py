"""`ink`: a convolutional UNet built for speed on small images, from a dozen simple operations and without attention.

Pixels are folded 2x2 into channels first (space to depth), so the widest work happens at a quarter of the pixels; then
residual blocks of 3x3 convolutions with widths in multiples of 16, which is what the vector units of a CPU like. The norm
acts on the channels of one pixel, so that nothing has to be summed over the image.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .pad import check_channels, check_layers, check_size, check_widths, pad_to


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel: one pass over memory when the channels lie together (channels_last)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.permute(0, 2, 3, 1), self.gain.shape, self.gain, self.shift).permute(0, 3, 1, 2)


def conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    """A convolution with a square kernel of odd side that keeps the size, or divides it by `stride`."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)


def zero_init(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer with zero weights: a residual branch that starts by adding nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class Block(nn.Module):
    """x + conv(SiLU(gain norm(conv(SiLU(norm(x)))) + shift)), gain and shift from time and class (Dhariwal and Nichol 2021)."""

    def __init__(self, inputs: int, outputs: int, condition: int, kernel: int = 3) -> None:
        super().__init__()
        self.norm1, self.conv1 = ChannelNorm(inputs), conv(inputs, outputs, kernel=kernel)
        self.condition = nn.Linear(condition, 2 * outputs)
        self.norm2, self.conv2 = ChannelNorm(outputs), zero_init(conv(outputs, outputs, kernel=kernel))
        self.skip = nn.Conv2d(inputs, outputs, kernel_size=1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, shift = self.condition(condition)[:, :, None, None].chunk(2, 1)
        h = self.norm2(self.conv1(F.silu(self.norm1(x)))) * (1 + gain) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class Condition(nn.Module):
    """(t, y, a) -> (B, width): sines and cosines of t through two linear layers, plus a learned vector for the class, plus a
    linear function of what was done to the image in training: nothing where a is None or 0.
    """

    def __init__(self, width: int, num_classes: int, augment: int = 0, waves: int = 16) -> None:
        super().__init__()
        self.frequencies: Tensor
        # on the CPU even where the network is built on "meta": there linspace would import torch's compiler, a second or two
        frequencies = torch.linspace(0, math.log(500), waves, device="cpu").exp()
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.time = nn.Sequential(nn.Linear(2 * waves, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(num_classes + 1, width) if num_classes else None
        self.augment = nn.Linear(augment, width, bias=False) if augment else None
        if self.augment is not None:
            nn.init.normal_(self.augment.weight)  # as loud as a class: heard late, the pictures would show it until then

    def forward(self, t: Tensor, y: Tensor | None, a: Tensor | None = None) -> Tensor:
        phase = t[:, None] * self.frequencies
        c = self.time(torch.cat([phase.cos(), phase.sin()], 1))
        if self.label is not None:
            null = self.label.num_embeddings - 1
            c = c + self.label(torch.full_like(t, null, dtype=torch.long) if y is None else y)
        if self.augment is not None and a is not None:
            c = c + self.augment(a)
        return F.silu(c)


class Level(nn.Module):
    """One size of the picture: blocks, then the same at half the size with the rest of the widths, then blocks on both."""

    def __init__(self, widths: tuple[int, ...], layers: int, condition: int, kernel: int = 3, transposed: bool = False) -> None:
        super().__init__()
        width, *smaller = widths
        self.transposed = transposed
        self.before = nn.ModuleList(Block(width, width, condition, kernel) for _ in range(layers))
        self.after = nn.ModuleList()
        if smaller:
            self.shrink = conv(width, smaller[0], 2, kernel)
            self.grow: nn.Module = conv(smaller[0], width, kernel=kernel)
            if transposed:
                self.grow = nn.ConvTranspose2d(smaller[0], width, kernel_size=4, stride=2, padding=1)
            self.inner = Level(tuple(smaller), layers, condition, kernel, transposed)
            self.after.extend(Block(width * (2 if i == 0 else 1), width, condition, kernel) for i in range(layers))

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        for block in self.before:
            h = block(h, condition)
        if self.after:
            inner = self.inner(self.shrink(h), condition)
            h = torch.cat([h, self.grow(inner if self.transposed else F.interpolate(inner, scale_factor=2))], 1)
        for block in self.after:
            h = block(h, condition)
        return h


class Ink(nn.Module):
    """`net(x: (B, C, H, W), t: (B,) in [0, 1], y: (B,) | None, a: (B, augment) | None) -> (B, C, H, W)`.

    y = `num_classes` means "no class"; a tells in training what was done to the image (`data.augment`), None: nothing.

    `widths` are the channels at 1/2, 1/4, ... of the size; each level has `layers` residual blocks on the way down and as
    many on the way up, the last one only once. All kernels are squares of side `kernel`, odd; sizes double by nearest pixels
    and a convolution, or by a transposed one, 4x4 with stride 2. Any height and width from 8 up.
    """

    channels_last = True

    def __init__(
        self,
        channels: int = 1,
        size: int | tuple[int, int] = 28,
        num_classes: int = 0,
        widths: tuple[int, ...] = (32, 64),
        layers: int = 2,
        kernel: int = 3,
        transposed: bool = False,
        augment: int = 0,
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_size(size)
        check_widths(widths, 16, range(1, 4))  # a fourth halving would leave nothing to reflect at 8 pixels
        check_layers(layers)
        condition = 4 * widths[0]
        self.num_classes, self.multiple = num_classes, 2 ** len(widths)
        self.condition = Condition(condition, num_classes, augment)
        self.stem = conv(4 * channels, widths[0], kernel=kernel)
        self.body = Level(widths, layers, condition, kernel, transposed)
        self.norm, self.head = ChannelNorm(widths[0]), zero_init(conv(widths[0], 4 * channels, kernel=kernel))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None, a: Tensor | None = None) -> Tensor:
        height, width = x.shape[-2:]
        h = self.stem(F.pixel_unshuffle(pad_to(x, self.multiple), 2))
        h = self.body(h, self.condition(t, y, a))
        out = F.pixel_shuffle(self.head(F.silu(self.norm(h))), 2)
        return out[..., :height, :width]


TOLD = "condition.augment.weight"  # how the name of what tells a network of augmentation ends


def untold(net: nn.Module) -> nn.Module:
    """The network itself, without what tells it of augmentation: it draws what it drew."""
    for part in net.modules():
        if isinstance(part, Condition):
            part.augment = None
    return net
