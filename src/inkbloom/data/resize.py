"""Bringing pictures to one size: centre crop to the wanted shape, then resize."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from PIL.Image import Resampling
from torch import Tensor

from .dataset import Size


def crop(size: Size, wanted: Size) -> Size:
    """The largest (height, width) inside `size` that has the proportions of `wanted`, to the nearest pixel."""
    height, width = size
    if height * wanted[1] > width * wanted[0]:
        return max(1, round(width * wanted[0] / wanted[1])), width
    return height, max(1, round(height * wanted[1] / wanted[0]))


def fit(image: Image.Image, wanted: Size, by: Resampling | None = None) -> Image.Image:
    """The centre of the picture at `wanted` = (height, width): Lanczos to shrink, bicubic to enlarge, or `by` another way."""
    height, width = crop((image.height, image.width), wanted)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    centre = image.crop((left, top, left + width, top + height))  # not by resize's own box, beyond which its filter looks
    if (height, width) == wanted:
        return centre
    best = Resampling.LANCZOS if height > wanted[0] else Resampling.BICUBIC
    return centre.resize((wanted[1], wanted[0]), best if by is None else by)


def resized(images: Tensor, wanted: Size) -> Tensor:
    """(N, C, H, W) uint8 -> (N, C, *wanted) uint8, each image through `fit`."""
    out = np.empty((*images.shape[:2], *wanted), np.uint8)
    for place, image in enumerate(images.numpy()):
        picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
        pixels = np.asarray(fit(picture, wanted))
        out[place] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return torch.from_numpy(out)
