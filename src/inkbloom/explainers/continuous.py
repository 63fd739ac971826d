"""The convolution of functions: g is mirrored and slides over f, and the area under the product is the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image
from torch import Tensor

from ..convolution import SIGNALS, Signal, box, convolve_functions, decay, gaussian, sliding_product
from ..errors import UsageError, brief, entry, own_name
from ..figures.images import save_png
from .canvas import GREY, IMAGE, KERNEL, PAPER, RESULT, heading, lettering, pixels, write
from .film import Frame, filmed, save_film
from .matrices import chart, rounded
from .options import Line, Options, wrote

FRAMES = 60
POINTS = 401  # of a curve
LEFT, APART, WIDE = 0.6, 6.35, 5.65  # inches: of the first example, from one to the next, of its charts

WORDS = {
    "en": {
        "title": "Convolution of two functions",
        "about": "(f ∗ g)(x) = ∫ f(t) g(x − t) dt: g is mirrored and slides to x; the area under the product is the result "
        "at x.\nDotted: g before it is mirrored. The areas are sums over {points:,} points",
        "dots": "; the dots are the exact formula",
        "signed": "; what lies below 0 counts as negative",
        "stop": ".",
        "box and decay": "A box and a decay",
        "bells": "Two Gaussians: the variances add, {first} + {second} = {sum}",
        "named": "f: {f}, g: {g}",
        "box": "box",
        "triangle": "triangle",
        "gaussian": "gaussian",
        "decay": "decay",
        "ramp": "ramp",
        "wave": "wave",
        "pulses": "pulses",
        "sliding": "g mirrored, at x = {x}",
        "product": "Product f(t) g(x − t)",
        "area": "area {area}",
        "result": "Result (f ∗ g)(x)",
        "exact": "exact",
    },
    "zh": {
        "title": "两个函数的卷积",
        "about": "(f ∗ g)(x) = ∫ f(t) g(x − t) dt：把 g 翻转，滑到 x 处，乘积曲线下的面积就是 x 处的结果。\n"
        "虚线是翻转之前的 g。面积由 {points:,} 个点求和得到",
        "dots": "；圆点是精确公式的值",
        "signed": "；0 以下的部分算作负的",
        "stop": "。",
        "box and decay": "方波与衰减",
        "bells": "两个高斯函数：方差相加，{first} + {second} = {sum}",
        "named": "f：{f}，g：{g}",
        "box": "方波",
        "triangle": "三角",
        "gaussian": "高斯",
        "decay": "衰减",
        "ramp": "斜坡",
        "wave": "正弦波",
        "pulses": "双脉冲",
        "sliding": "g 翻转后滑到 x = {x}",
        "product": "乘积 f(t) g(x − t)",
        "area": "面积 {area}",
        "result": "结果 (f ∗ g)(x)",
        "exact": "精确值",
    },
}


@dataclass(frozen=True)
class Example:
    """Two functions, the interval outside which f vanishes, what to show of the axis, and f * g in closed form, or None."""

    f: Callable[[Tensor], Tensor]
    g: Callable[[Tensor], Tensor]
    support: tuple[float, float]
    shown: tuple[float, float]
    exact: Callable[[Tensor], Tensor] | None
    stops: tuple[float, float, float]  # places of x for the still picture
    title: str = "named"
    names: tuple[str, str] = ("f", "g")


def smoothed_box(x: Tensor) -> Tensor:
    """The box of width 2 convolved with `decay`, by integration: 1 - exp(-(x + 1)) up to x = 1, then it decays."""
    return -torch.expm1(-(x.clamp(-1, 1) + 1)) * torch.exp(-(x - 1).clamp_min(0))


NARROW, BROAD = 0.25, 0.75  # variances
EXAMPLES = {
    "decay": Example(lambda t: box(t, 2.0), decay, (-1, 1), (-3, 5), smoothed_box, (-0.5, 0.5, 2.0), "box and decay"),
    "bells": Example(
        lambda t: gaussian(t, NARROW),
        lambda t: gaussian(t, BROAD),
        (-5, 5),
        (-4, 4),
        lambda x: gaussian(x, NARROW + BROAD),
        (-1.5, 0.0, 1.0),
        "bells",
    ),
}


def example_of(f: str | Signal, g: str | Signal) -> Example:
    """These two functions, with all of their convolution on the axis. Raises UsageError for an unknown name."""
    first, second = (entry("function", each, SIGNALS) for each in (f, g))
    for name, signal in (("f", first), ("g", second)):
        if not (isinstance(signal, Signal) and signal.low < signal.high):
            raise UsageError(f"{name} = {brief(signal)}: give a name, or an inkbloom.convolution.Signal(function, low, high)")
    low, high = first.low + second.low, first.high + second.high
    shown = min(low, first.low, second.low) - 0.25, max(high, first.high, second.high) + 0.25
    stops = [round(4 * (low + share * (high - low))) / 4 for share in (0.2, 0.4, 0.65)]
    names = [each if isinstance(each, str) else own_name(each.function) for each in (f, g)]
    return Example(first, second, (first.low, first.high), shown, None, (*stops,), "named", (names[0], names[1]))


def explain_continuous(options: Options) -> Iterator[Line]:
    """Writes continuous.png, three moments of f and g, and continuous.gif, in which g slides all the way.

    With neither two examples side by side; with one of them alone f is a box, or g a decay. Raises UsageError.
    """
    words, examples = WORDS[options.lang], list(EXAMPLES.values())
    if options.f is not None or options.g is not None:
        examples = [example_of("box" if options.f is None else options.f, "decay" if options.g is None else options.g)]
    with lettering(options.lang):
        save_png(pixels(still(words, examples)), options.out / "continuous.png")
        yield wrote("picture", options.out / "continuous.png")
        save_film(list(moving(words, examples)), options.out / "continuous.gif", milliseconds=90)
        yield wrote("film", options.out / "continuous.gif")


def still(words: dict[str, str], examples: Sequence[Example]) -> Figure:
    """For each example three moments from left to right, and under them the whole result."""
    figure, lefts = _sheet(words, examples, height=8.0, dpi=120)
    for left, example in zip(lefts, examples, strict=True):
        _title(figure, left, example, words)
        for column, x in enumerate(example.stops):
            upper, lower = (chart(figure, left + 1.95 * column, top, 1.75, 1.5) for top in (2.0, 4.0))
            draw_functions(upper, example)
            draw_sliding(upper, example, x, words)
            draw_product(lower, example, x, words)
            lower.set_title(words["product"] if column == 0 else "")
            for axis in (upper, lower):
                axis.tick_params(labelleft=column == 0)
        below = chart(figure, left, 6.1, WIDE, 1.4)
        draw_exact(below, example, words)
        draw_result(below, example, example.shown[1])
        for x in example.stops:
            draw_dot(below, example, x)
    return figure


def moving(words: dict[str, str], examples: Sequence[Example]) -> Iterator[Image.Image]:
    """The examples side by side, x from one end of the axis to the other: FRAMES frames."""
    figure, lefts = _sheet(words, examples, height=7.8, dpi=80)
    panels = []
    for left, example in zip(lefts, examples, strict=True):
        _title(figure, left, example, words)
        upper, middle, lower = (chart(figure, left, top, WIDE, 1.4) for top in (2.0, 4.0, 6.0))
        draw_functions(upper, example)
        middle.set(title=words["product"], xlim=example.shown, ylim=product_range(example))
        draw_exact(lower, example, words)
        panels.append((example, upper, middle, lower))

    def steps() -> Iterator[Frame]:
        for share in np.linspace(0, 1, FRAMES):
            seen: list[Artist] = []
            for example, upper, middle, lower in panels:
                x = float(example.shown[0] + share * (example.shown[1] - example.shown[0]))
                seen += draw_sliding(upper, example, x, words)
                seen += draw_product(middle, example, x, words)
                seen += [*draw_result(lower, example, x), *draw_dot(lower, example, x)]
            yield [], seen

    return filmed(figure, steps())


def area_at(example: Example, x: float) -> float:
    """(f * g)(x), the area under the product."""
    return float(convolve_functions(example.f, example.g, torch.tensor(x), *example.support))


def product_range(example: Example) -> tuple[float, float]:
    """Room for all values of the product f(t) g(x - t), over all x and t that are shown."""
    return room(sliding_product(example.f, example.g, _grid(example), _grid(example)), 1.25)


def room(values: Tensor, share: float) -> tuple[float, float]:
    """The limits of an axis for such values, 0 among them: the largest times `share`, and as much below what is negative."""
    least, most = min(0.0, float(values.min())), max(0.0, float(values.max()))
    return least - (share - 1) * (most - least) * (least < 0), least + share * (most - least)


def draw_functions(axis: Axes, example: Example) -> None:
    """f as an area, and g as it is, dotted."""
    t = _grid(example)
    axis.fill_between(t, example.f(t), color=IMAGE, alpha=0.25, linewidth=0)
    axis.plot(t, example.f(t), color=IMAGE)
    axis.plot(t, example.g(t), color=KERNEL, linewidth=1, linestyle=":")
    axis.set(xlim=example.shown, ylim=room(torch.cat([example.f(t), example.g(t)]), 1.15))


def draw_sliding(axis: Axes, example: Example, x: float, words: dict[str, str]) -> list[Artist]:
    """g mirrored and shifted to x, where a line stands."""
    t = _grid(example)
    curve = axis.plot(t, example.g(x - t), color=KERNEL, linewidth=2)
    line = axis.plot([x, x], axis.get_ylim(), color=GREY, linewidth=0.8, linestyle="--")
    told = axis.text(0, 1.06, words["sliding"].format(x=rounded(x)), transform=axis.transAxes, fontsize=10, color=KERNEL)
    return [*curve, *line, told]


def draw_product(axis: Axes, example: Example, x: float, words: dict[str, str]) -> list[Artist]:
    """The product as an area, with its size."""
    t = _grid(example)
    values = sliding_product(example.f, example.g, torch.tensor(x, dtype=torch.float64), t)
    axis.set(xlim=example.shown, ylim=product_range(example))
    area = axis.fill_between(t, values, color=RESULT, alpha=0.35, linewidth=0)
    curve = axis.plot(t, values, color=RESULT)
    told = words["area"].format(area=f"{area_at(example, x):.2f}")
    return [area, *curve, axis.text(0.98, 0.9, told, transform=axis.transAxes, ha="right", va="top", color=RESULT, fontsize=11)]


def draw_exact(axis: Axes, example: Example, words: dict[str, str]) -> None:
    """Room for the result, and its closed form as dots where there is one."""
    areas = convolve_functions(example.f, example.g, _grid(example), *example.support)
    axis.set(xlim=example.shown, ylim=room(areas, 1.35))
    axis.set_title(words["result"])
    if example.exact is not None:
        x = torch.linspace(*example.shown, 33, dtype=torch.float64)
        axis.plot(x, example.exact(x), "o", color=GREY, markersize=2.5, label=words["exact"])
        axis.legend(loc="upper right")


def draw_result(axis: Axes, example: Example, upto: float) -> list[Artist]:
    """The areas for all x up to this one."""
    x = _grid(example)
    x = torch.cat([x[x < upto], torch.tensor([upto], dtype=torch.float64)])
    areas = convolve_functions(example.f, example.g, x, *example.support)
    return [*axis.plot(x, areas, color=RESULT, linewidth=2)]


def draw_dot(axis: Axes, example: Example, x: float) -> list[Artist]:
    """The area at x, as a dot with its number."""
    area = area_at(example, x)
    told = axis.annotate(f"{area:.2f}", (x, area), (0, 8), textcoords="offset points", color=RESULT, fontsize=10, ha="center")
    told.set_path_effects([withStroke(linewidth=3, foreground=PAPER)])
    return [*axis.plot([x], [area], "o", color=RESULT, markersize=6), told]


def _sheet(words: dict[str, str], examples: Sequence[Example], height: float, dpi: int) -> tuple[Figure, list[float]]:
    """The paper, and where each example begins on it."""
    figure = Figure(figsize=(max(8.4, 0.2 + APART * len(examples)), height), dpi=dpi)
    dots = all(example.exact for example in examples)
    signed = any(product_range(example)[0] < 0 for example in examples)
    about = words["about"].format(points=2001) + words["dots"] * dots + words["signed"] * signed + words["stop"]
    heading(figure, words["title"], about)
    return figure, [LEFT + APART * place for place in range(len(examples))]


def _title(figure: Figure, left: float, example: Example, words: dict[str, str]) -> None:
    f, g = (words.get(name, name) for name in example.names)
    told = words[example.title].format(first=NARROW, second=BROAD, sum=rounded(NARROW + BROAD), f=f, g=g)
    write(figure, left, 1.35, told, 12)
    write(figure, left + 4.75, 1.38, "f(t)", 11, IMAGE)
    write(figure, left + 5.25, 1.38, "g(t)", 11, KERNEL)


def _grid(example: Example) -> Tensor:
    return torch.linspace(*example.shown, POINTS, dtype=torch.float64)
