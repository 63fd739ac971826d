"""Colour to train on: the embedded digits, each in a bright tint on a dark ground of its own, 32 x 32 pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..philox import uniform, words
from .dataset import Data
from .digits import load_digits


def load_tinted() -> Data:
    """The 10,000 digits of `load_digits`, in its order and slices, 32 x 32 x 3; the tint of picture k comes from k alone."""
    digits = load_digits()
    parts = torch.arange(len(digits.images)).split(1000)
    return replace(digits, images=torch.cat([_tinted(digits.images[part], part) for part in parts]), source="tinted-digits")


def _tinted(grey: Tensor, numbers: Tensor) -> Tensor:
    """(N, 1, 28, 28) uint8, and their numbers -> (N, 3, 32, 32) uint8: ink of a bright colour over paper of a dark one."""
    chance = torch.from_numpy(uniform(0, "tint", numbers, 6))[..., None, None]
    ink, paper = 0.5 + 0.5 * chance[:, :3], 0.25 * chance[:, 3:]
    low = words(0, "tint", numbers, 1, draw=1)[:, 0] % 3
    ink[torch.arange(len(ink)), torch.from_numpy(low.astype(np.int64))] *= 0.2  # one channel stays low: a hue, not a grey
    cover = torch.nn.functional.pad(grey, (2, 2, 2, 2)) / 255
    return (255 * torch.lerp(paper, ink, cover)).round().byte()
