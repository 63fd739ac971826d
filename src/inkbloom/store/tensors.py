"""A safetensors file that says of itself what it is: tensors, and a table as JSON in its header."""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

KEY = "inkbloom"  # of the table in the header's metadata


def pack(tensors: dict[str, Tensor], about: dict[str, Any], dtype: torch.dtype | None = None) -> bytes:
    """The file's bytes; the tensors in `dtype`, default: their own."""
    return save({name: each.detach().to("cpu", dtype).contiguous() for name, each in tensors.items()}, {KEY: json.dumps(about)})


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, table) of a file that `pack` made. Raises ValueError for anything else."""
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][KEY])
    except (SafetensorError, KeyError, TypeError, RecursionError) as problem:
        raise ValueError(str(problem)) from None
    if not isinstance(about, dict):
        raise ValueError("its table is none")
    return tensors, about


def all_finite(*tensors: Tensor) -> bool:
    """Whether every number in them is one: neither infinite nor NaN."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def first_not_finite(tensors: dict[str, Tensor]) -> str | None:
    """The name of the first tensor that holds a NaN or an infinity, or None."""
    return next((name for name, tensor in tensors.items() if not all_finite(tensor)), None)
