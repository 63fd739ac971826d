"""The network that `explain unet` takes apart, and what it is given to look at."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..config import Recipe
from ..data.pixels import to_bytes, to_floats
from ..data.resize import resized
from ..errors import UsageError
from ..families import GAN, VAE, Diffusion, Family, Latent, Spec, build
from ..philox import Draw
from ..run import Run
from ..store.folder import load_training_nets
from .options import Options

T = 0.5  # noise level unless another is asked for
SIZE = (28, 28)  # of the pictures of an untrained network


@dataclass(frozen=True, eq=False)
class Probe:
    """A network on the CPU and one image's worth of inputs for it.

    title: its name. inputs: what it is called with, batch 1, and no class. seen: the picture that it sees, uint8
    (C, H, W), None where it sees none. t: the noise level of that picture, None where there is no noise. timed: whether it is
    called with that noise level, else with 0. trained: else its weights are random.
    """

    title: str
    net: nn.Module
    inputs: tuple[Any, ...]
    seen: Tensor | None
    t: float | None
    timed: bool = False
    trained: bool = True


class GeneratorThenDiscriminator(nn.Module):
    """A GAN's two networks, one after the other: latents (B, latent) and no class -> how real their picture looks (B,)."""

    def __init__(self, family: GAN, discriminator: nn.Module) -> None:
        super().__init__()
        self.generator, self.discriminator, self.bounded = family.net, discriminator, family.bounded

    def forward(self, z: Tensor, y: None) -> Tensor:
        score: Tensor = self.discriminator(self.bounded(self.generator(z, y)), y)
        return score


def probe_of(options: Options) -> Probe:
    """The run, the weights file, the untrained net or the shipped model. Raises InkbloomError."""
    if options.t is not None and not 0 <= options.t <= 1:
        raise UsageError(f"--t {options.t:g}: the noise level must lie in [0, 1]")
    if options.net is None:
        run = options.run if isinstance(options.run, Run) else Run(options.run)
        family = copy.deepcopy(run.family).cpu()
    else:
        recipe = Recipe().resolved(net=options.net, steps=1)
        family = build(Spec(recipe, 1, SIZE)).eval()
    if options.t is not None and not isinstance(family, Diffusion):
        raise UsageError(f"--t with a {family.recipe.family}: it knows no noise level; leave it out")
    channels, height, width = family.spec.shape
    image = resized(options.example.image, (height, width)).expand(1, channels, height, width)
    probe = _given(family, image, T if options.t is None else options.t)
    if options.net is None and isinstance(family, GAN) and (nets := load_training_nets(run.path, family)):
        return replace(probe, net=GeneratorThenDiscriminator(family, nets["discriminator"]).eval())
    return replace(probe, trained=options.net is None)


def _given(family: Family, image: Tensor, t: float) -> Probe:
    """What a family's network is called with when its picture is `image`: uint8 (1, C, H, W)."""
    recipe, draw = family.recipe, Draw(0, np.arange(1))
    x = to_floats(image, recipe.pixels)
    if isinstance(family, Diffusion):
        x, level = family.begin(draw, (x, t))
        x = x.float()
        time = torch.tensor([level if recipe.timed else 0.0])
        no_class = torch.tensor([family.num_conditions]) if family.num_conditions else None
        return Probe(family.title, family.net, (x, time, no_class), to_bytes(x, recipe.pixels)[0], level, recipe.timed)
    latent = torch.zeros(1, recipe.latent)
    if isinstance(family, VAE):
        return Probe(family.title, family.net, (x, latent, None), image[0], None)
    assert isinstance(family, Latent)
    return Probe(family.title, family.net, (draw.normal("sample", recipe.latent), None), None, None)
