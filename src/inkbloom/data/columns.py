"""Which column of a table holds the images, and which the labels: found by type and by name, or as the source says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import DataError, UsageError
from .labels import MOST_CLASSES
from .messages import brief, shown

LABELS = ("label", "labels", "class", "cls", "target", "y", "category", "class_label", "class_name", "label_name")
CHOICE = re.compile(r",(image|label)=([^,]+)$")


class Column(NamedTuple):
    """A column. kind: `image` encoded pictures, `array` nested lists of numbers, `class` numbers of named classes, `value`
    numbers or text, '' anything else. classes: the names of its classes. about: its type, for people.
    """

    name: str
    kind: str
    about: str = ""
    classes: tuple[str, ...] = ()


def chosen(source: str) -> tuple[str, dict[str, str]]:
    """'FILE,image=img,label=fine' -> ('FILE', {'image': 'img', 'label': 'fine'})."""
    choice: dict[str, str] = {}
    while found := CHOICE.search(source):
        choice.setdefault(found[1], found[2])
        source = source[: found.start()]
    return source, choice


def choose(columns: Sequence[Column], choice: Mapping[str, str], where: str) -> tuple[Column, Column | None, list[str]]:
    """The column of images, that of labels or None, and notes. Raises DataError where several could be meant, or none."""
    by_name = {column.name: column for column in columns}
    for role, name in choice.items():
        if name not in by_name:
            raise UsageError(f"no column '{shown(name, 30)}' for {role} ({where}): the columns are {_told(columns)}")
    pictures = [column for column in columns if column.kind == "image"] or [each for each in columns if each.kind == "array"]
    image = by_name[choice["image"]] if "image" in choice else _only(pictures, "image", where)
    if image is None or image.kind not in ("image", "array"):
        what = "no column of images" if image is None else f"column '{shown(image.name, 30)}' holds no images"
        raise DataError(f"{what} ({where}): the columns are {_told(columns)}")
    others = [column for column in columns if column != image]
    if "label" in choice:
        return image, by_name[choice["label"]], []
    classes = [column for column in others if column.kind == "class"]
    named = [
        column for name in LABELS for column in others if column.name.lower() == name and column.kind in ("class", "value")
    ]
    label = named[0] if named[:1] and (named[0] in classes or not classes) else _only(classes, "label", where)
    if label is None:
        rest = f" ({_told(others)})" if others else ""
        return image, None, [f"no labels: no column is one of classes{rest}" if others else "no labels: no other column"]
    return image, label, []


def class_texts(values: Sequence[Any], names: Sequence[str], where: str) -> tuple[list[str], tuple[str, ...]]:
    """Labels as the names of their classes, '' for none, and these names in their order, or () for the natural order of text.

    names: of the classes that whole numbers stand for, if they have any. Raises DataError for what can be no label.
    """
    known = [value for value in values if value is not None]
    whole = all(isinstance(value, int | float) and value == int(value) for value in known if value == value)
    if known and whole and not isinstance(known[0], bool):
        numbers = [-1 if value is None or value != value else int(value) for value in values]
        low, high = min(numbers), max(numbers)
        if low < -1 or high >= (len(names) or MOST_CLASSES):
            count = f"{len(names):,} classes" if names else f"classes 0 to {MOST_CLASSES - 1:,}"
            raise DataError(
                f"label {low if low < -1 else high} ({where}): there are {count}; choose another column, label=NAME"
            )
        order = tuple(name.strip() or str(place) for place, name in enumerate(names)) or tuple(map(str, range(high + 1)))
        return ["" if number < 0 else order[number] for number in numbers], order
    if odd := [value for value in known if not isinstance(value, str | bytes | bool | int | float)]:
        raise DataError(f"label {brief(odd[0], 30)} ({where}): give one class an image; choose another column, label=NAME")
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in known]
    rest = iter(texts)
    return ["" if value is None else next(rest).strip() for value in values], ()


def _only(columns: Sequence[Column], role: str, where: str) -> Column | None:
    if len(columns) > 1:
        listed, first = brief(", ".join(column.name for column in columns), 60), shown(columns[0].name, 30)
        raise DataError(f"several columns may be the {role} ({where}): {listed}; add which to the source: ,{role}={first}")
    return columns[0] if columns else None


def _told(columns: Sequence[Column]) -> str:
    return brief(", ".join(f"{column.name} ({column.about})" if column.about else column.name for column in columns), 90)
