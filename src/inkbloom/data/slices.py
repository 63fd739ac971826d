"""Which images of a source are held out: 80 % to train on, 10 % hold-out, 10 % reference."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..philox import words


def split_slices(n: int, labels: ArrayLike | None = None) -> dict[str, Tensor]:
    """Slice name -> sorted int64 indices; each of the `n` >= 1 images is in exactly one slice.

    The images are lined up by class, within a class by a random number of their own (seed 0, so that the split never
    changes), and of each ten in the line one is held out and one is for reference. So the slices hold n/10 images each,
    and each class has its share to within one image. Fewer than ten images leave the later slices empty.
    """
    chance = words(0, "slices", np.arange(n), 1)[:, 0]
    line = np.lexsort((chance, np.zeros(n) if labels is None else np.asarray(labels)))
    place = np.arange(n) % 10
    chosen = {"train": (place != 4) & (place != 9), "holdout": place == 4, "reference": place == 9}
    return {name: torch.from_numpy(np.sort(line[mask])) for name, mask in chosen.items()}
