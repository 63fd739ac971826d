"""Cards that cannot be fooled: what each figure says of digits spoiled in a known way, N = 1000, with the shipped judge."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from inkbloom.data import load_data
from inkbloom.evaluation.classes import total_variation
from inkbloom.evaluation.distances import fd, kid, rms
from inkbloom.evaluation.judge import load_judge
from inkbloom.evaluation.manifold import manifold
from inkbloom.evaluation.memorisation import copying_z, near_share, nearest, ratio_share


@pytest.fixture(scope="module")
def real():
    """Training images, two unseen slices, and what the judge and the pixels say of the second: all that a score needs."""
    data, judge = load_data("digits"), load_judge("digits-v1")
    train, unseen, reference = (data.take(name) for name in ("train", "holdout", "reference"))
    seen = judge.look(reference.images)
    return SimpleNamespace(
        judge=judge,
        train=train.images,
        unseen=unseen.images,
        labels=unseen.labels,
        scale=rms(seen.features),
        features=seen.features / rms(seen.features),
        counts=seen.probabilities.argmax(1).bincount(minlength=10),
        limits=nearest(reference.images, train.images).distances[:, 0],
    )


@pytest.fixture(scope="module")
def score(real):
    """score(images) -> the figures of a set of uint8 images."""

    def figures(images):
        seen = real.judge.look(images)
        features, counts = seen.features / real.scale, seen.probabilities.argmax(1).bincount(minlength=10)
        apart = nearest(images, real.train).distances
        return SimpleNamespace(
            fd=fd(real.features, features),
            kid=kid(real.features, features, size=500, subsets=20),
            tv=total_variation(counts, real.counts),
            near=near_share(apart[:, 0], real.limits),
            ratio=ratio_share(apart),
            z=copying_z(apart[:, 0], real.limits),
            **manifold(real.features, features)._asdict(),
        )

    return figures


@pytest.fixture(scope="module")
def floor(real, score):
    return score(real.unseen)


def noisy(images, sigma):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images / 255 + sigma * noise).mul(255).round().clamp(0, 255).to(torch.uint8)


def test_real_images_pass(floor):
    assert floor.kid < 5
    assert floor.recall > 0.85
    assert floor.coverage > 0.85
    assert floor.tv < 0.05
    assert floor.near < 0.03
    assert floor.ratio == 0
    assert abs(floor.z) < 3


def test_copies_look_perfect_to_every_distance_and_are_caught_all_the_same(real, score, floor):
    copies = score(real.train[:1000])
    assert copies.fd < 2.5 * floor.fd  # their classes are not in step, as those of the two slices are
    assert copies.kid < 5
    assert copies.recall > floor.recall - 0.05
    assert copies.near == copies.ratio == 1
    assert copies.z < -30


def test_a_tenth_of_copies_is_seen(real, score):
    mixed = score(torch.cat([real.train[:100], real.unseen[100:]]))
    assert 0.08 < mixed.near < 0.14
    assert mixed.ratio == pytest.approx(0.1)


def test_noisy_copies_are_copies(real, score):
    assert score(noisy(real.train[:1000], 0.05)).near == 1


def test_a_shift_by_a_pixel_hides_a_copy_from_near_but_not_from_its_tolerant_twin(real):
    shifted = F.pad(real.train[:150], (1, -1))
    assert near_share(nearest(shifted, real.train).distances[:, 0], real.limits) < 0.05
    limits = nearest(real.unseen[:300], real.train, shift=1).distances[:, 0]
    assert near_share(nearest(shifted, real.train, shift=1).distances[:, 0], limits) == 1


def test_noise_is_far(real, score, floor):
    spoiled = score(noisy(real.unseen, 0.1))
    assert spoiled.fd > 2 * floor.fd
    assert spoiled.kid > floor.kid + 5
    assert spoiled.near == 0


def test_blur_loses_recall(real, score, floor):
    blurred = score(F.avg_pool2d(real.unseen.float(), 3, 1, 1).round().to(torch.uint8))
    assert blurred.recall < 0.35 < 0.9 < floor.recall
    assert blurred.coverage < 0.55 < 0.9 < floor.coverage
    assert blurred.precision > 0.8  # the blind one of the four
    assert blurred.fd > 20 * floor.fd


def test_a_missing_class_is_seen(real, score, floor):
    dropped = score(real.unseen[real.labels != 8])
    assert dropped.fd > 2 * floor.fd
    assert dropped.kid > floor.kid + 10
    assert dropped.tv > 0.08


def test_a_collapse_is_seen(real, score, floor):
    collapsed = score(real.unseen[:100].repeat(10, 1, 1, 1))
    assert collapsed.fd > 2 * floor.fd
    assert collapsed.recall < 0.05
    assert collapsed.coverage < 0.5
