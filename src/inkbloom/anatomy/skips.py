"""Where a network takes a short cut: a picture kept aside, and later added to one that came the long way, or joined to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .layers import Layer
from .watch import Call, watched

INPUT = ""
"""In place of a layer's name: the picture that goes in."""


@torch.no_grad()
def skips_of(net: nn.Module, inputs: tuple[Any, ...], layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """(the layer or activation that a kept picture comes from, or INPUT; the `cat` or `add` where it joins again), in order.

    Of the additions, those around a block of one size, as in residual blocks, are left out: a smaller picture must lie between.
    `layers` are the network's, by `layers_of`.
    """
    drawing = [layer for layer in layers if (layer.works or layer.activates) and (layer.pictures or layer.kind == "attention")]
    order = {INPUT: -1} | {layer.name: place for place, layer in enumerate(drawing)}
    joins = {layer.name: layer.kind for layer in drawing if layer.kind in ("add", "cat")}
    heights: list[int] = []
    for layer in drawing:
        heights.append(layer.after[1] if layer.pictures else heights[-1] if heights else 0)  # attention keeps the size
    origin = {id(inputs[0]): INPUT}  # of each tensor, by id: the last of these layers that it comes from
    alive: list[Tensor] = [inputs[0]]  # or an id might be given to another tensor
    found: list[tuple[str, str]] = []

    def see(call: Call) -> None:
        alive.append(call.answer)
        pictures = [x for x in call.given if x.dim() == 4 and x.shape[2:] == call.answer.shape[2:]]
        *kept, latest = _sources(pictures, origin, order) or [INPUT]
        if call.name in joins:
            between = {name: heights[order[name] + 1 : order[latest]] for name in kept}
            found.extend(
                (name, call.name)
                for name in kept
                if joins[call.name] == "cat" or min(between[name], default=call.answer.shape[2]) < call.answer.shape[2]
            )
        if call.name in order:
            origin[id(call.answer)] = call.name
        elif sources := _sources(call.given, origin, order):
            origin[id(call.answer)] = sources[-1]

    with watched(net, see):
        net(*inputs)
    return found


def _sources(given: Sequence[Tensor], origin: dict[int, str], order: dict[str, int]) -> list[str]:
    """The layers that tensors come from, each once, the earliest first."""
    return sorted({origin[id(x)] for x in given if id(x) in origin}, key=order.__getitem__)
