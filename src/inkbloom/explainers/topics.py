"""The topics of `inkbloom explain`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .continuous import explain_continuous
from .convolution import explain_convolution
from .noising import explain_noising
from .options import Line, Options
from .sampling import explain_sampling
from .transposed import explain_transposed
from .unet import explain_unet

TOPICS: dict[str, Callable[[Options], Iterator[Line]]] = {
    "convolution": explain_convolution,
    "transposed": explain_transposed,
    "continuous": explain_continuous,
    "noising": explain_noising,
    "sampling": explain_sampling,
    "unet": explain_unet,
}
"""Each writes its files into `options.out` and yields lines that say where they are. Raises InkbloomError."""
