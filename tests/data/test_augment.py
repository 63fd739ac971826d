"""Augmentation: what the network is told was done to an image is what was done, by scipy's own geometry and rotations."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from inkbloom.data.augment import KINDS, NUMBERS, done, drawn
from inkbloom.philox import Draw

PLACES = dict(zip(KINDS, ([0], [1, 2], [3], [4], [5, 6, 7]), strict=True))  # where the numbers of each kind stand


def pictures(count=6, channels=3, size=(12, 20), seed=0):
    """Smooth ones in [-1, 1], not square."""
    noise = np.random.default_rng(seed).normal(0, 1, (count, channels, *size))
    smooth = ndimage.gaussian_filter(noise, (0, 0, 1, 1))
    return torch.from_numpy(smooth / np.abs(smooth).max()).float()


def told(kinds, count=6, seed=3):
    return drawn(Draw(seed, np.arange(count)), 1.0, kinds)


def by_hand(x, a):
    """One picture (C, H, W), changed as its eight numbers say, with scipy."""
    mirror, right, down, turn, zoom, brightness, saturation, hue = a.double().tolist()
    x = x.double().numpy()
    if mirror:
        x = x[:, :, ::-1]
    height, width = x.shape[1:]
    angle = np.radians(15 * turn)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / 2 ** (zoom / 4)  # of (row, column)
    middle = np.array([height - 1, width - 1]) / 2
    moved = np.array([height / 8 * down, width / 8 * right])
    start = middle - back @ (middle + moved)
    x = np.stack([ndimage.affine_transform(plane, back, start, order=1, mode="nearest") for plane in x])
    if len(x) == 3:
        grey = x.mean(0)
        spun = Rotation.from_rotvec(np.radians(60 * hue) * np.ones(3) / np.sqrt(3)).apply((x - grey).reshape(3, -1).T)
        x = grey + 2 ** (saturation / 2) * spun.T.reshape(x.shape) + 0.2 * brightness
    return torch.from_numpy(x.copy()).float()


@pytest.mark.parametrize("kinds", [*([kind] for kind in KINDS), list(KINDS)], ids=" ".join)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_told_is_what_was_done(kinds, channels):
    x, a = pictures(channels=channels), told(kinds)
    expected = torch.stack([by_hand(*pair) for pair in zip(x, a, strict=True)])
    torch.testing.assert_close(done(x, a, "-1..1"), expected, atol=2e-5, rtol=0)
    if channels == 3 or kinds != ["colour"]:
        assert (expected - x).abs().amax((1, 2, 3)).min() > 0.01  # each picture was changed
        wrong = torch.stack([by_hand(*pair) for pair in zip(x, a.roll(1, 0), strict=True)])
        assert kinds == ["mirror"] or (done(x, a, "-1..1") - wrong).abs().max() > 0.01  # the comparison can fail


def test_a_turn_is_counter_clockwise_a_shift_to_the_right_and_down():
    dot = torch.zeros(1, 1, 16, 16)
    dot[..., 7:9, 12:14] = 1  # right of the middle
    rows, columns = torch.arange(16.0), torch.arange(16.0)

    def centre(**numbers):
        a = torch.zeros(1, NUMBERS)
        for name, value in numbers.items():
            a[0, ["mirror", "right", "down", "turn", "zoom"].index(name)] = value
        ink = done(dot, a, "0..1")[0, 0]
        return float((ink.sum(1) * rows).sum() / ink.sum()), float((ink.sum(0) * columns).sum() / ink.sum())

    assert centre() == (7.5, 12.5)
    assert centre(mirror=1) == (7.5, 2.5)
    assert centre(right=1) == pytest.approx((7.5, 14.5), abs=1e-4)
    assert centre(down=1) == pytest.approx((9.5, 12.5), abs=1e-4)
    assert centre(zoom=1)[1] > 13
    assert centre(turn=1)[0] < 6.5


@pytest.mark.parametrize("pixels", ["0..1", "-1..1"])
def test_an_image_whose_numbers_are_0_keeps_its_bits(pixels):
    x, a = pictures(), told(KINDS)
    a[::2] = 0
    changed = done(x, a, pixels)
    assert torch.equal(changed[::2], x[::2])
    assert not any(torch.equal(one, other) for one, other in zip(changed[1::2], x[1::2], strict=True))


def test_brightness_is_a_share_of_the_pixel_range():
    a = torch.zeros(6, NUMBERS)
    a[:, 5] = 1
    torch.testing.assert_close(done(pictures(), a, "0..1"), pictures() + 0.1)
    torch.testing.assert_close(done(pictures(), a, "-1..1"), pictures() + 0.2)


@pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
def test_each_kind_is_done_so_often_and_apart_from_the_others(probability):
    a = drawn(Draw(1, np.arange(4000)), probability, KINDS)
    changed = torch.stack([(a[:, places] != 0).any(1) for places in PLACES.values()], 1).double()
    assert (changed.mean(0) - probability).abs().max() < 0.03
    assert (changed[:, :, None] * changed[:, None]).mean(0)[0, 1:] == pytest.approx(probability**2, abs=0.03)
    assert a.abs().max() <= 1
    if probability:
        amounts = a[changed[:, 2] > 0, 3]
        assert (amounts.mean(), amounts.square().mean()) == pytest.approx((0, 1 / 3), abs=0.08)  # even in [-1, 1]
        assert set(a[:, 0].tolist()) == ({0.0, 1.0} if probability < 1 else {1.0})


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_named_is_not_done(kind):
    used = told([kind]).abs().sum(0) > 0
    assert used.nonzero().flatten().tolist() == PLACES[kind]


def test_an_image_is_changed_alike_in_any_batch():
    whole, part = drawn(Draw(2, np.arange(10)), 0.5, KINDS), drawn(Draw(2, np.array([7, 3])), 0.5, KINDS)
    assert torch.equal(whole[[7, 3]], part)
    assert not torch.equal(whole, drawn(Draw(3, np.arange(10)), 0.5, KINDS))


def test_under_autocast_nothing_is_rounded():
    x, a = pictures(), told(KINDS)
    with torch.autocast("cpu", torch.bfloat16):
        changed = done(x, a, "-1..1")
    assert torch.equal(changed, done(x, a, "-1..1"))
