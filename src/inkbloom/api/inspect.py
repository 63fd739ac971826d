"""What a source of images holds, before any training."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..config import parse_background, parse_size
from ..data import named
from ..data.dataset import Data, Reading, Size
from ..data.folder import LARGEST, Survey, assemble, scan, suggested_side
from ..data.labels import oddities
from ..data.messages import shown
from ..data.picture import Broken, Picture
from ..data.resize import crop, fit
from ..data.source import SOURCES, SURVEYS, at_size, parse_source, source_text
from ..explainers.beside import MOST, beside
from ..figures.images import png, tile
from .progress import Advance, console_for, progress

SHEET = 100  # images on the contact sheet


@dataclass(frozen=True, repr=False)
class Inspection:
    """What was found: the images as training would see them, None if there are none, their sizes before, and broken files."""

    data: Data | None
    originals: Counter[Size]
    broken: tuple[Broken, ...] = ()
    ignored: Counter[str] = field(default_factory=Counter)  # suffix -> files that were not taken for pictures
    unsized: bool = False  # training needs --size, and `data` is shown at a size that was only suggested

    def facts(self) -> dict[str, Any]:
        """All that was found as plain values, as --json writes it; of the images nothing where none is left."""
        about: dict[str, Any] = {"inspect": 1}
        if (data := self.data) is not None:
            low, high, mean, std = pixel_statistics(data.images)
            repeated, contrary = duplicates(data)
            counts = None if data.labels is None else data.labels.bincount(minlength=len(data.classes)).tolist()
            about |= {
                "source": data.source,
                "images": len(data.images),
                "height": data.size[0],
                "width": data.size[1],
                "channels": data.channels,
                "classes": counts and [{"name": name, "images": n} for name, n in zip(data.classes, counts, strict=True)],
                "slices": {name: len(index) for name, index in data.slices.items()},
                "pixels": {"min": low, "max": high, "mean": mean, "std": std},
                "duplicates": repeated,
                "of_two_classes": contrary,
                "needs_size": self.unsized,
                "notes": list(data.notes),
            }
        sizes = [{"height": height, "width": width, "images": n} for (height, width), n in self.originals.most_common()]
        broken = [{"file": str(item.path), "why": item.reason} for item in self.broken]
        return about | {"sizes": sizes, "broken": broken, "ignored": dict(self.ignored)}

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in rows(self))

    def __repr__(self) -> str:
        return f"Inspection({self.data}, {len(self.broken):,} broken files)"

    def _repr_png_(self) -> bytes | None:
        return None if self.data is None else png(sheet(self.data))


def inspect(source: str | Path | Data, size: Any = "", background: str = "auto", quiet: bool | None = None) -> Inspection:
    """Reads a source past all its broken files; images of `inkbloom.images` are a source too. size, background: as in
    `load_data`.

    In a notebook the result shows its contact sheet; `print` says the rest in words. Raises UsageError, and DataError
    where the source cannot be read at all.
    """
    wanted = parse_size(size)
    parse_background(background)
    if isinstance(source, Data):
        return Inspection(at_size(source, wanted), Counter({source.size: len(source.images)}))
    source = source_text(source)
    kind, path = parse_source(source)
    given = SURVEYS[kind](path, background) if kind in SURVEYS else SOURCES[kind](path, Reading(background=background))
    if isinstance(given, Data):
        found = Inspection(given, Counter({given.size: len(given.images)}))
    else:
        with progress(console_for(quiet), None, "reading") as advance:
            found = _inspect_pictures(given, wanted, advance)
    if found.data is None:
        return found
    data = at_size(replace(found.data, source=source), wanted)
    return replace(found, data=replace(data, notes=(*data.notes, *oddities(data))))


def _inspect_pictures(of: Survey, size: Size | None, advance: Advance) -> Inspection:
    pictures: list[Picture] = []
    broken: list[Broken] = []
    originals: Counter[Size] = Counter()
    for done, item in enumerate(scan(of, size), start=1):
        advance(done, len(of.layout.places), "")
        if isinstance(item, Broken):
            broken.append(item)
            continue
        originals[item.original] += 1
        too_large = size is None and max(item.original) > LARGEST
        pictures.append(_smaller(item, 64) if too_large else item)
    unsized = size is None and (len(originals) > 1 or any(max(original) > LARGEST for original in originals))
    if unsized:
        pictures = [_smaller(picture, suggested_side(originals)) for picture in pictures]
    data = assemble(of, pictures) if pictures else None
    return Inspection(data, originals, tuple(broken), of.found.ignored, unsized)


def _smaller(picture: Picture, side: int) -> Picture:
    return replace(picture, pixels=np.asarray(fit(Image.fromarray(picture.pixels), (side, side))))


def rows(found: Inspection) -> Iterator[tuple[str, str]]:
    """(name, value) of all that was found, in plain words; nothing where no image is left."""
    data = found.data
    if data is None:
        return
    height, width = data.size
    kind = "1 channel (grey)" if data.channels == 1 else "3 channels (RGB)"
    why = "as the pictures show" if data.source.partition(":")[0] in SURVEYS else "as stored"
    yield "source", shown(data.source, 1000)
    yield "images", f"{len(data.images):,} of {width} x {height} pixels, {kind}, {why}"
    yield "sizes", "; ".join(_size_lines(found.originals, data.size))
    if found.unsized:
        yield "size", f"train needs --size here, for example --size {height}; the numbers below are at that size"
    if data.labels is None:
        yield "classes", "none, the images have no labels"
    else:
        counts = data.labels.bincount(minlength=len(data.classes)).tolist()
        yield "classes", _listed([f"{name} ({count:,})" for name, count in zip(data.classes, counts, strict=True)])
    yield "slices", ", ".join(f"{name} {len(index):,}" for name, index in data.slices.items())
    low, high, mean, std = pixel_statistics(data.images)
    yield "pixels", f"{low} to {high} (0 black, 255 white), mean {mean:.1f}, standard deviation {std:.1f}"
    repeated, contrary = duplicates(data)
    under = f", {contrary:,} of them under another label" if contrary else ""
    yield "duplicates", f"{repeated:,} images repeat an earlier one exactly{under}"
    yield "broken", f"{len(found.broken):,} files"
    if found.ignored:
        yield "ignored", _listed([f"{count:,} {shown(suffix, 30)}" for suffix, count in found.ignored.most_common()])
    for note in data.notes:
        yield "note", note


def _size_lines(originals: Counter[Size], wanted: Size) -> Iterator[str]:
    """What happens to the images of each size, the most frequent first."""
    for size, count in originals.most_common(5):
        steps = []
        if (box := crop(size, wanted)) != size:
            steps.append(f"centre crop to {box[1]} x {box[0]}")
        if box != wanted:
            steps.append(f"{'shrink' if box[0] > wanted[0] else 'enlarge'} to {wanted[1]} x {wanted[0]}")
        yield f"{count:,} of {size[1]} x {size[0]}: {', '.join(steps) or 'kept as they are'}"
    if len(originals) > 5:
        yield f"and {len(originals) - 5:,} sizes more"


def _listed(items: list[str], most: int = 20) -> str:
    more = f", and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def pixel_statistics(images: Tensor) -> tuple[int, int, float, float]:
    """(lowest, highest, mean, standard deviation) over all pixels of (N, C, H, W) uint8, without a copy of the set."""
    counts = sum((part.flatten().bincount(minlength=256) for part in images.split(4096)), torch.zeros(256, dtype=torch.int64))
    values = torch.arange(256, dtype=torch.float64)
    mean = (counts * values).sum() / counts.sum()
    std = ((counts * (values - mean) ** 2).sum() / counts.sum()).sqrt()
    present = counts.nonzero()
    return int(present[0]), int(present[-1]), mean.item(), std.item()


def duplicates(data: Data) -> tuple[int, int]:
    """(how many images equal one that stands before them, how many of these have another label than the first such one)."""
    labels = [0] * len(data.images) if data.labels is None else data.labels.tolist()
    first: dict[bytes, int] = {}
    same = [(first.setdefault(sha256(image.tobytes()).digest(), k), k) for k, image in enumerate(data.images.numpy())]
    return sum(one != k for one, k in same), sum(labels[one] != labels[k] for one, k in same)


def sheet(data: Data) -> Image.Image:
    """The contact sheet: the first 100 images, or a row of the first few for each class where there are labels.

    Beside the rows stand the names of the classes, where they say more than numbers.
    """
    scale = max(1, 64 // max(data.size))
    if data.labels is None:
        return tile(data.images[:SHEET], columns=min(10, len(data.images)), scale=scale)
    classes = len(data.classes)
    columns = min(10, max(1, SHEET // classes))
    tiles = torch.full((min(classes, SHEET) * columns, *data.images.shape[1:]), 128, dtype=torch.uint8)
    for row in range(min(classes, SHEET)):
        index = (data.labels == row).nonzero().flatten()[:columns]
        tiles[row * columns : row * columns + len(index)] = data.images[index]
    made = tile(tiles, columns=columns, scale=scale)
    return beside(made, data.classes) if named(data.classes) and classes <= MOST else made


def sheet_name(source: str, size: str = "") -> str:
    """'folder:/a/my cats' -> 'folder-my-cats', with --size 32 'folder-my-cats-32x32': a plain file name without its suffix."""
    kind, _, place = source.partition(":")
    name = re.sub(r"[^\w.-]+", "-", Path(place).resolve().name).strip("-.")[:60] if place else ""
    sides = parse_size(size) or ()
    return "-".join(part for part in (kind, name, "x".join(map(str, sides))) if part)
