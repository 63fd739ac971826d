"""Precision, recall, density and coverage beside the definitions written out point by point."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inkbloom.errors import UsageError
from inkbloom.evaluation import manifold as room
from inkbloom.evaluation.manifold import Manifold, manifold


def oracle(real, fake, k):
    """The four shares, one pair of points at a time."""

    def radius(points, i):
        return sorted(np.linalg.norm(points[i] - other) for j, other in enumerate(points) if j != i)[k - 1]

    balls = [radius(real, i) for i in range(len(real))]
    fake_balls = [radius(fake, j) for j in range(len(fake))]
    apart = [[np.linalg.norm(x - y) for y in fake] for x in real]
    around = [sum(apart[i][j] <= balls[i] for i in range(len(real))) for j in range(len(fake))]
    return Manifold(
        np.mean([count > 0 for count in around]),
        np.mean([any(apart[i][j] <= fake_balls[j] for j in range(len(fake))) for i in range(len(real))]),
        np.mean(around) / k,
        np.mean([any(apart[i][j] <= balls[i] for j in range(len(fake))) for i in range(len(real))]),
    )


def cloud(seed, n, d=3, scale=1.0):
    return np.random.default_rng(seed).normal(size=(n, d)) * scale


@pytest.mark.parametrize(("n", "m", "d", "k", "scale"), [(60, 47, 3, 5, 1.0), (40, 70, 8, 3, 0.4), (30, 30, 2, 1, 2.5)])
def test_it_is_the_definition(monkeypatch, n, m, d, k, scale):
    monkeypatch.setattr(room, "ROWS", 16)  # several blocks, the last one short
    real, fake = cloud(1, n, d), cloud(2, m, d, scale)
    found = manifold(torch.tensor(real), torch.tensor(fake), k)
    assert found == pytest.approx(oracle(real, fake, k))
    assert min(found) > 0


def test_a_radius_leaves_the_point_itself_out():
    """On a line with steps of 1 the nearest other point is 1 away, and so is the second inside the line."""
    line = torch.arange(10.0, dtype=torch.float64)[:, None]
    assert room.radii(line, 1).tolist() == [1.0] * 10
    assert room.radii(line, 2).tolist() == [2.0, *[1.0] * 8, 2.0]


def test_far_fakes_reach_nothing():
    real = torch.tensor(cloud(1, 50))
    assert manifold(real, real + 100) == Manifold(0, 0, 0, 0)


def test_a_repeated_image_is_a_collapse():
    real = torch.tensor(cloud(1, 200))
    collapsed = real[:10].repeat(20, 1)
    found = manifold(torch.tensor(cloud(3, 200)), collapsed)
    assert found.recall == 0  # balls of radius zero, whatever crumbs a matrix product leaves
    assert found.coverage < 0.4
    assert found.precision > 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(6, 40), st.integers(1, 40), st.integers(1, 5), st.booleans())
def test_identical_sets_score_one(seed, n, d, k, twins):
    points = torch.tensor(cloud(seed, n, d)).float()
    if twins:
        points = torch.cat([points] * (k + 2))
    found = manifold(points, points[torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))], k)
    assert found.precision == found.recall == found.coverage == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(6, 40), st.integers(6, 40))
def test_order_and_scale_do_not_matter(seed, n, m):
    real, fake = torch.tensor(cloud(seed, n)), torch.tensor(cloud(seed + 1, m))
    expected = manifold(real, fake)
    assert manifold(real.flip(0), fake.roll(3, 0)) == pytest.approx(expected)
    assert manifold(8 * real, 8 * fake) == pytest.approx(expected)


def test_too_few_images_are_told():
    with pytest.raises(UsageError, match="more than 5"):
        manifold(torch.zeros(5, 2), torch.zeros(50, 2))
