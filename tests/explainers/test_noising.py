"""The topic `noising`: pictures, ink and densities against closed forms and numpy."""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.stats import norm
from scipy.stats import uniform as box

from inkbloom.diffusion import PICTURE_PATHS, Coef
from inkbloom.explainers import noising
from inkbloom.explainers.canvas import lettering
from inkbloom.explainers.densities import EDGES, computed, counted, draw_density, noise_of, noised_pixels_of
from inkbloom.explainers.example import digit_image
from inkbloom.explainers.ink import KERNEL_OF_INK, SIDE, draw_profile, drops
from inkbloom.explainers.noising import FORMULAS, ROWS, at, noised, snr


@pytest.fixture(scope="module")
def sample():
    return noised_pixels_of(digit_image(7).data)


@pytest.mark.parametrize("path", PICTURE_PATHS)
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_the_picture_is_the_mixture(path, t):
    image = digit_image(7).image
    noise = noise_of("gaussian", image)
    c = at(PICTURE_PATHS[path], t)
    x = float(c.a) * (image.numpy()[0, 0] / 127.5 - 1) + float(c.s) * noise.numpy()[0, 0]
    expected = ((x + 1) * 127.5).clip(0, 255)
    assert np.abs(noised(image, noise, c).numpy() - expected).max() <= 0.51


def test_at_0_it_is_the_image_and_every_path_has_its_formula():
    image = digit_image(7).image
    for path in ("lerp", "cosine", "vp"):
        assert torch.equal(noised(image, noise_of("gaussian", image), at(PICTURE_PATHS[path], 0.0)), image[0, 0])
    assert FORMULAS.keys() == ROWS.keys()
    assert {path for path, _ in ROWS.values()} == set(PICTURE_PATHS.values())


def test_the_uniform_row_is_the_tutorials_corruption():
    """Its `corrupt` (section 3.3), in pixels of 0..1: x (1 - amount) + u amount, with u uniform in [0, 1); none goes beyond."""
    path, kind = ROWS["lerp, uniform"]
    image = digit_image(7).image
    noise = noise_of(kind, image)
    u = (noise + 1) / 2
    assert 0 <= u.min() < 0.05
    assert 0.95 < u.max() < 1
    for amount in (0.0, 0.25, 0.9, 1.0):
        x = image / 255 * (1 - amount) + u * amount
        assert (noised(image, noise, at(path, amount)) - 255 * x[0, 0]).abs().max() <= 0.51


@pytest.mark.parametrize("t", [0.1, 0.5, 1.0])
def test_uniform_noise_convolves_densities_with_a_box(t):
    """Against scipy: the mixture of a box of half-width s around each a v."""
    uniform = noised_pixels_of(digit_image(7).data, "uniform")
    c = at(PICTURE_PATHS["lerp"], t)
    starts = float(c.a) * uniform.values.numpy() - float(c.s)
    below = box(starts[:, None], 2 * float(c.s)).cdf(EDGES.numpy())
    exact = uniform.shares.numpy() @ np.diff(below) / np.diff(EDGES.numpy())
    assert np.allclose(computed(uniform, c), exact)
    assert distance(counted(float(c.a) * uniform.pixels + float(c.s) * uniform.noise), computed(uniform, c)) < 0.03
    gaussian = uniform._replace(kind="gaussian")
    assert distance(computed(uniform, c), computed(gaussian, c)) > 0.06  # a negative control


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_all_words_lie_on_the_paper(lang, outside, chinese):
    with lettering(lang):
        assert outside(noising.still(digit_image(7), noising.WORDS[lang], "a title")) == []


@pytest.mark.parametrize(("t", "told"), [(0, "∞"), (0.1, "81"), (0.5, "1"), (0.75, "0.11"), (0.99, "< 0.01"), (1, "0")])
def test_snr_in_few_letters(t, told):
    assert snr(at(PICTURE_PATHS["lerp"], t)) == told


