"""A folder of pictures: found, decoded one by one, and stacked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..errors import DataError
from .dataset import Data, Size
from .meant import within
from .messages import brief, cause, shown, unusable
from .picture import Broken, Picture, in_colour, read_picture, suffixes
from .slices import split_slices

LARGEST = 256  # pixels on a side that are taken without a wanted size


@dataclass(frozen=True)
class Found:
    """Picture files in sorted order, sub-folders that cannot be opened, and how often other suffixes occur."""

    files: list[Path]
    broken: list[Broken]
    ignored: Counter[str]


def find(folder: Path) -> Found:
    """Looks through a folder and its sub-folders; links to folders and hidden names are left out. Raises DataError."""
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise unusable(what, folder, "", "give the folder that holds the images")
    files: list[Path] = []
    broken: list[Broken] = []
    ignored: Counter[str] = Counter()

    def closed(problem: OSError) -> None:
        broken.append(Broken(Path(problem.filename), f"folder: {cause(problem)}"))

    for place, folders, names in os.walk(folder, onerror=closed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in suffixes():
                files.append(path)
            else:
                ignored[path.suffix.lower() or path.name] += 1
    if not files and not broken:
        others = ", ".join(f"{count:,} {shown(suffix, 12)}" for suffix, count in ignored.most_common(3))
        fix = f"did you mean '{shown(meant)}'?" if (meant := within(folder)) else "give one with PNG or JPEG files"
        raise unusable("no images in the folder", folder, f"only {others}" if others else "", fix)
    return Found(sorted(files), sorted(broken, key=lambda item: item.path), ignored)


def scan(folder: Path, size: Size | None = None) -> Iterator[Picture | Broken]:
    """Each picture of a folder in sorted order, at `size` where given, and each file that cannot be used. Raises DataError."""
    found = find(folder)
    yield from found.broken
    for path in found.files:
        yield read_picture(path, size)


def load_folder(folder: Path, size: Size | None = None, skip_broken: bool = False, mend: str = "") -> Data:
    """All pictures of a folder as one set, each brought to `size` = (height, width) as it is read.

    Where every picture lies in a sub-folder and there are two sub-folders or more, their names are the classes.
    Colour if any picture shows colour, else grey. Raises DataError: no pictures, files that cannot be read unless
    `skip_broken`, and, without `size`, pictures of several sizes or over 256 pixels on a side; `mend` says what to do about
    these where it is not to give a size.
    """
    pictures: list[Picture] = []
    broken: list[Broken] = []
    for item in scan(folder, size):
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
    return assemble(folder, pictures, broken)


def assemble(folder: Path, pictures: list[Picture], broken: Sequence[Broken] = ()) -> Data:
    """Pictures of one size as Data, with notes on what was left out or decided. `pictures` is emptied as it is copied."""
    paths = [picture.path.relative_to(folder) for picture in pictures]
    coloured = sum(in_colour(picture.pixels) for picture in pictures)
    height, width = pictures[0].pixels.shape[:2]
    images = np.empty((len(pictures), 3 if coloured else 1, height, width), np.uint8)
    for place in reversed(range(len(pictures))):
        images[place] = _channels(pictures.pop().pixels, images.shape[1])
    names, labels, notes = _classes(paths)
    why = f"{coloured:,} of {len(paths):,} pictures show colour" if coloured else "no picture shows colour"
    notes.append(f"read as {'colour' if coloured else 'grey'}: {why}")
    if broken:
        notes.append(f"left out {len(broken):,} files that cannot be read, first {shown(broken[0].path)}: {broken[0].reason}")
    return Data(torch.from_numpy(images), labels, names, split_slices(len(images), labels), f"folder:{folder}", tuple(notes))


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


def _classes(paths: list[Path]) -> tuple[tuple[str, ...], torch.Tensor | None, list[str]]:
    """Class names, labels and a note where class folders were not taken as such; `paths` are relative to the folder."""
    tops = [path.parts[0] for path in paths if len(path.parts) > 1]
    names = sorted(set(tops))
    if len(names) < 2:
        return (), None, []
    if len(tops) < len(paths):
        return (), None, [f"no labels: {len(paths) - len(tops):,} images lie beside the sub-folders, not in them"]
    number = {name: place for place, name in enumerate(names)}
    return tuple(shown(name) for name in names), torch.tensor([number[top] for top in tops]), []
