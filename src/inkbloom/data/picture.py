"""One picture file, decoded to 8-bit grey or RGB as a person would see it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from .dataset import Size
from .messages import cause
from .resize import fit

MOST_PIXELS = 64_000_000

# EPS starts Ghostscript, and IPTC opens whatever is inside it, EPS included; Pillow knows the others only by name
REFUSED = {"EPS", "IPTC", "BUFR", "GRIB", "HDF5", "MPEG", "WMF"}


@dataclass(frozen=True)
class Picture:
    """A decoded file: `pixels` uint8 (H, W) or (H, W, 3), and the (height, width) that it had before cropping and resizing."""

    path: Path
    pixels: NDArray[np.uint8]
    original: Size


@dataclass(frozen=True)
class Broken:
    """A file that cannot be used, and why, in a few words."""

    path: Path
    reason: str


class _Unfit(Exception):
    """A picture that is whole, but not one that inkbloom takes."""


@cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are tried, whatever a file's suffix says."""
    Image.init()
    return tuple(name for name in sorted(Image.OPEN) if name not in REFUSED)


@cache
def suffixes() -> frozenset[str]:
    """The suffixes, in lower case and with the dot, of files that are taken for pictures."""
    taken = {*formats(), "MPO"}  # MPO: cameras' JPEG with several views, opened as JPEG
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in taken)


def read_picture(path: Path, size: Size | None = None) -> Picture | Broken:
    """The picture in a file, cropped and resized to `size` = (height, width) where given.

    Its first frame, turned as its EXIF data say, on white where it is transparent, 16-bit greys scaled to 8 bits.
    Pictures over 64 megapixels are not decoded.
    """
    try:
        if not path.is_file():
            return Broken(path, "a dangling link, or not a file")
        if path.stat().st_size == 0:
            return Broken(path, "empty file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats()) as image:
                if image.width * image.height > MOST_PIXELS:
                    return Broken(path, f"{image.width} x {image.height} is over 64 megapixels")
                turned = ImageOps.exif_transpose(image)
                original = turned.height, turned.width
                picture = to_8_bits(turned, image.format)
            return Picture(path, np.asarray(fit(picture, size) if size else picture), original)
    except UnidentifiedImageError:
        return Broken(path, "not a picture that Pillow knows")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Broken(path, "over 64 megapixels")
    except Exception as problem:  # decoders raise nearly every kind on damaged files
        return Broken(path, cause(problem))


def to_8_bits(image: Image.Image, format: str | None) -> Image.Image:
    """The picture in mode L or RGB, laid on white where it is transparent; `format` is Pillow's name of where it came from."""
    if image.mode.startswith("I;16") or (image.mode == "I" and format in ("PNG", "PPM")):
        greys = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((greys * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise _Unfit("32 bits a pixel without a known range: save it with 8 or 16")
    if image.has_transparency_data:
        sheet = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(sheet, image.convert("RGBA")).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def in_colour(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture (H, W) or (H, W, 3) shows colour: channels over 16 levels apart in more than one pixel of a thousand.

    Grey pictures stored as colour pass for grey, also when JPEG left a few levels between their channels.
    """
    return pixels.ndim == 3 and float((np.ptp(pixels, axis=2) > 16).mean()) > 1e-3
