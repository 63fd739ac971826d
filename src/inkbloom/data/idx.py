"""idx files, the format of MNIST and Fashion-MNIST, plain or gzip'd.

An idx file is a big-endian header and then bytes: two zero bytes, the type (8 = unsigned byte), the number of
dimensions, and each dimension as 32 bits. Images have three dimensions (N, H, W), labels one (N,).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import IO, cast

import numpy as np
import torch
from numpy.typing import NDArray

from .bounded import LIMIT, read_at_most
from .dataset import Data
from .messages import cause, unusable
from .slices import split_slices

AGAIN = "fetch or unpack it again"
FASHION = Path("/usr/share/datasets/fashion-mnist")
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in an idx file of unsigned bytes: (N, H, W) images or (N,) labels.

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


def _parse(file: IO[bytes], path: Path) -> NDArray[np.uint8]:
    magic = file.read(4)
    if magic not in (b"\0\0\x08\x01", b"\0\0\x08\x03"):
        what = f"idx file starts with 0x{magic.hex()}" if magic else "empty idx file"
        raise unusable(what, path, "offset 0", "images start with 0x00000803, labels with 0x00000801")
    header = file.read(4 * magic[3])
    start = 4 + len(header)
    if len(header) < 4 * magic[3]:
        raise unusable("idx header cut short", path, f"offset {start}", AGAIN)
    shape = struct.unpack(f">{magic[3]}I", header)
    count = prod(shape)
    if count == 0:
        raise unusable(f"idx file of no bytes, dimensions {shape}", path, "offset 4", "give one that holds something")
    if count > LIMIT:
        raise unusable(f"idx file over 8 GiB, dimensions {shape}", path, "offset 4", "split it")
    body = read_at_most(file, count)
    if len(body) < count:
        raise unusable(f"idx file cut short, {count:,} bytes declared", path, f"offset {start + len(body)}", AGAIN)
    if file.read(1):
        raise unusable(f"idx file longer than the {count:,} bytes declared", path, f"offset {start + count}", AGAIN)
    return np.frombuffer(body, np.uint8).reshape(shape)


def load_idx(path: Path) -> Data:
    """Images with their labels from idx files.

    `path` is one images file, whose labels are looked for beside it (`images` -> `labels`, `idx3` -> `idx1`, with or
    without .gz), or a folder with train-images-idx3-ubyte and, where there is one, t10k-images-idx3-ubyte: the slice
    `test`. 60,000 training images are cut at 50,000 and 55,000, others 80/10/10. Raises DataError.
    """
    train, test = (_in_folder(path, "train"), _in_folder(path, "t10k")) if path.is_dir() else (path, None)
    if train is None:
        raise unusable("no train-images-idx3-ubyte(.gz) in the folder", path, "", "give the images file itself")
    images, labels = _pair(train)
    n = len(images)
    slices = _usual_slices() if n == 60_000 else split_slices(n, labels)
    if test is not None:
        more, more_labels = _pair(test)
        if more.shape[1:] != images.shape[1:]:
            raise unusable(f"test images of {more.shape[1:]}, not {images.shape[1:]}", test, "offset 8", "move that file away")
        if (labels is None) != (more_labels is None):
            raise unusable(
                "labels for only one of train and t10k", path, "", "add the other's labels file, or move that one away"
            )
        slices["test"] = torch.arange(n, n + len(more))
        images = np.concatenate([images, more])
        labels = None if labels is None or more_labels is None else np.concatenate([labels, more_labels])
    classes = () if labels is None else tuple(str(number) for number in range(int(labels.max()) + 1))
    return Data(
        torch.from_numpy(images[:, None]),
        None if labels is None else torch.from_numpy(labels.astype(np.int64)),
        classes,
        slices,
        f"idx:{path}",
    )


def load_fashion() -> Data:
    """Fashion-MNIST from the files of Debian's package. Raises DataError where it is not installed."""
    if not FASHION.is_dir():
        raise unusable("Fashion-MNIST is not installed", FASHION, "", "apt install dataset-fashion-mnist, or use idx:FOLDER")
    return replace(load_idx(FASHION), classes=FASHION_CLASSES, source="fashion-mnist")


def _usual_slices() -> dict[str, torch.Tensor]:
    return {"train": torch.arange(50_000), "holdout": torch.arange(50_000, 55_000), "reference": torch.arange(55_000, 60_000)}


def _pair(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    images = read_idx(path)
    if images.ndim != 3:
        raise unusable("labels where images are needed", path, "offset 3", "give the images-idx3 file")
    beside = _labels_beside(path)
    if beside is None:
        return images, None
    labels = read_idx(beside)
    if labels.ndim != 1:
        raise unusable("images where labels are needed", beside, "offset 3", "put the labels-idx1 file there or move it away")
    if len(labels) != len(images):
        raise unusable(
            f"{len(labels):,} labels for {len(images):,} images", beside, "offset 4", "use files that belong together"
        )
    return images, labels


def _labels_beside(path: Path) -> Path | None:
    name = path.name.removesuffix(".gz")
    renamed = name.replace("images", "labels").replace("idx3", "idx1")
    return None if renamed == name else _existing(path.with_name(renamed))


def _in_folder(folder: Path, part: str) -> Path | None:
    return _existing(folder / f"{part}-images-idx3-ubyte") or _existing(folder / f"{part}-images.idx3-ubyte")


def _existing(path: Path) -> Path | None:
    """The file itself, or the gzip'd one beside it."""
    return next((found for found in (path, path.with_name(path.name + ".gz")) if found.is_file()), None)
