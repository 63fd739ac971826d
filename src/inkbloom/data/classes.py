"""Classes as people ask for them, by name or by number, one or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import UsageError, unknown
from ..given import native, written


def class_numbers(asked: Any, classes: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the classes asked for: a number or a name, or a list of them. Raises UsageError for anything else.

    A whole number is the number of a class. Text is the name of a class; text that is no name, but a number, is that number.
    So where folders are called 0, 1 and 10, '10' is the class of that name.
    """
    given = native(asked)
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise UsageError("label = []: name one class or more, or leave it out to have all in turn")
    return tuple(_number(each, classes) for each in several)


def _number(each: Any, classes: Sequence[str]) -> int:
    name = native(each)
    if isinstance(name, str):
        if name in classes:
            return classes.index(name)
        if not (name.removeprefix("-").isascii() and name.removeprefix("-").isdigit() and len(name) < 10):
            raise unknown("class", name, classes)
        name = int(name)
    if type(name) is not int:
        raise UsageError(f"label = {written(each)}: needs the name or the number of a class, or a list of them")
    if not 0 <= name < len(classes):
        raise UsageError(f"label = {written(name)}: the model knows the classes 0 to {len(classes) - 1}")
    return name


def named(classes: Sequence[str]) -> bool:
    """Whether the names of the classes say more than their numbers."""
    return not all(name.isdigit() for name in classes)
