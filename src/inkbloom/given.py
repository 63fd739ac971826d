"""What people give in Python, read as the plain value that they mean; anything else is a mistake, told in one line."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from .errors import OWN, UsageError, brief, unknown


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


def typed(name: str, value: Any, hint: Any, may_be_own: bool = False) -> Any:
    """`value` as the type `hint` of the recipe's field `name`, or UsageError; may_be_own: a name 'own:...' will do as well.

    Ints pass for floats, lists for tuples, numbers and pairs for a size, and what `native` can read; nothing else is bent.
    """
    value = native(value)
    if name == "size" and value is not None:
        value = size_text(value)
    if get_origin(hint) is Literal:
        if may_be_own and isinstance(value, str) and value.startswith(OWN) and value == brief(value):
            return value
        if value not in get_args(hint) or not isinstance(value, str):
            raise unknown(name, value if isinstance(value, str) else written(value), get_args(hint))
        return value
    names = get_args(get_args(hint)[0]) if get_origin(hint) is tuple else ()  # of a list of names
    if names and isinstance(value, list | tuple):
        return tuple(typed(name, item, Literal[names]) for item in value)
    if hint == tuple[int, ...] and isinstance(value, list | tuple):
        value = tuple(value)
        good = all(type(item) is int for item in value)
    elif hint == tuple[float, ...] and isinstance(value, list | tuple):
        good = all(type(item) in (int, float) and abs(item) < 1e300 for item in value)
        value = tuple(float(item) for item in value) if good else value
    elif hint == int | None:
        good = value is None or type(value) is int
    elif hint is float:
        good = type(value) in (int, float)
        with suppress(OverflowError):  # a whole number beyond all floats stays one, and is out of range
            value = float(value) if good else value
    else:
        good = type(value) is hint
    if not good:
        lists = {tuple[int, ...]: "list of whole numbers", tuple[float, ...]: "list of numbers"}
        wanted = (
            f"list of names out of {', '.join(names)}"
            if names
            else lists.get(hint) or {str: "text", bool: "true or false", float: "number"}.get(hint, "whole number")
        )
        raise UsageError(f"{name} = {written(value)}: needs {'' if hint in (str, bool) else 'a '}{wanted}")
    if hint is str and any("\ud800" <= letter <= "\udfff" for letter in value):  # how Python reads a name in another encoding
        raise UsageError(f"{name} = {written(value)}: not UTF-8; rename the file")
    return value


def written(value: Any) -> str:
    """The value as Python writes it, briefly."""
    try:
        return brief(repr(value))
    except ValueError:  # more digits than Python writes
        return f"{type(value).__name__} of thousands of digits"
