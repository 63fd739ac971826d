"""Where a network is told something beside its picture, as the noise level: found by changing that, and then the picture.

A number that turns to NaN when the noise level does, but not when the picture does, carries the noise level alone. Where such a
number meets one that the picture does change, the noise level enters. No formula needs to know how: added, multiplied, joined.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from .watch import Call, watched

Operands = list[tuple[str, list[Tensor]]]
"""(name of a call, what it was given), in order."""


@torch.no_grad()
def entries_of(net: nn.Module, inputs: tuple[Any, ...], names: Collection[str], told: int = 1) -> list[str]:
    """The layers in, or right behind, which inputs[told] meets the picture inputs[0]; each once, in order, '' before the first.

    `names` are the layers' names by `layers_of`. Empty: the network does not use it.
    """
    usual = _operands(net, inputs)
    other = _operands(net, _with(inputs, 0, math.nan * inputs[0]))
    try:
        changed = _operands(net, _with(inputs, told, math.nan * inputs[told]))
    except (IndexError, RuntimeError, ValueError):  # made a whole number, which NaN is not
        changed = _operands(net, _with(inputs, told, (inputs[told] + 0.4) % 1))
    found: dict[str, None] = {}
    latest = ""
    for (name, before), (_, by_picture), (_, by_told) in zip(usual, other, changed, strict=False):
        latest = name if name in names else latest
        seen = [_differ(a, b) for a, b in zip(before, by_picture, strict=False)]
        alone = [_differ(a, b) and not picture for a, b, picture in zip(before, by_told, seen, strict=False)]
        if any(seen) and any(alone):
            found[latest] = None
    return list(found)


def _with(inputs: tuple[Any, ...], place: int, value: Tensor) -> tuple[Any, ...]:
    return *inputs[:place], value, *inputs[place + 1 :]


def _operands(net: nn.Module, inputs: tuple[Any, ...]) -> Operands:
    found: Operands = []

    def see(call: Call) -> None:
        found.append((call.name, [x.clone() for x in call.given]))

    with watched(net, see):
        net(*inputs)
    return found


def _differ(first: Tensor, second: Tensor) -> bool:
    return not torch.equal(first, second)
