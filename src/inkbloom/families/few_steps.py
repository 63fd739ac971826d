"""Few steps: a network learns to go in one step where its teacher's solver goes in several.

The loss asks the same of every long step: start on the teacher's walk, land on it (Salimans and Ho 2022, section 3, for two
steps joined into one; Zhou et al. 2024, arXiv 2409.19681, for all of a few-step sampler at once). What is to be learned is
then a function of the picture, without the chance that makes a denoiser blur, and guidance is in it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..diffusion import Denoise, Path
from ..solvers import SOLVERS


@torch.no_grad()
def lesson(teacher: Denoise, x: Tensor, times: Tensor, path: Path, stride: int) -> tuple[Tensor, Tensor]:
    """(where the long steps start, where they should end) of the teacher's walk from the noise x: (B, C, H, W) along `times`.

    A long step joins `stride` of its steps; both results are (long steps * B, C, H, W), the first long step first.
    """
    walk = [x, *(after for after, _ in SOLVERS["dpmpp_2m"](teacher, x, times, path, None))]
    marks = walk[::stride]
    return torch.cat(marks[:-1]), torch.cat(marks[1:])
