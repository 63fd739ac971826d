"""Families: what is trained, with which losses, and how it makes pictures.

A family is a module with `phases` (name -> parameters by name, one optimizer each), `forward(phase, x, y, draw)` ->
(loss, further values), and `sample(...)` -> iterator of (x, x0). `fit` trains any of them without knowing which.
"""

from __future__ import annotations

import torch

from ..config import Recipe
from ..philox import words
from .diffusion import Diffusion
from .family import Family
from .gan import GAN
from .latent import Latent
from .vae import VAE

FAMILIES: dict[str, type[Family]] = {"diffusion": Diffusion, "vae": VAE, "gan": GAN}


def build(recipe: Recipe, channels: int, size: tuple[int, int], classes: int) -> Family:
    """The family of a recipe with fresh weights drawn from its seed, for images of that shape. Raises UsageError.

    `classes` is the number of classes in the data; a recipe with `labels` off, or `basic`, makes no use of them.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(words(recipe.seed, "init", [0], 1)[0, 0]))
        return FAMILIES[recipe.family].fresh(recipe, channels, size, classes if recipe.labels else 0)


__all__ = ["FAMILIES", "GAN", "VAE", "Diffusion", "Family", "Latent", "build"]