def test_the_ink_is_binomial():
    """Power n of (1 2 1)/4 by itself has the weights C(2n, k) / 4^n."""
    for count, drop in enumerate(drops(20)):
        row = np.zeros(SIDE + 40)
        row[SIDE // 2 + 20 - count : SIDE // 2 + 21 + count] = [
            math.comb(2 * count, k) / 4**count for k in range(2 * count + 1)
        ]
        row = row[20:-20]
        assert np.allclose(drop, np.outer(row, row), atol=1e-14)
    assert KERNEL_OF_INK.sum() == 1


def test_the_curve_over_the_ink_is_the_gaussian_of_its_variance():
    axis, drop = Figure().add_subplot(), drops(16)[16]
    *bars, curve = draw_profile(axis, drop, 16)
    assert np.allclose(curve.get_ydata(), norm.pdf(curve.get_xdata(), scale=math.sqrt(16 / 2)))
    heights = np.array([bar.get_height() for bar in bars])
    assert np.allclose(heights, drop.sum(0))
    assert np.abs(heights - norm.pdf(np.arange(SIDE) - SIDE // 2, scale=math.sqrt(8))).max() < 2e-3


@pytest.mark.parametrize("t", [0.1, 0.3, 0.6, 0.9])
def test_the_line_is_the_convolution_of_the_two_densities(sample, t):
    """By numpy on a fine grid, on which the pixels' density is made of spikes."""
    c, step = at(PICTURE_PATHS["lerp"], t), 0.001
    place = np.arange(-6000, 6001) * step
    spikes = np.zeros(len(place))
    np.add.at(spikes, np.rint(float(c.a) * sample.pixels.double().numpy() / step).astype(int) + 6000, 1 / len(sample.pixels))
    fine = np.convolve(spikes, norm.pdf(place, scale=float(c.s)), mode="same")
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    means = [fine[np.abs(place - float(x)) <= 0.025].mean() for x in middle]
    assert np.allclose(computed(sample, c), means, atol=0.02 * max(means))


@pytest.mark.parametrize("path", PICTURE_PATHS)
@pytest.mark.parametrize("t", [0.1, 0.4, 0.8])
def test_counting_the_noised_pixels_gives_that_density(sample, path, t):
    c = at(PICTURE_PATHS[path], t)
    axis = Figure().add_subplot()
    area, line = draw_density(axis, sample, c)
    found = counted(float(c.a) * sample.pixels + float(c.s) * sample.noise)
    assert np.array_equal(line.get_ydata(), computed(sample, c))
    assert float(area.get_datalim(axis.transData).y1) == pytest.approx(float(found.max()))
    assert distance(found, computed(sample, c)) < 0.03
    wrong = Coef(c.a, c.s * 1.3, c.da, c.ds)
    if float(c.s) < 3:  # wider noise lies mostly outside the cells
        assert distance(found, computed(sample, wrong)) > 0.06


def distance(first, second):
    """Half the area between two densities."""
    return float(((first - second).abs() * EDGES.diff()).sum() / 2)


def test_the_sample_is_the_data_and_its_noise_is_fresh(sample):
    data = digit_image(7).data
    assert len(sample.pixels) >= 100_000
    assert np.allclose(sample.pixels[: 28 * 28], data[0].flatten() / 127.5 - 1, atol=1e-6)
    assert sample.shares.sum() == pytest.approx(1)
    alone = noised_pixels_of(data[:1, :, :10])
    assert len(alone.noise.unique()) > 0.99 * len(alone.noise)


def test_the_film_has_a_frame_for_each_t(monkeypatch):
    monkeypatch.setattr(noising, "FRAMES", 3)
    frames = list(noising.moving(digit_image(7), noising.WORDS["en"], "a title"))
    assert len(frames) == 3
    assert (np.asarray(frames[0]) != np.asarray(frames[2])).any()
