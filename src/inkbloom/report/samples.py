"""Pictures for a page: what a model draws from the first seed, how the first of them came about, and pictures as data URIs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.pixels import affordable, to_bytes
from ..families import Family
from ..figures.images import data_uri, png, tile
from ..sampling import Request, history, pictures, request, trajectory

COUNT, COLUMNS = 20, 10  # pictures on a page (of large ones fewer), and in a row
STAGES = 9  # of the history
LARGEST = 2**22  # bytes of a picture file that a page takes in


class Samples(NamedTuple):
    """What a model drew."""

    request: Request
    pictures: Tensor  # (N, C, H, W) uint8, on the CPU; picture k from (seed 0, k) alone
    inputs: Tensor  # (rows, C, H, W) uint8: what the network saw on the way to picture 0, the noise first
    predictions: Tensor  # (rows, C, H, W) uint8: its predictions
    rate: float  # pictures a second


def draw_samples(family: Family) -> Samples:
    """COUNT pictures or fewer as the recipe says, timed after one step to warm up."""
    wanted = request(family, affordable(COUNT, family.spec.size))
    next(trajectory(family, wanted, 0, 1))
    begin = time.perf_counter()
    drawn = torch.cat([batch for batch, _ in pictures(family, wanted)])
    rate = wanted.count / (time.perf_counter() - begin)
    inputs, predictions = history(family, wanted, 0, 1)
    shown = np.unique(np.linspace(0, len(predictions) - 1, min(STAGES, len(predictions))).round().astype(int))
    stages = [_bytes(torch.cat([row[step] for step in shown]), family) for row in (inputs, predictions)]
    return Samples(wanted, drawn, stages[0], stages[1], rate)


def _bytes(x: Tensor, family: Family) -> Tensor:
    return to_bytes(x, family.recipe.pixels).cpu()


def sheet(images: Tensor, columns: int = COLUMNS) -> str:
    """(N, C, H, W) uint8 -> a data URI of one picture with all of them, small ones enlarged."""
    scale = max(1, 64 // max(images.shape[2:]))
    return data_uri(png(tile(images, columns=min(columns, len(images)), scale=scale, gap=scale)))


def picture_file(path: Path) -> str | None:
    """A PNG file as a data URI; None where there is none that a page should hold."""
    try:
        data = path.read_bytes() if path.stat().st_size <= LARGEST else b""
    except OSError:
        return None
    return data_uri(data) if data.startswith(b"\x89PNG\r\n\x1a\n") else None
