"""A film of a figure: what stands still is drawn once, and what moves is drawn over it, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from ..figures.images import save_gif
from .canvas import COLOURS

Frame = tuple[Sequence[Artist], Sequence[Artist]]
"""What a frame adds for good, and what is seen in this frame only."""


def filmed(figure: Figure, steps: Iterable[Frame]) -> Iterator[Image.Image]:
    """One RGB frame a step, drawn over the figure as it was at the start.

    `steps` may make artists as it goes on, or change those that it made.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    for staying, passing in steps:
        for artist in staying:
            artist.draw(renderer)
        still = canvas.copy_from_bbox(figure.bbox)
        for artist in passing:
            artist.draw(renderer)
        yield Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        canvas.restore_region(still)


def finish(steps: Iterable[Frame]) -> None:
    """Takes every step, for a picture of the end: what is seen in one frame only is not on it."""
    for _, passing in steps:
        for artist in passing:
            artist.remove()


def save_film(frames: Sequence[Image.Image], path: Path, milliseconds: int, hold: int = 2000) -> None:
    """Writes RGB frames as a GIF that repeats for ever, the last shown for `hold` milliseconds more. Raises DiskError."""
    colours = shared_colours((frames[0], frames[len(frames) // 2], frames[-1]))
    flat = list(recoloured(frames, colours))
    save_gif([*flat, *[flat[-1]] * (hold // milliseconds)], path, milliseconds)


def shared_colours(frames: Sequence[Image.Image], exact: int = 64, others: int = 192) -> NDArray[np.uint8]:
    """(colours, 3) for RGB frames: ours, the most frequent ones as they are, and a choice for the rest."""
    dots = np.concatenate([np.asarray(frame).reshape(-1, 3) for frame in frames])
    packed, counts = np.unique(dots @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    ours = np.array([int(colour[1:], 16) for colour in COLOURS])
    packed = np.concatenate([ours, [c for c in packed[np.argsort(-counts, kind="stable")] if c not in ours]])
    found = (packed[:, None] >> np.array([16, 8, 0]) & 255).astype(np.uint8)
    if len(found) <= exact:
        return found
    rest = Image.fromarray(found[exact:][None]).quantize(others).getpalette() or []
    return np.concatenate([found[:exact], np.array(rest, np.uint8).reshape(-1, 3)[:others]])


def recoloured(frames: Iterable[Image.Image], colours: NDArray[np.uint8]) -> Iterator[Image.Image]:
    """RGB frames -> the same with a palette of these (colours, 3): each dot the nearest, to 4 levels of 256.

    Pillow's own search for the nearest colour, which is coarser, would turn white paper grey.
    """
    level = np.arange(64, dtype=np.float32) * 4 + 2
    grid = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(64, -1, 3)
    known = colours.astype(np.float32)
    nearest = np.stack([((known**2).sum(1) - 2 * plane @ known.T).argmin(1) for plane in grid]).reshape(64, 64, 64)
    for place, (red, green, blue) in reversed(list(enumerate(colours >> 2))):
        nearest[red, green, blue] = place
    for frame in frames:
        red, green, blue = np.moveaxis(np.asarray(frame) >> 2, -1, 0)
        flat = Image.fromarray(nearest[red, green, blue].astype(np.uint8), mode="P")
        flat.putpalette(colours.flatten().tolist())
        yield flat
