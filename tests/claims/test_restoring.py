"""The kernel that mends best: found again where it is known, and no help where neighbours say nothing."""

import numpy as np
import pytest
import torch

from inkbloom.claims import restoring
from inkbloom.claims.restoring import DAMAGES, best_kernel, decide, mended, noised
from inkbloom.convolution import correlate
from inkbloom.philox import normal


def images(count=6, size=12):
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_known_kernel_is_found_again():
    kernel = torch.arange(9, dtype=torch.float64).view(1, 1, 3, 3) - 4
    seen = images()
    torch.testing.assert_close(best_kernel(seen, correlate(seen, kernel, padding="same"), 3), kernel)
    assert best_kernel(seen, 3 * seen, 1).item() == pytest.approx(3)


def test_pixels_that_do_not_know_each_other_cannot_mend_each_other():
    """The control: where all pixels are independent, the best kernel is a factor, Wiener's  a v / (a^2 v + s^2)  with v = 4."""
    x = 2 * torch.from_numpy(normal(0, "noise", np.arange(300), 144)).double().view(-1, 1, 12, 12)
    kernel = best_kernel(noised(x, 1), x, 5)
    assert kernel[0, 0, 2, 2].item() == pytest.approx(0.5 * 4 / (0.25 * 4 + 0.25), abs=0.03)
    kernel[0, 0, 2, 2] = 0
    assert kernel.abs().max() < 0.03


def test_mending_one_damage_helps_and_rescaling_alone_does_not_undo_it():
    stripes = (torch.arange(144).view(12, 12) // 3 % 2 * 255).to(torch.uint8).expand(20, 1, 12, 12)
    scaled, whole = (mended(DAMAGES["noise"], stripes[:15], stripes[15:], 0, taps) for taps in (1, 5))
    assert whole > scaled + 1


def test_each_seed_has_its_own_damage_and_the_blur_has_none():
    x = images()
    for name, damage in DAMAGES.items():
        assert torch.equal(damage(x, 0), damage(x, 1)) == (name == "blur")
        assert torch.equal(damage(x, 1), damage(x, 1))


def test_the_rule():
    before = {"random-kernel": 12.0, "blur": 19.0, "noise": 10.0}
    assert decide(before, {"random-kernel": 18.0, "blur": 27.0, "noise": 13.0}) == "holds"
    assert decide(before, {"random-kernel": 18.0, "blur": 27.0, "noise": 10.5}) == "holds partly"  # scrambles alone
    unharmed = before | {"random-kernel": 30.0}
    assert decide(unharmed, {"random-kernel": 32.0, "blur": 27.0, "noise": 13.0}) == "holds partly"  # restores alone
    assert decide(unharmed, {"random-kernel": 30.0, "blur": 27.0, "noise": 13.0}) == "does not hold"


def test_digits_are_mended(small):
    found = restoring.measure(small)
    assert found.verdict == "holds"
    assert {figure.at for figure in found.figures} == set(DAMAGES)
