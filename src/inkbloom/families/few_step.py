"""Few steps: a student learns to go in one step where its teacher's solver goes in several (distillation).

The loss asks the same of every long step: start on the teacher's trajectory, end on it (Salimans and Ho 2022, section 3, for
two steps joined into one; Zhou et al. 2024, arXiv 2409.19681, for all of a few-step sampler at once). What is to be learned is
then a function of the picture, without the chance that makes a denoiser blur, and guidance is in it.
"""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn

from ..diffusion import Denoise, Path, split
from ..philox import Draw
from ..solvers import SOLVERS, step_times
from .diffusion import Diffusion, network
from .spec import Spec


class FewStep(Diffusion):
    """A student network and, in training, its teacher: a network of the same shape whose solver steps it learns to join."""

    denoises = False
    usual_loss = "pseudo_huber"
    teacher: nn.Module | None

    def __init__(self, net: nn.Module, spec: Spec, teacher: nn.Module | None = None) -> None:
        super().__init__(net, spec)
        self.teacher, self.fixed_steps = teacher, spec.recipe.sample_steps

    @classmethod
    def create(cls, spec: Spec) -> Self:
        """See Family; the teacher is a copy of the student until it is given its weights."""
        net = network(spec)
        return cls(net, spec, copy.deepcopy(net).requires_grad_(False))

    @property
    def training_nets(self) -> dict[str, nn.Module]:
        """The teacher."""
        return {} if self.teacher is None else {"teacher": self.teacher}

    @property
    def summary(self) -> str:
        """Its settings in a few words."""
        return f"{super().summary}, {self.recipe.sample_steps} steps learned from {self.recipe.teacher}"

    def conditions_of(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """The labels: clusters are drawn by the shares that the teacher brought along."""
        return labels if self.num_classes else None

    def forward(self, phase: str, x: Tensor, y: Tensor | None, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """How far from the teacher's trajectory each of the `sample_steps` ends that starts on it; x gives the shape alone.

        The usual loss is pseudo-Huber, about the absolute distance. Where the network cannot tell if a pixel is ink or
        paper, a squared error asks for their mean, a grey; this one for their median, the likelier of the two, and strokes
        stay sharp.
        """
        assert self.teacher is not None, "a student from a single weights file has no teacher"
        r, batch = self.recipe, len(x)
        y = self.conditioning.drawn(draw, y)
        times = step_times(r.sample_steps * r.teacher_steps, r.spacing, self.path, self.last_time)
        noise = self.path(times[0]).s * self.noise(draw, "noise", *x.shape[1:]).to(x)
        teacher = self._denoiser(self.teacher, y, r.train_guidance)
        starts, ends = long_steps(teacher, noise, times, self.path, r.teacher_steps)
        levels = times[:: r.teacher_steps].to(x).repeat_interleave(batch)
        t, s = levels[:-batch], levels[batch:]
        out = self._predict(self.net, starts, t, None if y is None else y.repeat(r.sample_steps))
        x0, eps = split(out, starts, self._coef(t), self.target)
        d = self._coef(s)
        return self._loss(d.a * x0 + d.s * eps - ends, 1.0), {}


@torch.no_grad()
def long_steps(teacher: Denoise, x: Tensor, times: Tensor, path: Path, stride: int) -> tuple[Tensor, Tensor]:
    """(where long steps start, where they should end) on the teacher's trajectory from the noise x: (B, C, H, W) along `times`.

    A long step joins `stride` of its steps; both results are (long steps * B, C, H, W), the first long step first.
    """
    trajectory = [x, *(after for after, _ in SOLVERS["dpmpp_2m"](teacher, x, times, path, None))]
    marks = trajectory[::stride]
    return torch.cat(marks[:-1]), torch.cat(marks[1:])
