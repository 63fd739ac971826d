"""Pictures to look at."""

from __future__ import annotations

from typing import Any

from PIL import Image

from ..data import Data
from ..data.arrays import as_images
from ..errors import DataError
from ..explainers.beside import rows_of
from ..figures.images import SHOWN, tile
from ..given import native, whole
from .images import as_numpy
from .inspect import sheet


def grid(pictures: Any, labels: Any = None, columns: int | None = None) -> Image.Image:
    """Pictures side by side as one image: a notebook shows it, and `.save("grid.png")` writes it. The first 400 at most.

    pictures: what `Run.sample` returns, an array or tensor as `inkbloom.images` takes them, one picture of it, or the images
    of a source. labels: what each picture is, names or numbers; fewer of them are taken in turn. Each of them gets a row, and
    stands beside it. columns: pictures in a row, where there are no labels. Raises DataError, UsageError.
    """
    if isinstance(pictures, Data):
        return sheet(pictures)
    array = as_numpy(pictures, "pictures")
    one = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))
    shown = as_images(array[None] if one else array, "pictures")[0][:SHOWN]
    scale = max(1, 64 // max(shown.shape[2:]))
    if labels is None:
        return tile(shown, None if columns is None else whole("columns", columns, 1, SHOWN), scale)
    given = native(labels)
    names = [str(label) for label in (given if isinstance(given, list | tuple) else [given])]
    if not names:
        raise DataError("no labels: give one for each picture, or fewer, which are taken in turn")
    return rows_of(shown, [names[place % len(names)] for place in range(len(shown))], scale)
