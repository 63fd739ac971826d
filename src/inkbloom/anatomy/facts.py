"""What the tutorial says of its UNet (section 2.3), as facts about a list of layers.

It says: width and height stay as they are on the way through, the kernels' properties hardly change, only the number of
channels does. Here stands what a network really does; whether the saying holds is for the reader to tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from .layers import Layer


class Kernel(NamedTuple):
    """The properties of a convolution's kernel, each along height and width."""

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    transposed: bool


def sizes_along(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """(height, width) of the picture on its way through, each change once: [(28, 28), (14, 14), (28, 28)]."""
    return _changes((shape[1], shape[2]) for shape in _shapes(layers))


def channels_along(layers: Sequence[Layer]) -> list[int]:
    """The number of channels on the way, each change once."""
    return _changes(shape[0] for shape in _shapes(layers))


def kernels_in(layers: Sequence[Layer]) -> Counter[Kernel]:
    """How many convolutions have a kernel of which properties."""
    return Counter(
        Kernel(layer.kernel, layer.stride, layer.padding, "Transpose" in layer.kind)
        for layer in layers
        if layer.kernel and layer.stride and layer.padding and layer.convolves
    )


def keeping_size(layers: Sequence[Layer]) -> tuple[int, int]:
    """(convolutions that keep height and width, convolutions)."""
    convolutions = [layer for layer in layers if layer.convolves]
    return sum(layer.before[1:] == layer.after[1:] for layer in convolutions), len(convolutions)


def keeping_channels(layers: Sequence[Layer]) -> tuple[int, int]:
    """(convolutions that keep the number of channels, convolutions)."""
    convolutions = [layer for layer in layers if layer.convolves]
    return sum(layer.before[0] == layer.after[0] for layer in convolutions), len(convolutions)


def _shapes(layers: Sequence[Layer]) -> list[tuple[int, ...]]:
    """The shapes of the picture that passes from layer to layer, first that of the input."""
    passed = [layer for layer in layers if layer.pictures]
    return [layer.before for layer in passed[:1]] + [layer.after for layer in passed]


def _changes(values: Iterable[Any]) -> list[Any]:
    return [value for value, _ in groupby(values)]
