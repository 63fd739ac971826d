"""Recovering the original: the measure on known pictures, a model that gives up, and the shipped one at both ends."""

import math

import pytest
import torch

from inkbloom.claims import recovery
from inkbloom.claims.recovery import decide, psnr, walked_back


def test_psnr_is_what_it_is_by_definition():
    originals = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    images = originals.clone()
    images[0], images[1, 0, 0, 0] = 255, 51
    assert psnr(images, originals) == pytest.approx((0 + 10 * math.log10(255**2 / (51**2 / 16))) / 2)
    assert psnr(originals, originals) > 60


def test_the_rule():
    assert decide([25, 15], 12, [0.99, 0.95], 1.0) == "holds"
    assert decide([25, 11], 12, [0.99, 0.95], 1.0) == "holds partly"  # at the noisier level no nearer than the mean image
    assert decide([25, 15], 12, [0.99, 0.89], 1.0) == "holds partly"  # the class is lost there
    assert decide([25, 15], 12, [0.85, 0.82], 0.9) == "holds"  # the judge does not see more in the originals
    assert decide([11, 11], 12, [0.99, 0.95], 1.0) == "does not hold"


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(recovery, "LEVELS", (0.2, 1.0))
    monkeypatch.setattr(recovery, "STEPS", 4)


def test_a_little_noise_is_taken_away_and_pure_noise_holds_no_original(small, short):
    found = recovery.measure(small)
    values = {(figure.name.en, figure.at): figure.value for figure in found.figures}
    assert found.verdict == "holds partly"
    assert values["PSNR to the original", "t=0.2"] > 20
    assert values["PSNR to the original", "t=1"] < values["the mean image, without looking", ""]
    assert values["same class", "t=0.2"] == values["same class, originals", ""]
    assert values["same class", "t=1"] < 60
    labels = small.held.labels.tolist()
    assert values["same class, by chance", ""] == pytest.approx(
        100 * sum((labels.count(label) / len(labels)) ** 2 for label in range(10))
    )


def test_the_seed_decides_the_noise(small, short):
    first, again, other = (walked_back(small, 1.0, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_model_that_always_shows_the_same_recovers_nothing(small, short, monkeypatch):
    monkeypatch.setattr(recovery, "walked_back", lambda lab, t, seed: lab.data.images[:1].expand(lab.held.images.shape))
    assert recovery.measure(small).verdict == "does not hold"
