"""The diagram of a network: how large the picture is in each layer, how many channels it has, what that costs, what it sees."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from PIL import Image

from ..anatomy.layers import Layer
from .canvas import GREY, INK, PAPER, heading, pixels, write
from .matrices import place
from .probe import Probe
from .unet_plan import ROLES, THIN, Plan, role_of, shapes_of, short_names
from .unet_text import WORDS, facts_of, title_of, told_of

ACTIVATION = "#7d4e9e"


def diagram_sheet(probe: Probe, layers: Sequence[Layer], plan: Plan, lang: str) -> Image.Image:
    """The diagram as a picture: four rows over one axis, which counts the layers."""
    words, drawn = WORDS[lang], plan.drawn
    names, letters = short_names(drawn), 8 if len(drawn) < 40 else 6.5
    facts = [*facts_of(layers, lang), *told_of(probe, plan.entries, lang)]
    wide, below = max(10.0, 0.2 * len(drawn) + 2.9), 0.25 + 0.0095 * letters * max(map(len, names))
    top = 2.0 + 0.24 * (len(facts) - 3)
    high = top + 7.2 + below
    figure = Figure(figsize=(wide, high), dpi=110)
    aside = words["aside"].format(words["comma"].join(words[what] for what in plan.aside)) * bool(plan.aside)
    about = words["diagram"] + aside + "\n" + words["taller"] + words["arcs"] * bool(plan.skips)
    heading(figure, title_of(probe.title, layers, lang), about)
    for number, line in enumerate(facts):
        write(figure, 0.3, 1.2 + 0.24 * number, line, 10)
    roles = [role for role in dict.fromkeys(role_of(layer) for layer in drawn) if role]
    keys = [Patch(color=ROLES[role], label=words[role]) for role in roles]
    if kinds := dict.fromkeys(kind for _, kind in plan.activations):
        keys.append(Patch(color=ACTIVATION, label=words["activation"].format(words["comma"].join(kinds))))
    figure.legend(
        handles=keys, loc="upper left", bbox_to_anchor=(0.2 / wide, 1 - top / high), ncols=len(keys),
        columnspacing=1.4, handlelength=1.4,
    )  # fmt: skip
    edges = {"left": 2.2 / wide, "right": 1 - 0.3 / wide, "top": 1 - (top + 0.6) / high, "bottom": below / high}
    numbers: dict[str, list[float]] = {
        "channels": [0 if height == THIN else channels for channels, height in shapes_of(drawn)],
        "cost": [layer.multiply_adds / 1e6 for layer in drawn],
        "sees": [layer.field[0] if layer.field else 0 for layer in drawn],
    }
    numbers = {part: values for part, values in numbers.items() if any(values)}
    shares = {"height_ratios": (2.6, *[1] * len(numbers)), "hspace": 0.34, **edges}
    rows = figure.subplots(1 + len(numbers), 1, sharex=True, gridspec_kw=shares, squeeze=False)[:, 0]
    draw_blocks(rows[0], plan, lang)
    rows[0].set_title(words["size"])
    for row, (part, values) in zip(rows[1:], numbers.items(), strict=True):
        row.bar(range(len(drawn)), values, color=[ROLES[role_of(layer) or ""] for layer in drawn])
        row.set_title(words[part])
    rows[-1].set_xticks(range(len(drawn)), names, rotation=90, fontsize=letters)
    if probe.seen is not None:
        _mark_whole(rows[-1], probe.seen.shape[1], words["whole"])
        middle = top + 0.6 + 0.5 * rows[0].get_position().height * high
        draw_input(figure, probe, 0.3, middle - 0.85, 1.4)
        label = words["seen"].format("x".join(map(str, probe.seen.shape[1:])))
        write(figure, 0.3, middle + 0.65, label if probe.t is None else label + "\n" + words["noise"].format(probe.t), 8)
    return pixels(figure)


def draw_blocks(axis: Axes, plan: Plan, lang: str) -> None:
    """A block for each layer, as high as the picture is there; arcs for the skips, bars for activations, a rail for t."""
    heights = [height for _, height in shapes_of(plan.drawn)]
    tallest = max(heights)
    low = -0.62 * tallest
    for number, _ in plan.activations:
        height = heights[max(number, 0)]
        axis.add_patch(Rectangle((number + 0.44, -height / 2), 0.12, height, color=ACTIVATION, linewidth=0))
    if plan.entries:
        low = -0.82 * tallest
        _rail(axis, plan.entries, heights, 0.9 * low)
    for number, (layer, height) in enumerate(zip(plan.drawn, heights, strict=True)):
        axis.add_patch(Rectangle((number - 0.4, -height / 2), 0.8, height, color=ROLES[role_of(layer) or ""], linewidth=0))
        if number == 0 or height != heights[number - 1] or height == THIN:
            side = WORDS[lang]["features"].format(layer.after[0]) if height == THIN else str(layer.after[1])
            across, end = (number - 0.1, "right") if number in plan.entries else (number, "center")  # beside the arrow
            told = axis.text(across, -height / 2 - 0.03 * tallest, side, ha=end, va="top", fontsize=8)
            told.set_path_effects([withStroke(linewidth=3, foreground=PAPER)])
    peaks = [_arc(axis, first, last, heights) for first, last in plan.skips]
    axis.set(xlim=(-0.8, len(heights) - 0.2), ylim=(low, 1.05 * max([tallest / 2, *peaks])), yticks=[])
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(bottom=False)


def draw_input(figure: Figure, probe: Probe, left: float, top: float, side: float) -> Axes | None:
    """The picture that goes in, in a square of so many inches from the figure's top left corner; None where there is none."""
    if probe.seen is None:
        return None
    axis = place(figure, left, top, side, side)
    axis.imshow(probe.seen.permute(1, 2, 0).numpy().squeeze(), cmap="gray", vmin=0, vmax=255)
    return axis


def _arc(axis: Axes, first: float, last: int, heights: Sequence[float]) -> float:
    """From the top of one block over all between to the top of another; the longer it is, the higher. Returns its height."""
    start, end = heights[max(int(first), 0)] / 2, heights[last] / 2
    peak = max(start, end) + max(heights) * (0.12 + 0.28 * (last - first) / len(heights))
    left = max(first, -0.7)
    axis.plot([left, left, last], [start, peak, peak], color=INK, linewidth=0.9)
    _arrow(axis, (last, peak), (last, end), INK)
    return peak


def _rail(axis: Axes, entries: Sequence[int], heights: Sequence[float], level: float) -> None:
    """A line below all blocks for the noise level, and an arrow to each place where it enters."""
    axis.plot([-0.8, max(entries)], [level, level], color=GREY, linewidth=0.9)
    axis.text(-0.9, level, "t", ha="right", va="center", fontsize=10, color=GREY, clip_on=False)
    for number in entries:
        across = max(number, -0.7)
        _arrow(axis, (across, level), (across, -heights[max(number, 0)] / 2), GREY)


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, start, arrowprops=look)


def _mark_whole(axis: Axes, height: int, text: str) -> None:
    axis.axhline(height, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axis.text(-0.4, height, text, ha="left", va="bottom", fontsize=8)
    axis.set_ylim(0, height * 1.3)
