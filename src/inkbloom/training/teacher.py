"""Where a student begins: with its teacher's weights, and with the teacher beside it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from ..config import Recipe, parse_size
from ..errors import OWN, CheckpointError, UsageError, shown
from ..families import Family
from ..nets import NETS
from ..store.folder import load_weights
from ..store.pretrained import pretrained
from ..store.weights import check_fit
from .state import State

PRETRAINED = "pretrained"  # the name of the model that comes with inkbloom
SHARED = ("timed", "labels", "path", "target", "noise", "pixels")  # what it was made for
IMAGES = ("data", "size", "skip_broken", "background")  # what it was made from
AUTO = ("background", "auto")  # is what the other says, for the same images
NETWORK = ("net", "widths", "layers", "kernel", "upsampler", "clusters")


def check_teacher(recipe: Recipe, own: Mapping[str, Any]) -> None:
    """Raises UsageError where the teacher's images were brought to a size and the student's are not to be: before they are
    read, for then they might be of many sizes.
    """
    if recipe.teacher:
        teacher, _ = _teacher(recipe, own)
        if teacher.recipe.size and parse_size(teacher.recipe.size) != parse_size(recipe.size):
            raise _otherwise(teacher.recipe, recipe, (*IMAGES, *SHARED, *NETWORK))


def take_teacher(state: State) -> None:
    """Gives the network, its average and its teacher the weights that the recipe names; does nothing where it names none.

    Raises UsageError where the two were not made alike, CheckpointError where there are no weights.
    """
    recipe = state.spec.recipe
    if not recipe.teacher:
        return
    teacher, path = _teacher(recipe, state.spec.own)
    theirs, weights = teacher.recipe, teacher.net.state_dict()
    other = [field for field in ("channels", "size", "classes") if getattr(teacher.spec, field) != getattr(state.spec, field)]
    if other and theirs.labels == recipe.labels and not changes(theirs, recipe, IMAGES):
        told = f"the teacher draws images of other {other[0]} than the data ({shown(recipe.teacher)})"
        raise UsageError(f"{told}: name one trained on such data")
    if other or changes(theirs, recipe, SHARED):
        raise _otherwise(theirs, recipe, (*(IMAGES if other else ()), *SHARED, *NETWORK))
    try:
        check_fit(state.family.net, weights, path)
    except CheckpointError:
        raise _otherwise(theirs, recipe, NETWORK) from None
    average = [] if state.ema is None else [state.ema.module]
    for net in (state.family.net, *state.family.training_nets.values(), *average):
        net.load_state_dict(weights)


def place_of(named: str) -> Path:
    """Where the run or the weights file lies that a recipe names. Raises CheckpointError where the shipped one is damaged."""
    return pretrained() if named == PRETRAINED else Path(os.path.expanduser(named))


def _teacher(recipe: Recipe, own: Mapping[str, Any]) -> tuple[Family, Path]:
    """The recipe's teacher, and where its weights are. Raises CheckpointError, UsageError where it cannot teach."""
    path = place_of(recipe.teacher)
    teacher, _ = load_weights(path, own=own)
    if not teacher.denoises:
        raise UsageError(f"the teacher knows few steps only or is no diffusion model ({shown(recipe.teacher)}): name another")
    return teacher, path


def _otherwise(theirs: Recipe, own: Recipe, names: tuple[str, ...]) -> UsageError:
    """The error for a student made otherwise than its teacher, with all that is to be added to the command."""
    added = " ".join(flag for _, flag in changes(theirs, own, names) if flag)
    left = " and ".join(f"--{name}" for name, flag in changes(theirs, own, names) if not flag)
    parts = [f"add {added}" if added else "", f"leave out {left}" if left else ""]
    mend = " and ".join(part for part in parts if part) or "name one with the network of this recipe"
    return UsageError(f"the teacher was made otherwise ({shown(own.teacher)}): {mend}")


def changes(theirs: Recipe, own: Recipe, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """(field, the flag that makes it the teacher's, '' where leaving it out does) for each that differs."""
    pairs = [(name, _value(theirs, name), _value(own, name)) for name in names]
    return [
        (name, _flag(name, value))
        for name, value, other in pairs
        if value != other and AUTO not in ((name, value), (name, other))
    ]


def _value(recipe: Recipe, name: str) -> Any:
    """What a field says, with the network's own widths and layers where it leaves them to the network."""
    value = getattr(recipe, name)
    if name in ("widths", "layers") and not value and recipe.net in NETS:
        return signature(NETS[recipe.net]).parameters[name].default
    return parse_size(value) if name == "size" else value


def _flag(name: str, value: Any) -> str:
    flag = f"--{name.replace('_', '-')}"
    if value is None:
        return ""
    if name == "data" and value.startswith(OWN):
        return "data=..., the images that it was trained on,"
    if isinstance(value, bool):
        return flag if value else flag.replace("--", "--no-")
    if name == "size":
        height, width = value
        return f"{flag} {height}" if height == width else f"{flag} {height}x{width}"
    if isinstance(value, tuple):
        return f"{flag} {' '.join(map(str, value))}"
    return f"{flag}{'=' if str(value).startswith('-') else ' '}{shlex.quote(str(value))}"
