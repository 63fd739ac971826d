"""Arrays of images in the forms in which people keep them: which axis is which, and which values are black and white."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, plain

PIECE = 2**20  # values that are looked at or converted at once, so that floats take no second copy of a set
FORMS = "(N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3"


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """(N, C, H, W) of an array of images of this shape, or None where it is none."""
    if len(shape) == 2 and shape[1] >= 64 and isqrt(shape[1]) ** 2 == shape[1]:
        return shape[0], 1, isqrt(shape[1]), isqrt(shape[1])
    if len(shape) == 3:
        return shape[0], 1, *shape[1:]
    if len(shape) == 4 and shape[3] in (1, 3):
        return shape[0], shape[3], *shape[1:3]
    return shape if len(shape) == 4 and shape[1] in (1, 3) else None


def wrong_shape(shape: tuple[int, ...]) -> str:
    """What to do about an array of this shape that is to hold images; '' where it is right."""
    if len(shape) == 3 and shape[2] in (1, 3, 4) and min(shape[:2]) > 4:
        return "this looks like one picture: give several, stacked along a first axis"
    if found := image_shape(shape):
        return "" if min(found) > 0 else "give at least one image, of one pixel or more"
    if len(shape) == 4 and 4 in (shape[1], shape[3]):
        return "lay the fourth channel, transparency, on a background, and give three"
    return f"give {FORMS}"


def as_images(array: NDArray[Any], what: str = "images", where: str = "") -> tuple[NDArray[np.uint8], list[str]]:
    """An array of images in any usual form as (N, C, H, W) uint8, and notes on what was decided. Raises DataError.

    Axes as in `FORMS`; (N, side x side) is a row of pixels an image. Values: booleans; floats from 0 to 1 or from -1 to 1;
    numbers from 0 to 255; whole numbers of up to 16 bits; nothing but 0 and 1. what, where: for errors.
    """
    told = f"{what} of {array.dtype} {array.shape}{where}"
    if fix := wrong_shape(array.shape):
        raise DataError(f"{told}: {fix}")
    shape, notes = image_shape(array.shape) or (), []
    if array.ndim == 2:
        notes.append(f"rows of {array.shape[1]:,} pixels: taken as {shape[3]} x {shape[2]}")
    elif array.ndim == 4 and array.shape == shape:
        notes.append("channels come before rows and columns, (N, C, H, W)")
    array = array.reshape(shape) if array.ndim < 4 or array.shape == shape else array.transpose(0, 3, 1, 2)
    scale, offset, note = _scale(array, told)
    notes += [note] if note else []
    if array.dtype == np.uint8 and (scale, offset) == (1, 0):
        return np.ascontiguousarray(array), notes
    images = np.empty(shape, np.uint8)
    for part in _pieces(array):
        images[part] = (array[part] * scale + offset).round()
    return images, notes


def _scale(array: NDArray[Any], told: str) -> tuple[float, float, str]:
    """What makes bytes of the values, value x scale + offset, and a note where that is not plain. Raises DataError."""
    if array.dtype.kind == "b":
        return 255, 0, ""
    low, high = _range(array)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f"{told} with a NaN or an infinity: give numbers from 0 to 1")
    ends = f"{plain(low)} to {plain(high)}"
    if array.dtype.kind == "f":
        if low >= 0 and high <= 1:
            return 255, 0, f"floats from {ends}: taken as 0 black, 1 white"
        if -1 <= low < 0 and high <= 1:
            return 127.5, 127.5, f"floats from {ends}: taken as -1 black, 1 white"
        if low >= 0 and 64 <= high <= 255:
            return 1, 0, f"floats from {ends}: taken as 0 black, 255 white"
        raise DataError(f"{told} from {ends}: floats must lie in [0, 1], [-1, 1] or [0, 255]; rescale them, or give bytes")
    if low < 0 or high > 65_535:
        raise DataError(f"{told} from {ends}: whole numbers must lie in [0, 255], or in [0, 65535]; rescale them")
    if high > 255:
        bits = int(high).bit_length()
        return 255 / (2**bits - 1), 0, f"whole numbers from {ends}: taken as {bits} bits, 0 black, {2**bits - 1:,} white"
    return (255, 0, "no values but 0 and 1: taken as 0 black, 1 white") if (low, high) == (0, 1) else (1, 0, "")


def _range(array: NDArray[Any]) -> tuple[float, float]:
    ends = [(array[part].min(), array[part].max()) for part in _pieces(array)]
    return float(np.min([low for low, _ in ends])), float(np.max([high for _, high in ends]))


def _pieces(array: NDArray[Any]) -> list[slice]:
    step = max(1, PIECE // max(1, array[0].size))
    return [slice(start, start + step) for start in range(0, len(array), step)]
