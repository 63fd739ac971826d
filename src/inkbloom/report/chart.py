"""Line charts as SVG inside a page: no script, colours from the page's style sheet, so light and dark both work."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from ..errors import plain

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 56, 22, 10, 40  # margins
LARGEST = 1e300  # of a value: the span of an axis is a number still
POINTS = 400  # of a line, at most: more cannot be told apart
COLOURS = 8  # in the style sheet, s0 to s7

Points = Iterable[tuple[float, float]]


class Line(NamedTuple):
    """A line of a chart. `style` names its look in the style sheet, as in 's0', 's0 faint', 'linear'; no name, no legend.

    marks: where on the x axis an upright line of the same look stands.
    """

    name: str
    points: Sequence[tuple[float, float]]
    style: str
    dots: bool = False
    marks: Sequence[float] = ()


def colour(place: int) -> str:
    """The style of line `place` among many: each of the colours solid, then each of them dashed."""
    return f"s{place % COLOURS}" + (" dashed" if place // COLOURS % 2 else "")


def chart(lines: Sequence[Line], title: str, x_label: str, y_label: str, log: bool = True) -> Markup:
    """A figure and its legend; '' where no point can be drawn. A logarithmic y axis leaves out what is not above 0."""
    lines = [line._replace(points=_drawable(line.points, log)) for line in lines]
    lines = [line for line in lines if line.points]
    if not lines:
        return Markup("")
    xs, ys = zip(*(point for line in lines for point in line.points), strict=True)
    left, right = min(xs), max(xs)
    low, high = (_log_range if log else _linear_range)(min(ys), max(ys))
    scaled = math.log if log else float

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / (right - left) if right > left else 0.5
        up = (scaled(y) - scaled(low)) / (scaled(high) - scaled(low))
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for y in (log_ticks if log else linear_ticks)(low, high):
        _, level = place(left, y)
        parts.append(f'<path class="grid" d="M{LEFT} {level:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="end" x="{LEFT - 6}" y="{level + 4:.1f}">{_apart(y)}</text>')
    for x in linear_ticks(left, right):
        across, _ = place(x, low)
        parts.append(f'<path class="grid" d="M{across:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text class="middle" x="{across:.1f}" y="{HEIGHT - BOTTOM + 16}">{_apart(x)}</text>')
    for line in lines:
        for x in (mark for mark in line.marks if left <= mark <= right):
            parts.append(f'<path class="mark {line.style}" d="M{place(x, low)[0]:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    parts.append(f'<text class="middle" x="{(WIDTH + LEFT - RIGHT) / 2}" y="{HEIGHT - 5}">{escape(x_label)}</text>')
    middle = (HEIGHT + TOP - BOTTOM) / 2
    parts.append(f'<text class="middle" transform="translate(12 {middle}) rotate(-90)">{escape(y_label)}</text>')
    for line in lines:
        spots = [place(x, y) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline class="{line.style}" points="{path}"/>')
        if line.dots or len(spots) == 1:
            parts += [f'<circle class="{line.style}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in spots]
    parts.append("</svg>")
    keys = [
        f'<li><svg viewBox="0 0 24 8" aria-hidden="true"><path class="{line.style}" d="M0 4H24"/></svg>{escape(line.name)}</li>'
        for line in lines
        if line.name
    ]
    legend = f'<ul class="legend">{"".join(keys)}</ul>' if len(keys) > 1 else ""
    return Markup(f"<figure>{''.join(parts)}{legend}<figcaption>{escape(title)}</figcaption></figure>")


def _apart(value: float) -> str:
    """A tick's number, its thousands set apart."""
    whole, point, rest = plain(value).partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.isdecimal() else whole + point + rest


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers in [low, high] for a logarithmic axis: powers of ten, with 2 and 5 times them where those are few."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10))):
        ticks = [value for power in decades for factor in factors if low <= (value := factor * 10.0**power) <= high]
        if len(ticks) >= 4:
            break
    return ticks[:: math.ceil(len(ticks) / 8) or 1]


def linear_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """About so many round numbers in [low, high], evenly spaced."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    scale = 10.0 ** math.floor(math.log10(rough))
    gap = next(step * scale for step in (1, 2, 2.5, 5, 10) if step * scale >= rough)
    return [round(k * gap, 12) for k in range(math.ceil(low / gap), math.floor(high / gap) + 1)]


def _log_range(low: float, high: float) -> tuple[float, float]:
    """A little room around the values; flat lines get more of it."""
    room = max(0.04 * math.log(high / low), 0.1)
    return low * math.exp(-room), high * math.exp(room)


def _linear_range(low: float, high: float) -> tuple[float, float]:
    room = 0.04 * ((high - low) or abs(high) or 1)
    return low - room, high + room


def _drawable(points: Points, log: bool) -> list[tuple[float, float]]:
    """The points that have a place on the axes; of more than POINTS, evenly spread ones, the last among them."""
    kept = [(x, y) for x, y in points if math.isfinite(x) and (0 if log else -LARGEST) < y < LARGEST]
    every = math.ceil(len(kept) / POINTS) or 1
    return kept[::-1][::every][::-1]
