"""The family `diffusion`: a network learns to tell image from noise at every noise level, and a solver uses it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..config import Recipe
from ..data.groups import grouped
from ..data.pixels import RANGES
from ..diffusion import NOISES, PATHS, TARGETS, TIMES, Coef, Denoise, clipped, guided, loss_weight, split
from ..errors import UsageError
from ..nets import NETS, Grouped
from ..philox import Draw
from ..solvers import SOLVERS, step_times
from .family import Family, Start
from .few_steps import lesson

SOFT = 0.01  # pixel values, which are 1 or 2 apart: below this a distance counts by its square


class Diffusion(Family):
    """A network with the path, target and noise that it was trained for. Calling it gives the training loss.

    `helper` is the teacher of a network that learns to take few steps.
    """

    walks = True

    def __init__(self, net: nn.Module, recipe: Recipe, helper: nn.Module | None = None) -> None:
        super().__init__(net, recipe, helper)
        self.restores = not recipe.teacher
        if isinstance(net, Grouped):
            self.conditions = net.shares.numel()
        self.path = PATHS[recipe.path]

    @classmethod
    def fresh(cls, recipe: Recipe, channels: int, size: tuple[int, int], classes: int) -> Self:
        """See Family."""
        own: dict[str, Any] = {name: getattr(recipe, name) for name in ("widths", "layers") if getattr(recipe, name)}
        if recipe.net == "ink":
            own |= {"kernel": recipe.kernel, "transposed": recipe.transposed}
        told = max(classes, 1) * recipe.groups or classes
        net = NETS[recipe.net](channels=channels, size=size, classes=told, **own)
        if recipe.groups and not net.classes:
            raise UsageError(f"groups = {recipe.groups} with net {recipe.net}: it can be told nothing; set --groups 0")
        net = Grouped(net, classes, recipe.groups) if recipe.groups else net
        return cls(net, recipe, copy.deepcopy(net).requires_grad_(False) if recipe.teacher else None)

    @property
    def phases(self) -> dict[str, dict[str, nn.Parameter]]:
        """The parameters that each optimizer owns, by name."""
        return {"denoise": dict(self.net.named_parameters())}

    @property
    def title(self) -> str:
        """The network's name."""
        return self.recipe.net

    @property
    def summary(self) -> str:
        """Its settings in a few words."""
        groups = f", {self.recipe.groups} groups{' a class' * bool(self.classes)}" if self.recipe.groups else ""
        taught = f", {self.recipe.sample_steps} steps learned from {self.recipe.teacher}" if self.recipe.teacher else ""
        return f"{self.recipe.path} path, {self.recipe.noise} noise, predicts {self.recipe.target}{groups}{taught}"

    def told(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """See Family: the labels, or the groups that are found in the images, whose shares the network keeps."""
        if not isinstance(self.net, Grouped):
            return labels
        if self.recipe.teacher:  # groups come from the teacher's shares, not from images
            return labels if self.classes else None
        found, shares = grouped(images, labels, self.classes, self.recipe.groups, self.recipe.seed)
        self.net.shares.copy_(shares)
        return found

    def forward(self, phase: str, x: Tensor, y: Tensor | None, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch.

        x: (B, C, H, W) floats in the recipe's pixel range; y: (B,) of what `told` gives; draw: the batch's random numbers.
        Returns the mean squared error on `loss_on` (a scalar) and no further values.
        """
        r = self.recipe
        if self.helper is not None:
            return self._few_steps_loss(x, y, draw), {}
        t = TIMES[r.times](draw.uniform("time", 1)[:, 0], r.t_mean, r.t_std).to(x)
        eps = NOISES[r.noise](draw, "noise", *x.shape[1:]).to(x)
        if self.conditions and y is not None:
            y = torch.where(draw.uniform("label", 1)[:, 0] < r.label_drop, self.conditions, y)
        c = self._coef(t)
        p, q = TARGETS[r.target](c)
        noisy = c.a * x + c.s * eps
        out = self._predict(noisy, t, y)
        error = out - (p * x + q * eps)
        if self.conditions and y is not None and r.train_guidance > 1:
            error = error - self._pull(out.detach(), noisy, t)
        return (loss_weight(c, r.target, r.loss_on, r.loss_cap) * error**2).mean(), {}

    def _few_steps_loss(self, like: Tensor, y: Tensor | None, draw: Draw) -> Tensor:
        """How far from the teacher's walk each of the `sample_steps` lands that starts on it; `like` gives the shape alone.

        The distance is the absolute one, rounded off at SOFT. Where the network cannot tell if a pixel is ink or paper,
        a squared error asks for their mean, a grey; this one for their median, the likelier of the two, and strokes stay sharp.
        """
        r, batch = self.recipe, len(like)
        if isinstance(self.net, Grouped):
            y = self.net.condition(draw.uniform("group", 1)[:, 0], y)
        times = step_times(r.sample_steps * r.teacher_steps, r.spacing, self.path, self.last_time)
        noise = self.path(times[0]).s * NOISES[r.noise](draw, "noise", *like.shape[1:]).to(like)
        starts, ends = lesson(self._denoiser(y, r.train_guidance, self.helper), noise, times, self.path, r.teacher_steps)
        levels = times[:: r.teacher_steps].to(like).repeat_interleave(batch)
        t, s = levels[:-batch], levels[batch:]
        out = self._predict(starts, t, None if y is None else y.repeat(r.sample_steps))
        x0, eps = split(out, starts, self._coef(t), r.target)
        d = self._coef(s)
        missed = d.a * x0 + d.s * eps - ends
        return (missed.square() + SOFT**2).sqrt().mean() - SOFT

    @torch.no_grad()
    def _pull(self, told: Tensor, noisy: Tensor, t: Tensor) -> Tensor:
        """How far the target moves so that the network learns its own guided answer (Tang et al. 2025, arXiv 2502.12154).

        Guidance w answers  D + w (C - D)  from C, told the class, and D, not told. A network that gives this as N when told
        satisfies  N = C + (1 - 1/w) (N - D), and E[x0] = C; where the label is hidden, N = D and nothing moves.
        """
        return (1 - 1 / self.recipe.train_guidance) * (told - self._predict(noisy, t, None))

    def denoiser(self, y: Tensor | None = None, guidance: float = 1.0) -> Denoise:
        """x0 from (x, t) for pictures of the classes y: (B,), or of no class in particular.

        A network that is told groups answers without: a class alone is none of them.
        """
        return self._denoiser(None if isinstance(self.net, Grouped) else y, guidance)

    def _denoiser(self, y: Tensor | None, guidance: float, net: nn.Module | None = None) -> Denoise:
        """The same for conditions y, as training tells them, by another network where one is given."""

        def told(label: Tensor | None) -> Denoise:
            def denoise(x: Tensor, t: Tensor) -> Tensor:
                times = t.to(x).expand(len(x))
                return split(self._predict(x, times, label, net), x, self._coef(times), self.recipe.target)[0]

            return denoise

        denoise = guided(told(None), told(y), guidance) if self.conditions and y is not None else told(None)
        return clipped(denoise, *RANGES[self.recipe.pixels]) if self.recipe.clip_x0 else denoise

    def begin(self, draw: Draw, shape: tuple[int, int, int], start: Start | None = None) -> tuple[Tensor, float]:
        """What sampling starts from: (x: (B, C, H, W), its noise level). Noise alone, or the picture of `start` noised."""
        level = min(self.last_time, start[1] if start else 1.0)
        c = self.path(torch.tensor(level, dtype=torch.float64))
        noise = c.s * NOISES[self.recipe.noise](draw, "sample", *shape)
        return (noise if start is None else c.a * start[0] + noise), level

    def sample(  # type: ignore[override]  # what `walk` holds
        self,
        draw: Draw,
        shape: tuple[int, int, int],
        y: Tensor | None = None,
        *,
        steps: int,
        solver: str,
        spacing: str,
        guidance: float = 1.0,
        levels: tuple[float, ...] = (),
        start: Start | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields (x, x0), each (B, C, H, W), after every step; the last x is the sample.

        y: (B,) labels or None; `levels`, where given, are the noise levels to step from, falling from 1, one for each of the
        `steps`, instead of what `spacing` says; `start` = (x0: (1 or B, C, H, W), t) begins from a picture noised to t.
        """
        x, level = self.begin(draw, shape, start)
        times = step_times(steps, spacing, self.path, level)
        if levels:
            times = level * torch.tensor([*levels, 0], dtype=torch.float64)

        if isinstance(self.net, Grouped):
            y = self.net.condition(draw.uniform("group", 1)[:, 0], y)

        def fresh(step: int) -> Tensor:
            return NOISES["gaussian"](draw, "sample", *shape, step=step)

        return SOLVERS[solver](self._denoiser(y, guidance), x, times, self.path, fresh)

    @property
    def last_time(self) -> float:
        """The noisiest level that a solver can start from: eps says nothing about x0 where the path holds no image at all."""
        return 0.999 if self.recipe.target == "eps" and self.path(torch.tensor(1.0)).a < 1e-6 else 1.0

    def _predict(self, x: Tensor, t: Tensor, y: Tensor | None, net: nn.Module | None = None) -> Tensor:
        out: Tensor = (net or self.net)(x, t if self.recipe.timed else torch.zeros_like(t), y)
        return out.to(x.dtype)

    def _coef(self, t: Tensor) -> Coef:
        return self.path(t.reshape(-1, 1, 1, 1))
