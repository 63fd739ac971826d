"""The card of a set of images: every number beside its floor, what must match before two cards compare, how it was made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..data import Data
from ..errors import DataError, shown
from .baseline import Baseline, baseline
from .classes import agreement
from .judge import Judge
from .measures import Card
from .memorisation import QUANTILE, copying_z, near_share, ratio_share
from .scores import Features, counts, mean_and_sd

VERSION = 1
PICTURED = 16  # images with the nearest training image beside them


def make_card(
    images: Tensor,
    labels: Tensor | None,
    data: Data,
    judge: Judge | None,
    *,
    n: int | None = None,
    made: Mapping[str, Any],
    holdout: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Card:
    """The card of uint8 images (M, C, H, W) against the slices of `data`: `measure` by the `standard` of that source."""
    return measure(images, labels, baseline(data, judge, n), made=made, holdout=holdout, seed=seed)[0]


def measure(
    images: Tensor,
    labels: Tensor | None,
    real: Baseline,
    *,
    made: Mapping[str, Any],
    holdout: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> tuple[Card, list[tuple[int, int]]]:
    """(the card, (image, training image) of the 16 images nearest to the training set, the nearest first).

    images: uint8 (M, C, H, W), cut in their order into blocks of n; what is left over counts for histogram and memorisation
    alone. labels: (M,) the classes that the images should show, indices into the source's, or None. made, holdout: kept in
    the card as they are. seed: of KID's subsets. Every number is finite or None, and equal images give equal numbers.
    Raises DataError for images that are not uint8 or of another shape than the source's, and for fewer than n.
    """
    _check(images, real)
    sample, neighbour = real.extractor.extract(images, labels)
    blocks = [sample.take(slice(first, first + real.n)) for first in range(0, len(images) - real.n + 1, real.n)]
    mean, sd = mean_and_sd([real.scores(block, seed) for block in blocks])
    card = {
        "header": header_of(real),
        "made": dict(made),
        "floor": dict(real.floor),
        "floor_sd": dict(real.floor_sd),
        "floor_draws": {"quick": real.draws, "slow": real.slow_draws},
        **{name: value for name, value in mean.items() if name not in ("tv", "agreement")},
        "sd": sd,
        "blocks": len(blocks),
        **_memorisation(images, sample, real),
        "classes": _classes(sample, real, mean),
        "holdout": None if holdout is None else dict(holdout),
    }
    first = sample.distances[:, 0].argsort(stable=True)[:PICTURED].tolist()
    return finite(card), [(image, int(neighbour[image])) for image in first]


def finite(value: Any) -> Any:
    """The same dicts, lists and values, with None for every number that is infinite or none at all."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _check(images: Tensor, real: Baseline) -> None:
    shape, wanted = (" x ".join(map(str, part)) for part in (images.shape[1:], real.extractor.train.shape[1:]))
    if images.dtype != torch.uint8 or shape != wanted:
        kind = str(images.dtype).removeprefix("torch.")
        raise DataError(f"{kind} images of {shape}, where {shown(real.source)} has uint8 of {wanted}: make them of that shape")
    if len(images) < real.n:
        count = f"{len(images):,} image{'s' * (len(images) != 1)}"
        raise DataError(f"{count}: a card of N = {real.n:,} needs {real.n:,} at least; make more, or set n")


def header_of(real: Baseline) -> dict[str, Any]:
    """What two cards must agree in before they compare."""
    judge, (channels, *size) = real.extractor.judge, real.extractor.train.shape[1:]
    return {
        "card": VERSION,
        "judge": judge.name if judge else None,
        "judge_sha256": judge.sha256 if judge else None,
        "layer": judge.layer if judge else None,
        "d": judge.d if judge else None,
        "scale": real.extractor.scale,
        "n": real.n,
        "source": real.source,
        "reference_sha256": real.reference_sha256,
        "size": size,
        "channels": channels,
    }


def _memorisation(images: Tensor, sample: Features, real: Baseline) -> dict[str, Any]:
    """All but `near` itself. near_range: what `near` would be, were its limit one standard error of the quantile lower or
    higher; it tells how much that rests on the few nearest of the hold-out images.
    """
    nearest, held, shifted = sample.distances[:, 0], real.holdout.distances[:, 0], real.extractor.shifted(images)
    error = math.sqrt(QUANTILE * (1 - QUANTILE) / len(held))
    limits = held.quantile(torch.tensor([max(0.0, QUANTILE - error), QUANTILE + error], dtype=held.dtype))
    return {
        "near_range": [float((nearest <= limit).double().mean()) for limit in limits],
        "near_shifted": near_share(shifted, real.holdout_shifted),
        "near_ratio": ratio_share(sample.distances),
        "copying_z": copying_z(nearest, held),
    }


def _classes(sample: Features, real: Baseline, mean: Mapping[str, float | None]) -> dict[str, Any] | None:
    """The histogram of all images and of the reference as the judge sees them, and whether they are what they should be."""
    judge, reference, held = real.extractor.judge, real.reference, real.holdout
    if judge is None or sample.classes is None or reference.classes is None or held.classes is None:
        return None
    both = (sample.classes, reference.classes)
    share, wanted = (counts(part, real.extractor.num_classes).double() / len(part) for part in both)
    return {
        "names": list(judge.classes),
        "share": share.tolist(),
        "reference_share": wanted.tolist(),
        "tv": mean["tv"],
        "agreement": mean["agreement"],
        "ceiling": None if held.labels is None else agreement(held.labels, held.classes),
    }
