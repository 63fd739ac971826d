"""Where a network begins that learns from another: with the other's weights, and with the other beside it."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError, shown
from ..pretrained import pretrained
from .folder import load_weights
from .state import State

PRETRAINED = "pretrained"  # the name of the model that comes with inkbloom
SHARED = ("net", "widths", "layers", "kernel", "transposed", "timed", "labels", "groups", "path", "target", "noise", "pixels")


def take_teacher(state: State) -> None:
    """Fills the network, its average and its teacher with the weights that the recipe names; nothing where it names none.

    Raises UsageError where the two were not made alike, CheckpointError where there are no weights.
    """
    recipe = state.spec.recipe
    if not recipe.teacher:
        return
    path = pretrained() if recipe.teacher == PRETRAINED else Path(recipe.teacher)
    family, spec, _ = load_weights(path)
    if not family.restores:
        raise UsageError(f"the teacher knows few steps only or is no diffusion model ({shown(recipe.teacher)}): name another")
    for name in SHARED:
        theirs, own = getattr(spec.recipe, name), getattr(recipe, name)
        if theirs != own:
            flag = name.replace("_", "-")
            raise UsageError(
                f"{name} = {own}, where the teacher has {theirs} ({shown(recipe.teacher)}): make both alike, as by --{flag}"
            )
    made, wanted = ((s.channels, *s.size, len(s.classes)) for s in (spec, state.spec))
    if made != wanted:
        raise UsageError(
            f"the teacher draws (channels, height, width, classes) = {made}, the data have {wanted} ({shown(recipe.teacher)}): "
            "name a teacher trained on such images"
        )
    for net in (state.family.net, state.family.helper, None if state.ema is None else state.ema.module):
        if net is not None:
            net.load_state_dict(family.net.state_dict())
