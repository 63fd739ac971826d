"""Images in a NumPy archive: the exchange format of samplers and metrics, and the forms in which others publish theirs.

Ours holds `images`, uint8 (N, H, W) or (N, H, W, C) with C = 1 or 3, and, where there are labels, `labels`, N whole numbers
from 0. Nothing in a file is trusted: no pickles, and every declared size is checked before memory is taken.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import DataError
from ..files import replacing
from .arrays import as_images, image_shape
from .dataset import Data
from .messages import brief, cause, shown, unusable
from .npy import Fix, Header, images_fix, labels_fix, read_array, read_header
from .parts import Part, joined
from .table import SLICES

AGAIN = "make or fetch it again"
SAVE = "save it with numpy.savez(file, images=..., labels=...)"
IMAGES = ("images", "image", "imgs", "x", "data", "arr_0")  # what people call their arrays, in lower case
LABELS = ("labels", "label", "y", "targets", "target", "classes", "arr_1")
SPELLINGS = [("", "{}"), *((part, spelled) for word, part in SLICES.items() for spelled in (f"{word}_{{}}", f"{{}}_{word}"))]
"""(part, how the names of its arrays are spelled): train_images, x_train."""


def write_npz(path: Path, batches: Iterable[NDArray[np.uint8]], count: int, labels: NDArray[np.integer] | None = None) -> None:
    """Writes `count` images that come in batches, (B, H, W) or (B, H, W, C) uint8, so that memory holds one batch.

    The file is complete or absent, its bytes depend on the images alone, and `np.load` reads it; grey images are
    stored with C = 1. Raises DiskError; ValueError where the batches do not add up to `count` images of one shape.
    """
    if labels is not None and len(labels) != count:
        raise ValueError(f"{len(labels)} labels for {count} images")
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with _entry(archive, "images") as entry:
            _write_images(entry, batches, count)
        if labels is not None:
            with _entry(archive, "labels") as entry:
                npy.write_array(entry, np.asarray(labels, np.int64), version=(1, 0), allow_pickle=False)


def load_npz(path: Path) -> Data:
    """The images of an npz file, with their labels; a set that comes split keeps its parts as slices.

    Raises DataError, one line naming file and array, for anything that cannot be used.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            found, notes = _found(archive, path)
            parts = [_part(archive, path, *names) for names in found]
    except (DataError, MemoryError):
        raise
    except Exception as problem:  # zipfile and its decompressors raise a dozen kinds on damaged archives
        raise unusable("cannot read the npz file", path, "", f"{cause(problem)}; {AGAIN}") from None
    data = joined(parts, path, f"npz:{path}")
    return replace(data, notes=(*notes, *data.notes))


def _found(archive: zipfile.ZipFile, path: Path) -> tuple[list[tuple[str, str, str]], list[str]]:
    """(part, name of its images, name of its labels or '') of each part, and notes. A set that is not split is the part ''."""
    names = {name[:-4].lower(): name[:-4] for name in archive.namelist() if name.endswith(".npy")}
    for images in IMAGES:
        found = {part: spelling for part, spelling in SPELLINGS if spelling.format(images) in names}
        if found:
            found = {"": "{}"} if "" in found else found
            break
    else:
        alike = [name for name in names if image_shape(_header(archive, names[name], path)[0])]
        if len(alike) != 1:
            raise unusable("no array called images", path, f"arrays: {brief(', '.join(names.values()), 60) or 'none'}", SAVE)
        images, found = alike[0], {"": "{}"}
    parts = []
    for part, spelling in found.items():
        labels = next((spelled for name in LABELS if (spelled := spelling.format(name)) in names), "")
        parts.append((part, names[spelling.format(images)], names.get(labels, "")))
    read = {name for _, *pair in parts for name in pair}
    notes = (
        []
        if read <= {"images", "labels", ""}
        else [f"read {', '.join(' with '.join(filter(None, pair)) for _, *pair in parts)}"]
    )
    others = [name for name in names.values() if name not in read]
    if others and not any(labels for *_, labels in parts):
        notes.append(f"no labels: none of the other arrays is called so ({brief(', '.join(others))})")
    return parts, notes


def _part(archive: zipfile.ZipFile, path: Path, part: str, images: str, labels: str) -> Part:
    pixels, notes = as_images(_read(archive, images, path, images_fix), images, f" ({shown(path, 50)})")
    known = _read(archive, labels, path, labels_fix) if labels else None
    return Part(part, pixels, known, (images, labels), tuple(notes))


def _read(archive: zipfile.ZipFile, name: str, path: Path, fix_for: Fix) -> NDArray[Any]:
    with _opened(archive, name, path) as file:
        return read_array(file, path, name, fix_for)


def _header(archive: zipfile.ZipFile, name: str, path: Path) -> Header:
    with _opened(archive, name, path) as file:
        return read_header(file, path, name)


def _opened(archive: zipfile.ZipFile, name: str, path: Path) -> IO[bytes]:
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise unusable("unusual compression", path, name, SAVE)
    return archive.open(entry)


@contextmanager
def _entry(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, so that equal images give equal bytes
    info.compress_type = archive.compression
    with archive.open(info, "w", force_zip64=True) as file:
        yield file


def _write_images(file: IO[bytes], batches: Iterable[NDArray[np.uint8]], count: int) -> None:
    written, shape = 0, None
    for batch in batches:
        batch = batch[..., None] if batch.ndim == 3 else batch
        if shape is None:
            shape = batch.shape[1:]
            npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)})
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != shape or shape[2] not in (1, 3):
            raise ValueError(f"a batch of {batch.dtype} {batch.shape}: needs uint8 (B, H, W, 1 or 3), alike in all batches")
        written += len(batch)
        file.write(np.ascontiguousarray(batch).data)
    if written != count or count < 1:
        raise ValueError(f"{written} images came where {count} were announced")
