"""The judge-free measure: how well a model denoises held-out images, noise level by noise level, beside two anchors.

Every call draws the same noise for the same image and level (common random numbers), so two runs, or two moments of one
run, differ by their weights alone. All figures are mean squared errors of x0 a pixel, with pixels counted in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data import Data
from ..data.pixels import RANGES, affordable, to_floats
from ..diffusion import NOISES, PATHS, Denoise, Path
from ..errors import entry
from ..families import Diffusion
from ..philox import Draw

LEVELS = tuple((2 * k + 1) / 20 for k in range(10))  # .05, .15 ... .95: their mean stands for t uniform in [0, 1]
IMAGES, BATCH = 256, 64  # at most so many held-out images are looked at (of large ones fewer, 32 at least), so many at a time
PIXELS = 1600  # above this many numbers an image, the linear denoiser's eigenvectors would take longer than they tell
NOISE_MOMENTS = {"gaussian": (0.0, 1.0), "uniform": (0.5, 1 / 12)}  # mean and variance


class Anchors(NamedTuple):
    """What an answer that knows less scores on the same images."""

    wiener: list[float] | None  # the best linear denoiser, at each level; None where it is not computed
    mean_image: float | None  # the mean training image; None in files of versions that did not keep it

    @property
    def linear(self) -> float | None:
        """The mean of the best linear denoiser over the noise levels."""
        return fmean(self.wiener) if self.wiener else None


class HoldoutLoss(NamedTuple):
    """The hold-out loss of a model after so many steps of its training, at each noise level, and its anchors."""

    step: int
    levels: Sequence[float]
    loss: list[float]
    anchors: Anchors

    @property
    def mean(self) -> float:
        """The mean over the noise levels."""
        return fmean(self.loss)


def measure_holdout(family: Diffusion, holdout: Data, step: int, anchors: Anchors) -> HoldoutLoss:
    """The hold-out loss of a model on the first of some held-out images, wherever the model is."""
    device = next(family.parameters()).device
    images = _looked_at(holdout).to(device)
    labels = None if holdout.labels is None else holdout.labels[: len(images)].to(device)
    loss = holdout_loss(family.denoiser, images, labels, **_settings(family))
    return HoldoutLoss(step, LEVELS, loss, anchors)


def anchors_of(family: Diffusion, train: Data, holdout: Data) -> Anchors:
    """What the anchors score on the held-out images that `measure_holdout` takes, for a model of this path and noise."""
    images = _looked_at(holdout)
    return Anchors(wiener_loss(train.images, images, **_settings(family)), mean_image_loss(train.images, images))


def _looked_at(holdout: Data) -> Tensor:
    """The held-out images that are looked at: (N, C, H, W) uint8, the first IMAGES, of large ones fewer."""
    return holdout.images[: affordable(IMAGES, holdout.size, least=32)]


def _settings(family: Diffusion) -> dict[str, Any]:
    return {"path": family.path, "noise": family.spec.given("noise"), "pixels": family.recipe.pixels}


@torch.no_grad()
def holdout_loss(
    denoiser: Callable[[Tensor | None], Denoise],
    images: Tensor,
    labels: Tensor | None,
    *,
    path: str | Path,
    noise: str | Callable[..., Tensor],
    pixels: str,
) -> list[float]:
    """The error at each of LEVELS on uint8 images (N, C, H, W); `denoiser(y)` gives the denoiser for labels y: (B,)."""
    along, noise_of = entry("path", path, PATHS), entry("noise", noise, NOISES)
    scale = (RANGES[pixels][1] - RANGES[pixels][0]) ** 2
    total = torch.zeros(len(LEVELS), dtype=torch.float64)
    for first in range(0, len(images), BATCH):
        rows = slice(first, first + BATCH)
        x0 = to_floats(images[rows], pixels)
        denoise = denoiser(None if labels is None else labels[rows])
        draw = Draw(0, np.arange(first, first + len(x0)), images.device)
        for level, t in enumerate(LEVELS):
            time = torch.tensor(t, dtype=torch.float64)
            c = along(time)
            noisy = c.a * x0 + c.s * noise_of(draw, "holdout", *x0.shape[1:], step=level)
            total[level] += float((denoise(noisy, time) - x0).square().sum())
    return (total / (images.numel() * scale)).tolist()


def mean_image_loss(train: Tensor, images: Tensor) -> float:
    """The error of answering with the mean training image whatever the input: what a network beats first."""
    mean = train.double().mean(0) / 255
    return float((images.double() / 255 - mean).square().mean())


def wiener_loss(
    train: Tensor, images: Tensor, *, path: str | Path, noise: str | Callable[..., Tensor], pixels: str
) -> list[float] | None:
    """The error at each of LEVELS of the best linear denoiser (Wiener 1949) fitted to the training images, in closed form.

    With the eigenvectors of the training images' covariance (eigenvalues e), coordinate z of a centred image is denoised
    by the gain g = a e / (a^2 e + s^2 v), v the variance of the noise; the expected error is (1 - a g)^2 z^2 + g^2 s^2 v.
    None where the images have more than PIXELS numbers, and for a noise whose variance is not known.
    """
    if train[0].numel() > PIXELS or len(train) < 2 or not isinstance(noise, str):
        return None
    flat = to_floats(train, pixels, torch.float64).flatten(1)
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
    z2 = ((to_floats(images, pixels, torch.float64).flatten(1) - mean) @ vectors).square().mean(0)
    scale = (RANGES[pixels][1] - RANGES[pixels][0]) ** 2
    losses = []
    for t in LEVELS:
        c = entry("path", path, PATHS)(torch.tensor(t, dtype=torch.float64))
        v = c.s**2 * NOISE_MOMENTS[noise][1]
        gain = c.a * values.clamp_min(0) / (c.a**2 * values.clamp_min(0) + v)
        losses.append(float(((1 - c.a * gain) ** 2 * z2 + gain**2 * v).mean()) / scale)
    return losses
