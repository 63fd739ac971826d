"""The embedded digits: 10,000 images of MNIST's training set, in an order that `scripts/make_digits.py` fixed."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
import torch

from .dataset import Data
from .idx import read_idx


def load_digits() -> Data:
    """10,000 grey digits of 28 x 28, labelled 0..9. Their stored order mixes the classes evenly, so the slices are ranges."""
    folder = files("inkbloom.data") / "digits"
    with as_file(folder / "digits-images-idx3-ubyte.gz") as path:
        images = read_idx(path)
    with as_file(folder / "digits-labels-idx1-ubyte.gz") as path:
        labels = read_idx(path)
    return Data(
        torch.from_numpy(images[:, None]),
        torch.from_numpy(labels.astype(np.int64)),
        tuple("0123456789"),
        {"train": torch.arange(8000), "holdout": torch.arange(8000, 9000), "reference": torch.arange(9000, 10_000)},
        "digits",
    )
