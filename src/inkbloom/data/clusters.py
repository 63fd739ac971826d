"""Clusters of like images, by k-means on their pixels: labels where there are none, finer ones where there are.

A network learns faster what it is told more about. Hu et al. 2023, "Self-guided diffusion models", find that clusters do much
of what labels do; here they are found before training, from the images alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..philox import uniform

SIDE = 14  # images are looked at with so many pixels a side: enough to tell what is alike
TURNS = 20


def clustered(images: Tensor, labels: Tensor | None, num_classes: int, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Splits each class of the uint8 images (N, C, H, W) into `count` clusters, or all of them where `num_classes` is 0.

    Returns (N,) int64 class * count + cluster, and the share of each cluster in its class, (num_classes or 1, count) float32.
    """
    points = F.adaptive_avg_pool2d(images.float() / 255, (min(SIDE, images.shape[2]), min(SIDE, images.shape[3]))).flatten(1)
    classes = max(num_classes, 1)
    labels = torch.zeros(len(images), dtype=torch.long) if labels is None or classes == 1 else labels
    found = torch.empty_like(labels)
    for y in range(classes):
        mine = (labels == y).nonzero()[:, 0]
        chance = torch.from_numpy(uniform(seed, "clusters", [y], count)[0]).double()
        found[mine] = y * count + kmeans(points[mine], chance)
    sizes = torch.bincount(found, minlength=classes * count).view(classes, count).float()
    return found, sizes / sizes.sum(1, keepdim=True).clamp_min(1)


def kmeans(points: Tensor, chance: Tensor) -> Tensor:
    """The cluster (N,) of each point (N, D), of as many clusters as there are numbers in `chance`, uniform in [0, 1).

    Centres to begin with by k-means++ (Arthur and Vassilvitskii 2007): each new one is a point, drawn by its squared distance
    to those before. Then TURNS of Lloyd's algorithm. A cluster may stay empty.
    """
    if len(points) <= len(chance):
        return torch.arange(len(points))
    centres = points[int(chance[0] * len(points))][None]
    nearest = torch.cdist(points, centres)[:, 0].square()
    for u in chance[1:]:
        reach = nearest.double().cumsum(0)
        chosen = points[min(int(torch.searchsorted(reach, u * reach[-1], right=True)), len(points) - 1)][None]
        centres = torch.cat([centres, chosen])
        nearest = torch.minimum(nearest, torch.cdist(points, chosen)[:, 0].square())
    for _ in range(TURNS):
        nearest_centre = torch.cdist(points, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest_centre, points)
        sizes = torch.bincount(nearest_centre, minlength=len(centres))[:, None]
        centres = torch.where(sizes > 0, sums / sizes.clamp_min(1), centres)
    return torch.cdist(points, centres).argmin(1)
