"""The family `gan`: a generative adversarial network (Goodfellow et al. 2014), told the class where there are classes.

The discriminator, a recognition network, learns to tell real pictures from drawn ones; the generator, its mirror image,
learns to draw what it takes for real. Non-saturating logistic losses, and a penalty on the discriminator's gradient at real
pictures, R1, which lets the game settle (Mescheder et al. 2018).
"""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Recipe
from ..nets.mirror import WIDTHS, Grow, Shrink
from ..philox import Draw
from .latent import Latent

FEATURES = 256


class Discriminator(nn.Module):
    """`net(x: (B, C, H, W), y: (B,) | None) -> (B,)`: how real the pictures look, 0 for undecided.

    The class enters by projection (Miyato and Koyama 2018): a learned vector for each class, times the features.
    """

    channels_last = False

    def __init__(self, shrink: Shrink, classes: int = 0) -> None:
        super().__init__()
        self.classes, self.shrink = classes, shrink
        self.score = nn.Linear(FEATURES, 1)
        self.label = nn.Embedding(classes, FEATURES) if classes else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        features = self.shrink(x)
        score: Tensor = self.score(features)[:, 0]
        return score if self.label is None or y is None else score + (self.label(y) * features).sum(1) / FEATURES**0.5


class GAN(Latent):
    """A generator, which samples, and its discriminator as helper."""

    net: Grow
    helper: Discriminator | None

    @classmethod
    def fresh(cls, recipe: Recipe, channels: int, size: tuple[int, int], classes: int) -> Self:
        """See Family."""
        widths = recipe.widths or WIDTHS
        grow = Grow(channels, size, recipe.latent, classes, widths, recipe.upsampler)
        return cls(grow, recipe, Discriminator(Shrink(channels, size, FEATURES, widths), classes))

    @property
    def phases(self) -> dict[str, dict[str, nn.Parameter]]:
        """Two: the discriminator's step, then the generator's."""
        helper = {} if self.helper is None else dict(self.helper.named_parameters())
        return {"discriminate": helper, "generate": dict(self.net.named_parameters())}

    @property
    def grow(self) -> Grow:  # type: ignore[override]
        return self.net

    def forward(self, phase: str, x: Tensor, y: Tensor | None, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of `discriminate` or `generate`, in nats; of the first also R1 and the share that it told apart (0..1).

        x: (B, C, H, W) real pictures in the recipe's range. y: (B,) their classes, or None.
        The generator draws the classes of the batch, and from other latents in each phase. Only the parameters of the phase
        take gradients.
        """
        discriminator = self.helper
        assert discriminator is not None, "a GAN from a single weights file has no discriminator"
        first = phase == "discriminate"
        discriminator.requires_grad_(first)
        self.net.requires_grad_(not first)
        with torch.set_grad_enabled(not first):
            drawn = self.decode(draw.normal("noise", self.recipe.latent, draw=0 if first else 1), y)
        fake = discriminator(drawn, y)
        if not first:
            return F.softplus(-fake).mean(), {}
        x = x.detach().requires_grad_()
        real = discriminator(x, y)
        sharpness = slope(real, x).mean()
        loss = (F.softplus(-real) + F.softplus(fake)).mean() + self.recipe.penalty / 2 * sharpness
        right = ((real > 0).float().mean() + (fake < 0).float().mean()) / 2
        return loss, {"r1": sharpness, "accuracy": right}


def slope(scores: Tensor, x: Tensor) -> Tensor:
    """The squared length of the gradient of each picture's score at the picture: (B,), itself differentiable."""
    (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3))
