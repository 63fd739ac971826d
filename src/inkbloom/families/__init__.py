"""Families: what is trained, with which losses, and how it makes pictures.

A family is a module with a `spec`, `phases` (name -> parameters by name, one optimizer each), `forward(phase, x, y, draw)` ->
(loss, further values), and `sample(...)` -> iterator of (x, x0). `fit` trains any of them without knowing which.
"""

from __future__ import annotations

import torch

from ..config import Recipe
from ..philox import words
from .diffusion import Diffusion
from .family import Family
from .few_step import FewStep
from .gan import GAN
from .latent import Latent
from .spec import Spec
from .vae import VAE

FAMILIES: dict[str, type[Family]] = {"diffusion": Diffusion, "vae": VAE, "gan": GAN}


def family_of(recipe: Recipe) -> type[Family]:
    """The class that a recipe trains: that of its family, or of a student where it names a teacher."""
    return FewStep if recipe.teacher else FAMILIES[recipe.family]


def build(spec: Spec) -> Family:
    """The family of a spec with first weights drawn from the recipe's seed. Raises UsageError."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(words(spec.recipe.seed, "init", [0], 1)[0, 0]))
        return family_of(spec.recipe).create(spec)


__all__ = ["FAMILIES", "GAN", "VAE", "Diffusion", "Family", "FewStep", "Latent", "Spec", "build", "family_of"]
