"""Images in a NumPy archive, the exchange format of samplers and metrics.

`images` is uint8, (N, H, W) or (N, H, W, C) with C = 1 or 3; `labels`, where present, N whole numbers from 0.
Nothing in the file is trusted: no pickles, and every declared size is checked before memory is taken.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import DataError
from ..files import replacing
from .bounded import LIMIT, read_at_most
from .dataset import Data
from .messages import brief, cause, unusable
from .slices import split_slices

MOST_CLASSES = 10_000
AGAIN = "make or fetch it again"
SAVE = "save it with numpy.savez"


def read_npz(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
    """(N, H, W, C) uint8 images, C = 1 or 3, and (N,) int64 labels or None.

    Raises DataError, one line naming file and array, for anything that the contract above does not allow.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            images = _read(archive, "images", path, _images_fix).astype(np.uint8, copy=False)
            labels = _read(archive, "labels", path, _labels_fix) if "labels.npy" in archive.namelist() else None
    except (DataError, MemoryError):
        raise
    except Exception as problem:  # zipfile and its decompressors raise a dozen kinds on damaged archives
        raise unusable("cannot read the npz file", path, "", f"{cause(problem)}; {AGAIN}") from None
    images = images if images.ndim == 4 else images[..., None]
    return images, None if labels is None else _checked(labels, len(images), path)


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
    """The images of an npz file, classes named by their numbers, sliced 80/10/10. Raises DataError."""
    images, labels = read_npz(path)
    return Data(
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
        None if labels is None else torch.from_numpy(labels),
        () if labels is None else tuple(str(number) for number in range(int(labels.max()) + 1)),
        split_slices(len(images), labels),
        f"npz:{path}",
    )


Fix = Callable[[np.dtype[Any], tuple[int, ...]], str]  # what to do about an array of this type and shape; "" if it is right


def _images_fix(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    if dtype != np.uint8:
        return "save them as uint8, 0 black to 255 white"
    if len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3)):
        return ""
    by_channel = len(shape) == 4 and shape[1] in (1, 3)
    return "transpose(0, 2, 3, 1) them" if by_channel else "save them as (N, H, W) or (N, H, W, 1 or 3)"


def _labels_fix(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    return "" if dtype.kind in "iu" and len(shape) == 1 else "save whole numbers, one an image"


def _read(archive: zipfile.ZipFile, name: str, path: Path, fix_for: Fix) -> NDArray[Any]:
    """One array of the archive; type, shape and size are settled before memory is taken."""
    if f"{name}.npy" not in archive.namelist():
        raise unusable(f"no array called {name}", path, "", "save it with numpy.savez(file, images=..., labels=...)")
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise unusable("unusual compression", path, name, SAVE)
    with archive.open(entry) as file:
        try:
            version = npy.read_magic(file)
            if version != (1, 0):  # later versions are for names that images do not have, and their headers may be gigabytes
                raise ValueError(f"version {version}")
            shape, by_columns, dtype = npy.read_array_header_1_0(file)
        except Exception as problem:  # the header is Python text, and its parser raises whatever the text provokes
            raise unusable("not a NumPy array", path, name, f"{cause(problem)}; {SAVE}") from None
        kind = brief(f"{dtype.name} {shape}", 40)
        if fix := fix_for(dtype, shape):
            raise unusable(f"{name} are {kind}", path, name, fix)
        if min(shape) < 1:
            raise unusable(f"{name} are {kind}", path, name, "save at least one image, of one pixel or more")
        size = prod(shape) * dtype.itemsize
        if size > LIMIT:
            raise unusable(f"array over 8 GiB, {kind}", path, name, "split the file")
        body = read_at_most(file, size)
        if len(body) < size or file.read(1):
            raise unusable(f"array shorter or longer than the {size:,} bytes declared", path, name, AGAIN)
    array = np.frombuffer(body, dtype)
    return array.reshape(shape[::-1]).T if by_columns else array.reshape(shape)


def _checked(labels: NDArray[np.integer], count: int, path: Path) -> NDArray[np.int64]:
    if len(labels) != count:
        raise unusable(f"{len(labels):,} labels for {count:,} images", path, "labels", "save one label an image")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= MOST_CLASSES:
        fix = f"number the classes from 0, at most {MOST_CLASSES:,} of them"
        raise unusable(f"label {low if low < 0 else high}", path, "labels", fix)
    return labels.astype(np.int64)


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
