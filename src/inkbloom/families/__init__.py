"""Families: what is trained, with which losses, and how it makes pictures.

A family is a module with `phases` (name -> parameters by name, one optimizer each), `forward(phase, x, y, draw)` ->
(loss, further values), and `sample(...)` -> iterator of (x, x0). `fit` trains any of them without knowing which.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..config import Recipe
from ..nets import NETS
from ..philox import words
from .diffusion import Diffusion

FAMILIES: dict[str, Callable[..., Diffusion]] = {"diffusion": Diffusion}


def build(recipe: Recipe, channels: int, size: tuple[int, int], classes: int) -> Diffusion:
    """The family of a recipe with fresh weights drawn from its seed, for images of that shape. Raises UsageError.

    `classes` is the number of classes in the data; a recipe with `labels` off, or `basic`, makes no use of them.
    """
    shape = {"widths": recipe.widths} if recipe.widths else {}
    depth = {"layers": recipe.layers} if recipe.layers else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(words(recipe.seed, "init", [0], 1)[0, 0]))
        net = NETS[recipe.net](channels=channels, size=size, classes=classes if recipe.labels else 0, **shape, **depth)
    return FAMILIES[recipe.family](net, recipe)


__all__ = ["FAMILIES", "Diffusion", "build"]
