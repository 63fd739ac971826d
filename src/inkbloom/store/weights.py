"""One weights file, complete in itself: tensors in safetensors, and in its metadata all that is needed to sample it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import CheckpointError, UsageError
from ..families import Family, Spec, build
from ..nets import TOLD
from ..recipe_files import recipe_of
from . import tensors as files
from .tensors import first_not_finite

FORMAT = 1
NO_OWN: Mapping[str, Any] = {}
NEEDED = ("net", "path", "target", "noise")  # parts without which a model cannot sample
RENAMED = {"shrink.": "encoder.", "grow.": "decoder."}  # how the tensors of a vae and a gan began in version 0.1
PAGE = "page/"  # how the names of tensors begin that only the web page reads
OLD_NAME = "helper.safetensors"  # of a network that only training needs, in checkpoints of version 0.1


def pack(
    net: nn.Module, spec: Spec, step: int, kind: str, dtype: torch.dtype | None = None, origin: Mapping[str, Any] | None = None
) -> bytes:
    """The weights of `net` as a file, in `dtype` (default: their own); the rest as in `about`."""
    return files.pack(net.state_dict(), about(spec, step, kind, origin), dtype)


def about(spec: Spec, step: int, kind: str, origin: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a weights file says of itself. kind: 'live', 'ema', or what else the network is.

    origin: what is known of the weights that its training began with, where it did not begin anew.
    """
    return {
        "format": FORMAT,
        "kind": kind,
        "step": step,
        "channels": spec.channels,
        "size": spec.size,
        "classes": spec.classes,
        "recipe": {name: value for name, value in asdict(spec.recipe).items() if value is not None},
        **({"untrained": spec.untrained} if spec.untrained else {}),
        **({"init": dict(origin)} if origin else {}),
    }


def unpack(data: bytes, where: Path, own: Mapping[str, Any] = NO_OWN) -> tuple[dict[str, Tensor], Spec, int]:
    """(tensors, spec, step) of a file that `pack` made; `where` names it in errors. Raises CheckpointError."""
    try:
        tensors, table = files.unpack(data)
        version = table["format"]
    except (ValueError, KeyError):
        raise CheckpointError(f"not a weights file of inkbloom ({where}): give a run or its model.safetensors") from None
    if table.get("kind") == "judge":
        raise CheckpointError(f"a judge, where a model is needed ({where}): give it to `inkbloom evaluate` with --judge")
    if version != FORMAT:
        raise CheckpointError(f"weights of format {version} ({where}): this inkbloom reads format {FORMAT}")
    try:
        spec, step = _spec(table, own), int(table["step"])
    except (UsageError, KeyError, TypeError, ValueError, OverflowError) as problem:
        raise CheckpointError(f"damaged description in the weights file ({where}): {problem}") from None
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(PAGE)}
    if spec.recipe.family != "diffusion":
        tensors = {renamed(name): tensor for name, tensor in tensors.items()}
    return tensors, spec, step


def renamed(name: str) -> str:
    """The name of a tensor today, from that in a file of any version."""
    return next((new + name.removeprefix(old) for old, new in RENAMED.items() if name.startswith(old)), name)


def _spec(table: dict[str, Any], own: Mapping[str, Any]) -> Spec:
    height, width = (int(n) for n in table["size"])
    classes = tuple(str(name) for name in table["classes"])
    if not (8 <= height <= 1024 and 8 <= width <= 1024 and len(classes) <= 10_000):
        raise ValueError(f"images of {height}x{width} with {len(classes)} classes")
    untrained = tuple(int(number) for number in table.get("untrained", ()))
    if not set(untrained) < set(range(max(1, len(classes)))):
        raise ValueError(f"classes {untrained} of {len(classes)} that had no training image")
    return Spec(recipe_of(table["recipe"]), int(table["channels"]), (height, width), classes, own, untrained)


def load_family(data: bytes, where: Path, own: Mapping[str, Any] = NO_OWN) -> tuple[Family, int]:
    """(family with these weights in eval mode, ready to sample, step). `own`: see `Spec`.

    Raises CheckpointError, and UsageError where the file names objects of one's own that are not given.
    """
    tensors, spec, step = unpack(data, where, own)
    if spec.recipe.augment and "net" not in own:
        tensors = {name: tensor for name, tensor in tensors.items() if not name.endswith(TOLD)}
    try:
        spec.check_own(NEEDED)
    except UsageError as problem:
        raise UsageError(f"{problem} ({where})") from None
    try:
        if "net" not in own:
            check_fit(unfilled(spec).without_training_nets().net, tensors, where)
        family = build(spec).without_training_nets()
    except UsageError as problem:
        if own:
            raise
        raise CheckpointError(f"damaged description in the weights file ({where}): {problem}") from None
    put(family.net, tensors, where)
    return family.eval(), step


def unfilled(spec: Spec) -> Family:
    """The family of a spec, with names and shapes but no numbers: it takes no memory, whatever size of network that is."""
    with torch.device("meta"), _Unfilled():
        return build(spec)


class _Unfilled(TorchFunctionMode):
    """Leaves out first weights: without memory they say nothing, but import torch's compiler, which takes a second or two."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs.get("tensor", args[0] if args else None)
        return func(*args, **kwargs)


def put(net: nn.Module, tensors: dict[str, Tensor], where: Path) -> None:
    """Copies tensors into a network in place. Raises CheckpointError where names or shapes differ or a number is not finite."""
    check_fit(net, tensors, where)
    bad = first_not_finite(tensors)
    if bad:
        raise CheckpointError(f"weights that are not finite numbers ({where}, {bad}): use an earlier checkpoint")
    net.load_state_dict(tensors)


def check_fit(net: nn.Module, tensors: dict[str, Tensor], where: Path) -> None:
    """Raises CheckpointError where the names or shapes of the tensors are not those of the network."""
    own = net.state_dict()
    wrong = own.keys() ^ tensors.keys() or {name for name in own if own[name].shape != tensors[name].shape}
    if wrong:
        raise CheckpointError(
            f"weights do not fit the network ({where}, {min(wrong)}): the file is damaged or of another version"
        )


def put_training_nets(family: Family, contents: dict[str, bytes], where: Path) -> None:
    """Gives the family the networks that only training needs, from a checkpoint's files. Raises CheckpointError."""
    for name, net in family.training_nets.items():
        found = next((file for file in (f"{name}.safetensors", OLD_NAME) if file in contents), None)
        if found is None:
            missing = where / f"{name}.safetensors"
            raise CheckpointError(f"a part of the training is missing ({missing}): start again in another --out")
        put(net, unpack(contents[found], where / found, family.spec.own)[0], where / found)
