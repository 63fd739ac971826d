"""A set of images in memory: what every source yields."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import shown, unknown

Size = tuple[int, int]  # height, width in pixels
SMALLEST = 8  # pixels on a side that every network can take


class Reading(NamedTuple):
    """How images are read.

    size: what to bring them to, None: as they are; a loader may leave this to `load_data`. skip_broken: leave out files that
    cannot be read, with a note, instead of stopping. background: what shows through transparent pictures, as in a recipe.
    """

    size: Size | None = None
    skip_broken: bool = False
    background: str = "auto"


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Images of one size, and what is known about them.

    images: (N, C, H, W) uint8, C = 1 or 3.
    labels: (N,) int64, indices into `classes`; None where the source has none, and `classes` is empty then.
    slices: name -> int64 indices into `images`: train, holdout, reference, and test where the source brings its own.
    notes: what a user should be told about how the images were read, one sentence each.
    background: what shows through transparent pictures, as a recipe writes it; '' where there are none.
    """

    images: Tensor
    labels: Tensor | None
    classes: tuple[str, ...]
    slices: dict[str, Tensor]
    source: str
    notes: tuple[str, ...] = ()
    background: str = ""

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        return self.images.shape[1]

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return self.images.shape[2], self.images.shape[3]

    def __repr__(self) -> str:
        slices = ", ".join(f"{name} {len(index):,}" for name, index in self.slices.items())
        images = f"{len(self.images):,} images of {self.size[1]} x {self.size[0]} x {self.channels}"
        classes = f", {len(self.classes):,} classes" if self.classes else ""
        return f"Data({shown(self.source, 60)}: {images}{classes}{'; ' if slices else ''}{slices})"

    def take(self, name: str) -> Data:
        """The images of one slice, which has no slices itself; `all` is everything but `test`. Raises UsageError."""
        if name == "all":
            kept = torch.ones(len(self.images), dtype=torch.bool)
            kept[self.slices.get("test", [])] = False
            index = kept.nonzero().flatten()
        elif name in self.slices:
            index = self.slices[name]
        else:
            raise unknown("slice", name, [*self.slices, "all"])
        labels = None if self.labels is None else self.labels[index]
        return replace(self, images=self.images[index], labels=labels, slices={})

    def in_order(self, classes: Sequence[str]) -> Data:
        """The same set with its classes in the order of `classes`, which names them all; another set as it is.

        Classes have changed their order between versions, and their names are what does not change.
        """
        number = {unicodedata.normalize("NFC", name): place for place, name in enumerate(classes)}
        mine = [number.get(unicodedata.normalize("NFC", name)) for name in self.classes]
        if self.labels is None or len(number) != len(mine) or None in mine or self.classes == tuple(classes):
            return self
        return replace(self, labels=torch.tensor(mine)[self.labels], classes=tuple(classes))

    def fingerprint(self) -> str:
        """SHA-256 in hex over shape, pixels and labels: a resumed run compares it to tell that its data changed."""
        digest = hashlib.sha256(repr((tuple(self.images.shape), self.labels is None)).encode())
        for tensor in (self.images, self.labels):
            if tensor is not None:
                digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()
