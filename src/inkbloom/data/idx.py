"""idx files, the format of MNIST and Fashion-MNIST, plain or gzip'd.

An idx file is a big-endian header and then numbers: two zero bytes, the type of the numbers (8 = unsigned byte), how many
dimensions, and each dimension as 32 bits. Images have three dimensions (N, H, W), labels one (N,); QMNIST's have two (N, 8).
"""

from __future__ import annotations

import glob
import gzip
import re
import struct
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from .arrays import as_images
from .bounded import LIMIT, read_at_most
from .dataset import Data
from .messages import cause, shown, unusable
from .parts import Part, joined

AGAIN = "fetch or unpack it again"
QMNIST = 8  # numbers that QMNIST tells of an image: the class, then who wrote it
TEXT = {".tsv", ".csv", ".txt"}  # labels that are told a second time, for people
TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an idx file, of one to four dimensions: images (N, H, W), or labels.

    Raises DataError, one line with file and offset, for anything but a whole file: a wrong or torn header, an empty
    dimension, missing or surplus bytes, a damaged gzip stream, or more than 8 GiB declared.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            return _parse(cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file, path)
    except (OSError, EOFError, zlib.error) as problem:
        raise unusable("cannot read the idx file", path, "", f"{cause(problem)}; {AGAIN}") from None


def _parse(file: IO[bytes], path: Path) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= 4:
        what = f"idx file starts with 0x{magic.hex()}" if magic else "empty idx file"
        raise unusable(what, path, "offset 0", "images start with 0x00000803, labels with 0x00000801")
    header = file.read(4 * magic[3])
    start = 4 + len(header)
    if len(header) < 4 * magic[3]:
        raise unusable("idx header cut short", path, f"offset {start}", AGAIN)
    shape, dtype = struct.unpack(f">{magic[3]}I", header), np.dtype(TYPES[magic[2]])
    count = prod(shape) * dtype.itemsize
    if count == 0:
        raise unusable(f"idx file of no bytes, dimensions {shape}", path, "offset 4", "give one that holds something")
    if count > LIMIT:
        raise unusable(f"idx file over 8 GiB, dimensions {shape}", path, "offset 4", "split it")
    body = read_at_most(file, count)
    if len(body) < count:
        raise unusable(f"idx file cut short, {count:,} bytes declared", path, f"offset {start + len(body)}", AGAIN)
    if file.read(1):
        raise unusable(f"idx file longer than the {count:,} bytes declared", path, f"offset {start + count}", AGAIN)
    return np.frombuffer(body, dtype).reshape(shape)


def load_idx(path: Path) -> Data:
    """Images with their labels from idx files.

    `path` is one images file, whose labels are looked for beside it under its own name with `labels` for `images`, or a folder
    with the images to train on and, where there are any, those to test with: the slice `test`. 60,000 training images are cut
    at 50,000 and 55,000, others 80/10/10. Raises DataError.
    """
    train, test = (_in_folder(path, "train"), _in_folder(path, "t10k|test")) if path.is_dir() else (path, None)
    if train is None:
        raise unusable("no train-images-idx3-ubyte(.gz) in the folder", path, "", "give the images file itself")
    parts = [_part("train", train), *([_part("test", test)] if test else [])]
    return joined(parts, path, f"idx:{path}")


def _part(name: str, path: Path) -> Part:
    array = read_idx(path)
    if array.ndim < 3:
        raise unusable("labels where images are needed", path, "offset 3", "give the images-idx3 file")
    images, notes = as_images(array, "images", f" ({shown(path, 50)})")
    if path.name.lower().startswith("emnist"):
        images = np.ascontiguousarray(images.swapaxes(2, 3))
        notes.append("EMNIST stores its images on their sides: turned upright")
    beside = _labels_beside(path)
    if beside is None:
        return Part(name, images, None, (path.name, ""), (*notes, f"no labels: there are none beside {shown(path.name, 40)}"))
    labels = read_idx(beside)
    if labels.ndim > 2:
        raise unusable("images where labels are needed", beside, "offset 3", "put the labels-idx1 file there or move it away")
    if len(labels) != len(images):
        count = f"{len(labels):,} labels for {len(images):,} images"
        raise unusable(count, beside, "offset 4", "use files that belong together")
    if labels.ndim == 2 and labels.shape[1] == QMNIST:
        labels = labels[:, 0]
        notes.append(f"labels: the first of the {QMNIST} numbers of an image, as QMNIST has them")
    return Part(name, images, labels, (path.name, beside.name), tuple(notes))


def _labels_beside(path: Path) -> Path | None:
    """The file of labels of a file of images: its name says `labels` where that says `images`, and may end otherwise."""
    front, word, _ = path.name.rpartition("images")
    found = path.parent.glob(f"{glob.escape(front)}labels*") if word else ()
    return min((place for place in found if place.is_file() and not TEXT & {*place.suffixes}), default=None)


def _in_folder(folder: Path, part: str) -> Path | None:
    """The images file of one part of a set, plain rather than gzip'd. Raises DataError where there are several."""
    named = {
        place.name: place for place in folder.iterdir() if re.search(rf"(^|\W|_)({part})\b.*images.*(idx3|ubyte)", place.name)
    }
    found = [
        place for name, place in sorted(named.items()) if name.removesuffix(".gz") not in named or not name.endswith(".gz")
    ]
    if len(found) > 1:
        names = f"{shown(found[0].name, 40)}, {shown(found[1].name, 40)}"
        raise unusable(f"several sets: {names}", folder, "", "give one of them, idx:FILE")
    return found[0] if found else None
