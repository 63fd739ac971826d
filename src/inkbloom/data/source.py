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
from .archive import survey_tar, survey_zip
from .dataset import SMALLEST, Data, Reading, Size
from .digits import load_digits
from .fashion import load_fashion
from .folder import Survey, load_survey, survey
from .hub import KNOWN, survey_hub
from .idx import load_idx
from .labels import oddities
from .meant import as_source, kind_at, named_like
from .messages import shown
from .npy import load_npy
from .npz import load_npz
from .parquet import survey_arrow, survey_parquet
from .resize import resized
from .tinted import load_tinted

Surveyor = Callable[[Path, str], Survey | Data]  # given the background; Data where the images are arrays
Loader = Callable[[Path, Reading], Data]

SURVEYS: dict[str, Surveyor] = {
    "folder": survey,
    "zip": survey_zip,
    "tar": survey_tar,
    "parquet": survey_parquet,
    "arrow": survey_arrow,
    "hf": survey_hub,
    "mnist": lambda path, background: survey_hub(Path(KNOWN["mnist"]), background),
    "cifar10": lambda path, background: survey_hub(Path(KNOWN["cifar10"]), background),
}
"""Sources whose pictures are decoded one by one, so that those that cannot be read can be left out."""


def _load_pictures(kind: str) -> Loader:
    def load(path: Path, how: Reading) -> Data:
        found = SURVEYS[kind](path, how.background)
        return found if isinstance(found, Data) else load_survey(found, how.size, how.skip_broken)

    return load


SOURCES: dict[str, Loader] = {
    "digits": lambda path, how: load_digits(),
    "tinted-digits": lambda path, how: load_tinted(),
    "fashion-mnist": lambda path, how: load_fashion(),
    "idx": lambda path, how: load_idx(path),
    "npz": lambda path, how: load_npz(path),
    "npy": lambda path, how: load_npy(path),
    **{kind: _load_pictures(kind) for kind in SURVEYS},
}
WITHOUT_PATH = {"digits", "tinted-digits", "fashion-mnist", "mnist", "cifar10"}
OF_FOLDERS = {"folder", "tar", "parquet", "arrow"}  # sources that may be a folder


def parse_source(source: str) -> tuple[str, Path]:
    """'folder:DIR' -> ('folder', Path(DIR)), 'digits' -> ('digits', Path('.')); a leading ~ is the home. Raises UsageError."""
    kind, colon, place = source.partition(":")
    if kind not in SOURCES:
        if meant := as_source(source) or as_source(place):
            raise UsageError(f"unknown source '{shown(source)}': did you mean '{shown(meant)}'?")
        if (os.sep in source or named_like(source)) and not os.path.exists(source):
            raise UsageError(f"unknown source '{shown(source)}': no such file or folder")
        raise unknown("source", kind, SOURCES)
    if kind in WITHOUT_PATH and colon:
        raise UsageError(f"source '{shown(source)}': {kind} takes no path; write --data {kind}")
    needed = "name" if kind == "hf" else "path"
    if kind not in WITHOUT_PATH and (not place or "\0" in place):
        raise UsageError(f"source '{shown(source)}': {kind} needs a {needed}; write {kind}:{needed.upper()}")
    path, meant = Path(os.path.expanduser(place)), as_source(place) if kind not in {*WITHOUT_PATH, "hf"} else ""
    if meant and not meant.startswith(f"{kind}:") and not (kind in OF_FOLDERS and path.is_dir()):
        raise UsageError(f"source '{shown(source)}': did you mean '{shown(meant)}'?")
    return kind, path


def source_text(source: Any) -> str:
    """A source as text with its kind: a name, KIND:PATH, or the path of something whose kind is plain. Raises UsageError."""
    if isinstance(source, str | Path):
        text = str(source)
        known = isinstance(source, str) and text.partition(":")[0] in SOURCES
        kind = "" if known else kind_at(text)
        if isinstance(source, Path):
            return f"{kind or named_like(text) or 'folder'}:{text}"
        return f"{kind}:{text}" if kind else text
    shape = getattr(source, "shape", None)
    what = f"an array {tuple(shape)}" if shape is not None else written(source)
    raise UsageError(f"{what} as a source of images: give a name, such as folder:DIR, or inkbloom.images(array)")


def load_data(source: str | Path, size: Any = None, skip_broken: bool = False, background: str = "auto") -> Data:
    """The images of a source, brought to a size where given: centre crop, then resize.

    source: a name, such as digits or mnist; KIND:PATH, such as folder:DIR or npz:FILE; the path alone of a folder or of a file
    whose ending tells its kind; hf:NAME for a data set of the hub. size: 32, '32', '45x60' or (45, 60), height first.
    skip_broken: leaves out pictures that cannot be read, and says so in the notes.
    background: what shows through transparent pictures, 'white', 'black' or '#rrggbb'; 'auto' looks which of white and black
    hides less of them.
    Raises UsageError for a source that is not written so, DataError for one that cannot be used.
    """
    source, size = source_text(source), parse_size(size)
    parse_background(background)
    kind, path = parse_source(source)
    data = at_size(replace(SOURCES[kind](path, Reading(size, skip_broken, background)), source=source), size)
    return replace(data, notes=(*data.notes, *oddities(data)))


def load_at(place: str | Path, how: Reading, mend: str = "") -> tuple[Data, bool]:
    """The images at a path whose kind is plain, as `how` has them and neither resized nor checked; and whether they are
    pictures, whose classes are known by names. mend: as in `load_survey`. Raises DataError, UsageError.
    """
    kind, path = kind_at(str(place)), Path(os.path.expanduser(place))
    found = SURVEYS[kind](path, how.background) if kind in SURVEYS else SOURCES[kind](path, how)
    return (found, False) if isinstance(found, Data) else (load_survey(found, how.size, how.skip_broken, mend), True)


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
