"""Pictures for a page: what a model draws from the first seed, how the first of them came about, and pictures as data URIs."""

from __future__ import annotations

import base64
import io
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..data.pixels import to_bytes
from ..families import Family
from ..figures.images import tile
from ..sampling import Order, batches, order, starting_point, trajectory
from ..store.weights import Spec

COUNT, COLUMNS = 20, 10  # pictures on a page, and in a row
STAGES = 9  # of the history
LARGEST = 2**22  # bytes of a picture file that a page takes in


class Drawn(NamedTuple):
    """What a model drew."""

    wish: Order
    pictures: Tensor  # (COUNT, C, H, W) uint8, on the CPU; picture k from (seed 0, k) alone
    inputs: Tensor  # (rows, C, H, W) uint8: what the network saw on the way to picture 0, the noise first
    predictions: Tensor  # (rows, C, H, W) uint8: what it took the finished picture to be
    rate: float  # pictures a second


def draw(family: Family, spec: Spec) -> Drawn:
    """COUNT pictures as the recipe says, timed after one step to warm up."""
    shape, wish = (spec.channels, *spec.size), order(family, COUNT)
    spans = list(batches(COUNT, shape))
    next(trajectory(family, shape, wish, *spans[0]))
    begin, pictures = time.perf_counter(), []
    inputs, predictions = [starting_point(family, shape, wish, 0, 1)], []
    for first, last in spans:
        for x, x0 in trajectory(family, shape, wish, first, last):
            final = x
            if first == 0:
                inputs.append(x[:1])
                predictions.append(x0[:1])
        pictures.append(_bytes(final, family))
    rate = COUNT / (time.perf_counter() - begin)
    shown = np.unique(np.linspace(0, len(predictions) - 1, min(STAGES, len(predictions))).round().astype(int))
    history = [_bytes(torch.cat([row[step] for step in shown]), family) for row in (inputs, predictions)]
    return Drawn(wish, torch.cat(pictures), history[0], history[1], rate)


def _bytes(x: Tensor, family: Family) -> Tensor:
    return to_bytes(x, family.recipe.pixels).cpu()


def sheet(images: Tensor, columns: int = COLUMNS) -> str:
    """(N, C, H, W) uint8 -> a data URI of one picture with all of them, small ones enlarged."""
    scale = max(1, 64 // max(images.shape[2:]))
    return _uri(_png(tile(images, columns=columns, scale=scale, gap=scale)))


def picture_file(path: Path) -> str | None:
    """A PNG file as a data URI; None where there is none that a page should hold."""
    try:
        data = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except OSError:
        return None
    return _uri(data) if data.startswith(b"\x89PNG\r\n\x1a\n") else None


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
