"""Real against real: what a perfect generator would get. Everything that a card needs to know of the real images is here.

One draw of the floor mixes hold-out and reference and deals them out again, class by class: n images play the generated
ones, as many others as the reference holds play the reference, and as many as the hold-out holds set the limit of `near`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..data import Data
from ..errors import DataError, UsageError, shown
from ..philox import words
from .distances import rms
from .judge import Judge
from .memorisation import nearest
from .scores import Features, Scores, mean_and_sd, quick_scores, slow_scores

LARGEST, SMALLEST = 5000, 20  # images in a set that a card is made of
DRAWS = 50  # of the floor
SLOW_DRAWS, SLOW_PAIRS = 4, 25_000_000  # for the slow rows fewer draws, by the pairs of images in all of them, but no less
SHIFTED, SHIFTED_PAIRS = 1000, 25_000_000  # images that are moved, fewer where the training set is large


@dataclass(frozen=True, eq=False)
class Extractor:
    """What looks at images: a judge, or None, with the constant that its features are divided by; and the training set.

    classes: of the source. train: uint8 (T, C, H, W).
    """

    judge: Judge | None
    scale: float | None
    classes: tuple[str, ...]
    train: Tensor

    @property
    def num_classes(self) -> int:
        """How many classes the judge tells apart; 0 without a judge."""
        return len(self.judge.classes) if self.judge else 0

    def extract(self, images: Tensor, labels: Tensor | None) -> tuple[Features, Tensor]:
        """What there is to know of uint8 images (M, C, H, W) that claim the labels (M,), indices into `classes`; and the index
        (M,) of the training image nearest to each.
        """
        found = nearest(images, self.train)
        neighbour = found.indices[:, 0]
        if self.judge is None:
            return Features(None, None, None, found.distances), neighbour
        features, probabilities = self.judge.look(images)
        known = labels if self.judge.classes == self.classes else None
        return Features(features / (self.scale or 1), probabilities.argmax(1), known, found.distances), neighbour

    def shifted(self, images: Tensor) -> Tensor:
        """Distances to the nearest training image where each image may move by a pixel; of the first 1000 images at most."""
        some = max(SMALLEST, min(SHIFTED, SHIFTED_PAIRS // len(self.train)))
        return nearest(images[:some], self.train, shift=1).distances[:, 0]


@dataclass(frozen=True, eq=False)
class Baseline:
    """The real images as one judge sees them: made once, then any number of generated sets are measured against it.

    n: images in a set. floor, floor_sd: mean and standard deviation of the rows of real images over `draws` draws, of the
    slow rows over `slow_draws`.
    """

    source: str
    n: int
    extractor: Extractor
    holdout: Features
    reference: Features
    holdout_shifted: Tensor
    reference_sha256: str
    draws: int
    slow_draws: int
    floor: Scores
    floor_sd: Scores

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        channels, height, width = self.extractor.train.shape[1:]
        return channels, height, width

    def scores(self, features: Features, seed: int = 0) -> dict[str, float | None]:
        """All numbers of a set of images, of which `extractor` gave the features; seed: of KID's subsets."""
        quick = quick_scores(features, self.reference, self.holdout.distances, self.extractor.num_classes)
        return quick | slow_scores(features, self.reference, seed)


def baseline(data: Data, judge: Judge | None, n: int | None = None) -> Baseline:
    """Sees the slices of a source through a judge and measures the floor. n: images in a set, see `set_size`.

    Raises DataError and UsageError as `set_size` does, and UsageError for a judge of other images.
    """
    n = set_size(data, n)
    train, holdout, reference = (_slice(data, name) for name in ("train", "holdout", "reference"))
    if judge and (judge.channels, judge.size) != (data.channels, data.size):
        looks, has = (f"{h} x {w} x {c}" for c, (h, w) in ((judge.channels, judge.size), (data.channels, data.size)))
        raise UsageError(f"judge {shown(judge.name)} looks at {looks}, the images are {has}: give another --judge, or none")
    extractor = Extractor(judge, _scale(judge, reference), data.classes, train.images)
    held, referred = (extractor.extract(part.images, part.labels)[0] for part in (holdout, reference))
    shifted, sha256 = extractor.shifted(holdout.images), reference.fingerprint()
    both = [part.labels for part in (holdout, reference) if part.labels is not None]
    labels = torch.cat(both) if both else None
    return Baseline(
        data.source, n, extractor, held, referred, shifted, sha256, *_floor(held, referred, labels, n, extractor.num_classes)
    )


