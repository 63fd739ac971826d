"""What a diffusion network is conditioned on: class labels, or clusters of like images within the classes."""

from __future__ import annotations

from torch import Tensor

from ..data.clusters import clustered
from ..nets import ClusterConditioned
from ..philox import Draw


class Labels:
    """The conditions are the class labels."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = self.num_conditions = num_classes

    def of_images(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """The conditions (N,) of training images, uint8 (N, C, H, W) on the CPU with labels (N,) or None."""
        return labels if self.num_classes else None

    def drawn(self, draw: Draw, labels: Tensor | None) -> Tensor | None:
        """The conditions (B,) of pictures that are to be drawn, of labels (B,) or None."""
        return labels

    def of_labels(self, labels: Tensor | None) -> Tensor | None:
        """The conditions (B,) of pictures of which the labels alone are known."""
        return labels


class Clusters:
    """A condition is a cluster of a class: class * clusters + cluster. The network keeps each cluster's share of its class."""

    def __init__(self, net: ClusterConditioned, seed: int) -> None:
        self.net, self.seed = net, seed
        self.num_classes, self.num_conditions = net.num_classes, net.shares.numel()

    def of_images(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """Finds the clusters; see `Labels.of_images`."""
        found, shares = clustered(images, labels, self.num_classes, self.net.shares.shape[1], self.seed)
        self.net.shares.copy_(shares)
        return found

    def drawn(self, draw: Draw, labels: Tensor | None) -> Tensor | None:
        """Each picture's cluster, drawn by its share; see `Labels.drawn`."""
        return self.net.condition(draw.uniform("cluster", 1)[:, 0], labels)

    def of_labels(self, labels: Tensor | None) -> Tensor | None:
        """None: a label alone is no condition of this network."""
        return None
