"""Entropies against closed forms."""

import math

import pytest
import torch

from inkbloom.claims import disorder
from inkbloom.claims.disorder import CELL, decide, gaussian_bound, pixel_entropy
from inkbloom.diffusion import lerp
from inkbloom.explainers.densities import noised_pixels_of


def level(t):
    return lerp(torch.tensor(t, dtype=torch.float64))


def test_the_entropy_of_a_pixel_at_both_ends():
    data = torch.zeros(40, 1, 8, 8, dtype=torch.uint8)
    data[..., :2] = 255  # a quarter of each image
    sample = noised_pixels_of(data)
    quarter = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    assert pixel_entropy(sample, level(0.0)) == pytest.approx(quarter, abs=1e-9)
    noise = math.log2(2 * math.pi * math.e) / 2 - math.log2(CELL)  # of a normal number, in cells of that width
    assert pixel_entropy(sample, level(1.0)) == pytest.approx(noise, abs=0.02)
    assert pixel_entropy(sample, level(0.05)) > quarter


def test_the_bound_is_the_entropy_of_the_gaussian_with_that_covariance():
    root = torch.rand(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    covariance = root @ root.T
    noisy = 0.7**2 * covariance + 0.3**2 * torch.eye(5, dtype=torch.float64)
    entropy = torch.distributions.MultivariateNormal(torch.zeros(5, dtype=torch.float64), noisy).entropy() / math.log(2)
    assert gaussian_bound(torch.linalg.eigvalsh(covariance), level(0.3)) == pytest.approx(float(entropy) / 5)
    assert gaussian_bound(torch.zeros(4, dtype=torch.float64), level(0.0)) == -math.inf


def test_the_rule():
    assert decide([1, 2, 3], [-1, 0, 2]) == "holds"
    assert decide([1, 3, 2], [-1, 0, 2]) == "holds partly"
    assert decide([1, 2, 3], [2, 0, -1]) == "does not hold"


def test_digits_become_disorder(small):
    found = disorder.measure(small)
    assert found.verdict == "holds"
    assert found.seeds == ()
    assert all(math.isfinite(figure.value) for figure in found.figures)
    assert [figure.at for figure in found.figures][:2] == ["t=0", "t=0.1"]
