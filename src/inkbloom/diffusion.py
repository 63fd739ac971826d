"""The theory:  x = a(t) x0 + s(t) eps,  t = 0 is the image, t = 1 is the noise.

A *path* says how the amounts a and s run. A *target* says what the network predicts, always some  p x0 + q eps ; so one
2x2 system turns any prediction on any path into x0 and eps (`split`), and one weight moves the squared error from one
target to another (`loss_weight`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .errors import entry
from .philox import Draw


class Coef(NamedTuple):
    """Amounts of image and noise at a time, and their derivatives; each broadcasts against x."""

    a: Tensor
    s: Tensor
    da: Tensor
    ds: Tensor


Path = Callable[[Tensor], Coef]
Target = Callable[[Coef], tuple[Tensor | float, Tensor | float]]
"""target(coef) -> (p, q): the network predicts  p x0 + q eps ."""
Denoise = Callable[[Tensor, Tensor], Tensor]
"""denoise(x: (B, C, H, W), t: scalar) -> x0: (B, C, H, W). All that a solver sees of a network."""


def lerp(t: Tensor) -> Coef:
    """a = 1 - t, s = t: the tutorial's corruption (its section 3.3), and the path of flow matching."""
    one = torch.ones_like(t)
    return Coef(1 - t, t, -one, one)


def cosine(t: Tensor) -> Coef:
    """a = cos(pi t / 2), s = sin(pi t / 2): a^2 + s^2 = 1 (Nichol and Dhariwal 2021, without their offset)."""
    w = math.pi / 2
    a, s = (w * t).cos().clamp_min(0), (w * t).sin()
    return Coef(a, s, -w * s, w * a)


DDPM_STEPS, DDPM_BETAS = 1000, (1e-4, 0.02)


def vp(t: Tensor) -> Coef:
    """DDPM's linear betas (Ho et al. 2020, section 4): a^2 equals their alpha-bar of step i at t = (i + 1) / 1000.

    alpha-bar is a product of factors 1 - beta_j that fall by a constant d, hence  d^n G(K + 1) / G(K + 1 - n)  with the
    gamma function G, n = 1000 t and K = (1 - beta_0) / d: smooth in t and exact at every step. Needs float64 (K is 50,000).
    """
    d = (DDPM_BETAS[1] - DDPM_BETAS[0]) / (DDPM_STEPS - 1)
    k = torch.tensor((1 - DDPM_BETAS[0]) / d, dtype=torch.float64)
    n = DDPM_STEPS * t.to("cpu", torch.float64)
    log_a = (n * math.log(d) + torch.lgamma(k + 1) - torch.lgamma(k + 1 - n)) / 2
    a, s = log_a.exp(), torch.expm1(2 * log_a).clamp_max(0).abs().sqrt()
    da = a * DDPM_STEPS * (math.log(d) + torch.digamma(k + 1 - n)) / 2
    ds = -a * da / s.clamp_min(1e-6)
    return Coef(*(value.to(t) for value in (a, s, da, ds)))


def ve(t: Tensor, low: float = 0.01, high: float = 50.0) -> Coef:
    """a = 1, s from `low` to `high` geometrically (Song et al. 2021): the image stays, the noise grows. For pictures only."""
    s = low * (high / low) ** t
    return Coef(torch.ones_like(t), s, torch.zeros_like(t), s * math.log(high / low))


PATHS: dict[str, Path] = {"lerp": lerp, "cosine": cosine, "vp": vp}
PICTURE_PATHS: dict[str, Path] = {**PATHS, "ve": ve}

TARGETS: dict[str, Target] = {
    "x0": lambda c: (1.0, 0.0),  # the tutorial's
    "eps": lambda c: (0.0, 1.0),  # DDPM's
    "v": lambda c: (c.da, c.ds),  # the velocity dx/dt of flow matching
}


def _uniform_noise(draw: Draw, purpose: str, *shape: int, step: int = 0) -> Tensor:
    return draw.uniform(purpose, *shape, draw=step)


def _gaussian_noise(draw: Draw, purpose: str, *shape: int, step: int = 0) -> Tensor:
    return draw.normal(purpose, *shape, draw=step)


NOISES: dict[str, Callable[..., Tensor]] = {"uniform": _uniform_noise, "gaussian": _gaussian_noise}

TIMES: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "uniform": lambda u, mean, std: u,
    # quantile of the normal distribution: Esser et al. 2024, section 3.1
    "logit_normal": lambda u, mean, std: torch.sigmoid(mean + std * torch.special.ndtri(u.clamp(2**-25, 1 - 2**-25))),
}
"""(uniform numbers in [0, 1), mean and std of logit(t)) -> noise levels t in [0, 1]."""

HUBER = 0.01  # pixel values, which are 1 or 2 apart: below this a pseudo-Huber loss counts an error by its square


def pseudo_huber(error: Tensor, weight: Tensor | float) -> Tensor:
    """About |error|, but smooth at 0, where it is 0 (Charbonnier et al. 1994)."""
    least = HUBER * (weight.mean() if isinstance(weight, Tensor) else weight)
    return (weight * (error.square() + HUBER**2).sqrt()).mean() - least


LOSSES: dict[str, Callable[[Tensor, Tensor | float], Tensor]] = {
    "squared": lambda error, weight: (weight * error**2).mean(),
    "pseudo_huber": pseudo_huber,
}
"""(error (B, C, H, W), weight that broadcasts against it) -> the mean loss, a scalar."""


def split(out: Tensor, x: Tensor, c: Coef, target: str | Target) -> tuple[Tensor, Tensor]:
    """(x0, eps) from the two equations  out = p x0 + q eps  and  x = a x0 + s eps; `target`: a name in TARGETS, or a function.

    They are independent for every t in (0, 1); `eps` has no solution where a = 0, `x0` none where s = 0.
    """
    p, q = entry("target", target, TARGETS)(c)
    det = q * c.a - p * c.s
    return (q * x - c.s * out) / det, (c.a * out - p * x) / det


def noise_in(x: Tensor, x0: Tensor, c: Coef) -> Tensor:
    """The eps that makes x0 into x, all (B, C, H, W).

    The one place where it is derived, so a clipped or guided x0 stays consistent with it.
    """
    return (x - c.a * x0) / c.s


def loss_weight(c: Coef, target: str | Target, loss_on: str | Target, cap: float = math.inf) -> Tensor | float:
    """Squared error on `loss_on` of a network that predicts `target` is this weight times its squared error on `target`.

    The weight is capped: taking the loss of an x0-prediction on v, say, weighs 1/t^2 on `lerp`.
    """
    if target == loss_on:
        return 1.0
    (p, q), (u, w) = (entry("target", name, TARGETS)(c) for name in (target, loss_on))
    weight: Tensor = ((u * c.s - w * c.a) / (p * c.s - q * c.a)) ** 2
    return weight.clamp(max=cap)


def guided(unconditional: Denoise, conditional: Denoise, scale: float) -> Denoise:
    """Classifier-free guidance (Ho and Salimans 2022): scale 0 ignores the condition, 1 is plain, above 1 is guided."""
    if scale == 0:
        return unconditional
    if scale == 1:
        return conditional
    return lambda x, t: torch.lerp(unconditional(x, t), conditional(x, t), scale)


def clipped(denoise: Denoise, low: float, high: float) -> Denoise:
    """The same denoiser with x0 held within the range of the data."""
    return lambda x, t: denoise(x, t).clamp(low, high)
