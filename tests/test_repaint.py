"""Inpainting against a density whose conditional is known, and what is kept, counted and drawn on the way."""

import math

import numpy as np
import pytest
import torch

from inkbloom.diffusion import PATHS
from inkbloom.families.noises import arc, exchanged, turned
from inkbloom.repaint import repaint
from inkbloom.solvers import SOLVERS, evaluations, step_times

F64 = torch.float64
MEAN = torch.tensor([0.3, -0.2, 0.5, 0.0], dtype=F64)
COVARIANCE = torch.tensor([[1, 0.9, 0.5, 0.3], [0.9, 1, 0.7, 0.4], [0.5, 0.7, 1, 0.8], [0.3, 0.4, 0.8, 1]], dtype=F64)
KNOWN = torch.tensor([[1.5, 9.0], [9.0, -0.5]], dtype=F64)[None, None]  # the two 9 are not to be seen
DRAWN = torch.tensor([[False, True], [True, False]])
COUNT = 2000


def best(path):
    """The exact denoiser of four Gaussian pixels: E[x0 | x] by the formula for joint Gaussians."""

    def denoise(x, t):
        c = path(t)
        gain = c.a * COVARIANCE @ torch.linalg.inv(c.a**2 * COVARIANCE + c.s**2 * torch.eye(4, dtype=F64))
        return (MEAN + (x.flatten(1) - c.a * MEAN) @ gain.T).reshape(x.shape)

    return denoise


def painted(path, solver, redraws, steps=40):
    """The two pixels that are not known, (COUNT, 2)."""
    numbers = torch.Generator().manual_seed(1)

    def noise(k):
        return torch.randn(COUNT, 1, 2, 2, dtype=F64, generator=numbers)

    walk = repaint(SOLVERS[solver], KNOWN, DRAWN, redraws, lambda eps, share, k: turned(eps, noise(k), share))
    for x, _ in walk(best(path), noise(0), step_times(steps, "shifted", path), path, noise):  # noqa: B007
        pass
    assert (x[..., ~DRAWN] == KNOWN[..., ~DRAWN]).all()
    return x[:, 0][:, DRAWN]


def conditional():
    """Mean (2,) and covariance (2, 2) of the drawn pixels for the known ones, by the Schur complement."""
    drawn, known = [1, 2], [0, 3]
    gain = COVARIANCE[drawn][:, known] @ torch.linalg.inv(COVARIANCE[known][:, known])
    mean = MEAN[drawn] + gain @ (KNOWN.flatten()[known] - MEAN[known])
    return mean, COVARIANCE[drawn][:, drawn] - gain @ COVARIANCE[known][:, drawn]


@pytest.mark.parametrize(
    ("path", "solver"), [("lerp", "euler"), ("cosine", "heun"), ("lerp", "dpmpp_2m"), ("cosine", "ancestral")]
)
def test_what_is_drawn_has_the_distribution_that_fits_what_is_kept(path, solver):
    mean, covariance = conditional()
    found = painted(PATHS[path], solver, redraws=20)
    assert abs(found.mean(0) - mean).max() < 0.1
    assert abs(torch.cov(found.T) - covariance).max() < 0.1


@pytest.mark.parametrize("solver", ["euler", "ancestral"])
def test_without_redraws_it_does_not(solver):
    """The control: one walk leaves the drawn pixels far from where the kept ones would have them, and more redraws less far."""
    mean, _ = conditional()
    once, thrice = (abs(painted(PATHS["lerp"], solver, redraws, 30).mean(0) - mean).max() for redraws in (1, 3))
    assert once > 0.2
    assert thrice < 0.75 * once


@pytest.mark.parametrize("solver", SOLVERS)
def test_with_nothing_kept_one_walk_is_the_solvers_own(solver):
    path, x = PATHS["cosine"], torch.randn(5, 1, 2, 2, dtype=F64, generator=torch.Generator().manual_seed(3))
    times, all_drawn = step_times(7, "uniform", path), torch.ones(2, 2, dtype=torch.bool)
    walk = repaint(SOLVERS[solver], KNOWN, all_drawn, 1, None)
    for mine, plain in zip(
        walk(best(path), x, times, path, lambda k: x * k),
        SOLVERS[solver](best(path), x, times, path, lambda k: x * k),
        strict=True,
    ):
        assert all(torch.equal(*pair) for pair in zip(mine, plain, strict=True))


@pytest.mark.parametrize(("solver", "calls"), [("euler", 3 * 4 + 1), ("heun", 3 * 4 * 2 + 1), ("ancestral", 3 * 4 + 1)])
def test_every_step_but_the_last_is_taken_so_often_with_other_noise(solver, calls):
    one, asked, renewed = torch.ones(1, 1, 1, 1), [], []
    walk = repaint(SOLVERS[solver], one, one > 0, 3, lambda eps, share, k: renewed.append(k) or eps)
    steps = list(walk(lambda x, t: x, one, torch.linspace(1, 0, 6, dtype=F64), PATHS["lerp"], lambda k: asked.append(k) or one))
    assert len(steps) == 3 * 4 + 1
    assert evaluations(walk, 5) == calls
    assert renewed[:8] == list(range(1, 9))
    assert asked == (list(range(1, 14)) if solver == "ancestral" else [])


def test_a_solver_that_ends_elsewhere_keeps_what_is_kept():
    def careless(denoise, x, times, path, noise):
        for t in times[:-1]:
            x = x / 2 + 7
            yield x, denoise(x, t)

    for redraws in (1, 3):
        walk = repaint(careless, KNOWN, DRAWN, redraws, lambda eps, share, k: eps)
        *_, (x, _) = walk(best(PATHS["lerp"]), torch.zeros(2, 1, 2, 2, dtype=F64), torch.linspace(1, 0, 4), PATHS["lerp"], None)
        assert (x[..., ~DRAWN] == KNOWN[..., ~DRAWN]).all()
        assert (x[..., DRAWN] > 7).all()


# ---- noise made of noise


def noises(kind, count=2, size=20_000):
    return torch.from_numpy(getattr(np.random.default_rng(4), kind)(size=(count, size)))


def test_an_arc_keeps_the_length_of_noise_and_a_line_does_not():
    first, last = noises("normal")
    points = arc(first, last, torch.linspace(0, 1, 9))
    assert torch.equal(points[0], first)
    torch.testing.assert_close(points[-1], last)
    usual = math.sqrt(first.numel())
    assert (points.norm(dim=1) / usual - 1).abs().max() < 0.02
    assert abs(torch.lerp(first, last, 0.5).norm() / usual - math.sqrt(0.5)) < 0.02


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_noise_that_is_new_in_part_is_noise_of_its_kind(share):
    """Its moments are those of its kind, and its correlation with the old is the share."""
    first, last = noises("normal")
    mixed = turned(first, last, torch.tensor(share))
    assert abs(mixed.mean()) < 0.03
    assert abs(mixed.std() - 1) < 0.03
    assert abs(torch.corrcoef(torch.stack([mixed, first]))[0, 1] - share) < 0.03
    first, last, order = noises("uniform", 3)
    mixed = exchanged(first, last, 1 - share, order)
    assert abs(torch.corrcoef(torch.stack([mixed, first]))[0, 1] - share) < 0.03
    sorted_values = mixed.sort().values
    even = torch.linspace(0, 1, len(mixed), dtype=F64)
    assert (sorted_values - even).abs().max() < 0.02  # the largest gap to the distribution function of uniform numbers
