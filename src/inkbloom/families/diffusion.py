"""The family `diffusion`: a network learns to tell image from noise at every noise level, and a solver uses it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..data import augment
from ..data.pixels import RANGES
from ..diffusion import LOSSES, NOISES, Coef, Denoise, Path, clipped, guided, loss_weight, split
from ..errors import UsageError, entry, own_name
from ..nets import ClusterConditioned, untold
from ..philox import Draw
from ..repaint import repaint
from ..solvers import SOLVERS, Solver, Spacing, StepNoise, Steps, step_times
from .conditioning import Clusters, Labels
from .family import Family, Start
from .noises import arc, exchanged, turned
from .own_net import own_net
from .spec import Spec


class Diffusion(Family):
    """A network with the path, target and noise that it was trained for. Calling it gives the training loss."""

    iterative = denoises = True
    usual_loss = "squared"

    def __init__(self, net: nn.Module, spec: Spec) -> None:
        super().__init__(net, spec)
        clusters = isinstance(net, ClusterConditioned)
        self.conditioning = Clusters(net, spec.recipe.seed) if clusters else Labels(self.num_classes)  # type: ignore[arg-type]
        self.num_conditions = self.conditioning.num_conditions
        self.path, self.target, self.noise = (spec.part(name) for name in ("path", "target", "noise"))

    @classmethod
    def create(cls, spec: Spec) -> Self:
        """See Family."""
        return cls(network(spec), spec)

    @property
    def phases(self) -> dict[str, dict[str, nn.Parameter]]:
        """One, of all parameters."""
        return {"denoise": dict(self.net.named_parameters())}

    @property
    def title(self) -> str:
        """The network's name."""
        return self.recipe.net

    @property
    def summary(self) -> str:
        """Its settings in a few words."""
        r = self.recipe
        clusters = f", {r.clusters} clusters{' a class' * bool(self.num_classes)}" if r.clusters else ""
        return f"{r.path} path, {r.noise} noise, predicts {r.target}{clusters}"

    def without_training_nets(self) -> Self:
        """See Family; what tells the network of augmentation goes, too."""
        if "net" not in self.spec.own:
            untold(self.net)
        return super().without_training_nets()

    def conditions_of(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        """See Family; clusters are found here, and the network keeps their shares."""
        return self.conditioning.of_images(images, labels)

    def forward(self, phase: str, x: Tensor, y: Tensor | None, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, the mean over all pixels, and no further values.

        x: (B, C, H, W) floats in the recipe's pixel range; y: (B,) as `conditions_of` gives them; draw: the batch's random
        numbers. By default it is the squared error on `loss_on`. Where the recipe augments, it is done here, and the network
        is told.
        """
        r, a = self.recipe, None
        if r.augment:
            a = augment.drawn(draw, r.augment, r.augment_with)
            x = augment.done(x, a, r.pixels)
        t = self.spec.part("times")(draw.uniform("time", 1)[:, 0], r.t_mean, r.t_std).to(x)
        eps = self.noise(draw, "noise", *x.shape[1:]).to(x)
        if self.num_conditions and y is not None:
            y = torch.where(draw.uniform("label", 1)[:, 0] < r.label_drop, self.num_conditions, y)
        c = self._coef(t)
        p, q = self.target(c)
        noisy = c.a * x + c.s * eps
        out = self._predict(self.net, noisy, t, y, a)
        error = out - (p * x + q * eps)
        if self.num_conditions and y is not None and r.train_guidance > 1:
            error = error - self._guidance_correction(out.detach(), noisy, t, a)
        return self._loss(error, loss_weight(c, self.target, self.spec.part("loss_on"), r.loss_cap)), {}

    def _loss(self, error: Tensor, weight: Tensor | float) -> Tensor:
        """The mean loss of errors (B, C, H, W), as the recipe counts them."""
        loss = LOSSES[self.usual_loss] if self.recipe.loss == "auto" else self.spec.part("loss")
        mean: Tensor = loss(error, weight)
        return mean

    @torch.no_grad()
    def _guidance_correction(self, conditional: Tensor, noisy: Tensor, t: Tensor, a: Tensor | None) -> Tensor:
        """How far the target moves so that the network learns its own guided answer (Tang et al. 2025, arXiv 2502.12154).

        Guidance w answers  D + w (C - D)  from C, conditional, and D, unconditional. A network that gives this as N where it
        has a condition satisfies  N = C + (1 - 1/w) (N - D), and E[x0] = C; where the label is dropped, N = D and nothing
        moves.
        """
        return (1 - 1 / self.recipe.train_guidance) * (conditional - self._predict(self.net, noisy, t, None, a))

    def denoiser(self, labels: Tensor | None = None, guidance: float = 1.0) -> Denoise:
        """x0 from (x, t) for pictures of the classes labels: (B,), or of no class in particular, as for one never trained."""
        y = self.conditioning.of_labels(labels)
        if y is not None and self.spec.untrained:
            y = torch.where(torch.isin(y, y.new_tensor(self.spec.untrained)), self.num_conditions, y)
        return self.conditioned(y, guidance)

    def conditioned(self, y: Tensor | None, guidance: float = 1.0) -> Denoise:
        """x0 from (x, t) for the conditions y: (B,), as the network takes them, or None."""
        return self._denoiser(self.net, y, guidance)

    def _denoiser(self, net: nn.Module, y: Tensor | None, guidance: float) -> Denoise:
        """The same by any network of this kind, for conditions y: (B,) or None. Here guidance and clipping are applied."""

        def conditioned(y: Tensor | None) -> Denoise:
            def denoise(x: Tensor, t: Tensor) -> Tensor:
                times = t.to(x).expand(len(x))
                return split(self._predict(net, x, times, y), x, self._coef(times), self.target)[0]

            return denoise

        unconditional = conditioned(None)
        denoise = guided(unconditional, conditioned(y), guidance) if self.num_conditions and y is not None else unconditional
        return clipped(denoise, *RANGES[self.recipe.pixels]) if self.recipe.clip_x0 else denoise

    def begin(self, draw: Draw, start: Start | None = None) -> tuple[Tensor, float]:
        """What sampling starts from: (x: (B, C, H, W), its noise level). Noise alone, or the picture of `start` noised."""
        level = min(self.last_time, start[1] if start else 1.0)
        c = self.path(torch.tensor(level, dtype=torch.float64))
        noise = c.s * self.noise(draw, "sample", *self.spec.shape)
        return (noise if start is None else c.a * start[0] + noise), level

    def sample(  # type: ignore[override]  # what `steps` of Family holds
        self,
        draw: Draw,
        labels: Tensor | None = None,
        *,
        solver: str | Solver,
        guidance: float = 1.0,
        start: Start | None = None,
        mask: Tensor | None = None,
        redraws: int = 1,
        **times: Any,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields (x, x0), each (B, C, H, W), after every step; the last x is the sample.

        labels: (B,) or None; times: as `_times` takes them; `start` begins from a picture. Where a mask (H, W) of booleans is
        False, that picture is kept; `redraws` says how often each step is taken then, see `repaint`. Raises UsageError for a
        solver of one's own that yields nothing, or other than pictures.
        """
        x, level = self.begin(draw, start)
        walk = checked(entry("solver", solver, SOLVERS))
        if mask is not None and start is not None:
            walk = repaint(walk, start[0], mask, redraws, partial(self._renewed, draw))

        def noise(step: int) -> Tensor:
            return NOISES["gaussian"](draw, "sample", *self.spec.shape, step=step)

        denoise = self._denoiser(self.net, self.conditioning.drawn(draw, labels), guidance)
        return walk(denoise, x, self._times(level, **times), self.path, noise)

    @torch.no_grad()
    def between(
        self,
        draw: Draw,
        labels: Tensor | None,
        shares: Tensor,
        *,
        solver: str | Solver,
        guidance: float = 1.0,
        **times: Any,
    ) -> Tensor:
        """Pictures between the two that `draw` and labels (2,) give: (B, C, H, W), `shares` (B,) of the way to the second.

        Their noise lies between the two noises and is noise of the same kind. Between two conditions x0 is mixed from the x0
        predicted for each. A solver that draws new noise draws the same for all. times: as in `sample`.
        """
        ends, level = self.begin(draw)
        one, share = replace(draw, index=draw.index[:1]), shares.reshape(-1, 1, 1, 1)
        order = one.uniform("renewal", *self.spec.shape)
        x = arc(ends[0], ends[1], shares) if self.recipe.noise == "gaussian" else exchanged(ends[0], ends[1], share, order)
        y = self.conditioning.drawn(draw, labels)
        if y is None or y[0] == y[1]:
            denoise = self._denoiser(self.net, y if y is None else y[:1].expand(len(x)), guidance)
        else:
            first, last = (self._denoiser(self.net, end.expand(len(x)), guidance) for end in y)
            denoise = lambda x, t: torch.lerp(first(x, t), last(x, t), share)  # noqa: E731

        def noise(step: int) -> Tensor:
            return NOISES["gaussian"](one, "sample", *self.spec.shape, step=step)

        *_, (x, _) = checked(entry("solver", solver, SOLVERS))(denoise, x, self._times(level, **times), self.path, noise)
        return x

    def _times(self, level: float, steps: int, spacing: str | Spacing, levels: tuple[float, ...] = ()) -> Tensor:
        """The times of `steps` steps from a noise level to 0, (steps + 1,).

        `levels`, where given, are the noise levels to step from, falling from 1, one for each step, instead of what `spacing`
        says.
        """
        if levels:
            return level * torch.tensor([*levels, 0], dtype=torch.float64)
        return step_times(steps, spacing, self.path, level)

    def _renewed(self, draw: Draw, eps: Tensor, share: Tensor, k: int) -> Tensor:
        """Noise that has `share` in common with eps: (B, C, H, W), and is new otherwise; the k-th such of a batch."""
        new = self.noise(draw, "renewal", *self.spec.shape, step=2 * k)
        if self.recipe.noise == "gaussian":
            return turned(eps, new, share)
        return exchanged(eps, new, 1 - share, draw.uniform("renewal", *self.spec.shape, draw=2 * k + 1))

    @property
    def last_time(self) -> float:
        """The noisiest level that a solver can start from: eps says nothing about x0 where the path holds no image at all."""
        return 0.999 if self.recipe.target == "eps" and self.path(torch.tensor(1.0)).a < 1e-6 else 1.0

    def _predict(self, net: nn.Module, x: Tensor, t: Tensor, y: Tensor | None, a: Tensor | None = None) -> Tensor:
        """The network's output. A network with conditions always gets one: `num_conditions` itself means none in particular.

        a: (B, augment.NUMBERS), what was done to the images; None, as in sampling: nothing.
        """
        if y is None and self.num_conditions:
            y = torch.full((len(x),), self.num_conditions, device=x.device)
        told = () if a is None else (a,)
        out: Tensor = net(x, t if self.recipe.timed else torch.zeros_like(t), y, *told)
        return out.to(x.dtype)

    def _coef(self, t: Tensor) -> Coef:
        coef: Coef = self.path(t.reshape(-1, 1, 1, 1))
        return coef


def network(spec: Spec) -> nn.Module:
    """The network of a recipe with first weights from torch's global generator. Raises UsageError."""
    recipe = spec.recipe
    num_conditions = conditions_of(spec)
    if recipe.augment and spec.channels == 1 and set(recipe.augment_with) == {"colour"}:
        raise UsageError("augment_with colour alone, for grey images: name what to do with these, as in --augment-with mirror")
    if "net" in spec.own:
        net = own_net(spec, num_conditions)
    else:
        told = {"augment": augment.NUMBERS} if recipe.augment else {}
        net = spec.part("net")(**settings_of(spec), **told)
        if recipe.clusters and not net.num_classes:
            raise UsageError(f"clusters = {recipe.clusters} with net {recipe.net}: it has no conditions; set --clusters 0")
    return ClusterConditioned(net, spec.num_classes, recipe.clusters) if recipe.clusters else net


def conditions_of(spec: Spec) -> int:
    """How many conditions the network of a recipe has: clusters in all classes, or classes; 0 for none."""
    return max(spec.num_classes, 1) * spec.recipe.clusters or spec.num_classes


def settings_of(spec: Spec) -> dict[str, Any]:
    """What one of inkbloom's networks is made with: the arguments of its class that the recipe decides."""
    recipe = spec.recipe
    given: dict[str, Any] = {"channels": spec.channels, "size": spec.size, "num_classes": conditions_of(spec)}
    given |= {name: getattr(recipe, name) for name in ("widths", "layers") if getattr(recipe, name)}
    if recipe.net == "ink":
        given |= {"kernel": recipe.kernel, "transposed": recipe.upsampler == "transposed"}
    return given


def checked(solver: Solver) -> Solver:
    """The solver, watched: raises UsageError where it yields other than a pair of pictures after each step."""

    def walk(denoise: Denoise, x: Tensor, times: Tensor, path: Path, noise: StepNoise | None = None) -> Steps:
        count, due = 0, len(times) - 1
        for step in solver(denoise, x, times, path, noise):
            pair = isinstance(step, tuple) and len(step) == 2 and all(isinstance(part, Tensor) for part in step)
            if not pair or any(part.shape != x.shape for part in step):
                raise UsageError(
                    f"the solver {own_name(solver)} yields no (x, x0) of {tuple(x.shape)}: yield both after every step"
                )
            yield step
            count += 1
        if count != due:
            told = f"{count} time{'s' * (count > 1)} for {due} steps" if count else "nothing"
            raise UsageError(f"the solver {own_name(solver)} yields {told}: yield (x, x0) after every step")

    return walk
