"""What one picture does not tell alone, decided by looking at its whole set: what lies behind transparent pictures, and which
value of 16 bits is white."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from ..config import parse_background
from .picture import RGB, WHITE, WHOLE, opened, see_through, sixteen_bits, whole_16

BLACK = (0, 0, 0)
LOST = 64  # levels: what is so near to the background cannot be told from it
SAMPLE = 200  # transparent pictures that are looked at
SIDE = 128  # pixels a side that they are looked at with
NARROW = 12  # bits: 16-bit pictures of a set that fill no more were made with less


class Look:
    """Decides for the pictures in `files` once it is asked, and always alike for the same files. background: 'auto', or a
    colour as in a recipe; a wrong one raises UsageError."""

    def __init__(self, files: Sequence[Path], background: str = "auto") -> None:
        self.files, self.given = files, parse_background(background)
        self.lost = (0.0, 0.0)

    @cached_property
    def background(self) -> RGB:
        """The colour behind transparent pictures: the given one, else white or black, whichever hides less of them."""
        if self.given:
            return self.given
        self.lost = lost(islice(self._pictures(see_through), SAMPLE))
        return BLACK if self.lost[0] > self.lost[1] else WHITE

    @cached_property
    def white(self) -> int:
        """The value of 16-bit pictures that is white: 65,535, or the largest of as many bits as all their values fill."""
        return white_of(self._pictures(sixteen_bits))

    @property
    def ground(self) -> str:
        """The background as a recipe writes it; '' where no picture has let it show so far."""
        if "background" not in vars(self):
            return ""
        return {WHITE: "white", BLACK: "black"}.get(self.background, "#{:02x}{:02x}{:02x}".format(*self.background))

    @property
    def notes(self) -> Iterator[str]:
        """What has been decided so far, one sentence each."""
        if self.ground:
            shares = f": white would hide {self.lost[0]:.0%} of what they show, black {self.lost[1]:.0%}"
            yield f"transparent pictures are laid on {self.ground}{'' if self.given else shares}"
        if "white" in vars(self) and self.white < WHOLE:
            yield f"16-bit pictures fill {self.white.bit_length()} bits only: {self.white:,} is white"

    def _pictures(self, wanted: Callable[[Image.Image], bool]) -> Iterator[Image.Image]:
        """Those that are wanted, from all parts of the set in turn; what cannot be read is passed over."""
        stride = max(1, len(self.files) // SAMPLE)
        return self._seen((path for first in range(stride) for path in self.files[first::stride]), wanted)

    @staticmethod
    def _seen(files: Iterable[Path], wanted: Callable[[Image.Image], bool]) -> Iterator[Image.Image]:
        for path in files:
            try:
                with opened(path) as image:
                    if wanted(image):
                        yield image
            except Exception:
                continue


class Alone(Look):
    """The same for a picture that lies in no file."""

    def __init__(self, image: Image.Image, background: str = "auto") -> None:
        super().__init__((), background)
        self.image = image

    def _pictures(self, wanted: Callable[[Image.Image], bool]) -> Iterator[Image.Image]:
        yield from (self.image,) if wanted(self.image) else ()


class InOrder(Look):
    """The same for pictures that are best read in the order in which they lie in their file."""

    def _pictures(self, wanted: Callable[[Image.Image], bool]) -> Iterator[Image.Image]:
        stride = max(1, len(self.files) // SAMPLE)
        some = [path for number, path in enumerate(self.files) if number % stride == 0]
        others = [path for number, path in enumerate(self.files) if number % stride]
        for part in (some, others):
            yield from Look._seen(part, wanted)


def lost(images: Iterable[Image.Image]) -> tuple[float, float]:
    """The share of what transparent pictures show that nobody would see on white, and on black: the mean over the pictures."""
    shares = [(0.0, 0.0)]
    for image in images:
        small = image.convert("RGBA")
        small.thumbnail((SIDE, SIDE), Image.Resampling.NEAREST)
        pixels = np.asarray(small).astype(np.int64)
        colour, weight = pixels[..., :3], pixels[..., 3]
        near = colour.min(2) >= 255 - LOST, colour.max(2) <= LOST
        if total := int(weight.sum()):
            shares.append((int(weight[near[0]].sum()) / total, int(weight[near[1]].sum()) / total))
    white, black = (sum(side) / max(1, len(shares) - 1) for side in zip(*shares, strict=True))
    return white, black


def white_of(images: Iterable[Image.Image]) -> int:
    """The white of 16-bit pictures; see `Look.white`."""
    brightest = max((int(whole_16(image).max()) for image in images), default=0)
    return (1 << brightest.bit_length()) - 1 if 0 < brightest < 1 << NARROW else WHOLE
