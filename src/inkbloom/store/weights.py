"""One weights file, complete in itself: tensors in safetensors, and in its metadata all that is needed to sample it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..config import Recipe, recipe_of
from ..errors import CheckpointError, UsageError
from ..families import Family, build

FORMAT = 1
HELPER = "helper.safetensors"  # in a checkpoint: the network that only training needs, where there is one


@dataclass(frozen=True)
class Spec:
    """What a network was made for: the recipe and the shape of its data."""

    recipe: Recipe
    channels: int
    size: tuple[int, int]
    classes: tuple[str, ...]

    def build(self) -> Family:
        """A family of this shape with fresh weights."""
        return build(self.recipe, self.channels, self.size, len(self.classes))


def pack(net: nn.Module, spec: Spec, step: int, kind: str, dtype: torch.dtype | None = None) -> bytes:
    """The weights of `net` as a safetensors file of that `dtype` (default: their own); `kind`: 'live', 'ema' or 'helper'."""
    recipe = {name: value for name, value in asdict(spec.recipe).items() if value is not None}
    about = {
        "format": FORMAT,
        "kind": kind,
        "step": step,
        "channels": spec.channels,
        "size": spec.size,
        "classes": spec.classes,
    }
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in net.state_dict().items()}
    return save(tensors, {"inkbloom": json.dumps({**about, "recipe": recipe})})


def unpack(data: bytes, where: Path) -> tuple[dict[str, Tensor], Spec, int]:
    """(tensors, spec, step) of a file that `pack` made; `where` names it in errors. Raises CheckpointError."""
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["inkbloom"])
        version = about["format"]
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"not a weights file of inkbloom ({where}): give a run or its model.safetensors") from None
    if version != FORMAT:
        raise CheckpointError(f"weights of format {version} ({where}): this inkbloom reads format {FORMAT}")
    try:
        return tensors, _spec(about), int(about["step"])
    except (UsageError, KeyError, TypeError, ValueError, OverflowError) as problem:
        raise CheckpointError(f"damaged description in the weights file ({where}): {problem}") from None


def _spec(about: dict[str, Any]) -> Spec:
    height, width = (int(n) for n in about["size"])
    classes = tuple(str(name) for name in about["classes"])
    if not (8 <= height <= 1024 and 8 <= width <= 1024 and len(classes) <= 10_000):
        raise ValueError(f"images of {height}x{width} with {len(classes)} classes")
    return Spec(recipe_of(about["recipe"]), int(about["channels"]), (height, width), classes)


def load_family(data: bytes, where: Path) -> tuple[Family, Spec, int]:
    """(family with these weights in eval mode, without its helper, spec, step). Raises CheckpointError."""
    tensors, spec, step = unpack(data, where)
    try:
        with torch.device("meta"), _Unfilled():  # takes no memory, whatever size of network the file claims
            check_fit(spec.build().net, tensors, where)
        family = spec.build()
    except UsageError as problem:
        raise CheckpointError(f"damaged description in the weights file ({where}): {problem}") from None
    put(family.net, tensors, where)
    family.helper = None
    return family.eval(), spec, step


class _Unfilled(TorchFunctionMode):
    """Leaves out first weights: without memory they say nothing, but import torch's compiler, which takes a second or two."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs.get("tensor", args[0] if args else None)
        return func(*args, **kwargs)


def take_helper(family: Family, files: dict[str, bytes], where: Path) -> None:
    """Gives the family the helper of a checkpoint's files, where it has one. Raises CheckpointError."""
    if family.helper is not None:
        if HELPER not in files:
            raise CheckpointError(f"a part of the training is missing ({where / HELPER}): start again in another --out")
        put(family.helper, unpack(files[HELPER], where / HELPER)[0], where / HELPER)


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


def first_not_finite(tensors: dict[str, Tensor]) -> str | None:
    """The name of the first tensor that holds a NaN or an infinity, or None."""
    return next((name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())), None)
