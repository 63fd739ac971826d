"""Receptive fields, measured: poison one row of the picture with NaN and see how far the poison gets.

Every sum, product, maximum and activation passes a NaN on, even through a weight that is 0, and nothing else makes one. So a
number that turns to NaN depends on the poisoned row, and one that does not, does not. A batch with one copy of the picture for
each row, and another for the columns, then gives the exact field of every number in every layer, whatever lies on the way:
strides, padding, folded pixels, skips, transposed convolutions, attention. No formula needs to know any of them, and no rule
for a new kind of layer can be forgotten. (A gradient would need random weights, since a convolution that starts at zero hides
its inputs, and would miss all but one input of a maximum.)

Set aside are the mean and variance that `GroupNorm` and `InstanceNorm` take over the picture: through these two numbers every
pixel knows a little of all others, and every field behind the first such norm would be the whole picture.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .watch import Call, watched

SET_ASIDE = (nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d)


@torch.no_grad()
def receptive_fields(net: nn.Module, inputs: tuple[Any, ...], names: Collection[str]) -> dict[str, tuple[int, int]]:
    """(height, width) in pixels that a number of each of the calls `names` sees of the picture inputs[0]: (1, C, H, W).

    Of a call's numbers the one that sees most counts. A field ends where the picture does: (H, W) is the whole of it, or
    more; (0, 0) means that the call knows nothing of the picture, as the layers that embed the time.
    """
    heights, widths = (_extents(net, inputs, names, axis) for axis in (2, 3))
    return {name: (heights[name], widths[name]) for name in names}


def _extents(net: nn.Module, inputs: tuple[Any, ...], names: Collection[str], axis: int) -> dict[str, int]:
    """Pixels from the first row (axis 2) or column (axis 3) that any one number sees to the last, both included."""
    picture, *rest = inputs
    size = picture.shape[axis]
    place = torch.arange(size, dtype=torch.int16, device=picture.device)
    poisoned = picture.repeat(size, 1, 1, 1)  # in image k, row k
    poisoned.movedim(axis, 1)[place.long(), place.long()] = math.nan
    extents: dict[str, int] = {}

    def see(call: Call) -> Tensor | None:
        aside = isinstance(call.module, SET_ASIDE)
        answer = call.given[0] if aside else call.answer
        if call.name in names:
            reached = answer.isnan().flatten(1)
            if len(reached) == size and bool(reached.any()):
                last = torch.where(reached, place[:, None], -1).amax(0)
                first = torch.where(reached, place[:, None], size).amin(0)
                extents[call.name] = max(0, int((last - first).max()) + 1)
        return answer if aside else None

    each = [more.expand(size, *more.shape[1:]) if isinstance(more, Tensor) and more.dim() else more for more in rest]
    with _plain_sums(), watched(net, see):
        net(poisoned, *each)
    return {name: extents.get(name, 0) for name in names}


@contextmanager
def _plain_sums() -> Iterator[None]:
    """Convolutions summed as written: the tricks of fast ones, such as Winograd's, would spread a NaN to its neighbours."""
    backends = torch.backends
    with warnings.catch_warnings(), ExitStack() as off:
        warnings.simplefilter("ignore")  # a word about Intel's GPUs
        for library in (backends.mkldnn, backends.cudnn, backends.nnpack):
            off.enter_context(library.flags(enabled=False))
        yield
