"""The part `sampling`: speed against quality of the solvers, all with the same weights and the same starting noise."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from typing import Any

import torch

from ..config import Recipe
from ..data import Data
from ..families import Family
from ..sampling import final, request
from ..solvers import SOLVERS
from .quality import samples, trained
from .rows import Row
from .scoring import Scorer
from .timing import now

BUDGETS = (2, 4, 8, 16, 40)  # network evaluations for one picture
PICTURES, FINE = 64, 200  # pictures whose solution is taken in so many steps, as good as exact
JUDGED_AT = 8  # the solver that comes nearest to that solution at this NFE is judged, beside the recipe's own
RANDOM = ("ancestral",)  # draw new noise on the way: they have no solution to come near to


def sampling(
    recipe: Recipe,
    data: Data,
    device: torch.device,
    scorer: Scorer | None,
    quick: bool,
    family: Family | None = None,
    guidance: float | None = None,
) -> Iterator[Row]:
    """Pictures a second and RMSE (pixels in [0, 1]) to the FINE-step solution at each of BUDGETS, for every solver with a
    solution; then FD and KID of the recipe's own solver and of the nearest one.

    family: draws the pictures; without one the recipe is trained for it. guidance: not the recipe's, but this.
    A model that learned its steps from a teacher takes only those, and they are judged alone.
    """
    if family is None:
        family = yield from trained(recipe, data.take(recipe.split), device, quick)
    guidance = request(family).guidance if guidance is None else guidance
    judged, budgets = [family.recipe.solver], (JUDGED_AT,) if quick else BUDGETS
    if family.fixed_steps:
        budgets = (family.fixed_steps,)
    else:
        nearest = yield from _solved(family, device, quick, guidance)
        judged = list(dict.fromkeys([*judged, nearest]))
    if scorer is None:
        yield Row(f"no judge of {data.source} is shipped: nothing to measure FD and KID by", {"judge": None})
        return
    yield from _judged(family, device, scorer, judged, budgets, guidance)


def _solved(family: Family, device: torch.device, quick: bool, guidance: float | None) -> Generator[Row, None, Any]:
    """Speed and RMSE of every solver with a solution at each of BUDGETS. Returns the solver that is nearest at JUDGED_AT."""
    solvers: list[Any] = [name for name in SOLVERS if name not in RANDOM]
    scale = 1.0 if family.recipe.pixels == "0..1" else 2.0
    exact = final(family, request(family, PICTURES, solver="heun", steps=50 if quick else FINE, guidance=guidance), 0, PICTURES)
    distance: dict[str, float] = {}
    for solver in solvers:
        for nfe in BUDGETS:
            wanted = request(family, PICTURES, solver=solver, nfe=nfe, guidance=guidance)
            if wanted.nfe > nfe:  # guidance or the solver's order ask for more
                continue
            begin = now(device)
            pictures = final(family, wanted, 0, PICTURES)
            speed = PICTURES / (now(device) - begin)
            rmse = float((pictures - exact).square().mean().sqrt()) / scale
            if nfe == JUDGED_AT:
                distance[solver] = rmse
            figures = {
                "solver": solver,
                "spacing": wanted.spacing,
                "nfe": wanted.nfe,
                "rmse": rmse,
                "pictures_per_second": speed,
            }
            yield Row(f"{solver:10} {wanted.nfe:4} NFE: {speed:8.1f} pictures/s, RMSE {rmse:.4f}", figures)
    return nearest(distance)


def nearest(distance: dict[str, float]) -> str:
    """The solver at the smallest distance that is a number."""
    return min(distance, key=lambda solver: distance[solver] if math.isfinite(distance[solver]) else math.inf)


def _judged(
    family: Family,
    device: torch.device,
    scorer: Scorer,
    solvers: list[Any],
    budgets: tuple[int, ...],
    guidance: float | None,
) -> Iterator[Row]:
    """FD, KID and pictures a second of each solver at each number of evaluations; the most pictures as good as T30."""
    goal = scorer.t30["fd"] if scorer.t30 else float("-inf")
    good: list[dict[str, Any]] = []
    for solver in solvers:
        for nfe in budgets:
            wanted = request(family, solver=solver, nfe=nfe, guidance=guidance)
            if wanted.nfe > nfe:
                continue
            begin = now(device)
            pictures = samples(family, scorer, solver=solver, nfe=nfe, guidance=guidance)
            speed = scorer.count / (now(device) - begin)
            score = scorer.score(pictures)
            figures = {
                "solver": solver,
                "spacing": wanted.spacing,
                "nfe": wanted.nfe,
                **score,
                "judged": scorer.count,
                "pictures_per_second": speed,
            }
            scored = f"FD {score['fd']:.3f}, KID {score['kid']:.3f}"
            yield Row(f"{solver:10} {wanted.nfe:4} NFE: {speed:8.1f} pictures/s, {scored}", figures)
            good += [figures] if score["fd"] is not None and score["fd"] <= goal else []
    if good:
        best = max(good, key=lambda figures: figures["pictures_per_second"])
        text = f"as good as T30: {best['pictures_per_second']:.1f} pictures/s ({best['solver']}, {best['nfe']} NFE)"
        yield Row(text, {"as_good_as_t30": best})
