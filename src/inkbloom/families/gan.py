"""The family `gan`: a generative adversarial network (Goodfellow et al. 2014), class-conditional where there are classes.

The discriminator, a recognition network, learns to tell real pictures from drawn ones; the generator, its mirror image,
learns to draw what it takes for real. Non-saturating logistic losses, and a penalty on the discriminator's gradient at real
pictures, R1, which lets the game settle (Mescheder et al. 2018).
"""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nets.encoder_decoder import WIDTHS, Decoder, Encoder
from ..philox import Draw
from .latent import Latent
from .spec import Spec

FEATURES = 256


class Discriminator(nn.Module):
    """`net(x: (B, C, H, W), y: (B,) | None) -> (B,)`: how real the pictures look, 0 for undecided.

    The class enters by projection (Miyato and Koyama 2018): a learned vector for each class, times the features.
    """

    channels_last = False

    def __init__(self, encoder: Encoder, num_classes: int = 0) -> None:
        super().__init__()
        self.num_classes, self.encoder = num_classes, encoder
        self.score = nn.Linear(FEATURES, 1)
        self.label = nn.Embedding(num_classes, FEATURES) if num_classes else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        features = self.encoder(x)
        score: Tensor = self.score(features)[:, 0]
        return score if self.label is None or y is None else score + (self.label(y) * features).sum(1) / FEATURES**0.5


class GAN(Latent):
    """A generator, which samples, and in training its discriminator."""

    net: Decoder
    discriminator: Discriminator | None

    def __init__(self, net: Decoder, spec: Spec, discriminator: Discriminator | None = None) -> None:
        super().__init__(net, spec)
        self.discriminator = discriminator

    @classmethod
    def create(cls, spec: Spec) -> Self:
        """See Family."""
        generator = cls.decoder_of(spec)
        encoder = Encoder(spec.channels, spec.size, FEATURES, spec.recipe.widths or WIDTHS)
        return cls(generator, spec, Discriminator(encoder, spec.num_classes))

    @property
    def training_nets(self) -> dict[str, nn.Module]:
        """The discriminator."""
        return {} if self.discriminator is None else {"discriminator": self.discriminator}

    @property
    def phases(self) -> dict[str, dict[str, nn.Parameter]]:
        """Two: the discriminator's step, then the generator's."""
        discriminator = {} if self.discriminator is None else dict(self.discriminator.named_parameters())
        return {"discriminate": discriminator, "generate": dict(self.net.named_parameters())}

    @property
    def decoder(self) -> Decoder:  # type: ignore[override]
        return self.net

    def forward(self, phase: str, x: Tensor, y: Tensor | None, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of `discriminate` or `generate`, in nats; of the first also R1 and the share that it told apart (0..1).

        x: (B, C, H, W) real pictures in the recipe's range. y: (B,) their classes, or None.
        The generator draws the classes of the batch, and from other latents in each phase. Only the parameters of the phase
        take gradients.
        """
        discriminator = self.discriminator
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
        r1 = squared_gradient_norm(real, x).mean()
        loss = (F.softplus(-real) + F.softplus(fake)).mean() + self.recipe.penalty / 2 * r1
        accuracy = ((real > 0).float().mean() + (fake < 0).float().mean()) / 2
        return loss, {"r1": r1, "accuracy": accuracy}


def squared_gradient_norm(scores: Tensor, x: Tensor) -> Tensor:
    """The squared length of the gradient of each picture's score at the picture: (B,), itself differentiable."""
    (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3))
