"""The part `sampling`: speed against quality of the solvers, all with the same weights and the same starting noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..data import Data
from ..families import Family
from ..sampling import Order, order, trajectory
from ..solvers import SOLVERS
from .panel import Panel
from .quality import samples
from .timing import Row, now

BUDGETS = (2, 4, 8, 16, 40)  # network evaluations for one picture
PICTURES, FINE = 64, 200  # pictures whose solution is taken in so many steps, as good as exact
JUDGED_AT = 8  # the solver that comes nearest to that solution at this NFE is judged, beside the recipe's own
RANDOM = ("ancestral",)  # draw fresh noise on the way: they have no solution to come near to


def sampling(
    family: Family,
    data: Data,
    device: torch.device,
    panel: Panel | None,
    t30: float | None,
    quick: bool,
    guidance: float | None = None,
) -> Iterator[Row]:
    """Pictures a second and RMSE (pixels in [0, 1]) to the FINE-step solution at each of BUDGETS, for every solver with a
    solution; then FD and KID of the recipe's own solver and of the nearest one. `guidance`: not the recipe's, but this.

    A model that learned its steps from a teacher takes only those, and they are judged alone.
    """
    if family.recipe.teacher:
        if panel is not None:
            own = family.recipe.solver, family.recipe.sample_steps
            yield from _judged(family, data, device, panel, t30, [own[0]], (own[1],), guidance)
        else:
            yield Row(f"no judge of {data.source} is shipped: nothing to measure few steps by", {"judge": None})
        return
    shape, recipe = (data.channels, *data.size), family.recipe
    solvers: list[Any] = [name for name in SOLVERS if name not in RANDOM]
    scale = 1.0 if recipe.pixels == "0..1" else 2.0
    exact = _walk(family, shape, order(family, PICTURES, solver="heun", steps=50 if quick else FINE, guidance=guidance))
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for solver in solvers:
        for nfe in BUDGETS:
            wish = order(family, PICTURES, solver=solver, nfe=nfe, guidance=guidance)
            if wish.nfe > nfe:  # guidance or the solver's order ask for more
                continue
            begin = now(device)
            pictures = _walk(family, shape, wish)
            speed = PICTURES / (now(device) - begin)
            rmse = float((pictures - exact).square().mean().sqrt()) / scale
            rows[solver, nfe] = {
                "solver": solver,
                "spacing": wish.spacing,
                "nfe": wish.nfe,
                "rmse": rmse,
                "pictures_per_second": speed,
            }
            text = f"{solver:10} {wish.nfe:4} NFE: {speed:8.1f} pictures/s, RMSE {rmse:.4f}"
            yield Row(text, rows[solver, nfe])
    if panel is None:
        yield Row(f"no judge of {data.source} is shipped: speed and RMSE only", {"judge": None})
        return
    nearest = min((row["rmse"], name) for (name, nfe), row in rows.items() if nfe == JUDGED_AT)[1]
    judged = list(dict.fromkeys([recipe.solver, nearest]))
    yield from _judged(family, data, device, panel, t30, judged, (JUDGED_AT,) if quick else BUDGETS, guidance)


def _judged(
    family: Family,
    data: Data,
    device: torch.device,
    panel: Panel,
    t30: float | None,
    solvers: list[Any],
    budgets: tuple[int, ...],
    guidance: float | None,
) -> Iterator[Row]:
    """FD, KID and pictures a second of each solver at each number of evaluations; the most pictures as good as T30."""
    good: list[dict[str, Any]] = []
    for solver in solvers:
        for nfe in budgets:
            wish = order(family, solver=solver, nfe=nfe, guidance=guidance)
            if wish.nfe > nfe:
                continue
            begin = now(device)
            pictures = samples(family, data, panel, solver=solver, nfe=nfe, guidance=guidance)
            speed = panel.count / (now(device) - begin)
            score = panel.score(pictures)
            figures = {
                "solver": solver,
                "spacing": wish.spacing,
                "nfe": wish.nfe,
                **score,
                "judged": panel.count,
                "pictures_per_second": speed,
            }
            scored = f"FD {score['fd']:.3f}, KID {score['kid']:.3f}"
            yield Row(f"{solver:10} {wish.nfe:4} NFE: {speed:8.1f} pictures/s, {scored}", figures)
            good += [figures] if t30 is not None and score["fd"] is not None and score["fd"] <= t30 else []
    if good:
        best = max(good, key=lambda figures: figures["pictures_per_second"])
        text = f"as good as T30: {best['pictures_per_second']:.1f} pictures/s ({best['solver']}, {best['nfe']} NFE)"
        yield Row(text, {"as_good_as_t30": best})


def _walk(family: Family, shape: tuple[int, int, int], wish: Order) -> Tensor:
    """The pictures of an order as floats in the model's range, in one batch."""
    for x, _ in trajectory(family, shape, wish, 0, wish.count):
        final = x
    return final
