"""The tutorial's names, as thin doors to the parts of inkbloom that do the same: docs/tutorial-names.md has the whole table.

    from inkbloom.tutorial import MNIST, BasicUNet, corrupt, sample

They serve those who read or run the tutorial's code. To train in earnest take the recipes `tutorial` and `tutorial-basic`: the
same system, resumable and measured.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch import Tensor
from torch.utils.data import TensorDataset

from .data import load_data
from .data.pixels import to_floats
from .diffusion import lerp
from .errors import DataError, UsageError, shown
from .nets.basic import Basic
from .solvers import euler, step_times

__all__ = ["MNIST", "BasicUNet", "DDPMScheduler", "UNet2DModel", "corrupt", "sample"]


class MNIST(TensorDataset):
    """Section 3.2: pairs (x: (1, 28, 28) floats in [0, 1], y: its digit) to go through a DataLoader.

    Without `source` the 8,000 training digits that come with inkbloom; 'idx:FOLDER' reads the tutorial's 60,000 where you have
    their files. Raises DataError for a source without labels.
    """

    def __init__(self, source: str = "digits") -> None:
        data = load_data(source).take("train")
        if data.labels is None:
            raise DataError(f"no labels ({shown(source)}): give a source whose images have classes")
        super().__init__(to_floats(data.images, "0..1"), data.labels)


def corrupt(x: Tensor, amount: Tensor) -> Tensor:
    """Section 3.3: each image of x (B, C, H, W) gives up the share `amount` (B,), in [0, 1], of itself to uniform noise.

    It is the path `lerp` with the noise `uniform`. The noise comes from torch's global generator, as the tutorial's does.
    """
    c = lerp(amount.view(-1, 1, 1, 1))
    return c.a * x + c.s * torch.rand_like(x)


class BasicUNet(Basic):
    """Section 3.4: the mini UNet, `net(x: (B, C, H, W)) -> (B, C, H, W)`. It is the network `basic`.

    Raises UsageError where it should give other channels than it gets: its prediction is an image.
    """

    def __init__(self, in_channels: int = 1, out_channels: int = 1) -> None:
        if in_channels != out_channels:
            raise UsageError(f"out_channels = {out_channels}: must be in_channels, here {in_channels}")
        super().__init__(in_channels)


@torch.no_grad()
def sample(predict: Callable[[Tensor], Tensor], x: Tensor, n_steps: int = 40) -> tuple[list[Tensor], list[Tensor]]:
    """Section 3.6: (step_history, pred_output_history) on the way from noise x (B, C, H, W) to pictures, the last of the first.

    `predict(x)` gives the clean images: `net` itself for BasicUNet, `lambda x: net(x, 0).sample` for UNet2DModel. It is the
    solver `euler` on `lerp`; step i of n mixes 1 / (n - i) of the prediction in. Raises UsageError for no steps.
    """
    if n_steps < 1:
        raise UsageError(f"n_steps = {n_steps}: must be at least 1")
    steps = list(euler(lambda x, t: predict(x), x, step_times(n_steps, "uniform", lerp), lerp))
    return [x, *(after for after, _ in steps)], [x0 for _, x0 in steps]
