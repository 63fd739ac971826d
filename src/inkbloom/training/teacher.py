"""Where a network begins that learns from another: with the other's weights, and with the other beside it."""

from __future__ import annotations

from pathlib import Path

from ..errors import CheckpointError, UsageError, shown
from ..store.folder import load_weights
from ..store.pretrained import pretrained
from ..store.weights import check_fit
from .state import State

PRETRAINED = "pretrained"  # the name of the model that comes with inkbloom
SHARED = ("timed", "labels", "path", "target", "noise", "pixels")  # what it was made for


def take_teacher(state: State) -> None:
    """Fills the network, its average and its teacher with the weights that the recipe names; nothing where it names none.

    Raises UsageError where the two were not made alike, CheckpointError where there are no weights.
    """
    recipe = state.spec.recipe
    if not recipe.teacher:
        return
    path, name = pretrained() if recipe.teacher == PRETRAINED else Path(recipe.teacher), shown(recipe.teacher)
    family, spec, _ = load_weights(path)
    if not family.restores:
        raise UsageError(f"the teacher knows few steps only or is no diffusion model ({name}): name another")
    for field in SHARED:
        theirs, own = getattr(spec.recipe, field), getattr(recipe, field)
        if theirs != own:
            flag = f"--no-{field}" if theirs is False else f"--{field}" if theirs is True else f"--{field} {theirs}"
            raise UsageError(f"the teacher was made with another {field} ({name}): set {flag}")
    made, wanted = ((s.channels, s.size, s.classes) for s in (spec, state.spec))
    if made != wanted:
        field = next(f for f, mine, its in zip(("channels", "size", "classes"), made, wanted, strict=True) if mine != its)
        raise UsageError(f"the teacher draws images of other {field} than the data ({name}): name one trained on such data")
    try:
        check_fit(state.family.net, family.net.state_dict(), path)
    except CheckpointError:
        own_shape = ", ".join(f"{field} {getattr(spec.recipe, field) or 'its own'}" for field in ("net", "widths", "layers"))
        raise UsageError(f"the teacher's network has another shape ({name}: {own_shape}): set these alike") from None
    for net in (state.family.net, state.family.helper, None if state.ema is None else state.ema.module):
        if net is not None:
            net.load_state_dict(family.net.state_dict())
