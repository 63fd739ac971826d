"""Where a training begins that does not begin anew: with the weights of another, as far as they fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..config import Recipe
from ..errors import CheckpointError, UsageError, brief, shown
from ..families import Family, Spec, build
from ..nets import ClusterConditioned
from ..store.checkpoint import read
from ..store.folder import weights_file
from ..store.tensors import first_not_finite
from ..store.weights import OLD_NAME, unfilled, unpack
from .fitted import SUMMED, Classes, Colours, axes, fitted
from .state import State
from .teacher import NETWORK, changes, place_of

LEAST = 0.01  # of the weights must fit: less is no start
SAME_CLASSES = ("digits", "tinted-digits", "mnist")  # sources whose classes are the same, though their names are only numbers
WAYS = ("timed", "path", "target", "noise", "pixels")  # trained otherwise in these, a network is no model here at first
SHAPES = (*NETWORK, "size", "latent")  # what decides the shapes of weights

Tensors = Mapping[str, Tensor]


class Source(NamedTuple):
    """The weights to begin with, and what they were made for."""

    spec: Spec
    step: int
    sha256: str
    nets: dict[str, Tensors]  # 'net', and by its name a network that only training needs
    shares: Tensor | None  # of its clusters, where it has them


def check_init(recipe: Recipe) -> None:
    """Raises CheckpointError, UsageError where the weights to begin with are not there, or of another kind: before the images
    are read."""
    if recipe.init:
        _source(recipe)


def take_init(state: State) -> list[str]:
    """Gives the networks and their average the weights that the recipe names; what is to be said of it, a line each.

    Does nothing where it names none. Raises CheckpointError, and UsageError where next to nothing fits.
    """
    if not (recipe := state.spec.recipe).init:
        return []
    source, family = _source(recipe), state.family
    nets = {name: _bare(net) for name, net in {"net": family.net, **family.training_nets}.items()}
    kept = _kept(source, family)
    found = {
        name: fitted(net, source.nets[name], *_where(name, net, source, state.spec, kept))
        for name, net in nets.items()
        if name in source.nets
    }
    total = sum(_size(dict(net.named_parameters())) for net in nets.values())
    taken = sum(_taken(nets[name], found[name].keys() & source.nets[name].keys()) for name in found)
    if taken < LEAST * total:
        raise _nothing_fits(source.spec.recipe, recipe, taken, total)
    for name, tensors in found.items():
        nets[name].load_state_dict(tensors, strict=False)
    if state.ema is not None:
        _bare(state.ema.module).load_state_dict(found["net"], strict=False)
    state.origin = {"from": recipe.init, "step": source.step, "sha256": source.sha256, "taken": taken, "of": total}
    told = [
        f"{taken:,} of {total:,} weights are those of {shown(recipe.init)} after step {source.step:,}",
        *_colours_told(source.spec.channels, state.spec.channels),
        *_classes_told(source.spec, state.spec, kept),
        *_anew_told(nets, found, changes(source.spec.recipe, recipe, SHAPES)),
        *_left_told(nets["net"], source.nets["net"]),
    ]
    return [f"init: {'; '.join(told)}", *_warnings(source.spec.recipe, recipe)]


# ---- the weights


def _source(recipe: Recipe) -> Source:
    """What the recipe names. Raises CheckpointError, UsageError where it cannot begin with that."""
    path, name = place_of(recipe.init), shown(recipe.init)
    data, where = weights_file(path)
    tensors, spec, step = unpack(data, where)
    if bad := first_not_finite(tensors):
        raise CheckpointError(f"weights that are not finite numbers ({where}, {bad}): begin with others")
    theirs = spec.recipe
    if theirs.family != recipe.family:
        raise UsageError(
            f"the weights to begin with are of the family {theirs.family}, not {recipe.family} ({name}): name others"
        )
    if theirs.net != recipe.net:
        raise UsageError(
            f"the weights to begin with are of the network {theirs.net}, not {recipe.net} ({name}): "
            f"add --net {theirs.net}, or name others"
        )
    shares = tensors.pop("shares", None) if theirs.clusters else None
    nets: dict[str, Tensors] = {"net": {key.removeprefix("net.") if theirs.clusters else key: tensors[key] for key in tensors}}
    files = read(where.parent) if path.is_dir() else {}
    for file in (file for file in ("discriminator.safetensors", OLD_NAME) if file in files):
        nets["discriminator"] = unpack(files[file], where.with_name(file))[0]
    return Source(spec, step, hashlib.sha256(data).hexdigest(), nets, shares)


def _bare(net: nn.Module) -> nn.Module:
    """The network itself, without what it keeps of clusters."""
    return net.net if isinstance(net, ClusterConditioned) else net


def _taken(net: nn.Module, names: Set[str]) -> int:
    return _size({name: parameter for name, parameter in net.named_parameters() if name in names})


def _size(tensors: Tensors) -> int:
    return sum(value.numel() for value in tensors.values())


# ---- where colours and classes lie


def _where(name: str, net: nn.Module, source: Source, spec: Spec, kept: Sequence[int | None]) -> tuple[Colours, Classes]:
    """The colours and the classes of a network, and where in it they lie."""
    theirs, ours = source.spec.channels, spec.channels
    one_more = replace(spec, classes=(*spec.classes, "one more"))
    coloured = {} if theirs == ours else _axes(name, net, replace(spec, channels=theirs))
    return Colours(theirs, ours, coloured), Classes(_conditions(source.spec), kept, _axes(name, net, one_more))


def _axes(name: str, net: nn.Module, other: Spec) -> dict[str, int]:
    """Where a network differs from that for `other`; nowhere, if it is one's own and cannot be made for that."""
    try:
        family = build(other) if "net" in other.own else unfilled(other)
    except UsageError:
        return {}
    return axes(net, _bare({"net": family.net, **family.training_nets}[name]))


