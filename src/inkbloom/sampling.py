"""Sampling as a user asks for it: checked, in batches, so that memory stays bounded whatever the number of images.

A `Request` says what is wanted; `request` makes one from the model's recipe and what is asked, and checks it. Then `trajectory`
gives every step, `history` keeps them, `final` gives the pictures alone, and `pictures` all of them in batches.

Image k draws its noise from (seed, k) alone: neither the batch size nor the device nor the other images change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .config import SolverName, SpacingName, check_sampling
from .data import class_numbers
from .data.labels import listed
from .data.pixels import to_bytes, to_floats
from .errors import UsageError, brief, entry, own_name
from .families import Diffusion, Family, Latent
from .families.diffusion import checked
from .families.family import Start
from .families.spec import Shape
from .given import number, whole
from .philox import MAX_SEED, Draw
from .repaint import repaint
from .solvers import SOLVERS, SPACINGS, Solver, Spacing, check_call, evaluations, steps_for

Classes = int | str | Sequence[int | str]  # a class, or several, by number or name
MOST = {"count": 10**7, "steps": 10_000, "nfe": 20_000, "redraws": 100}
STRIPS: dict[str, tuple[Any, ...]] = {
    "solver": tuple(SOLVERS),
    "spacing": tuple(SPACINGS),
    "steps": (2, 5, 10, 20, 50),
    "guidance": (0.0, 1.0, 2.0, 4.0),
    "at": (0.1, 0.3, 0.5, 0.7, 0.9),
    "redraws": (1, 2, 5, 10),
}
"""What may be varied from one noise, and the values where none are given."""
GAUSSIAN = ("ancestral", "logsnr")  # of these what `check_sampling` allows for Gaussian noise only
REDRAWS = 5  # how often a step is taken where part of a picture is kept
FEW_GUIDED = 8  # guided steps; fewer are worse than twice as many plain ones (benchmarks/guidance.py, docs/lab-notes.md)


@dataclass(frozen=True, repr=False)
class Request:
    """What is wanted of a sampling: how many pictures of what, and by which steps. Checked; `request` makes it."""

    count: int
    seed: int
    labels: tuple[int, ...]  # picture k is of class labels[k mod their number]; empty: of all that were trained, in turn
    steps: int = 1
    solver: str | Solver | None = None  # None: the family draws in one pass
    spacing: str | Spacing | None = None
    guidance: float = 1.0
    levels: tuple[float, ...] = ()  # the recipe's own noise levels to step from; empty: as `spacing` says
    start: Start | None = None  # ((1, C, H, W) uint8, t): a picture to start from, and the noise level to bring it to
    spared: float = 1.0  # the recipe's guidance, where a small `nfe` is better spent without it
    mask: Tensor | None = None  # (H, W) booleans: False where the picture to start from is kept
    redraws: int = 1  # how often each step is taken, so that what is drawn fits what is kept

    @property
    def nfe(self) -> int:
        """Network evaluations for one picture."""
        return evaluations(_walk(self.solver, self.redraws), self.steps, self.guidance) if self.solver else 1

    @property
    def solver_name(self) -> str | None:
        """What the solver is called; None where there is none."""
        return self.solver if self.solver is None or isinstance(self.solver, str) else own_name(self.solver)

    @property
    def spacing_name(self) -> str | None:
        """What the spacing is called; None where there is none."""
        return self.spacing if self.spacing is None or isinstance(self.spacing, str) else own_name(self.spacing)

    @property
    def how(self) -> str:
        """How a picture is drawn, in a few words."""
        if not self.solver:
            return "one pass of the network each"
        spared = f" (not guided by {self.spared:g}: that would halve the steps)" if self.spared != 1 else ""
        again = f", each taken {self.redraws} times" if self.redraws > 1 else ""
        anew = "" if self.mask is None else f"; {self.mask.float().mean():.0%} of the picture drawn anew"
        return f"{self.solver_name}, {self.steps} steps{again}, {self.nfe} network evaluations each{spared}{anew}"

    def __repr__(self) -> str:
        of = f" of class {brief(', '.join(map(str, self.labels)), 40)}" if self.labels else ""
        return f"Request({self.count:,} pictures{of}, seed {self.seed}: {self.how})"


def request(
    family: Family,
    count: int = 16,
    *,
    seed: int = 0,
    label: Classes | None = None,
    labels: Classes | None = None,
    steps: int | None = None,
    nfe: int | None = None,
    solver: SolverName | Solver | None = None,
    spacing: SpacingName | Spacing | None = None,
    guidance: float | None = None,
    start: Start | None = None,
    mask: Tensor | None = None,
    redraws: int | None = None,
) -> Request:
    """What the model's recipe says, changed by what is asked; None: as the recipe says.

    label: a class by its name or number, or several, which are drawn in turn; `labels` says the same. `nfe` sets the steps by
    their cost; where it pays for fewer than FEW_GUIDED guided steps and no guidance is asked for, it buys plain ones. `solver`
    and `spacing`: names, or functions of one's own (see solvers.py). mask: (H, W) booleans, False where the picture of `start`
    is kept (see repaint.py); then `redraws` says how often each step is taken. Raises UsageError.
    """
    count, seed = whole("count", count, 1, MOST["count"]), whole("seed", seed, 0, MAX_SEED)
    steps = None if steps is None else whole("steps", steps, 1, MOST["steps"])
    nfe = None if nfe is None else whole("nfe", nfe, 1, MOST["nfe"])
    if steps is not None and nfe is not None:
        raise UsageError("steps and nfe both set: give one of them")
    wanted = _wanted(family, count, label, labels)
    redraws = None if redraws is None else whole("redraws", redraws, 1, MOST["redraws"])
    asked: dict[str, Any] = {"steps": steps, "nfe": nfe, "solver": solver, "spacing": spacing, "guidance": guidance}
    asked |= {"from": start, "mask": mask, "redraws": redraws}
    given = [name for name, value in asked.items() if value is not None]
    if not family.iterative:
        if given:
            kind = family.recipe.family
            raise UsageError(f"{given[0]} with a {kind}: it draws a picture in one pass; leave out --{given[0]}")
        return Request(count, seed, wanted)
    if family.fixed_steps:
        _check_fixed(family, asked)
    recipe = family.recipe
    own_way = steps is None and nfe is None and solver in (None, recipe.solver) and spacing in (None, recipe.spacing)
    solver, spacing = solver or family.spec.given("solver"), spacing or family.spec.given("spacing")
    entry("solver", solver, SOLVERS)
    if callable(solver):
        check_call(solver)
    entry("spacing", spacing, SPACINGS)
    check_sampling(recipe.noise, str(solver), str(spacing))
    if not family.num_conditions and guidance not in (None, 1):
        raise UsageError("the model knows no classes: leave out --guidance, or train with labels or clusters")
    chosen = guidance is not None
    guidance = recipe.guidance if guidance is None else number("guidance", guidance)
    if not 0 <= guidance <= 100:
        raise UsageError(f"guidance = {guidance:g}: must lie in [0, 100]")
    guidance = guidance if family.num_conditions else 1.0
    if start is not None and not 0 < start[1] <= 1:
        raise UsageError(f"at = {start[1]:g}: the noise level must lie in (0, 1]")
    if mask is not None and start is None:
        raise UsageError("mask without a picture: give one with --from FILE")
    if redraws is not None and mask is None:
        raise UsageError("redraws without a mask: it says how often a step is taken where part of a picture is kept")
    if start is not None and mask is not None and bool(mask.all()):  # nothing is kept
        start, mask = None if start[1] == 1 else start, None
    again = 1 if mask is None else redraws or REDRAWS
    taken, spared = steps or recipe.sample_steps, 1.0
    if nfe is not None:
        walk = _walk(solver, again)
        taken = steps_for(walk, nfe, guidance)
        if not chosen and guidance > 1 and taken < FEW_GUIDED:
            taken, guidance, spared = steps_for(walk, nfe), 1.0, guidance
    levels = recipe.sample_times if own_way else ()
    return Request(count, seed, wanted, taken, solver, spacing, guidance, levels, start, spared, mask, again)


def _walk(solver: str | Solver, redraws: int) -> str | Solver:
    """What is to be counted where each step is taken so often: the solver with its repetitions."""
    if redraws == 1:
        return solver
    one = torch.ones(())
    return repaint(checked(entry("solver", solver, SOLVERS)), one, one > 0, redraws, lambda eps, share, k: eps)


def _wanted(family: Family, count: int, label: Classes | None, labels: Classes | None) -> tuple[int, ...]:
    """The classes that are asked for, by number; () for all in turn. Raises UsageError."""
    if label is not None and labels is not None:
        raise UsageError("label and labels both set: give one of them")
    asked = labels if label is None else label
    if asked is None:
        return ()
    if not family.num_classes:
        raise UsageError("the model knows no classes: leave out --label, or train with labels")
    wanted = class_numbers(asked, family.spec.classes[: family.num_classes])
    if never := [family.spec.classes[number] for number in wanted if number in family.spec.untrained]:
        raise UsageError(f"{listed(never)} had no training image, so the model cannot draw any: ask for another class")
    if len(wanted) > count:
        raise UsageError(f"{len(wanted):,} labels for {count:,} picture{'s' * (count > 1)}: draw more, or name fewer classes")
    return wanted


def _check_fixed(family: Family, asked: dict[str, Any]) -> None:
    """Raises UsageError where something else is asked of a student than the steps that it learned."""
    recipe, learned = family.recipe, family.fixed_steps
    own = {"steps": learned, "nfe": learned, "solver": recipe.solver, "spacing": recipe.spacing, "guidance": 1}
    for name, value in asked.items():
        if value is not None and value != own.get(name):
            raise UsageError(f"{name}: the model learned its {learned} steps from noise and no others; leave out --{name}")


def labels_of(family: Family, request: Request, first: int, last: int) -> Tensor | None:
    """The labels of pictures first .. last - 1: (last - first,) int64, or None where the model knows no classes."""
    return _labels(family, request, torch.arange(first, last))


def _labels(family: Family, request: Request, index: Tensor) -> Tensor | None:
    if not family.num_classes:
        return None
    in_turn = torch.tensor(request.labels or family.trained)
    return in_turn[index % len(in_turn)]


@torch.no_grad()
def trajectory(family: Family, request: Request, first: int, last: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields (x, x0) after each step for pictures first .. last - 1, floats (B, C, H, W) in the model's pixel range."""
    labels = labels_of(family, request, first, last)
    steps: dict[str, Any] = {}
    if request.solver:
        kept = {"mask": _mask(family, request), "redraws": request.redraws}
        steps = {**_steps(request), "start": _start(family, request), **kept}
    device = next(family.parameters()).device
    yield from family.sample(
        Draw(request.seed, np.arange(first, last), device), None if labels is None else labels.to(device), **steps
    )


