"""Makes a set of colour pictures to train on: the digits, each in a random tint on a random dark ground, 32 x 32 pixels.

    python scripts/make_tinted.py tinted-digits.npz
    inkbloom train tinted --out runs/tinted

The tint of picture k comes from (seed 0, k) alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from inkbloom.data import load_data
from inkbloom.data.npz import write_npz


def tinted(grey: np.ndarray, numbers: np.random.Generator) -> np.ndarray:
    """(N, 28, 28) uint8 -> (N, 32, 32, 3) uint8: ink of a bright colour mixed over paper of a dark one."""
    ink = numbers.uniform(0.5, 1, (len(grey), 1, 1, 3))
    ink[np.arange(len(grey)), 0, 0, numbers.integers(0, 3, len(grey))] *= 0.2  # one channel stays low: a hue, not a grey
    paper = numbers.uniform(0, 0.25, (len(grey), 1, 1, 3))
    cover = np.pad(grey, ((0, 0), (2, 2), (2, 2)))[..., None] / 255
    return np.round(255 * (cover * ink + (1 - cover) * paper)).astype(np.uint8)


def main(path: str) -> None:
    """Writes all 10,000 digits with their labels to an .npz file."""
    digits = load_data("digits")
    pictures = tinted(digits.images[:, 0].numpy(), np.random.default_rng(0))
    write_npz(Path(path), [pictures], len(pictures), digits.labels.numpy())
    print(f"{path}: {len(pictures):,} pictures of 32 x 32 x 3")


if __name__ == "__main__":
    main(*sys.argv[1:])
