"""A picture of one's own, from a file or made in Python, brought to the size and the colours of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import DataError, brief
from .dataset import Size
from .look import Alone, Look
from .messages import shown
from .picture import Broken, Picture, read_picture, to_8_bits
from .resize import fit


def own_picture(given: Any, channels: int, size: Size, background: str = "auto") -> Tensor:
    """(1, C, H, W) uint8 of a file's path, a PIL image, or bytes (H, W) or (H, W, C); background: as in a recipe.

    Raises DataError.
    """
    as_file = isinstance(given, str | Path)
    found = _read(Path(given), size, background) if as_file else made_picture(given, size, background)
    pixels = np.asarray(Image.fromarray(found.pixels).convert("L" if channels == 1 else "RGB"))
    return torch.from_numpy(pixels.reshape(*size, -1).transpose(2, 0, 1)[None].copy())


def made_picture(given: Any, size: Size | None = None, background: str = "auto") -> Picture:
    """A PIL image, or bytes (H, W) or (H, W, C), as if it had been read from a file. Raises DataError."""
    try:
        image = given if isinstance(given, Image.Image) else Image.fromarray(np.squeeze(np.asarray(given)))
        image = to_8_bits(image, None, Alone(image, background))
        return Picture(Path("picture"), np.asarray(fit(image, size) if size else image), (image.height, image.width))
    except Exception as problem:  # whatever Pillow and NumPy raise on what is no picture
        what = f"a {brief(type(given).__name__, 40)} that is no picture ({brief(problem)})"
        raise DataError(f"{what}: give a file, a PIL image or bytes (H, W, C)") from None


def _read(path: Path, size: Size, background: str) -> Picture:
    if not path.exists():
        raise DataError(f"no such picture ({shown(path)}): give an image file to --from")
    found = read_picture(path, size, Look([path], background))
    if isinstance(found, Broken):
        raise DataError(f"cannot read the picture ({shown(path)}): {found.reason}")
    return found
