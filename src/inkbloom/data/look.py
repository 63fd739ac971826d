"""What one picture does not tell alone, decided by looking at its whole set: what lies behind transparent pictures, and which
value of 16 bits is white."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from ..config import parse_background
from .picture import RGB, WHITE, WHOLE, brightest, opened, see_through

BLACK = (0, 0, 0)
LOST = 64  # levels: what is so near to the background cannot be told from it
SAMPLE = 200  # transparent pictures that are looked at
SIDE = 128  # pixels a side that they are looked at with
T = TypeVar("T")
Ask = Callable[[Image.Image], T | None]
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
        self.lost = mean(islice(self._asked(lost), SAMPLE))
        return BLACK if self.lost[0] > self.lost[1] else WHITE

    @cached_property
    def white(self) -> int:
        """The value of 16-bit pictures that is white: 65,535, or the largest of as many bits as all their values fill."""
        return white_of(self._asked(brightest))

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

    def _asked(self, ask: Ask[T]) -> Iterator[T]:
        """What pictures answer, from all parts of the set in turn; None is no answer."""
        stride = max(1, len(self.files) // SAMPLE)
        return self._answers((path for first in range(stride) for path in self.files[first::stride]), ask)

    @staticmethod
    def _answers(files: Iterable[Path], ask: Ask[T]) -> Iterator[T]:
        for path in files:
            try:
                with opened(path) as image:
                    answer = ask(image)
            except Exception:
                continue
            if answer is not None:
                yield answer


class Alone(Look):
    """The same for a picture that lies in no file."""

    def __init__(self, image: Image.Image, background: str = "auto") -> None:
        super().__init__((), background)
        self.image = image

    def _asked(self, ask: Ask[T]) -> Iterator[T]:
        answer = ask(self.image)
        yield from () if answer is None else (answer,)


class InOrder(Look):
    """The same for pictures that are best read in the order in which they lie in their file."""

    def _asked(self, ask: Ask[T]) -> Iterator[T]:
        stride = max(1, len(self.files) // SAMPLE)
        some = [path for number, path in enumerate(self.files) if number % stride == 0]
        others = [path for number, path in enumerate(self.files) if number % stride]
        for part in (some, others):
            yield from Look._answers(part, ask)


def lost(image: Image.Image) -> tuple[float, float] | None:
    """The share of what a transparent picture shows that nobody would see on white, and on black; None for any other."""
    if not see_through(image):
        return None
    small = image.convert("RGBA")
    small.thumbnail((SIDE, SIDE), Image.Resampling.NEAREST)
    pixels = np.asarray(small).astype(np.int64)
    colour, weight = pixels[..., :3], pixels[..., 3]
    near = colour.min(2) >= 255 - LOST, colour.max(2) <= LOST
    total = int(weight.sum())
    return (int(weight[near[0]].sum()) / total, int(weight[near[1]].sum()) / total) if total else None


def mean(shares: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The mean of both; 0 of none."""
    each = list(shares)
    white, black = (sum(side) / len(each) for side in zip(*each, strict=True)) if each else (0.0, 0.0)
    return white, black


def white_of(brightest: Iterable[int]) -> int:
    """The white of 16-bit pictures whose brightest values these are; see `Look.white`."""
    highest = 0
    for value in brightest:
        highest = max(highest, value)
        if highest >= 1 << NARROW:
            return WHOLE
    return (1 << highest.bit_length()) - 1 if highest else WHOLE
