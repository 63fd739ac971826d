"""Where a network takes a short cut: a picture kept aside, and later added to one that came the long way, or joined to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .layers import Layer
from .watch import Call, watched

JOINS = {"add", "__add__", "__radd__", "__iadd__", "add_", "cat", "concat"}


@torch.no_grad()
def skips_of(net: nn.Module, inputs: tuple[Any, ...], layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """(the layer that a kept picture comes from, the layer before the place where it joins again), over a smaller picture.

    Those around a block of one size are left out, as in residual blocks. `layers` are the network's, by `layers_of`.
    """
    drawing = [layer for layer in layers if layer.works and (layer.pictures or layer.kind == "attention")]
    order = {layer.name: place for place, layer in enumerate(drawing)}
    heights: list[int] = []
    for layer in drawing:
        heights.append(layer.after[1] if layer.pictures else heights[-1] if heights else 0)  # attention keeps the size
    origin: dict[int, str] = {}  # of each tensor, by id: the last of these layers that it comes from
    alive: list[Tensor] = []  # or an id might be given to another tensor
    found: dict[tuple[str, str], None] = {}

    def see(call: Call) -> None:
        alive.append(call.answer)
        sources = sorted({origin[id(x)] for x in call.given if id(x) in origin}, key=order.__getitem__)
        pictures = [x for x in call.given if x.dim() == 4 and x.shape[2:] == call.answer.shape[2:]]
        if call.kind in JOINS and len(pictures) > 1 and len(sources) > 1:
            kept, latest = sources[0], sources[-1]
            between = heights[order[kept] + 1 : order[latest]]
            if between and min(between) < min(heights[order[kept]], heights[order[latest]]):
                found[kept, latest] = None
        if call.name in order:
            origin[id(call.answer)] = call.name
        elif sources:
            origin[id(call.answer)] = sources[-1]

    with watched(net, see):
        net(*inputs)
    return list(found)
