"""The image that a topic works on: one of the embedded digits, or the user's own, brought to grey and to a small size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..data.digits import load_digits
from ..data.look import Look
from ..data.own_picture import made_picture
from ..data.picture import Broken, Picture, read_picture
from ..data.resize import fit
from ..errors import DataError, UsageError, brief, shown

LARGEST = 48  # pixels on the longer side: larger images are reduced, so that their pixels can still be seen
DIGIT = 7  # shown when nothing else is asked for


@dataclass(frozen=True, eq=False)
class Example:
    """image: uint8 (1, 1, H, W), grey, sides up to LARGEST. name: what to call it, by language.

    data: uint8 (N, 1, H, W), the images that it was taken from, itself among them; a user's image stands alone.
    note: how it was changed, None if it was not.
    """

    image: Tensor
    data: Tensor
    name: dict[str, str]
    note: str | None = None


def digit_image(number: int = DIGIT) -> Example:
    """The first training digit of this class, with all the training digits of the class as data. Raises UsageError."""
    if not 0 <= number <= 9:
        raise UsageError(f"--digit {number}: must be from 0 to 9")
    digits = load_digits().take("train")
    assert digits.labels is not None
    same = digits.images[digits.labels == number]
    return Example(same[:1], same, {"en": f"digit {number}", "zh": f"数字 {number}"})


def own_image(given: Any) -> Example:
    """An image of any size and colour: a file's path, a PIL image, or bytes (H, W) or (H, W, C). Raises DataError."""
    found = _read(Path(given)) if isinstance(given, str | Path) else made_picture(given)
    height, width = found.original
    shrink = min(1.0, LARGEST / max(height, width))
    size = max(1, round(height * shrink)), max(1, round(width * shrink))
    image = torch.from_numpy(np.asarray(fit(Image.fromarray(found.pixels).convert("L"), size)).copy())[None, None]
    changes = [f"reduced from {width} x {height} to {size[1]} x {size[0]} pixels"] if size != found.original else []
    changes += ["turned grey"] if found.pixels.ndim == 3 else []
    name = brief(found.path.name, 24).replace("$", r"\$")  # matplotlib would set it as a formula
    return Example(image, image, {"en": name, "zh": name}, " and ".join(changes) or None)


def _read(path: Path) -> Picture:
    if not path.exists():
        raise DataError(f"no such image ({shown(path)}): give an image file to --image")
    found = read_picture(path, None, Look([path]))
    if isinstance(found, Broken):
        raise DataError(f"cannot read the image ({shown(path)}): {found.reason}")
    return found