def starting_point(family: Family, request: Request, first: int, last: int) -> Tensor:
    """What the network sees first, for pictures first .. last - 1: (B, C, H, W) floats."""
    draw = Draw(request.seed, np.arange(first, last), next(family.parameters()).device)
    return family.begin(draw, _start(family, request))[0]


def final(family: Family, request: Request, first: int, last: int) -> Tensor:
    """The pictures first .. last - 1: (B, C, H, W) floats in the model's pixel range."""
    for x, _ in trajectory(family, request, first, last):
        picture = x
    return picture


def history(family: Family, request: Request, first: int, last: int) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, predictions) of every step for pictures first .. last - 1, each (B, C, H, W) floats.

    inputs[k] is what the network sees before step k + 1 and predictions[k] its prediction; there is one input more, the
    pictures themselves.
    """
    steps = list(trajectory(family, request, first, last))
    start = starting_point(family, request, first, last)
    return [start, *(x for x, _ in steps)], [x0 for _, x0 in steps]


def pictures(family: Family, request: Request) -> Iterator[tuple[Tensor, Tensor | None]]:
    """All pictures of a request in batches, on the CPU: (uint8 (B, C, H, W), their labels (B,) or None)."""
    for first, last in batches(request.count, family.spec.shape):
        x = final(family, request, first, last)
        yield to_bytes(x, family.recipe.pixels).cpu(), labels_of(family, request, first, last)


def batches(count: int, shape: Shape, numbers: int = 200_000) -> Iterator[tuple[int, int]]:
    """(first, last) of batches of about `numbers` values each, one image at least: memory stays bounded."""
    size = max(1, numbers // (shape[0] * shape[1] * shape[2]))
    for first in range(0, count, size):
        yield first, min(count, first + size)


@torch.no_grad()
def between(family: Family, request: Request, first: int, last: int, count: int) -> Iterator[Tensor]:
    """`count` pictures on the way from picture `first` of a request to picture `last`, in batches: (B, C, H, W) floats."""
    device = next(family.parameters()).device
    draw = Draw(request.seed, np.array([first, last]), device)
    labels = _labels(family, request, torch.tensor([first, last]))
    labels = None if labels is None else labels.to(device)
    shares = torch.linspace(0, 1, count, device=device)
    for begin, end in batches(count, family.spec.shape):
        if isinstance(family, Latent):
            yield family.between(family.latents(draw), labels, shares[begin:end])
        elif isinstance(family, Diffusion):
            yield family.between(draw, labels, shares[begin:end], **_steps(request))


def _steps(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in ("steps", "solver", "spacing", "guidance", "levels")}


def _start(family: Family, request: Request) -> Start | None:
    if request.start is None:
        return None
    image, level = request.start
    picture = to_floats(image.to(next(family.parameters()).device), family.recipe.pixels)
    mask = _mask(family, request)
    return (picture if mask is None or level < 1 else picture.masked_fill(mask, 0)), level  # from 1 on: what vp leaves there


def _mask(family: Family, request: Request) -> Tensor | None:
    return None if request.mask is None else request.mask.to(next(family.parameters()).device)
