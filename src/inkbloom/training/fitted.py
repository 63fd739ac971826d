"""The weights of one network brought into another of its kind, as far as they fit.

Parameters go by name. One of another shape begins anew, unless it is colours or classes that make the difference: those have an
axis of their own, found by asking for the same network with other colours, or with one class more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

SUMMED = {  # a learned vector for each class -> the bias that it is added to, in our networks
    "condition.label.weight": "condition.time.2.bias",
    "unet.class_embedding.weight": "unet.time_embedding.linear_2.bias",
}


class Colours(NamedTuple):
    """The channels of the images, and where they lie: parameter -> axis."""

    theirs: int
    ours: int
    axes: Mapping[str, int]


class Classes(NamedTuple):
    """The conditions, and where they lie: parameter -> axis. `kept`: for each of ours its number among theirs, or None."""

    theirs: int
    kept: Sequence[int | None]
    axes: Mapping[str, int]


def axes(net: nn.Module, other: nn.Module) -> dict[str, int]:
    """The parameters that have another shape in `other`, and the axis in which they differ."""
    shapes = {name: tensor.shape for name, tensor in other.state_dict().items()}
    return {
        name: next(k for k, size in enumerate(ours.shape) if size != shapes[name][k])
        for name, ours in net.state_dict().items()
        if name in shapes and ours.shape != shapes[name] and ours.dim() == len(shapes[name])
    }


def fitted(net: nn.Module, theirs: Mapping[str, Tensor], colours: Colours, classes: Classes) -> dict[str, Tensor]:
    """Of the weights `theirs` those that fit `net`, by its names and in its shapes; what is not there begins anew."""
    found = {}
    for name, ours in net.state_dict().items():
        value = theirs.get(name)
        layer = net.get_submodule(name.rpartition(".")[0])
        if value is None and name in SUMMED and not classes.theirs:
            value = torch.zeros(ours.shape)  # nothing was added for a class
        elif value is not None and name in classes.axes:
            value = _reclassed(value, classes, classes.axes[name], isinstance(layer, nn.Embedding))
        elif value is not None and name in colours.axes:
            axis = colours.axes[name]
            inputs = 0 if isinstance(layer, nn.ConvTranspose2d) else 1
            value = _recoloured(value, colours, axis, value.dim() > 1 and axis == inputs)
        if value is not None and value.shape == ours.shape:
            found[name] = value.to(ours.device, ours.dtype, copy=True)
    if not classes.kept:
        _add_no_class(found, theirs, classes)
    return found


def _recoloured(value: Tensor, colours: Colours, axis: int, reads: bool) -> Tensor | None:
    """A layer for other channels, which lie slowest along `axis`. A grey picture and the same in colour mean the same to it:
    what `reads` pictures keeps its sum over the channels, what draws them its mean.
    """
    if value.shape[axis] % colours.theirs:
        return None
    mean = value.float().unflatten(axis, (colours.theirs, -1)).mean(axis, keepdim=True)
    mean = mean * (colours.theirs / colours.ours if reads else 1)
    return mean.repeat_interleave(colours.ours, axis).flatten(axis, axis + 1)


def _reclassed(value: Tensor, classes: Classes, axis: int, embedding: bool) -> Tensor | None:
    """A layer for other classes: a new class begins as no class in particular.

    An embedding has a row for each, and may have a last one for no class. Other layers take the class as numbers after all
    else, a 1 among zeros; no class is their mean.
    """
    front = 0 if embedding else value.shape[axis] - classes.theirs
    last = value.shape[axis] - front - classes.theirs
    if front < 0 or last not in (0, 1):
        return None
    before, rows, null = value.float().split([front, classes.theirs, last], axis)
    if embedding or not classes.theirs:
        none = null if last else torch.zeros_like(value.narrow(axis, 0, 1), dtype=torch.float32)
    else:
        none = rows.mean(axis, keepdim=True)
    return torch.cat([before, *(none if k is None else rows.narrow(axis, k, 1) for k in classes.kept), null], axis)


def _add_no_class(found: dict[str, Tensor], theirs: Mapping[str, Tensor], classes: Classes) -> None:
    """A network without classes does what theirs does for no class: what that adds goes into the bias."""
    for name, bias in SUMMED.items():
        if name in theirs and bias in found:
            found[bias] += theirs[name][-1].to(found[bias])
    for name, axis in classes.axes.items():
        bias = name.removesuffix("weight") + "bias"
        if classes.theirs and bias in found and name in found:
            found[bias] += theirs[name].narrow(axis, -classes.theirs, classes.theirs).float().mean(axis).to(found[bias])
