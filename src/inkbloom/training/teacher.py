"""Where a student begins: with its teacher's weights, and with the teacher beside it."""

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
    """Gives the network, its average and its teacher the weights that the recipe names; does nothing where it names none.

    Raises UsageError where the two were not made alike, CheckpointError where there are no weights.
    """
    recipe = state.spec.recipe
    if not recipe.teacher:
        return
    path, name = pretrained() if recipe.teacher == PRETRAINED else Path(recipe.teacher), shown(recipe.teacher)
    teacher, _ = load_weights(path, own=state.spec.own)
    if not teacher.denoises:
        raise UsageError(f"the teacher knows few steps only or is no diffusion model ({name}): name another")
    for field in SHARED:
        theirs, own = getattr(teacher.recipe, field), getattr(recipe, field)
        if theirs != own:
            flag = f"--no-{field}" if theirs is False else f"--{field}" if theirs is True else f"--{field} {theirs}"
            raise UsageError(f"the teacher was made with another {field} ({name}): set {flag}")
    for field in ("channels", "size", "classes"):
        if getattr(teacher.spec, field) != getattr(state.spec, field):
            raise UsageError(f"the teacher draws images of other {field} than the data ({name}): name one trained on such data")
    weights = teacher.net.state_dict()
    try:
        check_fit(state.family.net, weights, path)
    except CheckpointError:
        shape = ", ".join(f"{field} {getattr(teacher.recipe, field) or 'its own'}" for field in ("net", "widths", "layers"))
        raise UsageError(f"the teacher's network has another shape ({name}: {shape}): set these alike") from None
    average = [] if state.ema is None else [state.ema.module]
    for net in (state.family.net, *state.family.training_nets.values(), *average):
        net.load_state_dict(weights)
