"""Arrays as NumPy writes them, alone in an .npy file or as an entry of an .npz: nothing in them is trusted, nothing executed.

The header is checked before memory is taken, and pickles are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .arrays import as_images, wrong_shape
from .bounded import LIMIT, read_at_most
from .dataset import Data
from .messages import brief, cause, shown, unusable
from .parts import Part, joined

Fix = Callable[[np.dtype[Any], tuple[int, ...]], str]  # what to do about an array of this type and shape; "" if it is right
Header = tuple[tuple[int, ...], bool, np.dtype[Any]]  # shape, whether column by column, type
BESIDE = (
    ("images", "labels"),
    ("imgs", "labels"),
    ("x", "y"),
    ("X", "y"),
    ("data", "labels"),
)  # in a file's name: in that of its labels


def read_header(file: IO[bytes], path: Path, name: str) -> Header:
    """The header of an array that is about to be read; `name` is its own, for errors. Raises DataError."""
    try:
        version = npy.read_magic(file)
        if version != (1, 0):  # later versions are for names that images do not have, and their headers may be gigabytes
            raise ValueError(f"version {version}")
        return npy.read_array_header_1_0(file)
    except Exception as problem:  # the header is Python text, and its parser raises whatever the text provokes
        raise unusable("not a NumPy array", path, name, f"{cause(problem)}; save it with numpy.save") from None


def read_array(file: IO[bytes], path: Path, name: str, fix_for: Fix) -> NDArray[Any]:
    """The array that a file holds, to its end; type, shape and size are settled before memory is taken. Raises DataError."""
    shape, by_columns, dtype = read_header(file, path, name)
    kind = brief(f"{dtype.name} {shape}", 40)
    if fix := fix_for(dtype, shape):
        raise unusable(f"{name} are {kind}", path, name, fix)
    size = prod(shape) * dtype.itemsize
    if size > LIMIT:
        raise unusable(f"array over 8 GiB, {kind}", path, name, "split the file")
    body = read_at_most(file, size)
    if len(body) < size or file.read(1):
        raise unusable(f"array shorter or longer than the {size:,} bytes declared", path, name, "make or fetch it again")
    array = np.frombuffer(body, dtype)
    return array.reshape(shape[::-1]).T if by_columns else array.reshape(shape)


def images_fix(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """What to do about an array of this type and shape that is to hold images; '' where it is right."""
    return wrong_shape(shape) if dtype.kind in "buif" else "save them as uint8, 0 black to 255 white"


def labels_fix(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """What to do about an array of this type and shape that is to hold labels; '' where it is right."""
    return "" if dtype.kind in "biufSU" and 1 <= len(shape) <= 2 and min(shape) > 0 else "save whole numbers, one an image"


def load_npy(path: Path) -> Data:
    """The images of an .npy file; their labels lie beside it, or nowhere: x.npy and y.npy, images.npy and labels.npy, cats.npy
    and cats_labels.npy. Raises DataError.
    """
    pixels, notes = as_images(_read(path, "images", images_fix), "images", f" ({shown(path, 50)})")
    beside = _labels_beside(path)
    notes.append(
        f"labels: from {shown(beside.name, 40)} beside it" if beside else "no labels: there is no file of labels beside it"
    )
    labels = _read(beside, "labels", labels_fix) if beside else None
    return joined([Part("", pixels, labels, notes=tuple(notes))], path, f"npy:{path}")


def _read(path: Path, name: str, fix_for: Fix) -> NDArray[Any]:
    try:
        with path.open("rb") as file:
            return read_array(file, path, name, fix_for)
    except OSError as problem:
        raise unusable("cannot read the npy file", path, "", cause(problem)) from None


def _labels_beside(path: Path) -> Path | None:
    stem = path.stem
    renamed = [stem.replace(images, labels, 1) for images, labels in BESIDE if images in stem]
    places = [path.with_name(f"{name}.npy") for name in (*renamed, f"{stem}_labels", f"{stem}-labels", "labels")]
    return next((place for place in places if place != path and place.is_file()), None)
