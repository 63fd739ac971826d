"""Arrays as a source of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import Data, class_numbers
from ..data.slices import split_slices
from ..data.source import at_size
from ..errors import OWN, DataError, brief, plain
from ..given import native, written

MOST_CLASSES = 10_000


def images(array: Any, labels: Any = None, classes: Sequence[str] | None = None, name: str = "images") -> Data:
    """Images from a NumPy array or a tensor, as a source to train on: `inkbloom.train("fast", data=inkbloom.images(array))`.

    array: (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3; bytes 0 to 255, booleans, or floats from 0 to 1 (0 is
    black). labels: (N,) whole numbers from 0, or the names of classes, or None. classes: the names of the classes, in the order
    of their numbers; default: their numbers, or the names that occur, sorted. name: what the run calls them. One tenth is held
    out and one tenth kept as reference, as for every source of one's own. Raises InkbloomError for anything else, in one line.
    """
    pixels = pixels_of(as_numpy(array, "images"))
    labels, classes = _numbered(labels, classes)
    numbers = None if labels is None else _labels(as_numpy(labels, "labels"), len(pixels))
    names = _names(numbers, classes)
    data = Data(torch.from_numpy(pixels), numbers, names, split_slices(len(pixels), numbers), f"{OWN}{brief(name, 40)}")
    return at_size(data, None)


def as_numpy(array: Any, what: str) -> NDArray[Any]:
    """An array of numbers. Raises DataError."""
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu().float() if array.dtype is torch.bfloat16 else array.detach().cpu()
    try:
        found = np.asarray(array)
    except Exception as problem:  # whatever an object raises that pretends to be an array
        raise DataError(f"{what} that are no array ({brief(problem)}): give a NumPy array or a tensor") from None
    if found.dtype.kind not in "buif":
        raise DataError(f"{what} of type {found.dtype} {found.shape}: give numbers, all of one shape")
    return found


def pixels_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Images in one of the forms that `images` takes as (N, C, H, W) uint8. Raises DataError."""
    shape = f"images of {array.dtype} {array.shape}"
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    elif array.ndim != 4 or array.shape[1] not in (1, 3):
        raise DataError(f"{shape}: give (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3")
    if not array.size:
        raise DataError(f"{shape}: give at least one image, of one pixel or more")
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    low, high = array.min(), array.max()
    if array.dtype.kind == "f":
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError(f"{shape} with a NaN or an infinity: give numbers from 0 to 1")
        if low < 0 or high > 1:
            raise DataError(
                f"{shape} from {plain(low)} to {plain(high)}: floats must lie in [0, 1]; rescale them, or give bytes"
            )
        return (array * 255).round().astype(np.uint8)
    if low < 0 or high > 255:
        raise DataError(f"{shape} from {low} to {high}: whole numbers must lie in [0, 255]; rescale them")
    return np.ascontiguousarray(array, dtype=np.uint8)


def _numbered(labels: Any, classes: Any) -> tuple[Any, Sequence[str] | None]:
    """The labels, as numbers where they are names, and the names of the classes where they are known."""
    given, names = native(labels), native(classes)
    if names is not None and not isinstance(names, list | tuple):
        raise DataError(f"classes = {written(classes)}: give a list of names")
    if not (isinstance(given, list | tuple) and given and all(isinstance(each, str) for each in given)):
        return labels, names
    names = sorted(set(given)) if names is None else names
    return list(class_numbers(given, names)), names


def _labels(array: NDArray[Any], count: int) -> torch.Tensor:
    shape = f"labels of {array.dtype} {array.shape}"
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) != count:
        raise DataError(f"{shape} for {count:,} images: give one label an image")
    if array.dtype.kind not in "ui" and not (np.isfinite(array).all() and (array == array.astype(np.int64)).all()):
        raise DataError(f"{shape}: give whole numbers from 0")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= MOST_CLASSES:
        raise DataError(f"label {low if low < 0 else high}: number the classes from 0, at most {MOST_CLASSES:,} of them")
    return torch.from_numpy(array.astype(np.int64))


def _names(labels: torch.Tensor | None, classes: Sequence[str] | None) -> tuple[str, ...]:
    if labels is None:
        if classes:
            raise DataError("classes without labels: give the label of each image too")
        return ()
    count = int(labels.max()) + 1
    names = tuple(str(number) for number in range(count)) if classes is None else tuple(brief(name, 60) for name in classes)
    if len(names) < count or len(set(names)) < len(names):
        raise DataError(f"{len(set(names))} different class names for the labels 0 to {count - 1}: give one each")
    return names
