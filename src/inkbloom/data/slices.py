"""Which images of a source are held out: 80 % to train on, 10 % hold-out, 10 % reference; or as the source itself says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..philox import words

SMALLEST_VAL = 40  # images of a validation set that make a hold-out and a reference of 20 each, what a card needs


def split_slices(n: int, labels: ArrayLike | None = None) -> dict[str, Tensor]:
    """Slice name -> sorted int64 indices; each of the `n` >= 1 images is in exactly one slice.

    The images are lined up by class, within a class by a random number of their own (seed 0, so that the split never
    changes), and of each ten in the line one is held out and one is for reference. So the slices hold n/10 images each,
    and each class has its share to within one image. Fewer than ten images leave the later slices empty.
    """
    line = _line(n, labels)
    place = np.arange(n) % 10
    chosen = {"train": (place != 4) & (place != 9), "holdout": place == 4, "reference": place == 9}
    return {name: torch.from_numpy(np.sort(line[mask])) for name, mask in chosen.items()}


def given_slices(names: Sequence[str], labels: ArrayLike | None = None) -> tuple[dict[str, Tensor], str]:
    """The same for images of which a source says to which slice they belong, and how hold-out and reference come about.

    names: 'train', 'holdout' or 'test' of each image. Given hold-out images are shared by `holdout` and `reference`, every
    other one of the line each. Where they are none or too few for both, a tenth of `train` goes to each, and they join the
    hold-out; so no given hold-out or test image is trained on.
    """
    given = np.asarray(names)
    classes = np.zeros(len(given)) if labels is None else np.asarray(labels)
    train, held, test = (np.flatnonzero(given == name) for name in ("train", "holdout", "test"))
    if len(held) >= SMALLEST_VAL:
        line = held[_line(len(held), classes[held])]
        parts, told = {"train": train, "holdout": line[::2], "reference": line[1::2]}, "half of the given hold-out each"
    else:
        parts = {name: train[index.numpy()] for name, index in split_slices(len(train), classes[train]).items()}
        parts["holdout"] = np.concatenate([parts["holdout"], held])
        told = "a tenth of train each" + f", and the {len(held):,} given ones are held out too" * bool(len(held))
    parts |= {"test": test} if len(test) else {}
    return {name: torch.from_numpy(np.sort(index)) for name, index in parts.items()}, f"hold-out and reference: {told}"


def _line(n: int, labels: ArrayLike | None) -> NDArray[np.int64]:
    """The numbers of the images, lined up by class and within a class by chance."""
    chance = words(0, "slices", np.arange(n), 1)[:, 0]
    return np.lexsort((chance, np.zeros(n) if labels is None else np.asarray(labels)))
