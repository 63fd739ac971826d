"""Sampling as a user asks for it: checked, in batches, so that memory stays bounded whatever the number of images.

Image k draws its noise from (seed, k) alone: neither the batch size nor the device nor the other images change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .config import SolverName, SpacingName, check_sampling
from .data.pixels import to_bytes, to_floats
from .errors import UsageError, unknown
from .families import Family
from .philox import MAX_SEED, Draw
from .solvers import SOLVERS, SPACINGS, evaluations, steps_for


@dataclass(frozen=True)
class Order:
    """A checked wish: how many pictures of what, and how to walk to them."""

    count: int
    seed: int
    steps: int
    solver: str | None  # None: the family draws in one pass
    spacing: str | None
    guidance: float
    label: int | None  # None: image k gets class k mod K where the model knows classes
    levels: tuple[float, ...]  # the recipe's own noise levels to step from; empty: as `spacing` says
    start: tuple[Tensor, float] | None  # ((1, C, H, W) uint8, t): a picture to start from, and the noise level to bring it to
    labels: tuple[int, ...] = ()  # image k gets the class labels[k mod their number]; empty: as `label` says

    @property
    def nfe(self) -> int:
        """Network evaluations for one image."""
        return evaluations(self.solver, self.steps, self.guidance) if self.solver else 1

    @property
    def how(self) -> str:
        """How a picture is drawn, in a few words."""
        if not self.solver:
            return "one pass of the network each"
        return f"{self.solver}, {self.steps} steps, {self.nfe} network evaluations each"


def order(
    family: Family,
    count: int = 16,
    *,
    seed: int = 0,
    steps: int | None = None,
    nfe: int | None = None,
    solver: SolverName | None = None,
    spacing: SpacingName | None = None,
    guidance: float | None = None,
    label: int | None = None,
    labels: Sequence[int] = (),
    start: tuple[Tensor, float] | None = None,
) -> Order:
    """What the model's recipe says, changed by what is asked. `nfe` sets the steps by their cost, `labels` the class of each
    picture in turn. Raises UsageError.
    """
    recipe, classes = family.recipe, family.classes
    if not family.walks:
        wished = {"steps": steps, "nfe": nfe, "solver": solver, "spacing": spacing, "guidance": guidance, "from": start}
        if set_ := [name for name, value in wished.items() if value is not None]:
            raise UsageError(f"{set_[0]} with a {recipe.family}: it draws a picture in one pass; leave out --{set_[0]}")
    if recipe.teacher:
        learned = recipe.sample_steps
        for name, value, own_value in (
            ("steps", steps, learned),
            ("nfe", nfe, learned),
            ("solver", solver, recipe.solver),
            ("spacing", spacing, recipe.spacing),
            ("guidance", guidance, 1),
            ("from", start, None),
        ):
            if value not in (None, own_value):
                raise UsageError(f"{name}: the model learned its {learned} steps from noise and no others; leave out --{name}")
    own = steps is None and nfe is None and solver in (None, recipe.solver) and spacing in (None, recipe.spacing)
    solver, spacing = solver or recipe.solver, spacing or recipe.spacing
    if solver not in SOLVERS:
        raise unknown("solver", solver, SOLVERS)
    if spacing not in SPACINGS:
        raise unknown("spacing", spacing, SPACINGS)
    check_sampling(recipe.noise, solver, spacing)
    if steps is not None and nfe is not None:
        raise UsageError("steps and nfe both set: give one of them")
    for name, value, high in (("count", count, 10**7), ("steps", steps, 10_000), ("nfe", nfe, 20_000)):
        if value is not None and not 1 <= value <= high:
            raise UsageError(f"{name} = {value}: must lie in [1, {high}]")
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed = {seed}: must lie in [0, {MAX_SEED}]")
    if label is not None and len(labels):
        raise UsageError("label and labels both set: give one of them")
    if not classes and (label is not None or len(labels)):
        raise UsageError("the model knows no classes: leave out --label, or train with labels")
    if not family.conditions and guidance not in (None, 1):
        raise UsageError("the model knows no classes: leave out --guidance, or train with labels or groups")
    for wanted in (*labels, *([] if label is None else [label])):
        if not 0 <= wanted < classes:
            raise UsageError(f"label = {wanted}: the model knows the classes 0 to {classes - 1}")
    wanted_labels = tuple(int(wanted) for wanted in labels)
    if not family.walks:
        return Order(count, seed, 1, None, None, 1.0, label, (), None, wanted_labels)
    guidance = recipe.guidance if guidance is None else guidance
    if not 0 <= guidance <= 100:
        raise UsageError(f"guidance = {guidance:g}: must lie in [0, 100]")
    guidance = guidance if family.conditions else 1.0
    if start is not None and not 0 < start[1] <= 1:
        raise UsageError(f"at = {start[1]:g}: the noise level must lie in (0, 1]")
    asked = steps_for(solver, nfe, guidance) if nfe is not None else steps or recipe.sample_steps
    return Order(
        count,
        seed,
        asked,
        solver,
        spacing,
        guidance,
        label,
        recipe.sample_times if own else (),
        start,
        wanted_labels,
    )


def labels_of(wish: Order, family: Family, first: int, last: int) -> Tensor | None:
    """The classes of images first .. last - 1: (last - first,) int64, or None where the model knows none."""
    if not family.classes:
        return None
    index = torch.arange(first, last)
    if wish.labels:
        return torch.tensor(wish.labels)[index % len(wish.labels)]
    return index % family.classes if wish.label is None else torch.full_like(index, wish.label)


def starting_point(family: Family, shape: tuple[int, int, int], wish: Order, first: int, last: int) -> Tensor:
    """What the solver sees first, for images first .. last - 1: (B, C, H, W) floats."""
    return family.begin(_draw(family, wish, first, last), shape, _start(family, wish))[0]


@torch.no_grad()
def trajectory(
    family: Family, shape: tuple[int, int, int], wish: Order, first: int, last: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields (x, x0) after each step for images first .. last - 1, floats (B, C, H, W) in the model's pixel range."""
    labels = labels_of(wish, family, first, last)
    walk = {name: getattr(wish, name) for name in ("steps", "solver", "spacing", "guidance", "levels")} if wish.solver else {}
    yield from family.sample(
        _draw(family, wish, first, last),
        shape,
        labels.to(_device(family)) if labels is not None else None,
        **walk,
        **({"start": _start(family, wish)} if wish.start else {}),
    )


def drawn(family: Family, shape: tuple[int, int, int], wish: Order) -> Iterator[tuple[Tensor, Tensor | None]]:
    """The pictures of an order in batches, on the CPU: (uint8 (B, C, H, W), their classes (B,) or None)."""
    for first, last in batches(wish.count, shape):
        for x, _ in trajectory(family, shape, wish, first, last):
            final = x
        yield to_bytes(final, family.recipe.pixels).cpu(), labels_of(wish, family, first, last)


def _device(family: Family) -> torch.device:
    return next(family.parameters()).device


def _draw(family: Family, wish: Order, first: int, last: int) -> Draw:
    return Draw(wish.seed, np.arange(first, last), _device(family))


def _start(family: Family, wish: Order) -> tuple[Tensor, float] | None:
    if wish.start is None:
        return None
    return to_floats(wish.start[0].to(_device(family)), family.recipe.pixels), wish.start[1]


def batches(count: int, shape: tuple[int, int, int], numbers: int = 200_000) -> Iterator[tuple[int, int]]:
    """(first, last) of batches of about `numbers` values each, one image at least: memory stays bounded."""
    size = max(1, numbers // (shape[0] * shape[1] * shape[2]))
    for first in range(0, count, size):
        yield first, min(count, first + size)
