"""Do generated images lie where real ones do, and are all real ones reached? Four shares over balls around features.

A set's manifold is the union of the balls around its points, each reaching to its k-th nearest neighbour in the set.
"""

from __future__ import annotations

from math import nan
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import UsageError
from ..store.tensors import all_finite

ROWS = 1000  # of a matrix of distances that are held at a time
SAME = 1e-7  # in units of the features' norm: closer points are one point, for a matrix product leaves such crumbs


class Manifold(NamedTuple):
    """Shares in [0, 1]; density alone may exceed 1.

    precision: of fake points in a real ball. recall: of real points in a fake ball. density: fake points' mean number of
    real balls around them, over k. coverage: of real balls with a fake point inside.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: Tensor, fake: Tensor, k: int = 5) -> Manifold:
    """Precision and recall (Kynkäänniemi et al. 2019, equation 1), density and coverage (Naeem et al. 2020, equations 5, 6).

    Features (N, d) and (M, d); a point on the edge of a ball is inside. Precision and density reward blur, so recall and
    coverage are the ones to look at. All are NaN where a number is not finite. Raises UsageError unless both sets have more
    than k points.
    """
    if min(len(real), len(fake)) <= k:
        raise UsageError(f"{min(len(real), len(fake))} images in a set (k = {k}): recall needs more than {k}; give more")
    if not all_finite(real, fake):
        return Manifold(nan, nan, nan, nan)
    real, fake = real.double(), fake.double()
    real_radius, fake_radius = radii(real, k), radii(fake, k)
    around = torch.zeros(len(fake), dtype=torch.long)  # real balls around each fake point
    reached = covered = 0
    for rows, radius in zip(real.split(ROWS), real_radius.split(ROWS), strict=True):
        apart = distances(rows, fake)
        inside = apart <= radius[:, None]
        around += inside.sum(0)
        covered += int(inside.any(1).sum())
        reached += int((apart <= fake_radius).any(1).sum())
    n = len(real)
    return Manifold(float((around > 0).double().mean()), reached / n, float(around.double().mean()) / k, covered / n)


def radii(points: Tensor, k: int) -> Tensor:
    """(N,) distances from each of the points (N, d) to its k-th nearest other one."""
    return torch.cat([distances(rows, points).kthvalue(k + 1).values for rows in points.split(ROWS)])  # the first is itself


def distances(a: Tensor, b: Tensor) -> Tensor:
    """(N, M) Euclidean distances of float64 points, zero exactly where two points are the same."""
    apart = torch.cdist(a, b)
    return apart.masked_fill_(apart <= SAME * float(b.square().sum(1).mean().sqrt()), 0)
