import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inkbloom.data.resize import crop, fit, resized

side = st.integers(1, 400)


@settings(deadline=None)
@given(side, side, side, side)
def test_the_crop_is_the_largest_of_the_wanted_shape(height, width, tall, wide):
    inner = crop((height, width), (tall, wide))
    assert 1 <= inner[0] <= height
    assert 1 <= inner[1] <= width
    assert inner[0] == height or inner[1] == width
    cut = 0 if height * wide > width * tall else 1  # the side that is too long for the wanted shape
    exact = width * tall / wide if cut == 0 else height * wide / tall
    assert inner[1 - cut] == (height, width)[1 - cut]
    assert abs(inner[cut] - exact) <= 0.5 or inner[cut] == 1


def test_the_crop_is_central_and_exact_where_no_resizing_is_needed():
    pixels = np.arange(10 * 20, dtype=np.uint8).reshape(10, 20)
    assert np.array_equal(fit(Image.fromarray(pixels), (10, 10)), pixels[:, 5:15])
    assert np.array_equal(fit(Image.fromarray(pixels), (10, 20)), pixels)
    assert np.array_equal(fit(Image.fromarray(pixels.T.copy()), (10, 10)), pixels.T[5:15])


def test_nothing_outside_the_crop_shines_in():
    pixels = np.full((40, 80), 255, np.uint8)
    pixels[:, 20:60] = 0
    assert np.asarray(fit(Image.fromarray(pixels), (16, 16))).max() == 0


def test_shrinking_averages_and_enlarging_is_smooth():
    checks = np.indices((64, 64)).sum(0).astype(np.uint8) % 2 * 255
    small = np.asarray(fit(Image.fromarray(checks), (16, 16)))
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() < 20  # picking every fourth pixel would give 0 or 255
    ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (16, 1))
    large = np.asarray(fit(Image.fromarray(ramp), (64, 64)))[32, 8:-8].astype(int)
    assert set(np.diff(large)) <= {2, 3}  # repeating pixels would give steps of 10


@pytest.mark.parametrize("channels", [1, 3])
def test_tensors_go_image_by_image(channels):
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, channels, 12, 20), np.uint8))
    small = resized(images, (8, 8))
    assert small.shape == (3, channels, 8, 8)
    assert small.dtype == torch.uint8
    for image, got in zip(images.numpy(), small.numpy(), strict=True):
        for plane, got_plane in zip(image, got, strict=True):
            assert np.array_equal(fit(Image.fromarray(plane), (8, 8)), got_plane)
