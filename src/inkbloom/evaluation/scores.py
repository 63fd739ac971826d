"""The numbers of one set of N images against the reference. Generated images and the floor's real ones go through this code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .classes import agreement, total_variation
from .distances import fd, kid
from .manifold import manifold
from .measures import QUICK, SLOW
from .memorisation import near_share

Scores = Mapping[str, float | None]  # by the names of QUICK and SLOW; None where it cannot be told


class Features(NamedTuple):
    """What is known of M images: their features divided by the scale, the classes that the judge sees, their labels, and how
    far the two nearest training images are.
    """

    features: Tensor | None  # (M, d) float32; None without a judge
    classes: Tensor | None  # (M,) int64; None without a judge
    labels: Tensor | None  # (M,) int64; None where there are none, or where they are not the judge's classes
    distances: Tensor  # (M, 2) float64, pixel l2

    def take(self, index: Tensor | slice) -> Features:
        """Some of them."""
        features, classes, labels, distances = (None if part is None else part[index] for part in self)
        assert distances is not None
        return Features(features, classes, labels, distances)

    def join(self, other: Features) -> Features:
        """These and the other's; what one of them lacks is lost."""
        pairs = zip(self, other, strict=True)
        features, classes, labels, distances = (None if a is None or b is None else torch.cat([a, b]) for a, b in pairs)
        assert distances is not None
        return Features(features, classes, labels, distances)


def quick_scores(images: Features, reference: Features, holdout: Tensor, num_classes: int) -> dict[str, float | None]:
    """The rows of QUICK. holdout: (H, 2) distances of held-out images; num_classes: the number of the judge's classes."""
    rows: dict[str, float | None] = dict.fromkeys(QUICK)
    rows["near"] = near_share(images.distances[:, 0], holdout[:, 0])
    if images.features is not None and reference.features is not None:
        rows["fd"] = fd(images.features, reference.features)
    if images.classes is not None and reference.classes is not None:
        rows["tv"] = total_variation(counts(images.classes, num_classes), counts(reference.classes, num_classes))
        rows["agreement"] = None if images.labels is None else agreement(images.labels, images.classes)
    return rows


def slow_scores(images: Features, reference: Features, seed: int = 0) -> dict[str, float | None]:
    """The rows of SLOW; seed: of KID's subsets."""
    if images.features is None or reference.features is None:
        return dict.fromkeys(SLOW)
    n = min(len(images.features), len(reference.features))
    size = 1000 if n >= 2000 else n // 2
    return {
        "kid": kid(images.features, reference.features, size=size, seed=seed),
        **manifold(reference.features, images.features)._asdict(),
    }


def counts(classes: Tensor, num_classes: int) -> Tensor:
    """How many images of each class: (num_classes,) int64."""
    return torch.bincount(classes, minlength=num_classes)


def mean_and_sd(rows: list[dict[str, float | None]]) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """The mean of each row and its standard deviation over the sets; None for what is not known, or for the sd of one set."""
    mean, sd = dict[str, float | None](), dict[str, float | None]()
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None]
        if len(values) < len(rows):
            mean[name] = sd[name] = None
            continue
        every = torch.tensor(values, dtype=torch.float64)
        mean[name] = float(every.mean())
        sd[name] = float(every.std()) if len(values) > 1 else None
    return mean, sd
