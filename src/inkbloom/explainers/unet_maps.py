"""What is inside a layer: its kernels, and the feature maps that it makes of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..anatomy.layers import Layer
from ..errors import plain
from .canvas import heading, pixels
from .matrices import SIGNED, place
from .unet_text import WORDS

MAPS, KERNELS, WEIGHTS = 64, 16, 256  # shown at most: maps; kernels, and weights of a matrix, on a side
LINE = 150  # the grey around each small picture

Floats = NDArray[np.floating[Any]]


def strongest(values: Floats) -> float:
    """The size of a number that gets the full colour: all but one in 200 are smaller, so that no single one fades the rest."""
    return float(np.quantile(np.abs(values), 0.995)) or 1.0


def montage(values: Floats, columns: int, most: float, width: int = 900) -> NDArray[np.uint8]:
    """(N, h, w) -> one picture (H, W, 3), row by row, a pixel a number: -most blue, 0 white, most orange; thin lines between.

    They are enlarged by a whole number, to `width` pixels in all at most where that is possible.
    """
    count, high, wide = values.shape
    line = max(1, width // 300)
    scale = max(1, (width - line * (columns + 1)) // (columns * wide))
    large = values.repeat(scale, axis=1).repeat(scale, axis=2)
    coloured = (np.asarray(SIGNED(large / (2 * most) + 0.5))[..., :3] * 255).astype(np.uint8)
    down, across = scale * high + line, scale * wide + line  # from one to the next
    sheet = np.full((math.ceil(count / columns) * down + line, columns * across + line, 3), 255, np.uint8)
    for number, picture in enumerate(coloured):
        top, left = number // columns * down, number % columns * across
        sheet[top : top + down + line, left : left + across + line] = LINE
        sheet[top + line : top + down, left + line : left + across] = picture
    return sheet


def maps_of(answer: Tensor, layers: Sequence[Layer]) -> Floats:
    """What a layer hands on as small pictures (N, h, w).

    (C, H, W) as it is; tokens (T, C), and (heads, T, C) of attention, laid out as the picture of `layers` that has T pixels;
    anything else in a square.
    """
    values: Floats = answer.float().numpy()
    tokens = values.shape[-2] if values.ndim > 1 else 0
    sizes = {layer.after[1] * layer.after[2]: layer.after[1:] for layer in layers if layer.pictures}
    known = any(values.shape == layer.after and layer.pictures for layer in layers)
    if values.ndim == 3 and known:
        return values
    if tokens in sizes:
        return np.moveaxis(values, -2, -1).reshape(-1, *sizes[tokens])
    side = math.ceil(math.sqrt(values.size))
    return np.pad(values.ravel(), (0, side * side - values.size)).reshape(1, side, side)


def kernels_sheet(layer: Layer, kernels: Tensor, lang: str, note: str = "") -> Image.Image:
    """Kernels (outputs, inputs, h, w) one beside the other, or the matrix of a linear layer (outputs, inputs)."""
    words, values = WORDS[lang], kernels.float().numpy()
    outputs, inputs = values.shape[:2]
    if values.ndim == 2:
        shown = values[:WEIGHTS, :WEIGHTS]
        most, title = strongest(shown), words["matrix_title"].format(layer=layer.name, rows=outputs, columns=inputs)
        return _sheet(title, words["matrix_about"].format(most=plain(most, 2)) + note, montage(shown[None], 1, most))
    height, width = values.shape[2:]
    channels = {"inputs": layer.before[0], "count": layer.after[0]}
    title = words["kernels_title"].format(layer=layer.name, height=height, width=width, **channels)
    if inputs == 1:
        part, columns = values[: KERNELS * KERNELS, 0], min(outputs, KERNELS)
        about = words["kernels_single" if layer.groups == 1 else "kernels_apart"]
    else:
        inside = "input" if layer.groups == 1 else "group"
        across, down = ("output", inside) if outputs >= inputs else (inside, "output")
        part = values[:KERNELS, :KERNELS]
        about = words["kernels_about"].format(column=words[across], row=words[down], most="{most}")
        part = part.swapaxes(0, 1) if across == "output" else part
        columns, part = part.shape[1], part.reshape(-1, height, width)
    most = strongest(part)
    return _sheet(title, about.replace("{most}", plain(most, 2)) + note, montage(part, columns, most))


def maps_sheet(layer: Layer, maps: Floats, lang: str, note: str = "") -> Image.Image:
    """The feature maps of a layer (N, h, w) one beside the other, all on one scale."""
    words, shown = WORDS[lang], maps[:MAPS]
    most = strongest(shown)
    title = words["maps_title"].format(layer=layer.name, shape="x".join(map(str, layer.after)))
    columns = math.ceil(math.sqrt(len(shown)))
    about = words["maps_list" if len(layer.after) < 2 else "maps_channels"].format(shown=MAPS)
    about += words["maps_before"] * (not layer.activates) + words["maps_about"].format(most=plain(most, 2))
    return _sheet(title, about + note, montage(shown, columns, most))


def _sheet(title: str, about: str, picture: NDArray[np.uint8]) -> Image.Image:
    """A picture under its title and what it means."""
    across = 8.4
    down = min(9.0, across * picture.shape[0] / picture.shape[1])
    figure = Figure(figsize=(across + 0.6, down + 1.6), dpi=110)
    heading(figure, title, about)
    axis = place(figure, 0.3, 1.3, across, down)
    axis.imshow(picture, interpolation="nearest")
    axis.set_anchor("W")
    return pixels(figure)
