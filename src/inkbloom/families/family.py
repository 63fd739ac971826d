"""What every family is: a module that knows its losses, phase by phase, and how it makes pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..config import Recipe
from ..nets import placed
from ..philox import Draw

Start = tuple[Tensor, float]


class Family(nn.Module):
    """A network and what training it takes. Calling it gives the loss of a phase.

    `net` is what sampling uses: it is averaged, and a weights file holds it. `helper` is a network that only training needs,
    or None. `classes` is the number of classes that it is told, 0 for none; `conditions` what it is told in all.
    """

    walks = False  # whether sampling goes step by step, as a solver says
    restores = False  # whether it tells the image from the noise at any level, so that a hold-out loss means something
    net: nn.Module
    helper: nn.Module | None

    def __init__(self, net: nn.Module, recipe: Recipe, helper: nn.Module | None = None) -> None:
        super().__init__()
        self.net, self.recipe, self.helper = net, recipe, helper
        self.classes = self.conditions = int(net.classes)  # type: ignore[arg-type]

    @classmethod
    @abstractmethod
    def fresh(cls, recipe: Recipe, channels: int, size: tuple[int, int], classes: int) -> Self:
        """A family with weights from the global generator, for images of that shape and so many classes. Raises UsageError."""

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

        x: (B, C, H, W) floats in the recipe's pixel range; y: (B,) labels or None; draw: the batch's random numbers.
        """

    @abstractmethod
    def begin(self, draw: Draw, shape: tuple[int, int, int], start: Start | None = None) -> tuple[Tensor, float]:
        """What sampling starts from: (x: (B, C, H, W), its noise level)."""

    @abstractmethod
    def sample(
        self, draw: Draw, shape: tuple[int, int, int], y: Tensor | None = None, **walk: Any
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields (x, x0), each (B, C, H, W), on the way to the pictures; the last x are the pictures.

        y: (B,) labels or None; walk: how to walk there, nothing where the family does not.
        """

    def told(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """What training tells of its images, uint8 (N, C, H, W) on the CPU with labels (N,) or None: (N,) int64 or None."""
        return labels

    def place(self, device: torch.device) -> Self:
        """The family itself, moved in place to the device, each network in the memory layout that it is fast in."""
        for net in (self.net, self.helper):
            if net is not None:
                placed(net, device)
        return self
