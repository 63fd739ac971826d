"""Many small images as one picture, and pictures as files."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..files import replacing

if TYPE_CHECKING:
    from torch import Tensor


SHOWN = 400  # pictures of an array that a notebook shows, at most


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


class Pictures(np.ndarray[Any, np.dtype[np.uint8]]):
    """Pictures uint8 (N, H, W, C), or one of them: an ordinary array, but in a notebook it shows its first 400."""

    def __array_wrap__(self, array: NDArray[Any], context: Any = None, return_scalar: bool = False) -> Any:
        """What is computed from pictures is an ordinary array or number."""
        return array[()] if return_scalar else array

    def _repr_png_(self) -> bytes | None:
        several = np.asarray(self)[None] if self.ndim == 3 else np.asarray(self)
        return png(sheet(several[:SHOWN])) if is_pictures(several) else None


def as_pictures(array: NDArray[np.uint8]) -> Pictures:
    """The array itself, as one that shows itself."""
    return array.view(Pictures)


def is_pictures(array: NDArray[Any]) -> bool:
    """Whether an array can be shown as pictures (N, H, W, C); a part of one, or what is computed from it, often cannot."""
    return array.dtype == np.uint8 and array.ndim == 4 and array.shape[3] in (1, 3) and array.size > 0


def sheet(pictures: NDArray[np.uint8], columns: int | None = None) -> Image.Image:
    """Pictures (N, H, W, C) side by side, small ones enlarged."""
    return tile(pictures.transpose(0, 3, 1, 2), columns=columns, scale=scale_of(pictures))


def scale_of(pictures: NDArray[np.uint8]) -> int:
    """How often pictures (N, H, W, C) are enlarged to be looked at."""
    return 2 if max(pictures.shape[1:3]) < 64 else 1


def png(image: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """The bytes of a PNG file as an address that holds them itself, for a page that stands alone."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def save_png(image: Image.Image, path: Path) -> None:
    """Writes a picture, whole or not at all. Raises DiskError."""
    with replacing(path) as file:
        image.save(file, format="PNG")


def save_gif(frames: Sequence[Image.Image], path: Path, milliseconds: int) -> None:
    """Writes a film that repeats for ever, each frame shown for `milliseconds` (in steps of 10). Raises DiskError."""
    with replacing(path) as file:
        frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
