"""A picture of one's own, from a file or made in Python, brought to the size and the colours of a model; and a mask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling
from torch import Tensor

from ..errors import DataError, brief
from .dataset import Size
from .look import Alone, Look
from .messages import shown
from .picture import Broken, Picture, Seen, read_picture, to_8_bits
from .resize import fit


def own_picture(given: Any, channels: int, size: Size, background: str = "auto", paper: bool = True) -> Tensor:
    """(1, C, H, W) uint8 of a file's path, a PIL image, or bytes (H, W) or (H, W, C); background: as in a recipe.

    paper: whether the background is seen where the picture is transparent; False: nothing, so that none of it gets into the
    pixels beside it. Raises DataError.
    """
    found = _look(given, size, background, None if paper else lambda image, format: image.convert("RGBA"))
    pixels = np.asarray(Image.fromarray(found.pixels).convert("L" if channels == 1 else "RGB"))
    return torch.from_numpy(pixels.reshape(*size, -1).transpose(2, 0, 1)[None].copy())


def own_mask(given: Any, picture: Any, size: Size) -> Tensor:
    """What of `picture` is to be drawn anew, (H, W) booleans: where the mask is bright, not black or transparent.

    A mask is given as a picture is, or as booleans (H, W), or as zeros and ones. It is as large as the picture, and cropped as
    that is, or as large as `size`, what the picture becomes. A pixel of which any part is to be drawn anew is. Raises
    DataError.
    """
    if not isinstance(given, str | Path | Image.Image) and np.isin(given, (0, 1)).all():
        given = np.asarray(given) > 0
    mask, (height, width) = _look(given, seen=bright), _look(picture).original
    if mask.original not in ((height, width), size):
        sizes = f"{mask.original[1]} x {mask.original[0]} for a picture of {width} x {height}"
        raise DataError(f"a mask of {sizes}: make it as large as the picture, or {size[1]} x {size[0]}")
    drawn = _shrunk(mask.pixels, size)
    if not drawn.any():
        where = "white only outside the centre that the model sees" if mask.pixels.any() else "black or transparent all over"
        raise DataError(f"nothing to draw: the mask is {where}; make white what is to be drawn anew")
    return drawn


def hole_in(picture: Any, size: Size) -> Tensor | None:
    """Where a picture is transparent, as `own_mask` has it; None where it is not. Raises DataError."""
    hole = _shrunk(_look(picture, seen=transparent).pixels, size)
    return hole if hole.any() else None


def bright(image: Image.Image, format: str | None) -> Image.Image:
    """White where the image is bright in any colour, black where it is dark or transparent."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    pixels = np.asarray(to_8_bits(image, format).convert("RGB")).max(2)
    return Image.fromarray(np.where(pixels >= 128, 255, 0).astype(np.uint8))


def transparent(image: Image.Image, format: str | None) -> Image.Image:
    """White where the image is transparent, black where it is not."""
    alpha = np.asarray(image.convert("RGBA"))[..., 3] if image.has_transparency_data else np.full(image.size[::-1], 255)
    return Image.fromarray(np.where(alpha < 128, 255, 0).astype(np.uint8))


def made_picture(given: Any, size: Size | None = None, background: str = "auto", seen: Seen | None = None) -> Picture:
    """A PIL image, or bytes (H, W) or (H, W, C), as if it had been read from a file. Raises DataError."""
    try:
        made = given if isinstance(given, Image.Image) else Image.fromarray(np.squeeze(np.asarray(given)))
        image = seen(made, None) if seen else to_8_bits(made, None, Alone(made, background))
        return Picture(Path("picture"), np.asarray(fit(image, size) if size else image), (image.height, image.width))
    except Exception as problem:  # whatever Pillow and NumPy raise on what is no picture
        what = f"a {brief(type(given).__name__, 40)} that is no picture ({brief(problem)})"
        raise DataError(f"{what}: give a file, a PIL image or bytes (H, W, C)") from None


def _look(given: Any, size: Size | None = None, background: str = "auto", seen: Seen | None = None) -> Picture:
    """What is `seen` of a file, a PIL image or an array. Raises DataError."""
    if not isinstance(given, str | Path):
        return made_picture(given, size, background, seen)
    path = Path(given)
    if not path.exists():
        raise DataError(f"no such picture ({shown(path)}): give an image file to --{'mask' if seen is bright else 'from'}")
    found = read_picture(path, size, Look([path], background), seen)
    if isinstance(found, Broken):
        raise DataError(f"cannot read the picture ({shown(path)}): {found.reason}")
    return found


def _shrunk(mask: NDArray[np.uint8], size: Size) -> Tensor:
    """A mask of 0 and 255 cropped and resized as its picture is: (H, W) booleans, true where any of it is white."""
    return torch.from_numpy(np.asarray(fit(Image.fromarray(mask), size, Resampling.BOX)) > 0)
