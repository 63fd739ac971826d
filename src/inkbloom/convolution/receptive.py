"""Receptive fields: which pixels of the image one number can see, after a chain of convolutions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .sizes import Axis


class Field(NamedTuple):
    """The receptive fields of a layer's outputs along one axis, in pixels of the image."""

    size: int = 1  # how many pixels one output sees
    jump: int = 1  # from the field of one output to the next
    start: int = 0  # first pixel that output 0 sees; negative: in the padding

    def pixels(self, output: int) -> range:
        """The pixels between the first and the last that this output sees; dilation may leave gaps."""
        first = self.start + output * self.jump
        return range(first, first + self.size)


def receptive_fields(layers: Iterable[Axis]) -> Iterator[Field]:
    """The field after each layer, first to last (Araujo et al. 2019, section 2). Pooling counts as a convolution."""
    field = Field()
    for layer in layers:
        field = Field(
            size=field.size + (layer.reach - 1) * field.jump,
            jump=field.jump * layer.stride,
            start=field.start - layer.padding[0] * field.jump,
        )
        yield field
