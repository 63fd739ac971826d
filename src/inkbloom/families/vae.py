"""The family `vae`: a variational autoencoder (Kingma and Welling 2014), class-conditional where there are classes.

One network names the latents that a picture may come from, a Gaussian for each; its mirror image draws the picture from one
of them. Trained together they maximise a lower bound of log p(x | y), the ELBO. Sampling uses the second half alone.
"""

from __future__ import annotations

from typing import Self

import torch.nn.functional as F
from torch import Tensor, nn

from ..data.pixels import RANGES
from ..nets.encoder_decoder import WIDTHS, Decoder, Encoder, with_class
from ..philox import Draw
from .latent import Latent
from .spec import Spec

FEATURES = 256


class Autoencoder(nn.Module):
    """`net(x, noise: (B, latent), y) -> (logits of the pixels (B, C, H, W), mean, log variance, each (B, latent))`."""

    channels_last = False

    def __init__(self, encoder: Encoder, decoder: Decoder, latent: int) -> None:
        super().__init__()
        self.num_classes = decoder.num_classes
        self.encoder, self.decoder = encoder, decoder
        self.code = nn.Linear(FEATURES + self.num_classes, 2 * latent)

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance, each (B, latent), of the latents that the pictures (B, C, H, W) may come from."""
        mean, log_variance = self.code(with_class(self.encoder(x), y, self.num_classes)).float().chunk(2, 1)
        return mean, log_variance.clamp(-20, 20)

    def forward(self, x: Tensor, noise: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.encode(x, y)
        return self.decoder(mean + noise * (log_variance / 2).exp(), y), mean, log_variance


class VAE(Latent):
    """An `Autoencoder` with its ELBO. Pixels are Bernoulli: their value in [0, 1] is the probability of ink."""

    net: Autoencoder

    @classmethod
    def create(cls, spec: Spec) -> Self:
        """See Family."""
        decoder = cls.decoder_of(spec)
        encoder = Encoder(spec.channels, spec.size, FEATURES, spec.recipe.widths or WIDTHS)
        return cls(Autoencoder(encoder, decoder, spec.recipe.latent), spec)

    @property
    def phases(self) -> dict[str, dict[str, nn.Parameter]]:
        """One: encoder and decoder learn together."""
        return {"elbo": dict(self.net.named_parameters())}

    @property
    def decoder(self) -> Decoder:  # type: ignore[override]
        return self.net.decoder

    def forward(self, phase: str, x: Tensor, y: Tensor | None, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the ELBO of a batch (B, C, H, W), in nats a picture, the divergence times `kl`; its two parts for the log."""
        logits, mean, log_variance = self.net(x, draw.normal("noise", self.recipe.latent), y)
        low, high = RANGES[self.recipe.pixels]
        ink = ((x - low) / (high - low)).to(logits.dtype)
        reconstruction = F.binary_cross_entropy_with_logits(logits, ink, reduction="none").sum((1, 2, 3)).mean()
        kl = divergence(mean, log_variance).mean()
        return reconstruction + self.recipe.kl * kl, {"reconstruction": reconstruction, "divergence": kl}


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) | N(0, 1)), summed over the latents: (B, latent) twice -> (B,) (Kingma and Welling 2014, app. B)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
