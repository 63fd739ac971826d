"""The page's densities on 10,000 real digits: the bounds of its grid, exact sums, Monte Carlo, moments, the best guess."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from inkbloom.data.digits import load_digits
from inkbloom.diffusion import PATHS

PIXELS = ((14, 14), (9, 19), (7, 16))  # the bounds at t = 0.05 are for pixels that are black in less than half of the digits
OF = """
const known = {values, masses: masses.data};
const grid = density.GRIDS[noise];
"""


@pytest.fixture(scope="module")
def images():
    return load_digits().images[:, 0].numpy()


def shares(images, pixel):
    """How often each of the 256 grey values is at a pixel."""
    return np.bincount(images[:, pixel[0], pixel[1]], minlength=256) / len(images)


def values_of(noise):
    """The 256 grey values as data for a noise: in [0, 1], or in [-1, 1]."""
    grey = np.arange(256) / 255
    return (grey if noise == "uniform" else 2 * grey - 1).tolist()


def exact(masses, values, t, noise, grid):
    """The bins' masses of (1 - t) x0 + t eps, by scipy's distribution functions: no grid for the values, no convolution."""
    edges = np.linspace(grid["low"], grid["high"], grid["bins"] + 1)
    z = (edges[:, None] - (1 - t) * values) / t
    return np.diff((norm.cdf(z) if noise == "gaussian" else z.clip(0, 1)) @ masses)


@pytest.mark.parametrize("pixel", PIXELS)
@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_the_bounds_of_the_grid(engine, images, noise, pixel):
    code = (
        OF
        + """
        return times.map((t) => {
          const amounts = {a: 1 - t, s: t};
          const found = density.density(known, amounts, noise).data;
          const drawn = density.monteCarlo(known, amounts, noise, 10000, 7);
          return [grid, density.moments(found, grid), Array.from(found), Array.from(drawn)];
        });
    """
    )
    masses, values, times = shares(images, pixel), np.array(values_of(noise)), [0.05, 0.1, 0.3, 0.5, 0.8, 1.0]
    answers = engine(code, "density", values=values.tolist(), masses=masses, noise=noise, times=times)
    mean = masses @ values
    variance = masses @ values**2 - mean**2
    mu, sigma = (0.5, 1 / 12) if noise == "uniform" else (0, 1)
    for t, (grid, moments, found, drawn) in zip(times, answers, strict=True):
        assert moments["mass"] == pytest.approx(1, abs=1e-6 if noise == "uniform" else 1e-4)
        assert moments["mean"] == pytest.approx((1 - t) * mean + t * mu, abs=2e-3)
        assert moments["variance"] == pytest.approx((1 - t) ** 2 * variance + t**2 * sigma, abs=2e-3)
        right = exact(masses, values, t, noise, grid)
        most = (0.02 if t < 0.1 else 0.007) if noise == "uniform" else (0.02 if t < 0.1 else 6e-4)
        assert np.abs(found - right).sum() / 2 <= most, t
        by_chance = np.sqrt(2 * right * (1 - right) / (np.pi * 10000)).sum() / 2
        assert 0.5 * by_chance < np.abs(drawn - right).sum() / 2 < 1.5 * by_chance + 0.005


def test_a_box_at_the_end_and_the_values_at_the_beginning(engine, images):
    """At t = 1 uniform noise alone: 256 equal bins between 0 and 1. At t = 0 the masses as they are."""
    masses = shares(images, PIXELS[0])
    code = OF + "return [[0, 1], [1, 0]].map(([a, s]) => packed(density.density(known, {a, s}, noise)));"
    box, own = engine(code, "density", values=values_of("uniform"), masses=masses, noise="uniform")
    assert np.allclose(box.ravel()[64:320], 1 / 256, atol=3e-3)
    assert box.ravel()[66:318] == pytest.approx(1 / 256, abs=1e-6)
    assert own.sum() == pytest.approx(1, abs=1e-6)
    assert own.max() == pytest.approx(masses[0], abs=0.5 * masses[0])


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_the_best_guess(engine, images, noise):
    """E[x0 | x] by the two convolutions, against the sums over all values with the noise's density."""
    masses, values, (a, s) = shares(images, PIXELS[1]), np.array(values_of(noise)), (0.5, 0.5)
    code = OF + "return [packed({shape: [grid.bins], data: density.bestGuess(known, {a: 0.5, s: 0.5}, noise)}),"
    code += " Array.from(density.centres(grid)), packed(density.density(known, {a: 0.5, s: 0.5}, noise))];"
    guess, centres, seen = engine(code, "density", values=values.tolist(), masses=masses, noise=noise)
    z = (np.array(centres)[:, None] - a * values) / s
    likely = (norm.pdf(z) if noise == "gaussian" else (z >= 0) & (z <= 1)) * masses
    inside = (seen.ravel() > 1e-4) & (likely.sum(1) > 0)
    expected = (likely @ values)[inside] / likely.sum(1)[inside]
    assert inside.sum() > 100
    error = np.abs(guess[inside] - expected)
    assert np.average(error, weights=seen.ravel()[inside]) < (2e-3 if noise == "uniform" else 1e-4)
    assert (guess[inside] >= values[0] - 1e-3).all()
    assert (guess[inside] <= values[-1] + 1e-3).all()


def test_every_path_is_one_family_for_a_noise(engine, images):
    """In x/a, p_t depends on s/a alone: so `vp` and `lerp` at equal s/a are the same picture."""
    masses, ratio = shares(images, PIXELS[0]), 0.7
    code = (
        OF + "return [packed(density.density(known, {a: 1, s: ratio}, noise)), packed(density.density(known, {a, s}, noise))];"
    )
    a = 1 / math.hypot(1, ratio)
    one, other = engine(
        code, "density", values=values_of("gaussian"), masses=masses, noise="gaussian", ratio=ratio, a=a, s=a * ratio
    )
    at = np.linspace(-4, 4, 513)
    first, second = np.cumsum(one.ravel()), np.cumsum(other.ravel())
    assert np.abs(np.interp(at[1:] / a, at[1:], first, right=1) - second).max() < 2e-3
    assert float(PATHS["lerp"](torch.tensor(0.5)).a) == 0.5
