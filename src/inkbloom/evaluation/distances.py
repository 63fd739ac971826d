"""How far two sets of images lie apart in the judge's features: Fréchet distance and kernel distance.

Both come from torchmetrics, fed with features that are there already. The features of both sets are to be divided by the
`rms` of the reference's first: the kernel needs numbers of the size of one, and FD scales with the square of that constant.
Of features that are not finite numbers both are NaN.
"""

from __future__ import annotations

import warnings
from math import nan, sqrt

import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..store.tensors import all_finite


class _Features(nn.Module):
    """What torchmetrics takes for a network: features pass unchanged. Without `num_features` it would send an image through."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.num_features = d

    def forward(self, features: Tensor) -> Tensor:
        return features


def rms(features: Tensor) -> float:
    """The root of the mean square of all numbers in (N, d) features."""
    return sqrt(float(features.double().square().mean()))


def fd(a: Tensor, b: Tensor) -> float:
    """Fréchet distance of the Gaussians with the means and covariances (by N - 1) of two sets of features (N, d), (M, d).

    |mean_a - mean_b|^2 + trace(A + B - 2 (A B)^(1/2)), Heusel et al. 2017, equation 6. It is biased upward by about 1/N, so
    it compares at one N only. Raises UsageError for fewer than two images in a set.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    _check(a, b, 2)
    if not all_finite(a, b):
        return nan
    metric = FrechetInceptionDistance(_Features(a.shape[1]))
    metric.update(a.double(), real=True)
    metric.update(b.double(), real=False)
    return float(metric.compute().clamp(min=0))


def kid(a: Tensor, b: Tensor, *, size: int, subsets: int = 50, seed: int = 0) -> float:
    """1000 times the kernel distance of two sets of features (N, d), (M, d): the mean over `subsets` draws of `size` of each.

    A draw's value is the unbiased squared maximum mean discrepancy with the kernel (x·y/d + 1)^3, Bińkowski et al. 2018,
    section 4; being unbiased, it can fall below zero. The same seed draws the same. Raises UsageError for fewer images
    than `size`.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    _check(a, b, max(2, size))
    if not all_finite(a, b):
        return nan
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore", UserWarning)  # that it keeps all features, which are here anyway
        torch.manual_seed(seed)
        metric = KernelInceptionDistance(_Features(a.shape[1]), subsets=subsets, subset_size=size)
        metric.update(a.double(), real=True)
        metric.update(b.double(), real=False)
        return 1000 * float(metric.compute()[0])


def _check(a: Tensor, b: Tensor, least: int) -> None:
    if min(len(a), len(b)) < least:
        raise UsageError(f"{min(len(a), len(b)):,} images in a set (distances): this needs {least:,} in each; give more")
