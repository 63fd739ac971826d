"""Convolution: a kernel slides over the pixels from the top left, and each place gives one number of the feature map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..convolution import KERNELS, Operand, operands_of, parse_kernel
from ..figures.images import save_png
from .canvas import GREY, IMAGE, INK, KERNEL, RESULT, heading, lettering, pixels, write
from .convolution_example import ConvolutionExample, example_of, strongest
from .film import Frame, filmed, finish, save_film
from .matrices import Tone, fill, fill_all, is_exact, lattice, letters, outline, precise, rounded, tone_of, whole
from .options import Line, Options, wrote

SPELLED = 7  # rows and columns of a kernel whose products are written one by one, at most

WORDS = {
    "en": {
        "title": "Convolution: {name}, kernel {kernel}",
        "about": "Under the kernel, each pixel is multiplied by its weight; the products add up to one number of the feature "
        "map.\nAs in networks, the kernel is not flipped (cross-correlation). Stride {stride}, {padding}.\n"
        "The large matrices are the framed parts of the small pictures.",
        "padded": "zeros put around (dashed): {rows} in height, {columns} in width",
        "unpadded": "no padding",
        "matrix": "{rows} x {columns} matrix",
        "pixels": "Pixels, 0 black to 255 white",
        "kernel": "Kernel",
        "products": "Pixel × weight",
        "map": "Feature map",
        "image": "Whole image, {rows} x {columns}",
        "result": "Whole feature map, {rows} x {columns}",
        "sum": "Row {row}, column {column} of the feature map",
        "many": "{count} products, their sum {equals} {total}",
    },
    "zh": {
        "title": "卷积：{name}，卷积核 {kernel}",
        "about": "卷积核盖住的每个像素乘以对应的权重，乘积之和就是特征图上的一个数。\n"
        "与神经网络里一样，卷积核不翻转（互相关）。步幅 {stride}，{padding}。大矩阵就是小图中框出的部分。",
        "padded": "四周共补 {rows} 行、{columns} 列零（虚线）",
        "unpadded": "不补零",
        "matrix": "{rows} x {columns} 矩阵",
        "pixels": "像素值，0 为黑，255 为白",
        "kernel": "卷积核",
        "products": "像素 × 权重",
        "map": "特征图",
        "image": "整幅图像，{rows} x {columns}",
        "result": "整幅特征图，{rows} x {columns}",
        "sum": "特征图第 {row} 行、第 {column} 列",
        "many": "共 {count} 个乘积，总和 {equals} {total}",
    },
}


def explain_convolution(options: Options) -> Iterator[Line]:
    """Writes convolution.png, the part with all its numbers at one place of the kernel, and convolution.gif, all places."""
    written = "sobel-x" if options.kernel is None else options.kernel
    kernel = parse_kernel(written)
    example = example_of(options, kernel)
    words = WORDS[options.lang]
    name = written.strip().lower()
    name = name if name in KERNELS else words["matrix"].format(rows=kernel.shape[0], columns=kernel.shape[1])
    with lettering(options.lang):
        title = words["title"].format(name=options.example.name[options.lang], kernel=name)
        picture = Sheet(example, words, title, dpi=130)
        finish(picture.steps())
        picture.spell(strongest(example))
        save_png(pixels(picture.figure), options.out / "convolution.png")
        yield wrote("picture", options.out / "convolution.png")
        film = Sheet(example, words, title, dpi=85)
        save_film(list(filmed(film.figure, film.steps())), options.out / "convolution.gif", milliseconds=600)
        yield wrote("film", options.out / "convolution.gif")


class Sheet:
    """The drawing: pixels left, kernel and products in the middle, feature map right; whole pictures and the sum below."""

    def __init__(self, example: ConvolutionExample, words: dict[str, str], title: str, dpi: int) -> None:
        self.example, self.words = example, words
        self.figure = Figure(figsize=(11.4, 7.75), dpi=dpi)
        (_, _, rows, columns), (_, _, high, wide) = example.x.shape, example.y.shape
        kernel, values = example.kernel[0, 0].numpy(), example.y[0, 0].numpy()
        seen, made = tuple(map(len, example.read)), tuple(map(len, example.part))
        bright = tone_of(0, white=255)
        self.tone = tone_of(values, white=255 if values.min() >= 0 else 0)
        weigh = tone_of(kernel)

        self._words(title)
        self.pixels = lattice(self.figure, 0.3, 1.6, 3.9, seen, words["pixels"])
        fill_all(self.pixels, example.under(example.x), bright, dashed=example.under(torch.ones_like(example.x)).numpy() == 0)
        middle = lattice(self.figure, 4.8, 1.6, 1.8, kernel.shape, words["kernel"])
        fill_all(middle, kernel, weigh)
        outline(middle, (0, kernel.shape[0]), (0, kernel.shape[1]))
        self.products = lattice(self.figure, 4.8, 3.85, 1.8, kernel.shape, words["products"])
        self.map = lattice(self.figure, 7.2, 1.6, 3.9, made, words["map"])
        self._small(0.3, example.x, bright, example.read, IMAGE, words["image"].format(rows=rows, columns=columns))
        self._small(9.6, example.y, self.tone, example.part, RESULT, words["result"].format(rows=high, columns=wide))
        self.weighted = tone_of([255 * kernel.min(), 255 * kernel.max()])

    def steps(self) -> Iterator[Frame]:
        """The kernel slides over the part, and the feature map fills."""
        rows, columns = self.example.part
        points = letters(self.map, self.example.y[0, 0, rows.start : rows.stop, columns.start : columns.stop])
        for place in product(rows, columns):
            value = float(self.example.y[(0, 0, *place)])
            yield fill(self.map, self._in_part(place), value, self.tone, points), self.spell(place)

    def spell(self, place: tuple[int, int]) -> list[Artist]:
        """Draws the kernel and all its products where they give the number at this place of the feature map."""
        example = self.example
        terms = list(operands_of(example.x, example.kernel, (0, 0, *place), **example.settings))
        row, column = self._in_part(place)
        first = [at - span[0] for at, span in zip(terms[0].place, example.read, strict=True)]
        last = [at - span[0] + 1 for at, span in zip(terms[-1].place, example.read, strict=True)]
        moving: list[Artist] = [outline(self.pixels, (first[0], last[0]), (first[1], last[1]))]
        moving.append(outline(self.map, (row, row + 1), (column, column + 1), RESULT))
        points = letters(self.products, [term.product for term in terms])
        for term in terms:
            moving += fill(self.products, term.tap, term.product, self.weighted, points, dashed=term.source is None)
        which = self.words["sum"].format(row=place[0] + 1, column=place[1] + 1)
        moving.append(write(self.figure, 5.7, 6.0, which, 10, GREY, "center"))
        told = spelled(terms, self.words["many"])
        moving.append(write(self.figure, 5.7, 6.3, told, size_of(told), INK, "center"))
        return moving

    def _in_part(self, place: tuple[int, int]) -> tuple[int, int]:
        return place[0] - self.example.part[0][0], place[1] - self.example.part[1][0]

    def _words(self, title: str) -> None:
        rows, columns = (sum(axis.padding) for axis in self.example.axes)
        padding = self.words["padded"].format(rows=rows, columns=columns) if rows + columns else self.words["unpadded"]
        about = self.words["about"].format(stride=self.example.axes[0].stride, padding=padding)
        heading(self.figure, title, about)
        for left in (4.5, 6.9):
            write(self.figure, left, 3.4, "→", 18, KERNEL, "center")

    def _small(self, left: float, x: Tensor, tone: Tone, part: tuple[range, range], colour: str, title: str) -> None:
        axis: Axes = whole(self.figure, left, 6.05, 1.5, x[0, 0].numpy(), tone)
        rows, columns = ((max(0, span.start), min(size, span.stop)) for span, size in zip(part, x.shape[2:], strict=True))
        outline(axis, rows, columns, colour, 1.5)
        axis.set_title(title, pad=5, fontsize=9, color=GREY, loc="left" if left < 5 else "right")


def size_of(told: str) -> float:
    """The size in points at which a sum fits between the two small pictures and above the paper's end."""
    lines = told.split("\n")
    return min(12, 86 / (1.45 * len(lines)), 72 * 7.2 / (0.62 * max(map(len, lines))))


def spelled(terms: list[Operand], many: str) -> str:
    """The sum in full, a line for each row of the kernel; for large kernels how many products there are, and their sum."""
    rows, columns = terms[-1].tap[0] + 1, terms[-1].tap[1] + 1
    total, equals = rounded(terms[-1].total), sign(terms)
    if max(rows, columns) > SPELLED:
        return many.format(count=len(terms), total=total, equals=equals)
    written = [f"{rounded(term.pixel)} × {bracketed(term.weight)}" for term in terms]
    lines = [" + ".join(written[row * columns : (row + 1) * columns]) for row in range(rows)]
    return " +\n".join(lines) + f"\n{equals} {total}"


def sign(terms: list[Operand]) -> str:
    """What stands before the sum: = where every number as it is written is the number itself, ≈ where one is rounded."""
    exact = all(is_exact(term.pixel, rounded) and is_exact(term.weight, precise) for term in terms if term.product)
    return "=" if exact and is_exact(terms[-1].total, rounded) else "≈"


def bracketed(value: float, written: Callable[[float], str] = precise) -> str:
    """A number as it stands in a sum of products: in brackets where it has a sign."""
    return f"({written(value)})" if value < 0 else written(value)
