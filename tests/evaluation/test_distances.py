"""FD beside scipy's closed form, KID beside its formula written out in numpy."""

import numpy as np
import pytest
import scipy.linalg
import torch

from inkbloom.errors import UsageError
from inkbloom.evaluation.distances import fd, kid, rms


def sets(n=300, m=250, d=6, dead=0):
    """Two correlated sets of features with different means; the last `dead` numbers are zero in both."""
    numbers = np.random.default_rng(0)
    mix = numbers.normal(size=(d, d))
    a, b = numbers.normal(size=(n, d)) @ mix, 0.3 + 1.2 * numbers.normal(size=(m, d))
    pad = ((0, 0), (0, dead))
    return np.pad(a, pad), np.pad(b, pad)


def frechet(a, b):
    mean, other = a.mean(0), b.mean(0)
    cov, cov_other = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(cov @ cov_other).real
    return ((mean - other) ** 2).sum() + np.trace(cov + cov_other - 2 * root)


def mmd2(x, y):
    """The unbiased estimate, sum by sum."""
    m, d = x.shape

    def k(a, b):
        return (a @ b / d + 1) ** 3

    same = sum(k(s[i], s[j]) for s in (x, y) for i in range(m) for j in range(m) if i != j)
    across = sum(k(x[i], y[j]) for i in range(m) for j in range(m))
    return same / (m * (m - 1)) - 2 * across / m**2


@pytest.mark.parametrize("dead", [0, 4])
def test_fd_is_the_distance_of_two_gaussians(dead):
    a, b = sets(dead=dead)
    assert fd(torch.tensor(a), torch.tensor(b)) == pytest.approx(frechet(a[:, :6], b[:, :6]), rel=1e-7)


def test_fd_of_single_precision_features_keeps_six_digits():
    a, b = (torch.tensor(x).float() for x in sets())
    assert fd(a, b) == pytest.approx(frechet(*(x.double().numpy() for x in (a, b))), rel=1e-6)


def test_fd_knows_a_shift_and_a_scale():
    a = torch.tensor(sets()[0])
    shift = torch.tensor([1.0, 2, 0, 0, 0, 0], dtype=torch.float64)
    assert fd(a, a + shift) == pytest.approx(5, abs=1e-6)
    assert fd(a, a.mean(0) + 3 * (a - a.mean(0))) == pytest.approx(4 * np.trace(np.cov(a.numpy().T)), rel=1e-6)
    assert fd(a, a) == pytest.approx(0, abs=1e-9)


def test_fd_does_not_look_at_the_order():
    a, b = (torch.tensor(x) for x in sets())
    assert fd(a.flip(0), b[torch.randperm(len(b), generator=torch.Generator().manual_seed(0))]) == pytest.approx(fd(a, b))


def test_kid_is_its_formula():
    a, b = sets(40, 40)
    assert kid(torch.tensor(a), torch.tensor(b), size=40, subsets=2) == pytest.approx(1000 * mmd2(a, b), rel=1e-9)


def test_kid_of_draws_scatters_around_that_of_all():
    a, b = (torch.tensor(x) for x in sets(200, 200))
    whole = kid(a, b, size=200, subsets=1)
    assert kid(a, b, size=80, subsets=100) == pytest.approx(whole, rel=0.1)


def test_kid_depends_on_its_seed_alone():
    a, b = (torch.tensor(x) for x in sets())
    torch.manual_seed(1)
    first, state = kid(a, b, size=50, subsets=5, seed=3), torch.get_rng_state()
    torch.manual_seed(2)
    assert kid(a, b, size=50, subsets=5, seed=3) == first
    assert kid(a, b, size=50, subsets=5, seed=4) != first
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)  # and leaves the global generator as it was


def test_rms_makes_the_mean_square_one():
    features = torch.tensor(sets()[0])
    assert float((features / rms(features)).square().mean()) == pytest.approx(1)
    assert rms(torch.tensor([[3.0, 4.0]])) == pytest.approx(12.5**0.5)


@pytest.mark.parametrize("call", [lambda a: fd(a, a[:1]), lambda a: kid(a, a, size=41)])
def test_too_few_images_are_told(call):
    with pytest.raises(UsageError, match="needs"):
        call(torch.tensor(sets(40, 40)[0]))
