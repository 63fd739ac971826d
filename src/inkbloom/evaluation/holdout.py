"""The judge-free measure: how well a denoiser restores held-out images, noise level by noise level, beside two anchors.

Every call draws the same noise for the same image and level (common random numbers), so two runs, or two moments of one
run, differ by their weights alone. All figures are mean squared errors of x0 a pixel, with pixels counted in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..data.pixels import RANGES, to_floats
from ..diffusion import NOISES, PATHS, Denoise
from ..philox import Draw

LEVELS = tuple((2 * k + 1) / 20 for k in range(10))  # .05, .15 ... .95: their mean stands for t uniform in [0, 1]
IMAGES, BATCH = 256, 64  # at most so many held-out images are looked at, so many at a time
PIXELS = 1600  # above this many numbers an image, the linear denoiser's eigenvectors would take longer than they tell
NOISE_MOMENTS = {"gaussian": (0.0, 1.0), "uniform": (0.5, 1 / 12)}  # mean and variance


@torch.no_grad()
def holdout_loss(
    denoiser: Callable[[Tensor | None], Denoise], images: Tensor, labels: Tensor | None, *, path: str, noise: str, pixels: str
) -> list[float]:
    """The error at each of LEVELS on uint8 images (N, C, H, W); `denoiser(y)` gives the denoiser for labels y: (B,)."""
    scale = (RANGES[pixels][1] - RANGES[pixels][0]) ** 2
    total = torch.zeros(len(LEVELS), dtype=torch.float64)
    for first in range(0, len(images), BATCH):
        rows = slice(first, first + BATCH)
        x0 = to_floats(images[rows], pixels)
        denoise = denoiser(None if labels is None else labels[rows])
        draw = Draw(0, np.arange(first, first + len(x0)), images.device)
        for level, t in enumerate(LEVELS):
            time = torch.tensor(t, dtype=torch.float64)
            c = PATHS[path](time)
            noisy = c.a * x0 + c.s * NOISES[noise](draw, "holdout", *x0.shape[1:], step=level)
            total[level] += float((denoise(noisy, time) - x0).square().sum())
    return (total / (images.numel() * scale)).tolist()


def mean_image_loss(train: Tensor, images: Tensor) -> float:
    """The error of answering with the mean training image whatever is asked: what a network beats first."""
    mean = train.double().mean(0) / 255
    return float((images.double() / 255 - mean).square().mean())


def wiener_loss(train: Tensor, images: Tensor, *, path: str, noise: str, pixels: str) -> list[float] | None:
    """The error at each of LEVELS of the best linear denoiser (Wiener 1949) fitted to the training images, in closed form.

    With the eigenvectors of the training images' covariance (eigenvalues e), coordinate z of a centred image is restored
    by the gain g = a e / (a^2 e + s^2 v), v the variance of the noise; the expected error is (1 - a g)^2 z^2 + g^2 s^2 v.
    None where the images have more than PIXELS numbers.
    """
    if train[0].numel() > PIXELS or len(train) < 2:
        return None
    flat = to_floats(train, pixels, torch.float64).flatten(1)
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))
    z2 = ((to_floats(images, pixels, torch.float64).flatten(1) - mean) @ vectors).square().mean(0)
    scale = (RANGES[pixels][1] - RANGES[pixels][0]) ** 2
    losses = []
    for t in LEVELS:
        c = PATHS[path](torch.tensor(t, dtype=torch.float64))
        v = c.s**2 * NOISE_MOMENTS[noise][1]
        gain = c.a * values.clamp_min(0) / (c.a**2 * values.clamp_min(0) + v)
        losses.append(float(((1 - c.a * gain) ** 2 * z2 + gain**2 * v).mean()) / scale)
    return losses
