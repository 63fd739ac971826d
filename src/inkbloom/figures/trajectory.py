"""How noise becomes a picture: the tutorial's sheet of all steps (its section 3.6), and a film of the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..files import replacing
from .images import tile

Frames = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
ROWS = 40  # more steps than this are shown in evenly spaced rows


def history_sheet(
    inputs: Frames, predictions: Frames, path: Path, titles: tuple[str, str] = ("Input (noisy)", "Model Prediction")
) -> None:
    """One row a step, the network's input left and its prediction right, under `titles`; writes a PNG.

    inputs, predictions: one uint8 array (B, C, H, W) a step. Grey pictures are drawn as ink on paper, greys reversed.
    Raises DiskError.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = np.unique(np.linspace(0, len(inputs) - 1, min(ROWS, len(inputs))).round().astype(int))
    first = np.asarray(tile(inputs[0], columns=8, gap=2, background=0))
    tall = first.shape[0] / first.shape[1]
    figure = Figure(figsize=(9, len(rows) * (4.2 * tall + 0.12) + 0.6), layout="constrained", dpi=80)
    axes = figure.subplots(len(rows), 2, squeeze=False)
    for row, step in enumerate(rows):
        for axis, images in zip(axes[row], (inputs[step], predictions[step]), strict=True):
            axis.imshow(np.asarray(tile(images, columns=8, gap=2, background=0)), cmap="Greys", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
        axes[row, 0].set_ylabel(str(step + 1), rotation=0, ha="right", va="center")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    FigureCanvasAgg(figure)
    with replacing(path) as file:
        figure.savefig(file, format="png")


def film_frames(inputs: Frames, predictions: Frames, final: NDArray[np.uint8], scale: int = 2) -> list[Image.Image]:
    """One frame a step, input left and prediction right, then the result on both sides, held for a second of frames."""
    pairs = [*zip(inputs, predictions, strict=True), *[(final, final)] * 12]
    return [_side_by_side(tile(x, columns=4, scale=scale), tile(x0, columns=4, scale=scale)) for x, x0 in pairs]


def _side_by_side(left: Image.Image, right: Image.Image, gap: int = 12) -> Image.Image:
    sheet = Image.new(left.mode, (left.width + gap + right.width, left.height), "white")
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + gap, 0))
    return sheet
