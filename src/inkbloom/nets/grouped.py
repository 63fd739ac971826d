"""A network that is told more than the class: to which group of like images, within its class, an image belongs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Grouped(nn.Module):
    """`net` with the share that each group has of its class: `net(x, t, y)` as before, y = class * groups + group.

    `net` knows classes * groups conditions, or just `groups` where `classes` is 0. From outside it knows `classes` classes.
    """

    shares: Tensor  # (classes or 1, groups): each row sums to 1

    def __init__(self, net: nn.Module, classes: int, groups: int) -> None:
        super().__init__()
        self.net, self.classes, self.channels_last = net, classes, net.channels_last
        self.register_buffer("shares", torch.full((max(classes, 1), groups), 1 / groups))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out: Tensor = self.net(x, t, y)
        return out

    def condition(self, u: Tensor, y: Tensor | None) -> Tensor:
        """Uniform numbers (B,) in [0, 1) and classes (B,) or None -> (B,) conditions, each class's groups by their shares."""
        y = torch.zeros_like(u, dtype=torch.long) if y is None else y
        group = torch.searchsorted(self.shares.cumsum(1)[y], u[:, None], right=True)[:, 0]
        return y * self.shares.shape[1] + group.clamp_max(self.shares.shape[1] - 1)
