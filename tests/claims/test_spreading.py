"""How far a pixel's influence reaches, and whether repeated convolution adds variances up: against closed forms."""

import math

import pytest
import torch
from torch import nn

from inkbloom.anatomy.layers import layers_of
from inkbloom.claims import spreading
from inkbloom.claims.spreading import decide_local, decide_spreads, drop_of, fields_along, noised_reach, touched, widest_kernel


def test_a_row_of_coins_is_a_binomial():
    """(1/2, 1/2) over and over: variance n / 4, and the Gaussian comes nearer."""
    coin = torch.full((1, 2), 0.5, dtype=torch.float64)
    square = coin.T @ coin
    for times in (1, 16):
        drop = drop_of(square, times)
        assert drop.width == pytest.approx(math.sqrt(times / 4))
        assert drop.sums < 1e-12
    assert drop_of(square, 64).apart < drop_of(square, 4).apart / 10
    peak = 6 / 16  # of (1, 4, 6, 4, 1) / 16, beside that of the Gaussian with variance 1
    assert drop_of(square, 4).apart == pytest.approx(1 - peak**2 * 2 * math.pi)


def test_a_width_that_does_not_add_up_is_noticed(monkeypatch):
    monkeypatch.setattr(spreading, "power", lambda kernel, times: kernel)  # a drop that does not spread
    assert drop_of(torch.full((3, 3), 1 / 9, dtype=torch.float64), 4).sums == pytest.approx(0.75)


def test_fields_and_kernels_of_a_known_chain():
    chain = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(2, 1, 5, padding=2))
    found = layers_of(chain, (torch.zeros(1, 1, 28, 28),))
    assert fields_along(found) == [3, 3 + 1 + 4 * 2]
    assert widest_kernel(found) == 5


def test_touched_pixels_are_counted():
    first = torch.zeros(2, 1, 3, 3)
    second = first.clone()
    second[0, 0, 0, :] = 1
    assert touched(first, second) == 1.5


def test_noise_is_added_to_each_pixel_alone_and_a_sampled_picture_hangs_together(small):
    assert noised_reach(small, 0) == 1
    assert spreading.sampled_reach(small, 0) > 1


def test_a_blur_before_the_noise_would_be_seen_to_spread(small, monkeypatch):
    begin = small.family.begin
    blur = lambda draw, start: begin(draw, (nn.functional.avg_pool2d(start[0], 3, 1, 1), start[1]))
    monkeypatch.setattr(small.family, "begin", blur)
    assert noised_reach(small, 0) == 9


def test_the_rules():
    assert decide_local(5, 14) == "holds"
    assert decide_local(5, 28) == "holds partly"
    assert decide_local(28, 28) == "does not hold"
    assert decide_spreads(1e-15, 9, 300) == "holds"
    assert decide_spreads(1e-15, 1, 300) == "holds partly"
    assert decide_spreads(1e-15, 1, 1) == "does not hold"
    assert decide_spreads(0.1, 9, 300) == "does not hold"
