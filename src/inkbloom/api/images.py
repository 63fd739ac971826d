"""Arrays as a source of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import Data
from ..data.arrays import as_images
from ..data.labels import Labels, oddities, read_labels
from ..data.slices import split_slices
from ..data.source import at_size
from ..errors import OWN, DataError, brief
from ..given import native, written


def images(array: Any, labels: Any = None, classes: Sequence[str] | None = None, name: str = "images") -> Data:
    """Images from a NumPy array or a tensor, as a source to train on: `inkbloom.train("fast", data=inkbloom.images(array))`.

    array: (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3; bytes 0 to 255, booleans, or floats from 0 to 1 (0 is
    black) or from -1 to 1; the notes of what comes back say how the values were taken. labels: (N,) whole numbers from 0, or
    the names of classes, or None; (N, 1) and one-hot (N, K) too. classes: the names of the classes, in the order of their
    numbers; default: their numbers, or the names that occur, 2 before 10. name: what the run calls them. One tenth is held out
    and one tenth kept as reference, as for every source of one's own. Raises InkbloomError for anything else, in one line.
    """
    pixels, taken = as_images(as_numpy(array, "images"))
    numbers, names, notes = _labelled(labels, classes, len(pixels))
    slices, source = split_slices(len(pixels), numbers), f"{OWN}{brief(name, 40)}"
    data = at_size(Data(torch.from_numpy(pixels), numbers, names, slices, source, (*taken, *notes)), None)
    return replace(data, notes=(*data.notes, *oddities(data)))


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


def _labelled(labels: Any, classes: Any, count: int) -> Labels | tuple[None, tuple[str, ...], tuple[str, ...]]:
    """The numbers of the labels, the names of the classes, and notes. Raises DataError."""
    names = native(classes)
    if names is not None and not isinstance(names, list | tuple):
        raise DataError(f"classes = {written(classes)}: give a list of names")
    if labels is not None:
        return read_labels(labels, count, names)
    if names:
        raise DataError("classes without labels: give the label of each image too")
    return None, (), ()
