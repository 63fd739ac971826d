"""A drop of ink in water: a small kernel over and over, which is one wide Gaussian."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from ..convolution import KERNELS, gaussian, powers, variances
from .canvas import KERNEL, RESULT
from .matrices import INKY

KERNEL_OF_INK = torch.tensor(KERNELS["gaussian"], dtype=torch.float64)
SIDE = 33  # pixels of the water that are shown


def drops(most: int) -> list[Tensor]:
    """The drop after 0, 1, ..., `most` convolutions, each (SIDE, SIDE) around the place where one pixel held all the ink."""
    return [_centred(power) for power in islice(powers(KERNEL_OF_INK), most + 1)]


def _centred(power: Tensor) -> Tensor:
    """The middle SIDE x SIDE pixels of a square kernel of odd size, with zeros around a smaller one."""
    room = (SIDE - len(power)) // 2
    if room < 0:
        return power[-room:room, -room:room]
    return torch.nn.functional.pad(power, (room,) * 4)


def draw_drop(axis: Axes, drop: Tensor) -> Artist:
    """The drop from above, its darkest pixel as dark as ink, whatever little is there."""
    return axis.imshow(
        (drop / drop.max()).numpy(), cmap=INKY, vmin=0, vmax=1, interpolation="nearest", extent=(0, SIDE, SIDE, 0)
    )


def draw_profile(axis: Axes, drop: Tensor, count: int) -> list[Artist]:
    """How much ink lies in each column of pixels, and the Gaussian of `count` times the kernel's variance over it."""
    place = np.arange(SIDE) - SIDE // 2
    bars = axis.bar(place, drop.sum(0).numpy(), width=1.0, color=RESULT, alpha=0.35, linewidth=0)
    x = torch.linspace(-SIDE / 2, SIDE / 2, 401, dtype=torch.float64)
    variance = count * float(variances(KERNEL_OF_INK)[1])
    curve = axis.plot(x, gaussian(x, variance), color=KERNEL, linewidth=1.5) if count else []
    axis.set(xlim=(-SIDE / 2, SIDE / 2), ylim=(0, 1.15 * float(drop.sum(0).max())), yticks=[])
    return [*bars, *curve]
