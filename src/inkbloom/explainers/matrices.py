"""Matrices on paper: one cell a number, its brightness or colour the value, the number written in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from unicodedata import normalize

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from ..errors import plain, powers
from .canvas import GREY, IMAGE, INK, KERNEL, PALE, PAPER

Tone = Callable[[ArrayLike], NDArray[np.float64]]
"""Values of any shape -> their colours (*shape, 4), 0..1."""

SIGNED = LinearSegmentedColormap.from_list("signed", [IMAGE, "#ffffff", KERNEL])
BRIGHTNESS = LinearSegmentedColormap.from_list("brightness", ["#000000", "#ffffff"])
INKY = LinearSegmentedColormap.from_list("inky", ["#edf2f8", IMAGE, INK])
SMALLEST = 4.5  # points: smaller numbers are left out


def tone_of(values: ArrayLike, white: float = 0) -> Tone:
    """The colours for such values: brightness, 0 black and the largest white (or `white`, where that is more).

    Where some are negative: blue below zero, orange above, white at zero.
    """
    values = np.asarray(values, dtype=float)
    most = max(float(np.abs(values).max(initial=0)), white) or 1.0
    signed = bool((values < 0).any())
    scale = Normalize(-most if signed else 0, most)
    colours = SIGNED if signed else BRIGHTNESS
    return lambda v: np.asarray(colours(scale(np.asarray(v, dtype=float))))


def rounded(value: float) -> str:
    """A number in few letters: two to three digits that count, whole numbers without a point."""
    if 1e-6 < abs(value) < 5e-3 or abs(value) >= 1e6:
        return (plain(value, 1) if abs(value) < 1 else powers(value)).replace("-", "−")
    digits = 0 if abs(value) >= 100 or abs(value - round(value)) < 5e-3 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text.replace("-", "−")


def precise(value: float) -> str:
    """A number with up to four digits that count, as a weight needs it in a sum that is written out."""
    return plain(value, 4).replace("-", "−")


def is_exact(value: float, written: Callable[[float], str]) -> bool:
    """Whether the number as it is written is the number itself, up to the rounding of floats."""
    text = normalize("NFKC", written(value)).replace("×10", "e").replace("−", "-")
    return math.isclose(float(text), value, rel_tol=1e-9, abs_tol=1e-6)


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Bare axes of this size, in inches from the figure's top left corner."""
    across, down = figure.get_size_inches()
    axis = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axis.set_axis_off()
    return axis


def chart(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes of this size with few ticks, in inches from the figure's top left corner."""
    axis = place(figure, left, top, width, height)
    axis.set_axis_on()
    axis.locator_params(nbins=4)
    return axis


def lattice(figure: Figure, left: float, top: float, side: float, shape: tuple[int, ...], title: str = "") -> Axes:
    """An empty matrix of (rows, columns) in the middle of a square of `side` inches, under its title."""
    rows, columns = shape
    cell = side / max(rows, columns)
    axis = place(figure, left + (side - columns * cell) / 2, top + (side - rows * cell) / 2, columns * cell, rows * cell)
    axis.set(xlim=(0, columns), ylim=(rows, 0))
    for across in range(columns + 1):
        axis.plot([across, across], [0, rows], color=PALE, linewidth=0.7, clip_on=False, zorder=0)
    for down in range(rows + 1):
        axis.plot([0, columns], [down, down], color=PALE, linewidth=0.7, clip_on=False, zorder=0)
    axis.set_title(title, pad=5)
    return axis


def letters(axis: Axes, values: ArrayLike) -> float:
    """The size in points at which the longest of these numbers fits into a cell."""
    cell = axis.bbox.width / axis.figure.dpi / abs(np.subtract(*axis.get_xlim()))  # in inches
    longest = max((len(rounded(float(value))) for value in np.asarray(values, dtype=float).flat), default=1)
    return min(13.0, 72 * cell / (0.62 * max(longest, 2) + 0.7))


def fill(axis: Axes, at: tuple[int, ...], value: float, tone: Tone, points: float, dashed: bool = False) -> list[Artist]:
    """Writes a value into the cell `at` = (row, column): its colour and, if letters of `points` can be read, the number.

    dashed: it is a zero that was put in.
    """
    row, column = at
    look: dict[str, Any] = {"facecolor": tone(value), "edgecolor": PALE, "linewidth": 0.7}
    if dashed:
        look = {"facecolor": PAPER, "edgecolor": GREY, "linewidth": 0.8, "linestyle": (0, (2, 2))}
    inset = 0.1 if dashed else 0.0
    box = Rectangle((column + inset, row + inset), 1 - 2 * inset, 1 - 2 * inset, **look)
    axis.add_patch(box)
    if points < SMALLEST:
        return [box]
    dark = float(np.dot(tone(value)[:3], (0.299, 0.587, 0.114))) < 0.5
    colour = GREY if dashed else PAPER if dark else INK
    return [box, axis.text(column + 0.5, row + 0.52, rounded(value), fontsize=points, color=colour, ha="center", va="center")]


def fill_all(axis: Axes, values: ArrayLike, tone: Tone, dashed: NDArray[np.bool_] | None = None) -> list[Artist]:
    """Writes a whole matrix into its lattice; `dashed` tells which of its zeros were put in."""
    values = np.asarray(values, dtype=float)
    points = letters(axis, values)
    artists: list[Artist] = []
    for at in np.ndindex(*values.shape):
        artists += fill(axis, at, float(values[at]), tone, points, dashed=dashed is not None and bool(dashed[at]))
    return artists


def outline(axis: Axes, rows: tuple[int, int], columns: tuple[int, int], colour: str = KERNEL, width: float = 2.5) -> Rectangle:
    """A frame around the cells from (first row, first column) up to, but without, (last row, last column)."""
    box = Rectangle(
        (columns[0], rows[0]), columns[1] - columns[0], rows[1] - rows[0],
        fill=False, edgecolor=colour, linewidth=width, clip_on=False, zorder=5,
    )  # fmt: skip
    axis.add_patch(box)
    return box


def show(axis: Axes, picture: ArrayLike) -> Artist:
    """A grey (H, W) or coloured (H, W, 3) picture, uint8, as large as the axes hold it in its own shape, in their middle.

    In a film too, where axes of pictures cannot change their size from frame to frame.
    """
    values = np.asarray(picture)
    height, width = values.shape[:2]
    across, down = axis.bbox.width, axis.bbox.height
    scale = min(across / width, down / height)
    wide, high = across / scale - width, down / scale - height  # what is left, in pixels of the picture
    axis.set(xlim=(-wide / 2, width + wide / 2), ylim=(height + high / 2, -high / 2))
    return axis.imshow(
        values, cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=(0, width, height, 0), aspect="auto"
    )


def whole(figure: Figure, left: float, top: float, side: float, values: ArrayLike, tone: Tone, title: str = "") -> Axes:
    """A matrix as a picture without numbers, in the middle of a square of `side` inches; axes count pixels as in `lattice`."""
    values = np.asarray(values, dtype=float)
    rows, columns = values.shape
    cell = side / max(rows, columns)
    axis = place(figure, left + (side - columns * cell) / 2, top + (side - rows * cell) / 2, columns * cell, rows * cell)
    axis.imshow(tone(values), extent=(0, columns, rows, 0), interpolation="nearest", aspect="auto")
    axis.add_patch(Rectangle((0, 0), columns, rows, fill=False, edgecolor=GREY, linewidth=0.8, clip_on=False))
    axis.set_title(title, pad=5)
    return axis
