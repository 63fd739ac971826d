"""Where images come from: the sources by name, and one function that loads any of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import Recipe, parse_background, parse_size
from ..errors import DataError, UsageError, unknown
from ..given import written
from .dataset import SMALLEST, Data, Reading, Size
from .digits import load_digits
from .folder import load_folder
from .idx import load_fashion, load_idx
from .labels import oddities
from .meant import as_source
from .messages import shown
from .npz import load_npz
from .resize import resized
from .tinted import load_tinted

Loader = Callable[[Path, Reading], Data]

SOURCES: dict[str, Loader] = {
    "digits": lambda path, how: load_digits(),
    "tinted-digits": lambda path, how: load_tinted(),
    "fashion-mnist": lambda path, how: load_fashion(),
    "idx": lambda path, how: load_idx(path),
    "npz": lambda path, how: load_npz(path),
    "folder": lambda path, how: load_folder(path, *how),
}
WITHOUT_PATH = {"digits", "tinted-digits", "fashion-mnist"}


def parse_source(source: str) -> tuple[str, Path]:
    """'folder:DIR' -> ('folder', Path(DIR)), 'digits' -> ('digits', Path('.')); a leading ~ is the home. Raises UsageError."""
    kind, colon, place = source.partition(":")
    if kind not in SOURCES:
        if meant := as_source(source) or as_source(place):
            raise UsageError(f"unknown source '{shown(source)}': did you mean '{shown(meant)}'?")
        if source.lower() == "mnist":
            raise UsageError("unknown source 'mnist': write digits, 10,000 of its images, or idx:FOLDER for a copy of your own")
        raise unknown("source", kind, SOURCES)
    if kind in WITHOUT_PATH and colon:
        raise UsageError(f"source '{shown(source)}': {kind} takes no path; write --data {kind}")
    if kind not in WITHOUT_PATH and (not place or "\0" in place):
        raise UsageError(f"source '{shown(source)}': {kind} needs a path; write {kind}:PATH")
    path, meant = Path(os.path.expanduser(place)), as_source(place) if kind not in WITHOUT_PATH else ""
    if meant and not meant.startswith(f"{kind}:") and not (kind == "folder" and path.is_dir()):
        raise UsageError(f"source '{shown(source)}': did you mean '{shown(meant)}'?")
    return kind, path


def source_text(source: Any) -> str:
    """A source as text: as it is, or the kind of source that lies at a path. Raises UsageError for anything else."""
    if isinstance(source, str):
        return source
    if isinstance(source, Path):
        kind = "folder" if source.is_dir() else "npz" if source.suffix == ".npz" else "idx"
        return f"{kind}:{source}"
    shape = getattr(source, "shape", None)
    what = f"an array {tuple(shape)}" if shape is not None else written(source)
    raise UsageError(f"{what} as a source of images: give a name, such as folder:DIR, or inkbloom.images(array)")


def load_data(source: str | Path, size: Any = None, skip_broken: bool = False, background: str = "auto") -> Data:
    """The images of a source, brought to a size where given: centre crop, then resize.

    source: digits, fashion-mnist, folder:DIR, npz:FILE, idx:PATH, or the Path of one of the last three. size: 32, '32',
    '45x60' or (45, 60), height first. skip_broken: leaves out files of a folder that cannot be read, and says so in the notes.
    background: what shows through transparent pictures, 'white', 'black' or '#rrggbb'; 'auto' looks which of white and black
    hides less of them.
    Raises UsageError for a source that is not written so, DataError for one that cannot be used.
    """
    source, size = source_text(source), parse_size(size)
    parse_background(background)
    kind, path = parse_source(source)
    data = at_size(replace(SOURCES[kind](path, Reading(size, skip_broken, background)), source=source), size)
    return replace(data, notes=(*data.notes, *oddities(data)))


def load_for(recipe: Recipe) -> Data:
    """The images that a recipe names, read as it says. Raises UsageError, DataError."""
    return load_data(recipe.data, recipe.size, recipe.skip_broken, recipe.background)


def at_size(data: Data, size: Size | None) -> Data:
    """The same set with its images at `size`. Raises DataError where a side ends up under 8 pixels."""
    if size is not None and data.size != size:
        data = replace(data, images=resized(data.images, size))
    if min(data.size) < SMALLEST:
        what = f"images of {data.size[1]} x {data.size[0]} pixels ({shown(data.source)})"
        raise DataError(f"{what}: both sides must have {SMALLEST} at least; enlarge them with --size 16")
    first = data.images[:1, :, :1, :1]
    if (data.images[0] == first[0]).all() and (data.images == first).all():
        raise _one_colour(data, first.flatten().tolist())
    return data


def _one_colour(data: Data, values: list[int]) -> DataError:
    """The error for images that show nothing, with the likely reason."""
    colour = {0: "black", 255: "white"}.get(values[0]) if len(set(values)) == 1 else None
    told = colour or "#" + "".join(f"{value:02x}" for value in (values if len(values) == 3 else 3 * values))
    if data.background:
        other = "black" if data.background == "white" else "white"
        why = f"they are transparent, and lie on {data.background}; try --background {other}"
    else:
        why = "are they the right ones? Values of 0 and 1, or of 16 bits, want scaling to 0..255"
    return DataError(f"all {len(data.images):,} images are {told} throughout ({shown(data.source, 60)}): {why}")
