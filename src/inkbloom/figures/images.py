"""Many small images as one picture, and pictures as files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..files import replacing

if TYPE_CHECKING:
    from torch import Tensor


def tile(
    images: NDArray[np.uint8] | Tensor, columns: int | None = None, scale: int = 1, gap: int = 1, background: int = 128
) -> Image.Image:
    """(N, C, H, W) uint8, C = 1 or 3 -> one picture, row by row from the top left.

    columns: images in a row, default the square root of N rounded up. scale: pixels on a side that a pixel becomes.
    gap: pixels between and around the images, of the grey `background` (0..255). Raises ValueError.
    """
    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] not in (1, 3) or len(array) == 0:
        raise ValueError(f"tile takes uint8 (N, 1 or 3, H, W) with N > 0, not {array.dtype} {array.shape}")
    array = array.transpose(0, 2, 3, 1).repeat(scale, axis=1).repeat(scale, axis=2)  # (N, H, W, C)
    count, height, width, channels = array.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), background, np.uint8)
    for place, image in enumerate(array):
        top, left = gap + place // columns * (height + gap), gap + place % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def save_png(image: Image.Image, path: Path) -> None:
    """Writes a picture, whole or not at all. Raises DiskError."""
    with replacing(path) as file:
        image.save(file, format="PNG")


def save_gif(frames: Sequence[Image.Image], path: Path, milliseconds: int) -> None:
    """Writes a film that repeats for ever, each frame shown for `milliseconds` (in steps of 10). Raises DiskError."""
    with replacing(path) as file:
        frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
