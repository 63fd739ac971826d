"""The table of a network's layers: as lines for the terminal, and drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from ..anatomy.layers import Layer
from .canvas import GREY, INK, PALE, heading, pixels
from .unet_text import WORDS, sides, title_of

COLUMNS = ("name", "kind", "kernel", "stride", "padding", "before", "after", "parameters", "multiply_adds", "field")
WORDY = 2  # so many columns begin at the left; the others hold numbers, which end at the right
ROWS = 100  # of a block, about; more stand beside it
LINE, LETTER = 0.19, 0.066  # inches: from a row to the next, a letter

Cells = tuple[str, ...]


def rows_of(layers: Sequence[Layer]) -> list[Cells]:
    """One row of cells a layer, in the order of COLUMNS; activations and the like are left out."""
    return [
        (
            layer.name,
            layer.kind,
            sides(layer.kernel, square=True),
            sides(layer.stride),
            sides(layer.padding),
            "x".join(map(str, layer.before)),
            "x".join(map(str, layer.after)),
            f"{layer.parameters:,}" if layer.parameters else "",
            f"{layer.multiply_adds:,}" if layer.multiply_adds else "",
            sides(layer.field, square=True) if layer.field and any(layer.field) else "",
        )
        for layer in layers
        if layer.works
    ]


def lines_of(layers: Sequence[Layer]) -> list[str]:
    """The table in English for the terminal, its header first."""
    table = [tuple(WORDS["en"][column] for column in COLUMNS), *rows_of(layers)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < WORDY else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def table_sheet(name: str, layers: Sequence[Layer], lang: str) -> Image.Image:
    """The table as a picture, under its title and what the columns mean; a long one in blocks side by side."""
    words, rows = WORDS[lang], rows_of(layers)
    header = tuple(words[column] for column in COLUMNS)
    lengths = [max(_length(row[place]) for row in (header, *rows)) for place in range(len(COLUMNS))]
    widths = [length * LETTER + 0.22 for length in lengths]
    count = math.ceil(len(rows) / ROWS)
    high = math.ceil(len(rows) / count)
    across, down = max(9.0, 0.6 + (sum(widths) + 0.4) * count - 0.4), 1.4 + (high + 2) * LINE
    figure = Figure(figsize=(across, down), dpi=110)
    heading(figure, title_of(name, layers, lang), words["table"])
    for block in range(count):
        left = 0.3 + block * (sum(widths) + 0.4)
        size = (left / across, 0.15 / down, sum(widths) / across, (high + 1) * LINE / down)
        axis = figure.add_axes(size, xlim=(0, sum(widths)), ylim=(high, -1))
        axis.set_axis_off()
        _write_row(axis, -1, header, widths, GREY)
        for place, row in enumerate(rows[block * high : (block + 1) * high]):
            if place % 2 == 0:
                axis.add_patch(Rectangle((0, place), sum(widths), 1, facecolor=PALE, alpha=0.4, edgecolor="none"))
            _write_row(axis, place, row, widths, INK)
    return pixels(figure)


def _write_row(axis: Axes, place: int, row: Cells, widths: Sequence[float], colour: str) -> None:
    for column, cell in enumerate(row):
        wordy = column < WORDY
        x = sum(widths[:column]) + 0.08 if wordy else sum(widths[: column + 1]) - 0.08
        axis.text(x, place + 0.55, cell, fontsize=8, color=colour, ha="left" if wordy else "right", va="center")


def _length(text: str) -> float:
    """In letters; a Chinese one takes the room of two."""
    return sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)