def set_size(data: Data, n: int | None = None) -> int:
    """How many images a set has: `n`, or else what the slices of the source allow, 5000 at most.

    Raises DataError where a slice is missing, empty or too small, UsageError for an n that they do not allow.
    """
    source, most = data.source, min(len(_slice(data, name).images) for name in ("holdout", "reference"))
    if most < SMALLEST:
        raise DataError(
            f"{most} images in the slice holdout or reference ({shown(source)}): "
            f"a card needs {SMALLEST} in each, a source of {10 * SMALLEST} images; use a larger one"
        )
    if n is not None and not SMALLEST <= n <= most:
        raise UsageError(f"n = {n}: must lie in [{SMALLEST}, {most}], what the slices of {shown(source)} allow")
    return n or most


def labels_in_turn(data: Data, n: int) -> Tensor | None:
    """(n,) classes with the histogram of the reference, for n images to be drawn; None where it has no labels."""
    labels = _slice(data, "reference").labels
    return None if labels is None else labels[_evenly(len(labels), n)]


def _evenly(count: int, wanted: int) -> Tensor:
    """(wanted,) evenly spaced indices below `count`: all of them where both are equal."""
    return torch.arange(wanted) * count // wanted


def shuffled(seed: int, count: int, draw: int = 0) -> Tensor:
    """(count,) indices in random order."""
    return torch.from_numpy(np.argsort(words(seed, "judging", np.arange(count), 1, draw)[:, 0], kind="stable"))


def dealt(seed: int, count: int, labels: Tensor | None, draw: int = 0) -> Tensor:
    """(count,) indices in random order, of which either half holds as many of each class as the other, to within one."""
    order = shuffled(seed, count, draw)
    if labels is None:
        return order
    line = order[torch.argsort(labels[order], stable=True)]  # class by class, in random order within each
    place = torch.argsort(order)
    halves = (line[::2], line[1::2])
    return torch.cat([half[torch.argsort(place[half])] for half in halves])


def _slice(data: Data, name: str) -> Data:
    """A slice; of hold-out and reference 5000 images, evenly spaced in their order, where there are more."""
    part = data.take(name) if name in data.slices else None
    if part is None or not len(part.images):
        raise DataError(f"no slice {name} ({shown(data.source)}): a card needs the slices train, holdout and reference")
    if name == "train" or len(part.images) <= LARGEST:
        return part
    index = _evenly(len(part.images), LARGEST)
    return replace(part, images=part.images[index], labels=None if part.labels is None else part.labels[index])


def _scale(judge: Judge | None, reference: Data) -> float | None:
    """The root mean square of the reference features, to four digits, so that cards of other machines agree on it."""
    if judge is None:
        return None
    scale = float(f"{rms(judge.look(reference.images).features):.4g}")
    if not scale:
        raise DataError(f"all features are 0 ({shown(judge.name)}): this judge sees nothing in the reference; give another")
    return scale


def _floor(
    holdout: Features, reference: Features, labels: Tensor | None, n: int, num_classes: int
) -> tuple[int, int, Scores, Scores]:
    """Draws, draws of the slow rows, mean and standard deviation; labels: of both together, whatever the judge knows."""
    pool = holdout.join(reference)
    slow_draws = min(DRAWS, max(SLOW_DRAWS, SLOW_PAIRS // n**2)) if num_classes else 1
    quick, slow = [], []
    for draw in range(DRAWS):
        order = dealt(0, len(pool.distances), labels, draw + 1)
        images, other = pool.take(order[:n]), pool.take(order[-len(reference.distances) :])
        quick.append(quick_scores(images, other, pool.distances[order[-len(holdout.distances) :]], num_classes))
        if draw < slow_draws:
            slow.append(slow_scores(images, other))
    (mean, sd), (slow_mean, slow_sd) = mean_and_sd(quick), mean_and_sd(slow)
    return DRAWS, slow_draws, mean | slow_mean, sd | slow_sd
