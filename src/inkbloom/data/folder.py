"""A folder of pictures: found, decoded one by one, and stacked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..errors import DataError
from .dataset import Data, Size
from .find import Found, find
from .labels import read_labels
from .layout import Layout, lay_out
from .look import Look
from .messages import brief, shown, unusable
from .picture import Broken, Picture, in_colour, read_picture
from .slices import given_slices, split_slices

LARGEST = 256  # pixels on a side that are taken without a wanted size


@dataclass(frozen=True)
class Survey:
    """A folder before its pictures are decoded: its files, where each belongs, and what is decided by looking at them."""

    found: Found
    layout: Layout
    look: Look


def survey(folder: Path, background: str = "auto") -> Survey:
    """Goes through a folder; background: as in a recipe. Raises DataError, UsageError."""
    found = find(folder)
    layout = lay_out(found)
    return Survey(found, layout, Look(list(layout.places), background))


def scan(of: Survey, size: Size | None = None) -> Iterator[Picture | Broken]:
    """Each picture of a folder in sorted order, at `size` where given, and each file that cannot be used."""
    yield from of.found.broken
    for path in of.layout.places:
        yield read_picture(path, size, of.look)


def load_folder(folder: Path, size: Size | None = None, skip_broken: bool = False, background: str = "auto") -> Data:
    """All pictures of a folder as one set, each brought to `size` = (height, width) as it is read.

    Sub-folders and tables beside the pictures name slices and classes: see `layout`. Colour if any picture shows colour, else
    grey; background: as in a recipe. Raises DataError: no pictures, files that cannot be read unless `skip_broken`, and,
    without `size`, pictures of several sizes or over 256 pixels on a side.
    """
    return load_survey(survey(folder, background), size, skip_broken)


def load_survey(of: Survey, size: Size | None = None, skip_broken: bool = False, mend: str = "") -> Data:
    """The same for pictures that lie in a folder or in what is read as one. Raises DataError as `load_folder` does; `mend` says
    what to do about pictures of several sizes where it is not to give a size."""
    pictures: list[Picture] = []
    broken: list[Broken] = []
    for item in scan(of, size):
        if isinstance(item, Broken):
            broken.append(item)
            continue
        if size is None:
            _check_size(item, pictures[0] if pictures else item, mend)
        pictures.append(item)
    if broken and not (skip_broken and pictures):
        count = f"{len(broken):,} of {len(broken) + len(pictures):,} files cannot be read"
        fix = "leave them out with --skip-broken" if pictures else "give another folder"
        first = f"{shown(broken[0].path, 40)}: {brief(broken[0].reason, 40)}"
        raise DataError(f"{count} ({first}): inkbloom inspect lists them; {fix}")
    return assemble(of, pictures, broken)


def assemble(of: Survey, pictures: list[Picture], broken: Sequence[Broken] = ()) -> Data:
    """Pictures of one size as Data, with notes on what was left out or decided. `pictures` is emptied as it is copied."""
    places = [of.layout.places[picture.path] for picture in pictures]
    coloured = sum(in_colour(picture.pixels) for picture in pictures)
    height, width = pictures[0].pixels.shape[:2]
    images = np.empty((len(pictures), 3 if coloured else 1, height, width), np.uint8)
    for number in reversed(range(len(pictures))):
        images[number] = _channels(pictures.pop().pixels, images.shape[1])
    notes = [*of.found.notes, *of.layout.notes]
    labels, classes, ranks = None, tuple[str, ...](), None
    if any(place.label for place in places):
        labels, classes, more = read_labels([place.label for place in places], len(places), of.layout.classes or None)
        ranks = np.unique([place.label for place in places], return_inverse=True)[1]  # in alphabetical order, so that
        notes += more  # a set is cut as in version 0.1, whose classes had that order
    slices = split_slices(len(places), ranks)
    if any(place.slice for place in places):
        slices, told = given_slices([place.slice for place in places], ranks)
        notes.append(told)
    why = f"{coloured:,} of {len(places):,} pictures show colour" if coloured else "no picture shows colour"
    notes += [*of.look.notes, f"read as {'colour' if coloured else 'grey'}: {why}"]
    if broken:
        notes.append(f"left out {len(broken):,} files that cannot be read, first {shown(broken[0].path)}: {broken[0].reason}")
    source = f"folder:{of.found.folder}"
    return Data(torch.from_numpy(images), labels, classes, slices, source, tuple(notes), of.look.ground)


def suggested_side(sizes: Iterable[Size]) -> int:
    """A size to offer for pictures of these sizes: 64, 32 or 16 pixels, the first that enlarges none of them, else 16."""
    smallest = min(min(size) for size in sizes)
    return next((side for side in (64, 32) if side <= smallest), 16)


def _check_size(picture: Picture, first: Picture, mend: str) -> None:
    """Without a wanted size all pictures must have one, and not a large one. Raises DataError."""
    if picture.original != first.original:
        pair = [f"{item.original[1]} x {item.original[0]} ({shown(item.path.name, 30)})" for item in (first, picture)]
        fix = mend or f"bring all to one with --size {suggested_side([first.original, picture.original])}"
        raise DataError(f"images of several sizes, {pair[0]} and {pair[1]}: {fix}")
    if max(first.original) > LARGEST:
        fix = mend or f"bring them to a smaller size with --size {suggested_side([first.original])}"
        raise unusable(f"images of {first.original[1]} x {first.original[0]} pixels", first.path, "", fix)


def _channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) -> (channels, H, W)."""
    if channels == 1 and pixels.ndim == 3:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
