"""Transposed convolution: from a small matrix to a large one, beside the convolution that it is the transpose of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from textwrap import fill as fill_lines

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..convolution import flipped, operands_of, overlaps, pad, parse_kernel, stamps
from ..figures.images import save_png
from .canvas import GREY, KERNEL, RESULT, heading, lettering, pixels, write
from .convolution import bracketed, sign
from .film import Frame, filmed, finish, save_film
from .matrices import fill, fill_all, is_exact, lattice, letters, outline, rounded, tone_of
from .options import Line, Options, wrote
from .transposed_pair import SMALL, Pair, other_taps, pair_of
from .transposed_text import WORDS, about_of, backward_of, evenness_of, padding_of

FRAMES = 60  # for the kernel's way over the large matrix, at most
TERMS = 9  # of a sum that are written out, at most
WIDE, MIDDLE, CELL = 3.3, 1.45, 0.6  # inches: room of a large matrix, of the kernel between two arrows; the largest cell
SIDE, READABLE = 1.4, 0.3  # inches: of a small matrix, and of a cell whose number can be read
LINE = 130  # letters of a line below, at most


def explain_transposed(options: Options) -> Iterator[Line]:
    """Writes transposed.png, both convolutions with all their numbers, and transposed.gif: forward, back, and the stamps."""
    pair = pair_of(options, parse_kernel("box" if options.kernel is None else options.kernel))
    words = WORDS[options.lang]
    rows, columns = pair.kernel.shape[2:]
    name = options.example.name[options.lang]
    title = words["title"].format(name=name, rows=rows, columns=columns, stride=pair.axes[0].stride)
    title += padding_of(pair, words)
    with lettering(options.lang):
        picture = Sheet(pair, words, title, dpi=120)
        picture.still()
        save_png(pixels(picture.figure), options.out / "transposed.png")
        yield wrote("picture", options.out / "transposed.png")
        film = Sheet(pair, words, title, dpi=80)
        save_film(list(filmed(film.figure, film.steps())), options.out / "transposed.gif", milliseconds=400)
        yield wrote("film", options.out / "transposed.gif")


class Sheet:
    """The drawing: the convolution above, its transpose below, all cells of one size; right, how often kernels overlap."""

    def __init__(self, pair: Pair, words: dict[str, str], title: str, dpi: int) -> None:
        self.pair, self.words = pair, words
        self.figure = Figure(figsize=(13.0, 9.6), dpi=dpi)
        heading(self.figure, title, about_of(pair, words))
        kernel, turned = pair.kernel[0, 0].numpy(), flipped(pair.kernel)[0, 0].numpy()
        large, small, taps = pair.x.shape[2:], pair.y.shape[2:], pair.kernel.shape[2:]
        other = other_taps(pair.axes)
        self.counts = overlaps(small, taps, **pair.settings).numpy()
        compared = np.zeros((0, 0)) if other is None else overlaps(small, other, **pair.settings).numpy()
        padded = pad(pair.x, [axis.padding for axis in pair.axes])[0, 0]
        around = pad(torch.ones_like(pair.x), [axis.padding for axis in pair.axes])[0, 0].numpy() == 0
        sides = *padded.shape, *pair.wide.shape[2:], *compared.shape
        self.cell = min(WIDE / max(sides), MIDDLE / max(taps), CELL)
        self.bright = tone_of(0, white=255)
        self.small_tone, self.large_tone = tone_of(pair.y), tone_of(pair.back)
        self.count_tone = tone_of([*self.counts.flat, *compared.flat])

        titled = words["image"].format(rows=large[0], columns=large[1]) + words["padded"] * bool(around.any())
        self.x = self._matrix(1.95, 0, padded.shape, titled)
        fill_all(self.x, padded, self.bright, dashed=around)
        self._kernel(0, kernel, words["kernel"])
        self.y = self._matrix(7.25, 0, small, words["small"])
        if other:
            fill_all(self._matrix(11.0, 0, compared.shape, self._counted("other", other)), compared, self.count_tone)
        self.wide = self._matrix(1.95, 1, self.pair.wide.shape[2:], words["inserted" if pair.zeros else "same"])
        self._kernel(1, turned, words["flipped"])
        self.back = self._matrix(7.25, 1, large, words["large"])
        for left, top in product((3.75, 5.55), (3.25, 6.9)):
            write(self.figure, left, top, "→", 18, KERNEL, "center")
        self.stamps = self._matrix(11.0, 1, large, self._counted("counts", taps))

    def still(self) -> None:
        """Everything at once, with both kernels at one place."""
        finish(self.steps())
        place = divmod(int(self.pair.back[0, 0].abs().argmax()), self.pair.back.shape[3])
        self._window_back(place)
        self._window_forward((SMALL // 2, SMALL // 2))
        self._say(self._backward_sum(place))

    def steps(self) -> Iterator[Frame]:
        """What is drawn over the empty sheet: the convolution, its transpose, the stamps."""
        yield from self._forward()
        yield from self._backward()
        yield from self._stamping()

    def _forward(self) -> Iterator[Frame]:
        """The kernel slides over the image, and the small matrix fills."""
        count, points = self.pair.kernel.numel(), letters(self.y, self.pair.y)
        for place in np.ndindex(*self.pair.y.shape[2:]):
            value = float(self.pair.y[(0, 0, *place)])
            equals = "=" if is_exact(value, rounded) else "≈"
            told = self.words["forward" if count > 1 else "forward_one"].format(
                total=rounded(value), count=count, equals=equals
            )
            yield fill(self.y, place, value, self.small_tone, points), [*self._window_forward(place), self._say(told)]

    def _backward(self) -> Iterator[Frame]:
        """The flipped kernel slides over the numbers and the zeros between them, and the large matrix fills."""
        places = list(np.ndindex(*self.pair.back.shape[2:]))
        at_once, points = math.ceil(len(places) / FRAMES), letters(self.back, self.pair.back)
        new = fill_all(self.wide, self.pair.wide[0, 0], self.small_tone, dashed=~self.pair.real.numpy())
        for first in range(0, len(places), at_once):
            for place in places[first : first + at_once]:
                new += fill(self.back, place, float(self.pair.back[(0, 0, *place)]), self.large_tone, points)
            yield new, [*self._window_back(place), self._say(self._backward_sum(place))]
            new = []

    def _stamping(self) -> Iterator[Frame]:
        """Each number of the small matrix stamps the kernel, and the overlaps are counted."""
        counted, points = np.zeros_like(self.counts), letters(self.stamps, self.counts)
        told = self.words["stamp"].format(stride=self.pair.axes[0].stride)
        for stamp in stamps(self.pair.y, self.pair.kernel, **self.pair.settings):
            rows, columns = (
                (max(0, cut.start - axis.padding[0]), min(size, cut.stop - axis.padding[0]))
                for cut, axis, size in zip(stamp.window, self.pair.axes, counted.shape, strict=True)
            )
            counted[slice(*rows), slice(*columns)] += 1
            seen: list[Artist] = []
            for place in np.argwhere(counted):
                seen += fill(self.stamps, tuple(place), counted[tuple(place)], self.count_tone, points)
            yield [], [*seen, outline(self.stamps, rows, columns), _one(self.y, stamp.at), self._say(told)]
        yield fill_all(self.stamps, self.counts, self.count_tone), [self._say(told)]

    def _window_forward(self, place: tuple[int, ...]) -> list[Artist]:
        rows, columns = (axis.window(at) for axis, at in zip(self.pair.axes, place, strict=True))
        return [outline(self.x, (rows.start, rows.stop), (columns.start, columns.stop)), _one(self.y, place)]

    def _window_back(self, place: tuple[int, ...]) -> list[Artist]:
        (row, column), (rows, columns) = place, self.pair.kernel.shape[2:]
        return [outline(self.wide, (row, row + rows), (column, column + columns)), _one(self.back, place)]

    def _backward_sum(self, place: tuple[int, ...]) -> str:
        """The products that are not with a zero that was put in, spelled out."""
        terms = list(operands_of(self.pair.wide, flipped(self.pair.kernel), (0, 0, *place)))
        met = [term for term in terms if self.pair.real[term.place]]
        written = [f"{bracketed(term.pixel, rounded)} × {bracketed(term.weight)}" for term in met[:TERMS]]
        written += ["…"] * (len(met) > TERMS)
        result = f"{' + '.join(written)} {sign(terms)} {rounded(terms[-1].total)}"
        return fill_lines(backward_of(result, len(met), len(terms), self.words), LINE)

    def _matrix(self, centre: float, row: int, shape: Sequence[int], title: str) -> Axes:
        """An empty matrix around this place: inches from the left, and 0 for the upper or 1 for the lower row.

        All have cells of one size, but for small ones whose numbers could not be read so.
        """
        side, middle = max(self.cell * max(shape), min(SIDE, max(shape) * READABLE)), 3.45 + 3.65 * row
        axis = lattice(self.figure, centre - side / 2, middle - side / 2, side, tuple(shape))
        axis.set_title(title.format(rows=shape[0], columns=shape[1]), loc="center", pad=5)
        return axis

    def _kernel(self, row: int, weights: NDArray[np.float64], title: str) -> None:
        axis = self._matrix(4.65, row, weights.shape, title)
        fill_all(axis, weights, tone_of(weights))
        outline(axis, (0, weights.shape[0]), (0, weights.shape[1]))

    def _counted(self, title: str, taps: Sequence[int]) -> str:
        evenness = evenness_of(taps, self.pair.axes[0].stride, self.words)
        return self.words[title].format(rows=taps[0], columns=taps[1], evenness=evenness)

    def _say(self, told: str) -> Artist:
        return write(self.figure, 0.3, 8.95, told, 10.5, GREY)


def _one(axis: Axes, place: tuple[int, ...]) -> Artist:
    return outline(axis, (place[0], place[0] + 1), (place[1], place[1] + 1), RESULT)
