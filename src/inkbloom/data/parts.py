"""A set that lies in arrays, whole or in parts for training, validation and test, put together as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import DataError
from .dataset import Data
from .labels import Labels, read_labels
from .messages import shown, unusable
from .slices import given_slices, split_slices


@dataclass(frozen=True)
class Part:
    """One part of a set.

    name: train, holdout, test, or '' where the set is not split. images: (N, C, H, W) uint8. labels: as they were found, None
    without. spots: where images and labels stand, for errors. notes: on how the images were read.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[Any] | None
    spots: tuple[str, str] = ("images", "labels")
    notes: tuple[str, ...] = ()


def joined(parts: Sequence[Part], path: Path, source: str) -> Data:
    """The parts of a set as one, with the slices that they ask for. Raises DataError where they do not fit together."""
    first = parts[0]
    for part in parts:
        if part.images.shape[1:] != first.images.shape[1:]:
            pair = " but ".join(f"{shown(each.spots[0], 26)} of {each.images.shape[1:]}" for each in (first, part))
            raise unusable(pair, path, "", "give parts of one shape, or one")
        if (part.labels is None) != (first.labels is None):
            without = next(each for each in parts if each.labels is None)
            raise unusable(
                f"labels for one part, none for {without.spots[0]}", path, "", "add those labels or take the others away"
            )
        if part.labels is not None and len(part.labels) != len(part.images):
            count = f"{len(part.labels):,} labels for {len(part.images):,} images"
            raise unusable(count, path, part.spots[1], "save one label an image")
    images = first.images if len(parts) == 1 else np.concatenate([part.images for part in parts])
    numbers, classes, notes = _labels(parts, path)
    slices, told = slices_of([part.name for part in parts for _ in range(len(part.images))], numbers)
    said = dict.fromkeys((*(note for part in parts for note in part.notes), *notes, *told))
    return Data(torch.from_numpy(images), numbers, classes, slices, source, tuple(said))


def slices_of(names: Sequence[str], labels: torch.Tensor | None) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The slices, and a note. 60,000 images to train on, without a hold-out, are MNIST or its like: mixed, and cut as usual."""
    if not any(names):
        return split_slices(len(names), labels), []
    if names.count("train") == 60_000 and "holdout" not in names:
        cut = {
            "train": torch.arange(50_000),
            "holdout": torch.arange(50_000, 55_000),
            "reference": torch.arange(55_000, 60_000),
        }
        return cut | ({"test": torch.arange(60_000, len(names))} if len(names) > 60_000 else {}), []
    if set(names) == {"train"}:
        return split_slices(len(names), labels), []
    slices, told = given_slices(names, labels)
    return slices, [told]


def _labels(parts: Sequence[Part], path: Path) -> Labels | tuple[None, tuple[str, ...], tuple[str, ...]]:
    """The labels of all parts together, so that all have the same classes. Raises DataError."""
    found = [part.labels for part in parts if part.labels is not None]
    if not found:
        return None, (), ()
    where = f"{shown(path, 60)}, {shown(parts[0].spots[1], 30)}"
    try:
        together = np.concatenate(found)
    except ValueError:  # rows of several lengths
        shapes = " and ".join(str(labels.shape) for labels in found[:2])
        raise DataError(f"labels of {shapes} ({where}): give one label an image") from None
    return read_labels(together, len(together), where=where)
