"""A network conditioned on clusters of like images, found before training within each class, or among all images."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClusterConditioned(nn.Module):
    """`net` with the share that each cluster has of its class: `net(x, t, y, ...)` as before, y = class * clusters + cluster.

    `net` has num_classes * clusters conditions, or just `clusters` where `num_classes` is 0. From outside it has
    `num_classes` classes.
    """

    shares: Tensor  # (num_classes or 1, clusters): each row sums to 1

    def __init__(self, net: nn.Module, num_classes: int, clusters: int) -> None:
        super().__init__()
        self.net, self.num_classes, self.channels_last = net, num_classes, getattr(net, "channels_last", False)
        self.register_buffer("shares", torch.full((max(num_classes, 1), clusters), 1 / clusters))

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None, *told: Tensor) -> Tensor:
        out: Tensor = self.net(x, t, y, *told)
        return out

    def condition(self, u: Tensor, labels: Tensor | None) -> Tensor:
        """Uniform numbers (B,) in [0, 1) and labels (B,) or None -> (B,) conditions, each class's clusters by their shares."""
        labels = torch.zeros_like(u, dtype=torch.long) if labels is None else labels
        cluster = torch.searchsorted(self.shares.cumsum(1)[labels], u[:, None], right=True)[:, 0]
        return labels * self.shares.shape[1] + cluster.clamp_max(self.shares.shape[1] - 1)
