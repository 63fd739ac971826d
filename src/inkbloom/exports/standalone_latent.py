"""A VAE's decoder or a GAN's generator that draws without inkbloom: for the `model.py` of an export, as `standalone`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from ..nets.encoder_decoder import Decoder
from ..philox import Draw

SETTINGS: dict[str, Any] = {"channels": 1, "size": (28, 28), "latent": 16}
LATENT = 16
CLASSES: tuple[str, ...] = ()
TRAINED: tuple[int, ...] = ()  # the classes that had training images
BATCH = 64


def load(file: str | FilePath | None = None) -> nn.Module:
    """The trained network, on the CPU; `file`: its weights, default: model.safetensors beside this file."""
    net = Decoder(**SETTINGS)
    net.load_state_dict(load_file(file or FilePath(__file__).with_name("model.safetensors")))
    return net.eval()


def draw_from(net: nn.Module, z: Tensor, y: Tensor | None = None) -> Tensor:
    """Pictures (B, C, H, W) in [0, 1] of latents z: (B, LATENT), standard Gaussians, and classes y: (B,) or None."""
    return torch.sigmoid(net(z, y).float())


@torch.no_grad()
def sample(net: nn.Module, count: int = 16, seed: int = 0, labels: Sequence[int] = ()) -> NDArray[np.uint8]:
    """`count` pictures, uint8 (count, H, W, C); picture k comes from (seed, k) alone.

    labels: the classes to draw, by number, in turn; none named: all that were trained, in turn.
    """
    device = next(net.parameters()).device
    turns = labels or TRAINED
    done = []
    for first in range(0, count, BATCH):
        index = np.arange(first, min(count, first + BATCH))
        y = torch.tensor([turns[k % len(turns)] for k in index.tolist()], device=device) if CLASSES else None
        x = draw_from(net, Draw(seed, index, device).normal("sample", LATENT), y)
        done.append((x * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(done)
