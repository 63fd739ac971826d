"""Families that draw a picture at once, from a handful of random numbers through one network: what `vae` and `gan` share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.pixels import RANGES
from ..nets.encoder_decoder import WIDTHS, Decoder
from ..philox import Draw
from .family import Family, Start
from .noises import arc
from .spec import Spec


def _each(y: Tensor | None, count: int) -> Tensor | None:
    return None if y is None else y.expand(count)


class Latent(Family):
    """A family whose `decoder` turns latents (B, latent), standard Gaussians, and labels into pictures."""

    decoder: Decoder

    @staticmethod
    def decoder_of(spec: Spec) -> Decoder:
        """The decoder of a recipe with first weights."""
        r = spec.recipe
        upsampler = "resize" if r.upsampler == "resize" else "transposed"
        return Decoder(spec.channels, spec.size, r.latent, spec.num_classes, r.widths or WIDTHS, upsampler)

    @property
    def title(self) -> str:
        """The family's own name."""
        return self.recipe.family

    @property
    def summary(self) -> str:
        """Its settings in a few words."""
        return f"latent of {self.recipe.latent}, {'resize' if self.recipe.upsampler == 'resize' else 'transposed'} convolution"

    def begin(self, draw: Draw, start: Start | None = None) -> tuple[Tensor, float]:
        """The latents as pictures, (B, C, H, W): its numbers from the top left in rows, the rest of the square dark."""
        z, side = self.latents(draw), math.ceil(math.sqrt(self.recipe.latent))
        square = F.pad(z, (0, side * side - z.shape[1]), value=float(z.min())).unflatten(1, (1, side, side))
        return self._as_pictures(square), 1.0

    def sample(self, draw: Draw, labels: Tensor | None = None, **steps: Any) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields (x, x) for each layer of the decoder, x: (B, C, H, W) its activations as a picture; the last x are the
        pictures. labels: (B,) or None.
        """
        *inner, logits = self.decoder.layers(self.latents(draw), labels)
        for h in inner:
            x = self._as_pictures(h.square().mean(1, keepdim=True).sqrt())
            yield x, x
        x = self.bounded(logits.float())
        yield x, x

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Latents (B, latent) and classes, as `Decoder` takes them -> pictures (B, C, H, W) in the recipe's pixel range."""
        return self.bounded(self.decoder(z, y))

    @torch.no_grad()
    def plane(self, side: int, y: Tensor | None = None) -> Tensor:
        """Pictures over the plane of the two latents that change them most, (side * side, C, H, W), row by row.

        Both run over the quantiles (k + 1/2) / side of the standard Gaussian, the stronger one downwards; the others are 0. y:
        (1,) the class, or None.
        """
        unit = torch.eye(self.recipe.latent, device=next(self.parameters()).device)
        change = self.decode(unit, _each(y, len(unit))) - self.decode(-unit, _each(y, len(unit)))
        axes = unit[change.square().sum((1, 2, 3)).argsort(descending=True, stable=True)[:2]]
        steps = torch.special.ndtri((torch.arange(side, device=unit.device) + 0.5) / side)
        grid = torch.cartesian_prod(*[steps] * len(axes)).reshape(-1, len(axes))
        return self.decode(grid @ axes, _each(y, len(grid)))

    @torch.no_grad()
    def between(self, z: Tensor, y: Tensor | None, shares: Tensor) -> Tensor:
        """Pictures (B, C, H, W) between those of two latents z: (2, latent), `shares` (B,) of the way to the second.

        y: (2,) their labels, or None; between two classes the decoder gets shares of both.
        """
        ends = None if y is None else F.one_hot(y, self.num_classes).float()
        return self.decode(arc(z[0], z[1], shares), None if ends is None else torch.lerp(ends[0], ends[1], shares[:, None]))

    def bounded(self, logits: Tensor) -> Tensor:
        """Any numbers -> the pixel range, by a sigmoid."""
        low, high = RANGES[self.recipe.pixels]
        return low + (high - low) * torch.sigmoid(logits)

    def latents(self, draw: Draw) -> Tensor:
        """What the pictures of a batch are drawn from: (B, latent)."""
        return draw.normal("sample", self.recipe.latent)

    def _as_pictures(self, values: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B, C, H, W): enlarged to squares, each picture's least value dark and its greatest bright."""
        low, high = RANGES[self.recipe.pixels]
        least, most = values.amin((1, 2, 3), keepdim=True), values.amax((1, 2, 3), keepdim=True)
        bright = low + (high - low) * (values.float() - least) / (most - least).clamp_min(1e-12)
        return F.interpolate(bright, self.spec.size).expand(-1, self.spec.channels, -1, -1)
