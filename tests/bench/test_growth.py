"""Power laws and the sets that growth is measured on."""

import pytest
import torch

from inkbloom.bench.growth import _grey, doublings, exponent, images_per_second
from inkbloom.config import load_recipe
from inkbloom.data import load_data


def test_the_exponent_of_a_power_law():
    values = [16, 32, 64]
    assert exponent(values, [3 * v**1.7 for v in values]) == pytest.approx(1.7)


@pytest.mark.parametrize(("most", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_doublings(most, expected):
    assert doublings(most) == expected


def test_images_of_any_size_come_with_their_labels(source):
    data = load_data(source(channels=3)).take("train")
    grey = _grey(data, 20)
    assert grey.images.shape == (len(data.images), 3, 20, 20)
    assert torch.equal(grey.labels, data.labels)


def test_the_rate_of_a_whole_training(recipe):
    made = load_recipe(str(recipe()))
    assert images_per_second(made, made.data, processes=1, threads=1) > 0
