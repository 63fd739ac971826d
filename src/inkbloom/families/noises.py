"""Noise made of other noise, and still of its kind: what lies between two noises, and noise that is new in part.

Gaussian numbers stay Gaussian on an arc around 0, and on no straight line. Of any other noise, whose numbers know nothing of
each other, some are exchanged.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def arc(first: Tensor, last: Tensor, shares: Tensor) -> Tensor:
    """Points on the arc around 0 from one tensor to another of its shape: (len(shares), *shape); shares run from 0 to 1.

    Spherical interpolation (Shoemake 1985): unlike a straight line it keeps the length that random numbers have.
    """
    share = shares.reshape(-1, *[1] * first.dim())
    angle = F.cosine_similarity(first.flatten(), last.flatten(), dim=0).clamp(-1, 1).acos()
    if angle.sin() < 1e-4:  # one direction, or opposite ones: no arc is shortest
        return torch.lerp(first, last, share)
    return ((1 - share) * angle).sin() / angle.sin() * first + (share * angle).sin() / angle.sin() * last


def turned(first: Tensor, last: Tensor, share: Tensor) -> Tensor:
    """Gaussian numbers that have the correlation `share` with the first, from two that have none with each other."""
    return share * first + (1 - share**2).sqrt() * last


def exchanged(first: Tensor, last: Tensor, share: Tensor, order: Tensor) -> Tensor:
    """The first, with the share of its numbers that comes first in the `order`, uniform in [0, 1), taken from the last."""
    return torch.where(order < share, last, first)
