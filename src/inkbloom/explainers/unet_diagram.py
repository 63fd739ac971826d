"""The diagram of a network: how large the picture is in each layer, how many channels it has, what that costs, what it sees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from PIL import Image

from ..anatomy.layers import Layer
from .canvas import GREY, IMAGE, INK, KERNEL, RESULT, heading, pixels, write
from .matrices import place
from .probe import Probe
from .unet_text import WORDS, facts_of, title_of

ROLES = {
    "convolution": KERNEL,
    "transposed_convolution": "#b23a48",
    "attention": RESULT,
    "linear": IMAGE,
    "resize": "#a9b4c0",
    "join": GREY,
}
"""What a layer is for the diagram, and its colour."""
THIN = 1.5  # pixels high is drawn what has no height, as a list of features

Skips = Sequence[tuple[str, str]]
"""Names of layers: (from, to), see `skips.skips_of`."""


def role_of(layer: Layer) -> str | None:
    """What the layer is for the diagram; None where it is left out: norms, activations, all that does not see the picture."""
    if layer.convolves:
        return "transposed_convolution" if "Transpose" in layer.kind else "convolution"
    if layer.kind == "attention":
        return "attention"
    if layer.pictures and layer.before != layer.after:
        return "join" if layer.kind == "cat" else "resize"
    if len(layer.before) == 1 and layer.multiply_adds and (layer.field is None or any(layer.field)):
        return "linear"
    return None


def drawn_of(layers: Sequence[Layer]) -> list[Layer]:
    """The layers that the diagram shows, in order."""
    return [layer for layer in layers if role_of(layer)]


def shapes_of(drawn: Sequence[Layer]) -> list[tuple[int, float]]:
    """(channels, height) of the picture in each; attention keeps those of the layer before it, a list of features is THIN."""
    shapes: list[tuple[int, float]] = []
    for layer in drawn:
        if layer.kind == "attention" and shapes:
            shapes.append(shapes[-1])
        else:
            shapes.append((layer.after[0], layer.after[1] if layer.pictures else THIN))
    return shapes


def short_names(drawn: Sequence[Layer]) -> list[str]:
    """Their names without the beginning that all share."""
    paths = [layer.name.split(".")[:-1] for layer in drawn]
    shared = list(takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False)))
    cut = sum(len(parts[0]) + 1 for parts in shared)
    return [layer.name[cut:].replace("scaled_dot_product_attention", "attention") for layer in drawn]


def diagram_sheet(probe: Probe, layers: Sequence[Layer], skips: Skips, lang: str) -> Image.Image:
    """The diagram as a picture: four rows over one axis, which counts the layers."""
    words, drawn = WORDS[lang], drawn_of(layers)
    names = short_names(drawn)
    wide, below = max(10.0, 0.2 * len(drawn) + 2.9), 0.25 + 0.075 * max(map(len, names))
    high = 9.2 + below
    figure = Figure(figsize=(wide, high), dpi=110)
    heading(figure, title_of(probe.title, layers, lang), words["diagram"] + (words["arcs"] if skips else ""))
    for number, line in enumerate(facts_of(layers, lang)):
        write(figure, 0.3, 1.2 + 0.24 * number, line, 10)
    roles = [role for role in dict.fromkeys(role_of(layer) for layer in drawn) if role]
    keys = [Patch(color=ROLES[role], label=words[role]) for role in roles]
    figure.legend(handles=keys, loc="upper left", bbox_to_anchor=(0.2 / wide, 1 - 2.0 / high), ncols=len(keys))
    edges = {"left": 2.2 / wide, "right": 1 - 0.3 / wide, "top": 1 - 2.6 / high, "bottom": below / high}
    parts = ("size", "channels", "cost", "sees")[: 3 if probe.seen is None else 4]
    shares = {"height_ratios": (2.6, 1, 1, 1)[: len(parts)], "hspace": 0.34, **edges}
    rows = figure.subplots(len(parts), 1, sharex=True, gridspec_kw=shares)
    draw_blocks(rows[0], drawn, skips, lang)
    numbers = {
        "channels": [0 if height == THIN else channels for channels, height in shapes_of(drawn)],
        "cost": [layer.multiply_adds / 1e6 for layer in drawn],
        "sees": [layer.field[0] if layer.field else 0 for layer in drawn],
    }
    for row, part in zip(rows, parts, strict=True):
        row.set_title(words[part])
        if part in numbers:
            row.bar(range(len(drawn)), numbers[part], color=[ROLES[role_of(layer) or ""] for layer in drawn])
    rows[-1].set_xticks(range(len(drawn)), names, rotation=90, fontsize=8 if len(drawn) < 40 else 6.5)
    if probe.seen is not None:
        _mark_whole(rows[3], probe.seen.shape[1], words["whole"])
        middle = 2.6 + 0.5 * rows[0].get_position().height * high
        draw_input(figure, probe, 0.3, middle - 0.85, 1.4)
        label = words["seen"].format("x".join(map(str, probe.seen.shape[1:])))
        write(figure, 0.3, middle + 0.65, label if probe.t is None else label + "\n" + words["noise"].format(probe.t), 8)
    return pixels(figure)


def draw_blocks(axis: Axes, drawn: Sequence[Layer], skips: Skips, lang: str) -> None:
    """A block for each layer, as high as the picture is there, and arcs for the skips."""
    heights = [height for _, height in shapes_of(drawn)]
    tallest = max(heights)
    for number, (layer, height) in enumerate(zip(drawn, heights, strict=True)):
        axis.add_patch(Rectangle((number - 0.4, -height / 2), 0.8, height, color=ROLES[role_of(layer) or ""], linewidth=0))
        if number == 0 or height != heights[number - 1] or height == THIN:
            side = WORDS[lang]["features"].format(layer.after[0]) if height == THIN else str(layer.after[1])
            axis.text(number, -height / 2 - 0.03 * tallest, side, ha="center", va="top", fontsize=8)
    places = {layer.name: number for number, layer in enumerate(drawn)}
    peaks = [_arc(axis, places[first], places[last], heights) for first, last in skips if {first, last} <= places.keys()]
    axis.set(xlim=(-0.8, len(drawn) - 0.2), ylim=(-0.62 * tallest, 1.05 * max([tallest / 2, *peaks])), yticks=[])
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(bottom=False)


def draw_input(figure: Figure, probe: Probe, left: float, top: float, side: float) -> Axes | None:
    """The picture that goes in, in a square of so many inches from the figure's top left corner; None where there is none."""
    if probe.seen is None:
        return None
    axis = place(figure, left, top, side, side)
    axis.imshow(probe.seen.permute(1, 2, 0).numpy().squeeze(), cmap="gray", vmin=0, vmax=255)
    return axis


def _arc(axis: Axes, first: int, last: int, heights: Sequence[float]) -> float:
    """From the top of one block over all between to the top of another; the longer it is, the higher. Returns its height."""
    start, end = heights[first] / 2, heights[last] / 2
    peak = max(start, end) + max(heights) * (0.12 + 0.28 * (last - first) / len(heights))
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axis.plot([first, first, last], [start, peak, peak], color=INK, linewidth=0.9)
    axis.annotate("", (last, end), (last, peak), arrowprops=arrow)
    return peak


def _mark_whole(axis: Axes, height: int, text: str) -> None:
    axis.axhline(height, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axis.text(-0.4, height, text, ha="left", va="bottom", fontsize=8)
    axis.set_ylim(0, height * 1.3)
