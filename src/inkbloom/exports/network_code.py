"""A network of ours as a model of diffusers. An exported folder has this class with all that it uses in one file."""

from __future__ import annotations

from typing import Any

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from ..nets import Ink

NETWORK = Ink  # in an exported folder, the one that it holds


class InkbloomModel(ModelMixin, ConfigMixin):
    """`model(x: (B, C, H, W), t: (B,) in [0, 1], y: (B,) | None) -> (B, C, H, W)`; `settings`: what its network takes."""

    @register_to_config
    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.network = NETWORK(**settings)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.network(x, t, y)
