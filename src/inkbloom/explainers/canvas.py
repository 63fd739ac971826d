"""The paper that every topic draws on: colours, lettering, and a figure as pixels. No state of pyplot is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .fonts import families

INK, GREY, PALE, PAPER = "#1d2a3a", "#75808c", "#d9dee4", "#ffffff"
KERNEL, RESULT, IMAGE = "#d9661f", "#1f7a8c", "#3b5b92"
"""The same thing has the same colour in every topic: the kernel or g, the result, the image or f."""
COLOURS = (PAPER, INK, GREY, PALE, KERNEL, RESULT, IMAGE)


@contextmanager
def lettering(lang: str) -> Iterator[None]:
    """Text made inside the block has the fonts of the language and the colours of ours. Raises UsageError without a font."""
    settings = {
        "font.family": families(lang), "font.size": 10, "axes.unicode_minus": True, "mathtext.fontset": "dejavusans",
        "axes.titlesize": 11, "axes.titlelocation": "left", "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8,
        "axes.edgecolor": GREY, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8,
        "text.color": INK, "axes.labelcolor": INK, "xtick.color": GREY, "ytick.color": GREY, "legend.frameon": False,
        "legend.fontsize": 9, "figure.facecolor": PAPER,
    }  # fmt: skip
    with matplotlib.rc_context(settings):
        yield


def pixels(figure: Figure) -> Image.Image:
    """The figure as an RGB picture, at its own dpi."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def write(
    figure: Figure, left: float, top: float, text: str, size: float = 10, colour: str = INK, side: str = "left"
) -> Artist:
    """Text that hangs from this place, in inches from the figure's top left corner; `side` says which end of it is there."""
    across, down = figure.get_size_inches()
    place = left / across, 1 - top / down
    return figure.text(*place, text, fontsize=size, color=colour, ha=side, va="top", linespacing=1.45)


def heading(figure: Figure, title: str, about: str) -> None:
    """The title, and what it means below it, at the top of a figure; takes 1.1 inches with two lines, 1.35 with three."""
    write(figure, 0.3, 0.2, title, 16)
    write(figure, 0.3, 0.62, about, 10, GREY)
