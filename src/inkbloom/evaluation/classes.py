"""Are all classes there, and is each image of the class that was asked for? The judge's labels say."""

from __future__ import annotations

from math import nan

import torch
from torch import Tensor

from ..errors import UsageError
from ..store.tensors import all_finite


def total_variation(a: Tensor, b: Tensor) -> float:
    """Half the sum of |share_a - share_b| over the classes, in [0, 1]; (K,) counts. Raises UsageError for an empty set."""
    if not (a.sum() > 0 and b.sum() > 0):
        raise UsageError("a set of no images (class histogram): give some")
    return float((a.double() / a.sum() - b.double() / b.sum()).abs().sum()) / 2


def agreement(labels: Tensor, predicted: Tensor) -> float:
    """The share of images whose predicted label is the wanted one, in [0, 1]; (N,) class numbers each, else NaN."""
    if not all_finite(labels, predicted):
        return nan
    return float(torch.eq(labels, predicted).double().mean())
