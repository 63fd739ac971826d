"""Is transposed convolution the inverse? The measure against torch, and against kernels whose transpose does invert them."""

import pytest
import torch
import torch.nn.functional as F

from inkbloom.claims import inverse
from inkbloom.claims.inverse import SETTINGS, Trip, decide, orthogonal, random_kernels


def images(channels=1, size=9):
    return torch.rand(3, channels, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("taps", "stride", "padding"), SETTINGS)
def test_forth_and_back_are_those_of_torch(taps, stride, padding):
    x, kernel = images(), random_kernels(2, 1, 1, taps, taps)[1]
    trip = Trip(x, kernel, stride, padding)
    small = F.conv2d(x, kernel, stride=stride, padding=padding)
    left = (9 + 2 * padding - taps) % stride
    back = F.conv_transpose2d(small, kernel, stride=stride, padding=padding, output_padding=left)
    torch.testing.assert_close(trip.small, small)
    torch.testing.assert_close(trip.back, back)
    assert trip.error == pytest.approx(float((back - x).norm() / x.norm()))
    factors = torch.linspace(-1, 1, 20_001, dtype=torch.float64)
    least = min(float((factor * back - x).norm() / x.norm()) for factor in factors[::50])
    assert trip.rescaled <= least + 1e-9  # no factor does better than the one that it takes
    assert trip.rescaled <= trip.error


def test_the_transpose_is_the_adjoint_and_another_kernel_is_not():
    x, kernel = images(), random_kernels(1, 1, 1, 3, 3)[0]
    trip = Trip(x, kernel)
    y = torch.rand(trip.small.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert trip.mismatch(y) < 1e-14
    trip.kernel = kernel.flip(-1)
    assert trip.mismatch(y) > 1e-3


def test_a_kernel_that_its_transpose_inverts_is_found_to_be_inverted():
    """The control: an orthogonal 1x1 kernel; scaled, it still is, up to one factor; with one more number, it is not."""
    x, kernel = images(inverse.TURNED), orthogonal()
    assert Trip(x, kernel).error < 1e-12
    assert Trip(x, 3 * kernel).error > 1
    assert Trip(x, 3 * kernel).rescaled < 1e-12
    kernel[0, 0] += 1
    assert Trip(x, kernel).rescaled > 0.01


def test_the_rule():
    assert decide(1, 1e-9, 1e-15) == "holds"
    assert decide(1, 0.4, 1e-15) == "holds partly"
    assert decide(1, 0.4, 1e-3) == "does not hold"
    assert decide(0.9, 1e-9, 1e-15) == "does not hold"


def test_random_kernels_are_not_inverted(small):
    found = inverse.measure(small)
    values = {figure.name.en: figure.value for figure in found.figures}
    assert found.verdict == "holds partly"
    assert values[f"shapes restored, of {2 * len(SETTINGS)}"] == 100
    assert values["least of them"] > 0.01
    assert values["control: orthogonal 1x1, relative error"] < 1e-12
