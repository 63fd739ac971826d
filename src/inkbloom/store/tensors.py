"""A safetensors file that says of itself what it is: tensors, and a table as JSON in its header."""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

KEY = "inkbloom"  # of the table in the header's metadata
LARGEST_HEADER, MOST = 2**24, 50_000  # bytes, tensors


def pack(tensors: dict[str, Tensor], about: dict[str, Any], dtype: torch.dtype | None = None) -> bytes:
    """The file's bytes; the tensors in `dtype`, default: their own."""
    return save({name: each.detach().to("cpu", dtype).contiguous() for name, each in tensors.items()}, {KEY: json.dumps(about)})


def load_tensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises ValueError where it is none, or where its header announces no sane number of
    them: a million empty ones would take a minute.
    """
    length = int.from_bytes(data[:8], "little")
    if length > LARGEST_HEADER or data.count(b'"data_offsets"', 8, 8 + length) > MOST:
        raise ValueError("too many tensors")
    try:
        return load(data)
    except SafetensorError as problem:
        raise ValueError(str(problem)) from None


def unpack(data: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, table) of a file that `pack` made. Raises ValueError for anything else."""
    try:
        tensors = load_tensors(data)
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][KEY])
    except (KeyError, TypeError, RecursionError) as problem:
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
