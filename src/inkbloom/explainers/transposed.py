"""Transposed convolution: from a small matrix to a large one, beside the convolution that it is the transpose of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from textwrap import fill as fill_lines

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..convolution import flipped, operands_of, overlaps, parse_kernel, stamps
from ..figures.images import save_png
from .canvas import GREY, KERNEL, RESULT, heading, lettering, pixels, write
from .convolution import sign
from .film import Frame, filmed, finish, save_film
from .matrices import fill, fill_all, lattice, letters, outline, precise, rounded, tone_of
from .options import Line, Options, wrote
from .transposed_pair import SMALL, Pair, other_taps, pair_of

FRAMES = 60  # for the kernel's way over the large matrix, at most
TERMS = 9  # of a sum that are written out, at most
SIDE, READABLE = 1.4, 0.3  # inches: of a small matrix, and of a cell whose number can be read
LINE = 150  # letters of a line below, at most

WORDS = {
    "en": {
        "title": "Transposed convolution: {name}, kernel of {rows} x {columns}, stride {stride}",
        "about": "Above, a convolution makes a small matrix of a large one. Below, its transpose goes from small to large: "
        "zeros are put between\nand around the numbers (dashed), and the flipped kernel slides over them with stride 1. "
        "The size comes back, not the values,\nwhich are {error} grey levels away from the pixels on average "
        "even after the best rescaling. Where kernels overlap unevenly, a checkerboard shows.",
        "image": "Image, brought to {rows} x {columns}",
        "kernel": "Kernel",
        "small": "Convolution: {rows} x {columns}",
        "inserted": "The same numbers, zeros put in",
        "flipped": "Kernel, flipped",
        "large": "Transposed: {rows} x {columns}",
        "counts": "Overlaps: {rows} x {columns} taps, {evenness}",
        "even": "even inside",
        "uneven": "uneven",
        "other": "For comparison: {rows} x {columns} taps, {evenness}",
        "forward": "Convolution: {total} is the sum of {count} products.",
        "backward": "Transposed convolution: {terms} {equals} {total}. "
        "In the other {zeros} of {count} products a zero was put in.",
        "stamp": "Another view: each small number stamps the kernel, {stride} apart. Counted: how many stamps lie on a pixel.",
    },
    "zh": {
        "title": "转置卷积：{name}，{rows} x {columns} 的卷积核，步幅 {stride}",
        "about": "上排：卷积把大矩阵变成小矩阵。下排：它的转置从小到大，在数与数之间和四周补零（虚线），\n"
        "再让翻转过的卷积核以步幅 1 滑过。恢复的是大小，不是数值：乘上最合适的系数之后，与原像素仍平均相差 {error} 个灰度级。\n"
        "卷积核重叠得不均匀，就会出现棋盘格。",
        "image": "图像，缩放到 {rows} x {columns}",
        "kernel": "卷积核",
        "small": "卷积：{rows} x {columns}",
        "inserted": "同样的数，补进零",
        "flipped": "翻转的卷积核",
        "large": "转置：{rows} x {columns}",
        "counts": "重叠次数：核 {rows} x {columns}，{evenness}",
        "even": "内部均匀",
        "uneven": "不均匀",
        "other": "对比：核 {rows} x {columns}，{evenness}",
        "forward": "卷积：{total} 是 {count} 个乘积的和。",
        "backward": "转置卷积：{terms} {equals} {total}。{count} 个乘积里，其余 {zeros} 个乘的是补进去的零。",
        "stamp": "换个看法：小矩阵的每个数盖一次卷积核的“印章”，彼此相隔 {stride}；次数就是一个像素上盖了几个印章。",
    },
}


def explain_transposed(options: Options) -> Iterator[Line]:
    """Writes transposed.png, both convolutions with all their numbers, and transposed.gif: forward, back, and the stamps."""
    pair = pair_of(options, parse_kernel("box" if options.kernel is None else options.kernel))
    words = WORDS[options.lang]
    rows, columns = pair.kernel.shape[2:]
    name = options.example.name[options.lang]
    title = words["title"].format(name=name, rows=rows, columns=columns, stride=pair.axes[0].stride)
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
        heading(self.figure, title, words["about"].format(error=rounded(pair.error)))
        kernel, turned = pair.kernel[0, 0].numpy(), flipped(pair.kernel)[0, 0].numpy()
        large, small, taps = pair.x.shape[2:], pair.y.shape[2:], pair.kernel.shape[2:]
        other = [other_taps(axis) for axis in pair.axes]
        self.counts = overlaps(small, taps, **pair.settings).numpy()
        compared = overlaps(small, other, stride=[axis.stride for axis in pair.axes]).numpy()
        self.cell = 3.3 / max(*pair.wide.shape[2:], *compared.shape)
        self.bright = tone_of(0, white=255)
        self.small_tone, self.large_tone = tone_of(pair.y), tone_of(pair.back)
        self.count_tone = tone_of([*self.counts.flat, *compared.flat])

        self.x = self._matrix(1.95, 0, large, words["image"])
        fill_all(self.x, pair.x[0, 0], self.bright)
        self._kernel(0, kernel, words["kernel"])
        self.y = self._matrix(7.25, 0, small, words["small"])
        fill_all(self._matrix(11.0, 0, compared.shape, self._counted("other", other)), compared, self.count_tone)
        self.wide = self._matrix(1.95, 1, self.pair.wide.shape[2:], words["inserted"])
        self._kernel(1, turned, words["flipped"])
        self.back = self._matrix(7.25, 1, large, words["large"])
        for left, top in product((3.8, 5.5), (3.25, 6.9)):
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
            told = self.words["forward"].format(total=rounded(value), count=count)
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
        spans = [axis.window(at) for axis, at in zip(self.pair.axes, place, strict=True)]
        rows, columns = (
            (cut.start - axis.padding[0], cut.stop - axis.padding[0]) for cut, axis in zip(spans, self.pair.axes, strict=True)
        )
        return [outline(self.x, rows, columns), _one(self.y, place)]

    def _window_back(self, place: tuple[int, ...]) -> list[Artist]:
        (row, column), (rows, columns) = place, self.pair.kernel.shape[2:]
        return [outline(self.wide, (row, row + rows), (column, column + columns)), _one(self.back, place)]

    def _backward_sum(self, place: tuple[int, ...]) -> str:
        """The products that are not with a zero that was put in, spelled out."""
        terms = list(operands_of(self.pair.wide, flipped(self.pair.kernel), (0, 0, *place)))
        met = [term for term in terms if self.pair.real[term.place]]
        written = [f"{rounded(term.pixel)} × {precise(term.weight)}" for term in met[:TERMS]] + ["…"] * (len(met) > TERMS)
        told = self.words["backward"].format(
            terms=" + ".join(written) or "0",
            equals=sign(terms),
            total=rounded(terms[-1].total),
            zeros=len(terms) - len(met),
            count=len(terms),
        )
        return fill_lines(told, LINE)

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
        even = all(size % axis.stride == 0 for size, axis in zip(taps, self.pair.axes, strict=True))
        return self.words[title].format(rows=taps[0], columns=taps[1], evenness=self.words["even" if even else "uneven"])

    def _say(self, told: str) -> Artist:
        return write(self.figure, 0.3, 8.95, told, 11, GREY)


def _one(axis: Axes, place: tuple[int, ...]) -> Artist:
    return outline(axis, (place[0], place[0] + 1), (place[1], place[1] + 1), RESULT)
