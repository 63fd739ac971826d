"""What the diagram of a network shows: which layers, and where skips, activations and the noise level meet them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from ..anatomy.layers import Layer
from ..anatomy.skips import INPUT
from .canvas import GREY, IMAGE, KERNEL, RESULT

ROLES = {
    "convolution": KERNEL,
    "transposed_convolution": "#b23a48",
    "attention": RESULT,
    "linear": IMAGE,
    "resize": "#a9b4c0",
    "join": GREY,
    "add": "#3f4a57",
}
"""What a layer is for the diagram, and its colour."""
THIN = 1.5  # pixels high is drawn what has no height, as a list of features


@dataclass(frozen=True, eq=False)
class Plan:
    """A place is the number of a layer in `drawn`, -1 the picture that goes in, a half more the activation behind it.

    skips: places (from, to). activations: (the place that it follows, its name). entries: places where the noise level enters.
    aside: keys of WORDS for what the picture passes through and is not drawn.
    """

    drawn: list[Layer]
    skips: list[tuple[float, int]]
    activations: list[tuple[int, str]]
    entries: list[int]
    aside: list[str]


def plan_of(layers: Sequence[Layer], skips: Sequence[tuple[str, str]], entries: Sequence[str] = ()) -> Plan:
    """layers: all, by `layers_of`. skips: by `skips_of`. entries: by `entries_of`."""
    joins = {join for _, join in skips}
    drawn = [layer for layer in layers if role_of(layer) and (layer.kind != "add" or layer.name in joins)]
    shown = {layer.name for layer in drawn}
    active = {layer.name: layer.kind for layer in layers if layer.activates and layer.field != (0, 0)}
    places, last = {INPUT: -1}, -1
    for layer in layers:
        last += layer.name in shown
        places[layer.name] = last
    return Plan(
        drawn,
        [(places[kept] + 0.5 * (kept in active), places[join]) for kept, join in skips],
        list(dict.fromkeys((places[name], kind) for name, kind in active.items())),
        list(dict.fromkeys(places[name] for name in entries)),
        list(dict.fromkeys(left_out(layer) for layer in layers if layer.name not in shown and left_out(layer))),
    )


def role_of(layer: Layer) -> str | None:
    """What the layer is for the diagram; None where it is left out: norms, activations, all that does not see the picture."""
    if layer.convolves:
        return "transposed_convolution" if "Transpose" in layer.kind else "convolution"
    if layer.kind in ("attention", "MultiheadAttention"):
        return "attention"
    if layer.kind == "add":
        return "add"
    if layer.pictures and layer.before != layer.after:
        return "join" if layer.kind == "cat" else "resize"
    if len(layer.before) == 1 and layer.multiply_adds and (layer.field is None or any(layer.field)):
        return "linear"
    return None


def left_out(layer: Layer) -> str:
    """Why a layer is not drawn, as a key of WORDS; '' where it needs no word."""
    if layer.field == (0, 0):
        return ""
    tokens = len(layer.before) == 2 and layer.multiply_adds
    return "norms" if "Norm" in layer.kind else "additions" if layer.kind == "add" else "tokens" if tokens else ""


def shapes_of(drawn: Sequence[Layer]) -> list[tuple[int, float]]:
    """(channels, height) of the picture in each; attention keeps those of the layer before it, a list of features is THIN."""
    shapes: list[tuple[int, float]] = []
    for layer in drawn:
        if role_of(layer) == "attention" and shapes:
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
