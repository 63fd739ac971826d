"""Inpainting: part of a picture is kept to the pixel, the rest is drawn so that it fits (RePaint, Lugmayr et al. 2022).

The network knows nothing of masks. At every noise level it is shown the kept part at that level; where it drew anew what is
kept, the given picture takes the place of its guess. One walk from noise to image leaves seams, for at the noisy levels, where
the large is decided, the new part has seen little of the kept one. So after a step the picture goes back to the level that it
came from, with new noise, and takes the step again: each time both parts agree better.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .diffusion import Denoise, Path, noise_in
from .solvers import Solver, StepNoise, Steps

Renew = Callable[[Tensor, Tensor, int], Tensor]
"""renew(eps: (B, C, H, W), share, k) -> noise of the same kind that has `share` in common with eps, for the k-th time."""


def repaint(solver: Solver, known: Tensor, drawn: Tensor, redraws: int, renew: Renew) -> Solver:
    """The solver, but it keeps the picture `known`: (B or 1, C, H, W) wherever the mask `drawn`: (H, W) is False.

    It takes every step `redraws` times, except the last, which ends at the picture. To go back from the level s of a step's
    end to its start t, noise is added as the path adds it, so x is again as likely as any x at t (RePaint, Algorithm 1; one
    of 20 steps goes about as far as their jumps of 10 in 250). A solver that looks back, such as `dpmpp_2m`, then sees one
    step at a time.
    """

    def walk(denoise: Denoise, x: Tensor, times: Tensor, path: Path, noise: StepNoise | None = None) -> Steps:
        def fitting(x: Tensor, t: Tensor) -> Tensor:
            return torch.where(drawn, denoise(x, t), known)

        taken, renewals, x0 = 0, 0, x
        last = redraws * (len(times) - 2) + 1
        for leg in [times] if redraws == 1 else times.unfold(0, 2, 1):
            for turn in range(redraws if leg[-1] > 0 else 1):
                if turn:
                    renewals += 1
                    c, d = path(leg[0]), path(leg[-1])
                    x = c.a * x0 + c.s * renew(noise_in(x, x0, d), c.a * d.s / (d.a * c.s), renewals)
                for after, x0 in solver(fitting, x, leg, path, noise and _after(noise, taken)):
                    taken += 1
                    yield torch.where(drawn, after, known) if taken == last else after, x0
                x = after

    return walk


def _after(noise: StepNoise, taken: int) -> StepNoise:
    """The noise of steps that are counted on from those taken."""
    return lambda k: noise(taken + k)
