"""The network that `explain unet` takes apart, and what it is given to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..config import Recipe
from ..data.pixels import to_bytes, to_floats
from ..data.resize import resized
from ..errors import UsageError
from ..families import GAN, VAE, Diffusion, Family, Latent, build
from ..philox import Draw
from ..run import Run
from ..store.folder import load_helper
from .asked import Asked

T = 0.5  # noise level unless another is asked for
SIZE = (28, 28)  # of the pictures of an untrained network


@dataclass(frozen=True, eq=False)
class Studied:
    """A network on the CPU and one image's worth of inputs for it.

    title: its name. inputs: what it is called with, batch 1, and no class. seen: the picture that it sees, uint8
    (C, H, W), None where it sees none. t: the noise level of that picture, None where there is no noise.
    """

    title: str
    net: nn.Module
    inputs: tuple[Any, ...]
    seen: Tensor | None
    t: float | None


class Game(nn.Module):
    """A GAN's two networks, one after the other: latents (B, latent) and no class -> how real their picture looks (B,)."""

    def __init__(self, family: GAN, discriminator: nn.Module) -> None:
        super().__init__()
        self.generator, self.discriminator, self.bounded = family.net, discriminator, family.bounded

    def forward(self, z: Tensor, y: None) -> Tensor:
        score: Tensor = self.discriminator(self.bounded(self.generator(z, y)), y)
        return score


def studied(asked: Asked) -> Studied:
    """The run, the weights file, the untrained net or the shipped model. Raises InkbloomError."""
    if asked.t is not None and not 0 <= asked.t <= 1:
        raise UsageError(f"--t {asked.t:g}: the noise level must lie in [0, 1]")
    if asked.net is None:
        run = Run(asked.run)
        family, shape = run.family.cpu(), run.shape
    else:
        recipe = Recipe().resolved(net=asked.net, steps=1)
        family, shape = build(recipe, 1, SIZE, 0).eval(), (1, *SIZE)
    if asked.t is not None and not isinstance(family, Diffusion):
        raise UsageError(f"--t with a {family.recipe.family}: it knows no noise level; leave it out")
    channels, height, width = shape
    image = resized(asked.subject.image, (height, width)).expand(1, channels, height, width)
    study = _given(family, image, T if asked.t is None else asked.t)
    if asked.net is None and isinstance(family, GAN) and (discriminator := load_helper(run.path)):
        return replace(study, net=Game(family, discriminator).eval())
    return study


def _given(family: Family, image: Tensor, t: float) -> Studied:
    """What a family's network is called with when its picture is `image`: uint8 (1, C, H, W)."""
    recipe, draw = family.recipe, Draw(0, np.arange(1))
    x = to_floats(image, recipe.pixels)
    if isinstance(family, Diffusion):
        channels, height, width = image.shape[1:]
        x, level = family.begin(draw, (channels, height, width), (x, t))
        x = x.float()
        time = torch.tensor([level if recipe.timed else 0.0])
        return Studied(family.title, family.net, (x, time, None), to_bytes(x, recipe.pixels)[0], level)
    latent = torch.zeros(1, recipe.latent)
    if isinstance(family, VAE):
        return Studied(family.title, family.net, (x, latent, None), image[0], None)
    assert isinstance(family, Latent)
    return Studied(family.title, family.net, (draw.normal("sample", recipe.latent), None), None, None)
