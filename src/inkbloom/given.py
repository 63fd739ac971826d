"""What people give in Python, read as the plain value that they mean; anything else is a mistake, told in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .errors import UsageError, brief


def native(value: Any) -> Any:
    """Numbers and arrays of NumPy or torch, paths and ranges as Python's own numbers, lists and text; all else as it is."""
    if isinstance(value, range):
        return list(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.tolist() if hasattr(value, "tolist") and not isinstance(value, type) else value


def whole(name: str, value: Any, low: int = -(10**18), high: int = 10**18) -> int:
    """A whole number in [low, high]. Raises UsageError."""
    number = native(value)
    if type(number) is not int:
        raise UsageError(f"{name} = {written(value)}: needs a whole number")
    if not low <= number <= high:
        raise UsageError(f"{name} = {written(number)}: must lie in [{low}, {high}]")
    return number


def number(name: str, value: Any) -> float:
    """A number. Raises UsageError."""
    found = native(value)
    if type(found) not in (int, float):
        raise UsageError(f"{name} = {written(value)}: needs a number")
    return float(min(max(found, -(10**300)), 10**300)) if type(found) is int else found


def place(name: str, value: Any) -> Path:
    """A path. Raises UsageError."""
    try:
        return Path(value)
    except TypeError:
        raise UsageError(f"{name} = {written(value)}: needs a path") from None


def size_text(value: Any) -> str:
    """A size in pixels as recipes write it: 32 -> '32', (45, 60) -> '45x60'; text as it is, and what else it may be."""
    size = native(value)
    sides = size if isinstance(size, list | tuple) else [size]
    return size if isinstance(size, str) else "x".join(map(written, sides)) or written(size)


def written(value: Any) -> str:
    """The value as Python writes it, briefly."""
    try:
        return brief(repr(value))
    except ValueError:  # more digits than Python writes
        return f"{type(value).__name__} of thousands of digits"
