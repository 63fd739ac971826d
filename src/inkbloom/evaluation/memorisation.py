"""Are generated images copies of training images? Tests on pixels: every distance between features takes a copy for a success.

Distances are Euclidean over all pixels of an image, with pixels counted in [0, 1]. What they mean is told by held-out real
images, which no generator has seen: how near do those come to the training images? Of distances that are not finite numbers
every figure is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import nan, sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import UsageError
from ..store.tensors import all_finite

BLOCK = 8_000_000  # numbers in a block of training images, and in a block of distances
CANDIDATES = 4  # looked at exactly, since the fast distances are good to about a thousandth of a grey level
QUANTILE = 0.01
RATIO = 1 / 3


class Nearest(NamedTuple):
    """The two nearest training images of each of N images: distances (N, 2) float64, the nearer first, and indices (N, 2)."""

    distances: Tensor
    indices: Tensor


def nearest(samples: Tensor, train: Tensor, shift: int = 0) -> Nearest:
    """The two training images nearest to each sample; both uint8 (N, C, H, W) of one size.

    With `shift` a sample may be moved by up to so many pixels either way, and what counts is the part of the training
    image that it covers wherever it is moved: all but a rim of that width. Copies have a distance of exactly zero.
    Raises UsageError for fewer than two training images or for images of another size.
    """
    if len(train) < 2 or samples.shape[1:] != train.shape[1:]:
        what = f"{len(train)} training images of {tuple(train.shape[1:])} for samples of {tuple(samples.shape[1:])}"
        raise UsageError(f"{what} (memorisation): give two or more, of the same size")
    height, width = train.shape[2] - 2 * shift, train.shape[3] - 2 * shift
    inner = train[:, :, shift : shift + height, shift : shift + width].flatten(1)
    places = [(down, right) for down in range(2 * shift + 1) for right in range(2 * shift + 1)]
    found = []
    for block in samples.split(max(1, BLOCK // (4 * inner.shape[1] * len(places)))):
        moved = torch.stack([block[:, :, y : y + height, x : x + width].flatten(1) for y, x in places])
        found.append(_two_nearest(moved, inner, _candidates(moved, inner)))
    return Nearest(*(torch.cat(part) for part in zip(*found, strict=True)))


def _candidates(moved: Tensor, train: Tensor) -> Tensor:
    """(n, CANDIDATES) indices of the rows of `train` (N, D) that are about the nearest to any of `moved` (S, n, D)."""
    best, where = [], []
    for first, rows in _blocks(train):
        squares = rows.square().sum(1)
        apart = torch.stack([_apart(m, rows, squares) for m in (moved.float() - 128)]).amin(0)
        values, columns = apart.topk(min(CANDIDATES, len(rows)), largest=False)
        best.append(values)
        where.append(columns + first)
    order = torch.cat(best, 1).topk(min(CANDIDATES, len(train)), largest=False).indices
    return torch.cat(where, 1).gather(1, order)


def _apart(a: Tensor, b: Tensor, squares: Tensor) -> Tensor:
    """Squared distances |a|^2 - 2 a·b + |b|^2 in float32."""
    return torch.addmm(squares, a, b.T, alpha=-2).add_(a.square().sum(1, keepdim=True))


def _blocks(train: Tensor) -> Iterator[tuple[int, Tensor]]:
    """(index of the first row, rows as floats around zero), block by block."""
    size = max(1, BLOCK // train.shape[1])
    for first in range(0, len(train), size):
        yield first, train[first : first + size].float() - 128


def _two_nearest(moved: Tensor, train: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
    """Distances and indices (n, 2) of the two nearest candidates, in exact arithmetic on the bytes."""
    chosen = train[candidates].int()
    squares = torch.stack([(m[:, None].int() - chosen).square().sum(2) for m in moved]).amin(0)
    squares, order = squares.sort(dim=1, stable=True)
    return squares[:, :2].double().sqrt() / 255, candidates.gather(1, order[:, :2])


def near_share(samples: Tensor, holdout: Tensor) -> float:
    """The share of samples as near to a training image as the nearest 1 % of held-out images are, or nearer.

    (N,) and (M,) distances to the nearest training image. About .01 for real images; reads as the share of copies. With
    1000 held-out images the limit rests on ten of them.
    """
    if not all_finite(samples, holdout):
        return nan
    return float((samples <= holdout.double().quantile(QUANTILE)).double().mean())


def ratio_share(distances: Tensor) -> float:
    """The share of samples under a third as far from the nearest training image as from the second: (N, 2) distances.

    The strict test: blind to copies with more than a little noise, and to copies of one of a pair of near-twins. A distance
    of zero counts whatever the second is.
    """
    if not all_finite(distances):
        return nan
    first, second = distances.unbind(1)
    return float(((first < RATIO * second) | (first == 0)).double().mean())


def copying_z(samples: Tensor, holdout: Tensor) -> float:
    """C_T of Meehan et al. 2020, over one cell: do the samples lie nearer to the training images than held-out images do?

    The Mann-Whitney statistic of (N,) and (M,) distances to the nearest training image, as a standard normal score with the
    correction for ties: 0 for real images, below -3 for copying, and also for blur; so it alarms only with good quality.
    """
    if not all_finite(samples, holdout):
        return nan
    n, m = len(samples), len(holdout)
    _, place, count = torch.cat([samples, holdout]).unique(return_inverse=True, return_counts=True)
    ranks = (count.cumsum(0) - (count - 1) / 2)[place]  # from 1; equal values share the mean of theirs
    wins = float(ranks[:n].double().sum()) - n * (n + 1) / 2
    ties = float((count.double() ** 3 - count).sum()) / ((n + m) * (n + m - 1))
    spread = sqrt(max(0.0, n * m / 12 * (n + m + 1 - ties)))
    return (wins - n * m / 2) / spread if spread else 0.0