def _conditions(spec: Spec) -> int:
    """How many conditions a network for that has."""
    return max(spec.num_classes, 1) * spec.recipe.clusters or spec.num_classes


def _kept(source: Source, family: Family) -> list[int | None]:
    """For each condition of ours the number of the same one of theirs, or None."""
    theirs, ours, count = source.spec, family.spec, family.num_conditions
    if theirs.recipe.clusters or ours.recipe.clusters:  # clusters are the same where the images have the same shares of them
        shares = getattr(family.net, "shares", None)
        same = shares is not None and source.shares is not None and torch.equal(shares.cpu(), source.shares)
        return list(range(count)) if same and theirs.classes == ours.classes else [None] * count
    sources = {theirs.recipe.data, ours.recipe.data}
    same = len(sources) == 1 or sources <= set(SAME_CLASSES)
    known = {name: number for number, name in enumerate(theirs.classes) if same or not name.isdigit()}
    return [known.get(name) for name in ours.classes[:count]]


# ---- what is told


def _nothing_fits(theirs: Recipe, ours: Recipe, taken: int, total: int) -> UsageError:
    flags = " ".join(flag for _, flag in changes(theirs, ours, NETWORK) if flag)
    mend = f"add {flags}, or name others" if flags else "name others"
    return UsageError(f"{taken:,} of {total:,} weights fit, too few to begin with ({shown(ours.init)}): {mend}")


def _colours_told(theirs: int, ours: int) -> Iterator[str]:
    if theirs != ours:
        yield f"the first and the last layer were brought from {'grey to colour' if ours > theirs else 'colour to grey'}"


def _classes_told(theirs: Spec, ours: Spec, kept: Sequence[int | None]) -> Iterator[str]:
    conditions = _conditions(theirs)
    if conditions and not kept:
        yield "without classes it begins with what they draw for no class in particular"
    if kept and not conditions:
        yield f"they knew no classes, and the {len(kept)} of this begin alike"
    new = [place for place, number in enumerate(kept) if number is None]
    if conditions and new and (theirs.recipe.clusters or ours.recipe.clusters):
        yield f"its {len(kept)} clusters are others, and begin as none in particular"
    elif conditions and new and len(new) == len(kept):
        numbers = all(name.isdigit() for name in ours.classes)
        yield f"its {len(kept)} classes are others{' (numbers are no names)' * numbers}, and begin as no class in particular"
    elif conditions and new:
        names = brief(", ".join(ours.classes[place] for place in new), 100)
        yield f"{len(kept) - len(new)} classes taken by their names, new ones begin as no class in particular: {names}"


def _anew_told(nets: Mapping[str, nn.Module], found: Mapping[str, Tensors], others: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name in nets.keys() - found.keys():
        yield f"the {name} begins anew, there is none"
    anew = [key for name in found for key, _ in nets[name].named_parameters() if key not in found[name]]
    if anew:
        why = f"other {' and '.join(field for field, _ in others)}" if others else "other shape"
        listed = ", ".join(anew[:2]) + (f" and {len(anew) - 2} more" if len(anew) > 2 else "")
        yield f"of {why}, so anew: {listed}"


def _left_told(net: nn.Module, theirs: Tensors) -> Iterator[str]:
    ours = net.state_dict()
    if left := _size({name: value for name, value in theirs.items() if name not in ours and name not in SUMMED}):
        yield f"{left:,} of theirs have no place here"


def _warnings(theirs: Recipe, ours: Recipe) -> Iterator[str]:
    """What makes those weights no model of this recipe."""
    told = [
        f"{name} {_plain(getattr(theirs, name))}, not {_plain(getattr(ours, name))}" for name, _ in changes(theirs, ours, WAYS)
    ]
    if theirs.teacher:
        told.append("for few steps")
    if told:
        yield f"warning: {shown(ours.init)} was trained with {', '.join(told)}: at first its weights are features, no model"


def _plain(value: Any) -> str:
    return ("off", "on")[value] if isinstance(value, bool) else str(value)
