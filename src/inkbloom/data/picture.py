"""One picture file, decoded to 8-bit grey or RGB as a person would see it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from .dataset import Size
from .messages import cause
from .resize import fit

MOST_PIXELS = 64_000_000
RGB = tuple[int, int, int]
WHITE: RGB = (255, 255, 255)
WHOLE = 65_535  # the largest value of 16 bits

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
    """A file that is no picture that inkbloom takes, and why."""


class Settings(Protocol):
    """What is decided for a set of pictures as a whole; `look.Look` is one."""

    @property
    def background(self) -> RGB:
        """What shows through transparent pictures."""

    @property
    def white(self) -> int:
        """The value of 16-bit pictures that is white."""


@dataclass(frozen=True)
class Plain:
    """The settings of a picture that nothing else is known of."""

    background: RGB = WHITE
    white: int = WHOLE


PLAIN = Plain()


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


Seen = Callable[[Image.Image, str | None], Image.Image]
"""seen(the image, Pillow's name of where it came from) -> what of it is looked at, in mode L or RGB."""


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The picture in a file, its first frame, turned as its EXIF data say, not decoded yet where it lies upright.

    Raises whatever the decoders raise on a damaged file, and _Unfit.
    """
    if isinstance(path, Path) and not path.is_file():
        raise _Unfit("a dangling link, or not a file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with path.open("rb") as file, Image.open(_whole(file), formats=formats()) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _Unfit(f"{image.width} x {image.height} is over 64 megapixels")
            yield image


def _whole(file: IO[bytes]) -> IO[bytes]:
    """The file, which holds something."""
    if not file.read(1):
        raise _Unfit("empty file")
    file.seek(0)
    return file


def read_picture(
    path: Path, size: Size | None = None, settings: Settings = PLAIN, seen: Seen | None = None
) -> Picture | Broken:
    """The picture in a file, cropped and resized to `size` = (height, width) where given.

    Its first frame, turned as its EXIF data say, on the background where it is transparent, 16-bit greys scaled to 8 bits; or
    what is `seen` of it instead. Pictures over 64 megapixels are not decoded.
    """
    try:
        with opened(path) as image:
            if deep_colour(image) and settings.white < WHOLE:
                image.paste(_scaled_colour(image, settings.white))
            turned = ImageOps.exif_transpose(image)
            original = turned.height, turned.width
            picture = seen(turned, image.format) if seen else to_8_bits(turned, image.format, settings)
        return Picture(path, np.asarray(fit(picture, size) if size else picture), original)
    except UnidentifiedImageError:
        return Broken(path, "not a picture that Pillow knows")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Broken(path, "over 64 megapixels")
    except Exception as problem:  # decoders raise nearly every kind on damaged files
        return Broken(path, cause(problem))


def to_8_bits(image: Image.Image, format: str | None, settings: Settings = PLAIN) -> Image.Image:
    """The picture in mode L or RGB, on the background where it is transparent; `format`: Pillow's name of its file's kind."""
    if sixteen_bits(image, format):
        image = _scaled(image, settings)
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise _Unfit("32 bits a pixel without a known range: save it with 8 or 16")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if see_through(layer):
            sheet = Image.new("RGBA", image.size, settings.background)
            return Image.alpha_composite(sheet, layer).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def sixteen_bits(image: Image.Image, format: str | None = None) -> bool:
    """Whether it is a grey picture of 16 bits; `format` as in `to_8_bits`, default the picture's own."""
    return image.mode.startswith("I;16") or (image.mode == "I" and (format or image.format) in ("PNG", "PPM"))


def deep_colour(image: Image.Image) -> TypeGuard[ImageFile]:
    """Whether a picture that is not decoded yet has 16 bits a colour, of which Pillow keeps the upper 8."""
    return (
        isinstance(image, ImageFile) and image.mode in ("RGB", "RGBA") and any(";16" in str(tile.args) for tile in image.tile)
    )


def brightest(image: Image.Image) -> int | None:
    """The largest value of a picture of 16 bits that is not decoded yet, transparency aside; None for any other."""
    if deep_colour(image):
        return int(colours_16(image)[..., :3].max())
    return int(whole_16(image).max()) if sixteen_bits(image) else None


def see_through(image: Image.Image) -> bool:
    """Whether something would show through the picture."""
    return image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255


def whole_16(image: Image.Image) -> NDArray[np.uint32]:
    """The values of a grey picture of 16 bits (H, W)."""
    return np.asarray(image).astype(np.uint32)


def colours_16(image: ImageFile) -> NDArray[np.uint32]:
    """The values of a `deep_colour` picture (H, W, 3 or 4). Raises _Unfit where Pillow cannot give the lower 8 bits."""
    file = cast(IO[bytes], image.fp)
    file.seek(0)
    again = Image.open(file, formats=formats())
    grey = any("LA;16" in str(tile.args) for tile in again.tile)
    again.tile = [tile._replace(args=_other_bytes(tile.args)) for tile in again.tile]
    try:
        lower = np.asarray(again)
    except ValueError:
        raise _Unfit("16-bit colour of a kind that is not read: save it with 8 bits") from None
    lower = lower[..., [1, 1, 1, 3]] if grey else lower
    return np.asarray(image).astype(np.uint32) << 8 | lower


def _other_bytes(args: Any) -> Any:
    """How Pillow decodes a picture of 16 bits, made to give the lower 8 of each: as if its bytes came the other way round.

    For grey with transparency it knows no such way; its four bytes a pixel are taken for four colours.
    """
    raw, *rest = (args,) if isinstance(args, str) else args
    raw = {"LA;16B": "RGBA"}.get(raw, raw[:-1] + {"B": "L", "L": "B", "N": "B"}.get(raw[-1], raw[-1]))
    return (raw, *rest) if rest else raw


def _scaled_colour(image: ImageFile, white: int) -> Image.Image:
    """A `deep_colour` picture with 8 bits; its transparency has a white of its own if it is brighter."""
    values = colours_16(image)
    ends = np.array([white] * 3 + [WHOLE if values[..., 3:].max(initial=0) > white else white])[: values.shape[2]]
    return Image.fromarray(((values * 255 + ends // 2) // ends).clip(max=255).astype(np.uint8), image.mode)


def _scaled(image: Image.Image, settings: Settings) -> Image.Image:
    """A grey picture of 16 bits with 8; the value that its file calls transparent stays so."""
    values, white = whole_16(image), settings.white
    scaled = Image.fromarray(((values * 255 + white // 2) // white).clip(max=255).astype(np.uint8))
    if isinstance(image.info.get("transparency"), int):
        scaled.putalpha(Image.fromarray(np.where(values == image.info["transparency"], 0, 255).astype(np.uint8)))
    return scaled


def in_colour(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture (H, W) or (H, W, 3) shows colour: channels over 16 levels apart in more than one pixel of a thousand.

    Grey pictures stored as colour pass for grey, also when JPEG left a few levels between their channels.
    """
    return pixels.ndim == 3 and float((np.ptp(pixels, axis=2) > 16).mean()) > 1e-3
