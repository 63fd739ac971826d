"""What a target made of a model: how to ask it, and what its card says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

Answer = Callable[..., Tensor]
"""answer(**question) -> (B, C, H, W): see `parity.question`. Computed by what lies in the folder, opened anew."""


@dataclass(frozen=True)
class Walk:
    """Whole pictures, drawn by what was written from torch's own random numbers, and how inkbloom draws the same.

    draw(generator, y) -> (B, C, H, W) floats in the model's pixel range, after the steps `times`; y: (B,) conditions or None.
    strength: of the noise that it starts from; None: as the path has it at the first time.
    The generator gives the starting noise first, and then a batch of noise for each step, where the solver wants one.
    """

    draw: Callable[[torch.Generator, Tensor | None], Tensor]
    solver: str
    times: Tensor
    guidance: float = 1.0
    strength: float | None = None


@dataclass(frozen=True)
class Made:
    """What stands in the folder now.

    what: in a few words, for the terminal and the card, as in 'a stock DDIMPipeline'; notes: further lines that one should
    know, such as why it is no stock one. use: how to load it, Python code. library: its name on the hub. runs_code: whether
    loading it executes code of the folder. needs: packages that loading takes.
    """

    what: str
    answer: Answer
    use: str
    library: str
    needs: tuple[str, ...]
    walk: Walk | None = None
    notes: tuple[str, ...] = field(default=())
    runs_code: bool = False
