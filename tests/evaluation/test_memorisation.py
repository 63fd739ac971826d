"""Copies, near copies and real images: distances beside numpy's, the rank test beside scipy's."""

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inkbloom.errors import UsageError
from inkbloom.evaluation import memorisation as room
from inkbloom.evaluation.memorisation import copying_z, near_share, nearest, ratio_share


def pictures(seed, n, shape=(1, 9, 8)):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8))


def by_hand(samples, train):
    a, b = (x.flatten(1).numpy() / 255.0 for x in (samples, train))
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(2))


@pytest.mark.parametrize("block", [8_000_000, 700])
@pytest.mark.parametrize("shape", [(1, 9, 8), (3, 8, 8)])
def test_the_two_nearest(monkeypatch, block, shape):
    monkeypatch.setattr(room, "BLOCK", block)
    samples, train = pictures(1, 30, shape), pictures(2, 45, shape)
    found, apart = nearest(samples, train), by_hand(samples, train)
    order = apart.argsort(1)[:, :2]
    assert np.array_equal(found.indices.numpy(), order)
    assert found.distances.numpy() == pytest.approx(np.take_along_axis(apart, order, 1), rel=1e-12)


def test_a_copy_is_at_zero_exactly_even_beside_a_twin_and_in_a_large_image():
    train = pictures(1, 20, (3, 64, 64))
    twin = train[7].clone()
    twin[0, 0, 0] ^= 1  # one grey level in one of 12,288 numbers: far below what float32 resolves in |a|^2 + |b|^2
    found = nearest(train[7:8], torch.cat([train, twin[None]]))
    assert found.indices.tolist() == [[7, 20]]
    assert found.distances.tolist() == [[0, pytest.approx(1 / 255)]]


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (-1, 1)])
def test_a_shifted_copy_is_at_zero_where_a_shift_is_allowed(down, right):
    train, rim = pictures(1, 40, (1, 12, 10)), pictures(2, 40, (1, 12, 10))
    samples = rim.clone()
    rows, columns = slice(max(down, 0), 12 + min(down, 0)), slice(max(right, 0), 10 + min(right, 0))
    back = slice(max(-down, 0), 12 + min(-down, 0)), slice(max(-right, 0), 10 + min(-right, 0))
    samples[:, :, rows, columns] = train[:, :, back[0], back[1]]
    found = nearest(samples, train, shift=1)
    assert found.distances[:, 0].tolist() == [0] * 40
    assert found.indices[:, 0].tolist() == list(range(40))
    assert (float(nearest(samples, train).distances[:, 0].min()) > 0) == bool(down or right)


def test_a_shift_takes_the_best_of_nine_crops():
    samples, train = pictures(1, 6), pictures(2, 7)
    crops = [samples[:, :, y : y + 7, x : x + 6] for y in range(3) for x in range(3)]
    expected = np.sort(np.min([by_hand(crop, train[:, :, 1:8, 1:7]) for crop in crops], 0), 1)[:, :2]
    assert nearest(samples, train, shift=1).distances.numpy() == pytest.approx(expected)


def test_shares_read_as_the_share_of_copies():
    train, held, fresh = pictures(1, 300), pictures(2, 300), pictures(3, 270)
    limit = nearest(held, train).distances[:, 0]
    mixed = nearest(torch.cat([train[:30], fresh]), train).distances
    assert near_share(mixed[:, 0], limit) == pytest.approx(0.1, abs=0.03)
    assert ratio_share(mixed) == pytest.approx(0.1)
    assert near_share(limit, limit) == pytest.approx(0.01)
    assert ratio_share(nearest(held, train).distances) == 0


def test_copies_count_where_held_out_images_are_copies_too_and_where_training_images_are_twins():
    """A limit of zero must not hide a copy, nor two equal neighbours the ratio."""
    assert near_share(torch.zeros(5), torch.tensor([0.0] * 10 + [1.0] * 90)) == 1
    assert ratio_share(torch.zeros(4, 2)) == 1
    assert ratio_share(torch.tensor([[1.0, 3.1], [1.0, 2.9]])) == 0.5


def scipy_z(a, b):
    """The score from scipy's two-sided p-value, with the sign of its statistic."""
    told = scipy.stats.mannwhitneyu(a, b, use_continuity=False, alternative="two-sided", method="asymptotic")
    return np.sign(told.statistic - len(a) * len(b) / 2) * scipy.stats.norm.isf(told.pvalue / 2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(2, 60), st.sampled_from([2, 5, 10**6]))
def test_the_rank_test_is_scipys(seed, n, m, levels):
    numbers = np.random.default_rng(seed)
    a, b = numbers.integers(0, levels, n).astype(float), numbers.integers(0, levels, m).astype(float)
    if len({*a, *b}) == 1:
        assert copying_z(torch.tensor(a), torch.tensor(b)) == 0
    else:
        assert copying_z(torch.tensor(a), torch.tensor(b)) == pytest.approx(scipy_z(a, b), abs=1e-6)


def test_nearer_than_held_out_images_is_negative():
    far, near = torch.linspace(5, 6, 100), torch.linspace(1, 2, 80)
    assert copying_z(near, far) < -10
    assert copying_z(near, far) == pytest.approx(-copying_z(far, near))
    assert copying_z(far, far) == 0


@pytest.mark.parametrize(("samples", "train"), [((3, 1, 8, 8), (1, 1, 8, 8)), ((3, 1, 8, 8), (5, 1, 8, 9))])
def test_what_cannot_be_compared_is_told(samples, train):
    with pytest.raises(UsageError, match="training images"):
        nearest(torch.zeros(samples, dtype=torch.uint8), torch.zeros(train, dtype=torch.uint8))
