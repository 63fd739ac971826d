"""What every family is: a module that knows its losses, phase by phase, and how it makes pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..config import Recipe
from ..device import placed
from ..philox import Draw
from .spec import Spec

Start = tuple[Tensor, float]  # a picture (1 or B, C, H, W) to start sampling from, and the noise level to bring it to


class Family(nn.Module):
    """A network and what training it takes. Calling it gives the loss of a phase.

    `net` is what samples: it is averaged, and a weights file holds it. `num_classes` is the number of class labels that it is
    conditioned on, 0 for none; `num_conditions` the number of all its conditions, clusters included.
    """

    iterative = False  # whether a picture takes the steps of a solver, or one pass of the network
    denoises = False  # whether it tells image from noise at every noise level, so that a hold-out loss means something
    fixed_steps: int | None = None  # the only number of solver steps that it can take; None: any
    net: nn.Module

    def __init__(self, net: nn.Module, spec: Spec) -> None:
        super().__init__()
        self.net, self.spec = net, spec
        self.num_classes = self.num_conditions = int(getattr(net, "num_classes", spec.num_classes))

    @classmethod
    @abstractmethod
    def create(cls, spec: Spec) -> Self:
        """A family with first weights from torch's global generator. Raises UsageError."""

    @property
    def recipe(self) -> Recipe:
        """The recipe of its spec."""
        return self.spec.recipe

    @property
    def trained(self) -> tuple[int, ...]:
        """The numbers of the classes that it has learned, and so can draw."""
        return tuple(number for number in range(self.num_classes) if number not in self.spec.untrained)

    @property
    def training_nets(self) -> dict[str, nn.Module]:
        """Networks that only training needs, by what they are, such as 'discriminator': checkpoints keep them."""
        return {}

    def without_training_nets(self) -> Self:
        """The family itself, ready to sample and no more."""
        for name in self.training_nets:
            setattr(self, name, None)
        return self

    @property
    @abstractmethod
    def phases(self) -> dict[str, dict[str, nn.Parameter]]:
        """The parameters that each phase trains, by name: one optimizer each, which step one after the other."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in one word."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """Its settings in a few words."""

    @abstractmethod
    def forward(self, phase: str, x: Tensor, y: Tensor | None, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """(the loss of a phase, further values for the log) of a batch.

        x: (B, C, H, W) floats in the recipe's pixel range; y: (B,) conditions or None; draw: the batch's random numbers.
        """

    @abstractmethod
    def begin(self, draw: Draw, start: Start | None = None) -> tuple[Tensor, float]:
        """What sampling starts from: (x: (B, C, H, W), its noise level)."""

    @abstractmethod
    def sample(self, draw: Draw, labels: Tensor | None = None, **steps: Any) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields (x, x0), each (B, C, H, W), on the way to the pictures; the last x are the pictures.

        labels: (B,) or None; steps: how to get there, where the family is iterative.
        """

    def conditions_of(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """What the network is conditioned on in training: (N,) int64 or None.

        images: uint8 (N, C, H, W) on the CPU, with labels (N,) or None.
        """
        return labels if self.num_classes else None

    def place(self, device: torch.device) -> Self:
        """The family itself, moved in place to the device, each network in the memory layout that it is fast in."""
        for net in (self.net, *self.training_nets.values()):
            placed(net, device)
        return self
