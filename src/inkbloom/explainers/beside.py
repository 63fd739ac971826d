"""Sheets of pictures with words beside their rows: what the pictures of a row are, such as the name of their class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..errors import UsageError
from ..figures.images import tile
from .canvas import lettering, pixels, write
from .fonts import families

MOST = 40  # rows that get a name
COLUMNS = 20  # pictures in a row
LETTERS = 30  # of a name
MARGIN, WIDEST = 8, 500  # pixels around the names, and for the longest


def rows_of(images: NDArray[np.uint8], names: Sequence[str], scale: int = 1) -> Image.Image:
    """(N, C, H, W) uint8, each with its name -> one picture: a row for each name, or several where one would be too long.

    The names stand in the order in which they first occur.
    """
    rows = {name: [place for place, each in enumerate(names) if each == name] for name in names}
    longest = max(map(len, rows.values()))
    columns = min(longest, COLUMNS)
    room = -(-longest // columns) * columns
    tiles = np.full((len(rows) * room, *images.shape[1:]), 128, np.uint8)
    for row, places in enumerate(rows.values()):
        tiles[row * room : row * room + len(places)] = images[places]
    return beside(tile(tiles, columns, scale), list(rows))


def beside(sheet: Image.Image, names: Sequence[str]) -> Image.Image:
    """A sheet of as many rows as names, with each name left of its row; long ones are cut short."""
    row = sheet.height / len(names)
    figure = Figure(figsize=(WIDEST / 100, sheet.height / 100), dpi=100)
    with lettering(_lettering(names)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about letters that no font has
        for number, name in enumerate(names):
            short = name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
            text = write(figure, (WIDEST - MARGIN) / 100, (number + 0.5) * row / 100, short, min(9.5, row * 0.6), side="right")
            text.set(va="center", parse_math=False)
        words = pixels(figure)
    box = ImageOps.invert(words.convert("L")).getbbox()
    words = words.crop((max(0, box[0] - MARGIN) if box else WIDEST, 0, *words.size))
    joined = Image.new("RGB", (words.width + sheet.width, sheet.height))
    joined.paste(words, (0, 0))
    joined.paste(sheet, (words.width, 0))
    return joined


def _lettering(names: Sequence[str]) -> str:
    """The language whose fonts have the letters of the names, as far as such fonts are installed."""
    if all(letter < "\u2e80" for name in names for letter in name):
        return "en"
    try:
        families("zh")
    except UsageError:
        return "en"
    return "zh"
