"""A diffusion model that draws without inkbloom: the source of the functions here goes into the `model.py` of an export.

The names in capitals stand for what differs from model to model: an export has its own model's values in their place. Here
they are those of a small untrained `ink`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from ..diffusion import NOISES, TARGETS, Coef, Denoise, clipped, guided, lerp
from ..nets.clustered import ClusterConditioned
from ..nets.ink import Ink
from ..philox import Draw
from ..solvers import SPACINGS, euler

NET: Any = Ink
SETTINGS: dict[str, Any] = {"channels": 1, "size": (28, 28), "num_classes": 0}
SHAPE: tuple[int, ...] = (1, 28, 28)
CLASSES: tuple[str, ...] = ()
TRAINED: tuple[int, ...] = ()  # the classes that had training images
CONDITIONS = 0
CLUSTERS = 0
PATH: Any = lerp
TARGET: str = "x0"
NOISE: Any = NOISES["gaussian"]
TIMED = True
RANGE = (-1.0, 1.0)
CLIP = False
STEPS = 40
SOLVER: Any = euler
SPACING: Any = SPACINGS["uniform"]
LEVELS: tuple[float, ...] = ()
GUIDANCE = 1.0
START = 1.0
BATCH = 64


def network() -> nn.Module:
    """The network, with first weights."""
    return NET(**SETTINGS)


def clustered_network() -> nn.Module:
    """The network, with first weights, conditioned on clusters of like images within the classes."""
    return ClusterConditioned(NET(**SETTINGS), len(CLASSES), CLUSTERS)


MAKE: Any = network


def load(file: str | FilePath | None = None) -> nn.Module:
    """The trained network, on the CPU; `file`: its weights, default: model.safetensors beside this file."""
    net: nn.Module = MAKE()
    net.load_state_dict(load_file(file or FilePath(__file__).with_name("model.safetensors")))
    return net.eval()


def denoiser(net: nn.Module, y: Tensor | None = None, guidance: float = GUIDANCE) -> Denoise:
    """denoise(x: (B, C, H, W), t) -> x0: the clean picture that the network sees in a noisy one.

    y: (B,) conditions, None for none in particular. guidance: 0 ignores the condition, 1 is plain, above 1 is guided.
    """

    def conditioned(y: Tensor | None) -> Denoise:
        def denoise(x: Tensor, t: Tensor) -> Tensor:
            times = t.to(x).expand(len(x))
            known = torch.full((len(x),), CONDITIONS, device=x.device) if y is None and CONDITIONS else y
            out = net(x, times if TIMED else torch.zeros_like(times), known)
            c: Coef = PATH(times.reshape(-1, 1, 1, 1))
            p, q = TARGETS[TARGET](c)  # the network predicts p x0 + q eps, and x = a x0 + s eps
            return (q * x - c.s * out) / (q * c.a - p * c.s)

        return denoise

    denoise = guided(conditioned(None), conditioned(y), guidance) if y is not None else conditioned(None)
    return clipped(denoise, *RANGE) if CLIP else denoise


@torch.no_grad()
def sample(
    net: nn.Module,
    count: int = 16,
    seed: int = 0,
    labels: Sequence[int] = (),
    guidance: float = GUIDANCE,
    steps: int | None = None,
) -> NDArray[np.uint8]:
    """`count` pictures, uint8 (count, H, W, C); picture k comes from (seed, k) alone.

    labels: the classes to draw, by number, in turn; none named: all that were trained. steps: of the solver, default STEPS.
    """
    device = next(net.parameters()).device
    times = SPACING(torch.linspace(0, 1, (steps or STEPS) + 1, dtype=torch.float64), PATH, START)
    times[0], times[-1] = START, 0
    if LEVELS and not steps:
        times = START * torch.tensor([*LEVELS, 0], dtype=torch.float64)
    turns = labels or TRAINED
    done = []
    for first in range(0, count, BATCH):
        index = np.arange(first, min(count, first + BATCH))
        draw = Draw(seed, index, device)
        y = torch.tensor([turns[k % len(turns)] for k in index.tolist()], device=device) if CLASSES else None
        if CLUSTERS:
            y = net.condition(draw.uniform("cluster", 1)[:, 0], y)  # type: ignore[operator]
        start = PATH(times[0])
        x = start.s * NOISE(draw, "sample", *SHAPE)

        def new_noise(step: int, draw: Draw = draw) -> Tensor:
            return draw.normal("sample", *SHAPE, draw=step)

        *_, (x, _) = SOLVER(denoiser(net, y, guidance), x, times, PATH, new_noise)
        done.append(as_bytes(x))
    return np.concatenate(done)


def as_bytes(x: Tensor) -> NDArray[np.uint8]:
    """(B, C, H, W) floats in RANGE -> bytes (B, H, W, C)."""
    low, high = RANGE
    x = ((x.float() - low) * (255 / (high - low))).round().clamp(0, 255)
    return x.byte().permute(0, 2, 3, 1).cpu().numpy()
