"""What is exported: a model with the weights that are to be written, and where they come from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..config import Recipe
from ..errors import UsageError, entry, shown
from ..families import Family, Spec
from ..store.checkpoint import latest
from ..store.folder import load_weights
from ..store.tensors import first_not_finite, unpack
from ..store.weights import NO_OWN

DTYPES = {"fp32": torch.float32, "fp16": torch.float16}


@dataclass(frozen=True, eq=False)
class Model:
    """A family on the CPU, which computes in float32 with the very weights that are written: those of `dtype`, exactly.

    `exact` is the same with the weights as trained; `weights` says which they are, 'ema' or 'live'.
    """

    family: Family
    exact: Family
    step: int
    weights: str
    dtype: torch.dtype
    path: Path

    @property
    def recipe(self) -> Recipe:
        """The recipe that it was trained by."""
        return self.family.recipe

    @property
    def spec(self) -> Spec:
        """What it was made for."""
        return self.family.spec


def open_model(path: Path, dtype: str = "fp32", weights: str | None = None, own: Mapping[str, Any] = NO_OWN) -> Model:
    """The model of a run or a weights file. weights: 'ema' or 'live'; None: 'ema' where there is one. own: see `Spec`.

    Raises UsageError where there are no such weights, CheckpointError where there is no intact model, DiskError.
    """
    kind: torch.dtype = entry("dtype", dtype, DTYPES)
    family, step = load_weights(path, weights or "ema", own)
    found = _kind(path, weights or "ema")
    if weights and weights != found:
        raise UsageError(f"weights = {weights}: there are only {found} ones ({shown(path)}); leave --weights out")
    family = family.cpu().float().requires_grad_(False)
    rounded = family if kind is torch.float32 else _rounded(family, kind)
    if bad := first_not_finite(rounded.state_dict()):
        raise UsageError(f"weights too large for half precision ({shown(path)}, {bad}): use --dtype fp32")
    return Model(rounded, family, step, found, kind, path)


def _rounded(family: Family, dtype: torch.dtype) -> Family:
    """A copy with the weights that a file in `dtype` holds. What is no weight, as the frequencies of `ink`, stays exact."""
    copied = copy.deepcopy(family)
    copied.load_state_dict({name: tensor.to(dtype) for name, tensor in family.state_dict().items()})
    return copied


def _kind(path: Path, weights: str) -> str:
    """Which weights `load_weights` takes: 'ema' or 'live'."""
    if path.is_file():
        return str(unpack(path.read_bytes())[1].get("kind"))
    newest = latest(path / "checkpoints")
    averaged = newest is not None and (newest / "ema.safetensors").exists()
    return "ema" if weights == "ema" and averaged else "live"
