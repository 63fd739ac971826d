"""Augmentation that does not leak: small changes to the images of a batch, in numbers that the network is told.

A network that knows what was done to an image learns from all of them, and draws pictures to which nothing was done: when it
samples, the numbers are 0 (Karras et al. 2022, arXiv 2206.00364, appendix F.2, after the pipeline of Karras et al. 2020,
arXiv 2006.06676).
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor

from ..philox import Draw
from .pixels import RANGES

KINDS = {"mirror": 1, "shift": 2, "turn": 1, "zoom": 1, "colour": 3}  # what may be done: how many numbers tell of it
NUMBERS = sum(KINDS.values())

# what the number 1 stands for, and -1 for the opposite
SHIFT = 1 / 8  # of the width to the right, of the height downwards
TURN = math.radians(15)  # counter-clockwise
ZOOM = 2**0.25  # times larger
BRIGHTNESS, SATURATION, HUE = 0.1, 2**0.5, math.radians(60)  # of the pixel range added; times more; around the grey axis


def drawn(draw: Draw, probability: float, kinds: Collection[str]) -> Tensor:
    """What to do to each image of a batch: (B, NUMBERS) in [-1, 1], 0 where nothing; each of `kinds` with `probability`."""
    u = draw.uniform("augment", len(KINDS) + NUMBERS)
    allowed = torch.tensor([kind in kinds for kind in KINDS], device=u.device)
    chosen = (u[:, : len(KINDS)] < probability) & allowed
    amounts = 2 * u[:, len(KINDS) :] - 1
    amounts[:, 0] = 1  # an image is mirrored or not
    return amounts * chosen.repeat_interleave(torch.tensor(list(KINDS.values()), device=u.device), 1)


def done(x: Tensor, a: Tensor, pixels: str) -> Tensor:
    """x: (B, C, H, W) in the range named by `pixels`, with what a: (B, NUMBERS) says done to it: mirrored first, then turned
    and zoomed about its middle, then shifted, then coloured. An image whose numbers are 0 keeps its bits.

    What comes into view from beyond the rim repeats the rim: paper stays paper, stripes go on. Colours may leave the range.
    """
    mirror, right, down, turn, zoom, brightness, saturation, hue = a[:, :, None, None].unbind(1)
    x = _where(mirror, x.flip(-1), x)
    x = _where(abs(right) + abs(down) + abs(turn) + abs(zoom), _moved(x, right, down, turn, zoom), x)
    if x.shape[1] == 3:
        after = _coloured(x, brightness, saturation, hue, RANGES[pixels])
        x = _where(abs(brightness) + abs(saturation) + abs(hue), after, x)
    return x


def _where(changed: Tensor, after: Tensor, before: Tensor) -> Tensor:
    """`after` for images whose number, (B, 1, 1), is not 0."""
    return torch.where(changed[:, None] != 0, after, before)


def _moved(x: Tensor, right: Tensor, down: Tensor, turn: Tensor, zoom: Tensor) -> Tensor:
    """Each pixel of the result looks up where it came from, counted in pixels from the middle: once for all four changes."""
    height, width = x.shape[-2:]
    across = torch.arange(width, device=x.device) + 0.5 - width / 2 - SHIFT * width * right
    along = torch.arange(height, device=x.device)[:, None] + 0.5 - height / 2 - SHIFT * height * down
    cos, sin, smaller = (TURN * turn).cos(), (TURN * turn).sin(), ZOOM**-zoom
    there = (cos * across - sin * along) * smaller * 2 / width, (sin * across + cos * along) * smaller * 2 / height
    return F.grid_sample(x, torch.stack(there, -1), padding_mode="border", align_corners=False)


def _coloured(x: Tensor, brightness: Tensor, saturation: Tensor, hue: Tensor, ends: tuple[float, float]) -> Tensor:
    """RGB turned around the grey axis and stretched away from it; then brightness is added."""
    brightness, saturation, hue = brightness[:, None], SATURATION ** saturation[:, None], HUE * hue[:, None]
    grey = x.mean(1, keepdim=True)
    beside = (x.roll(1, 1) - x.roll(-1, 1)) / math.sqrt(3)  # the colour a quarter of a turn further
    turned = hue.cos() * (x - grey) + hue.sin() * beside
    return grey + saturation * turned + BRIGHTNESS * (ends[1] - ends[0]) * brightness
