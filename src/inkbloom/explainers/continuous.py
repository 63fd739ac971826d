"""The convolution of functions: g is mirrored and slides over f, and the area under the product is the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image
from torch import Tensor

from ..convolution import box, convolve_functions, gaussian, sliding_product
from ..figures.images import save_png
from .canvas import GREY, IMAGE, KERNEL, PAPER, RESULT, heading, lettering, pixels, write
from .film import Frame, filmed, save_film
from .matrices import chart, rounded
from .options import Line, Options, wrote

FRAMES = 60
POINTS = 401  # of a curve
LEFTS = (0.6, 6.95)  # of the two examples, in inches

WORDS = {
    "en": {
        "title": "Convolution of two functions",
        "about": "(f ∗ g)(x) = ∫ f(t) g(x − t) dt: g is mirrored and slides to x; the area under the product is the result "
        "at x.\nDotted: g before it is mirrored. The areas are sums over {points:,} points; the dots are the exact formula.",
        "decay": "A box and a decay",
        "bells": "Two Gaussians: the variances add, {first} + {second} = {sum}",
        "sliding": "g mirrored, at x = {x}",
        "product": "Product f(t) g(x − t)",
        "area": "area {area}",
        "result": "Result (f ∗ g)(x)",
        "exact": "exact",
    },
    "zh": {
        "title": "两个函数的卷积",
        "about": "(f ∗ g)(x) = ∫ f(t) g(x − t) dt：把 g 翻转，滑到 x 处，乘积曲线下的面积就是 x 处的结果。\n"
        "虚线是翻转之前的 g。面积由 {points:,} 个点求和得到；圆点是精确公式的值。",
        "decay": "方波与衰减",
        "bells": "两个高斯函数：方差相加，{first} + {second} = {sum}",
        "sliding": "g 翻转后滑到 x = {x}",
        "product": "乘积 f(t) g(x − t)",
        "area": "面积 {area}",
        "result": "结果 (f ∗ g)(x)",
        "exact": "精确值",
    },
}


@dataclass(frozen=True)
class Example:
    """Two functions, the interval outside which f vanishes, what to show of the axis, and f * g in closed form."""

    f: Callable[[Tensor], Tensor]
    g: Callable[[Tensor], Tensor]
    support: tuple[float, float]
    shown: tuple[float, float]
    exact: Callable[[Tensor], Tensor]
    stops: tuple[float, float, float]  # places of x for the still picture


def decay(t: Tensor) -> Tensor:
    """exp(-t) from 0 on, 0 before."""
    return torch.where(t >= 0, torch.exp(-t.clamp_min(0)), 0.0)


def smoothed_box(x: Tensor) -> Tensor:
    """The box of width 2 convolved with `decay`, by integration: 1 - exp(-(x + 1)) up to x = 1, then it decays."""
    return -torch.expm1(-(x.clamp(-1, 1) + 1)) * torch.exp(-(x - 1).clamp_min(0))


NARROW, WIDE = 0.25, 0.75  # variances
EXAMPLES = {
    "decay": Example(lambda t: box(t, 2.0), decay, (-1, 1), (-3, 5), smoothed_box, (-0.5, 0.5, 2.0)),
    "bells": Example(
        lambda t: gaussian(t, NARROW),
        lambda t: gaussian(t, WIDE),
        (-5, 5),
        (-4, 4),
        lambda x: gaussian(x, NARROW + WIDE),
        (-1.5, 0.0, 1.0),
    ),
}


def explain_continuous(options: Options) -> Iterator[Line]:
    """Writes continuous.png, three moments of two examples, and continuous.gif, in which g slides all the way."""
    words = WORDS[options.lang]
    with lettering(options.lang):
        save_png(pixels(still(words)), options.out / "continuous.png")
        yield wrote("picture", options.out / "continuous.png")
        save_film(list(moving(words)), options.out / "continuous.gif", milliseconds=90)
        yield wrote("film", options.out / "continuous.gif")


def still(words: dict[str, str]) -> Figure:
    """For each example three moments from left to right, and under them the whole result."""
    figure = _sheet(words, height=8.0, dpi=120)
    for left, (name, example) in zip(LEFTS, EXAMPLES.items(), strict=True):
        _title(figure, left, name, words)
        for column, x in enumerate(example.stops):
            upper, lower = (chart(figure, left + 1.95 * column, top, 1.75, 1.5) for top in (2.0, 4.0))
            draw_functions(upper, example)
            draw_sliding(upper, example, x, words)
            draw_product(lower, example, x, words)
            lower.set_title(words["product"] if column == 0 else "")
            for axis in (upper, lower):
                axis.tick_params(labelleft=column == 0)
        below = chart(figure, left, 6.1, 5.65, 1.4)
        draw_exact(below, example, words)
        draw_result(below, example, example.shown[1])
        for x in example.stops:
            draw_dot(below, example, x)
    return figure


def moving(words: dict[str, str]) -> Iterator[Image.Image]:
    """Both examples side by side, x from one end of the axis to the other: FRAMES frames."""
    figure = _sheet(words, height=7.8, dpi=80)
    panels = []
    for left, (name, example) in zip(LEFTS, EXAMPLES.items(), strict=True):
        _title(figure, left, name, words)
        upper, middle, lower = (chart(figure, left, top, 5.65, 1.4) for top in (2.0, 4.0, 6.0))
        draw_functions(upper, example)
        middle.set(title=words["product"], xlim=example.shown, ylim=(0, 1.25 * peak(example)))
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


def peak(example: Example) -> float:
    """The largest value of the product f(t) g(x - t), over all x and t that are shown."""
    t = torch.linspace(*example.shown, POINTS, dtype=torch.float64)
    return float(sliding_product(example.f, example.g, t, t).max())


def draw_functions(axis: Axes, example: Example) -> None:
    """f as an area, and g as it is, dotted."""
    t = _grid(example)
    axis.fill_between(t, example.f(t), color=IMAGE, alpha=0.25, linewidth=0)
    axis.plot(t, example.f(t), color=IMAGE)
    axis.plot(t, example.g(t), color=KERNEL, linewidth=1, linestyle=":")
    axis.set(xlim=example.shown, ylim=(0, 1.15 * float(torch.maximum(example.f(t), example.g(t)).max())))


def draw_sliding(axis: Axes, example: Example, x: float, words: dict[str, str]) -> list[Artist]:
    """g mirrored and shifted to x, where a line stands."""
    t = _grid(example)
    curve = axis.plot(t, example.g(x - t), color=KERNEL, linewidth=2)
    line = axis.plot([x, x], [0, axis.get_ylim()[1]], color=GREY, linewidth=0.8, linestyle="--")
    told = axis.text(0, 1.06, words["sliding"].format(x=rounded(x)), transform=axis.transAxes, fontsize=10, color=KERNEL)
    return [*curve, *line, told]


def draw_product(axis: Axes, example: Example, x: float, words: dict[str, str]) -> list[Artist]:
    """The product as an area, with its size."""
    t = _grid(example)
    values = sliding_product(example.f, example.g, torch.tensor(x, dtype=torch.float64), t)
    axis.set(xlim=example.shown, ylim=(0, 1.25 * peak(example)))
    area = axis.fill_between(t, values, color=RESULT, alpha=0.35, linewidth=0)
    curve = axis.plot(t, values, color=RESULT)
    told = words["area"].format(area=f"{area_at(example, x):.2f}")
    return [area, *curve, axis.text(0.98, 0.9, told, transform=axis.transAxes, ha="right", va="top", color=RESULT, fontsize=11)]


def draw_exact(axis: Axes, example: Example, words: dict[str, str]) -> None:
    """The closed form of the result as dots."""
    x = torch.linspace(*example.shown, 33, dtype=torch.float64)
    axis.plot(x, example.exact(x), "o", color=GREY, markersize=2.5, label=words["exact"])
    axis.set(xlim=example.shown, ylim=(0, 1.35 * float(example.exact(_grid(example)).max())))
    axis.set_title(words["result"])
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


def _sheet(words: dict[str, str], height: float, dpi: int) -> Figure:
    figure = Figure(figsize=(12.9, height), dpi=dpi)
    heading(figure, words["title"], words["about"].format(points=2001))
    return figure


def _title(figure: Figure, left: float, name: str, words: dict[str, str]) -> None:
    write(figure, left, 1.35, words[name].format(first=NARROW, second=WIDE, sum=rounded(NARROW + WIDE)), 12)
    write(figure, left + 4.75, 1.38, "f(t)", 11, IMAGE)
    write(figure, left + 5.25, 1.38, "g(t)", 11, KERNEL)


def _grid(example: Example) -> Tensor:
    return torch.linspace(*example.shown, POINTS, dtype=torch.float64)
