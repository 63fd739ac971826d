"""Cards as files: written, read back and checked, and whether two of them compare."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, UsageError, brief, shown
from ..files import write_file
from .measures import MEASURES, Card

HEADER: dict[str, tuple[type, ...]] = {  # what two cards must share to be compared, and how each is written
    "card": (int,),
    "judge": (str, type(None)),
    "judge_sha256": (str, type(None)),
    "layer": (str, type(None)),
    "d": (int, type(None)),
    "scale": (float, int, type(None)),
    "n": (int,),
    "source": (str,),
    "reference_sha256": (str, type(None)),
    "size": (list,),
    "channels": (int,),
}
NAMES = ("header", "made", "floor", "fd", "kid", "recall", "coverage", "near")
LARGEST = 2**24  # bytes


def write_card(card: Card, path: Path) -> None:
    """Writes a card as JSON. Raises DiskError."""
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
    write_file(
        path, text.encode("utf-8", "backslashreplace") + b"\n"
    )  # a path of bytes that are no UTF-8: \udcff, as JSON has it


def read_card(path: Path) -> Card | None:
    """The card at `path`, or None where there is none. Raises CheckpointError where it cannot be read or is no card."""
    try:
        if path.stat().st_size > LARGEST:
            raise _no_card(path, "far too large")
        card = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse, parse_float=_finite)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise CheckpointError(f"cannot read the card ({shown(path)}): {problem.strerror}; check its permissions") from None
    except (ValueError, RecursionError) as problem:
        raise _no_card(path, str(problem) if isinstance(problem, _NotFinite) else "not JSON") from None
    if wrong := _fault(card):
        raise _no_card(path, wrong)
    found: Card = card
    return found


class _NotFinite(ValueError):
    pass


def _refuse(name: str) -> float:
    raise _NotFinite(f"it holds {name}")


def _finite(text: str) -> float:
    """A number of JSON; 1e999 is one too, and reads as infinity."""
    if not math.isfinite(number := float(text)):
        raise _NotFinite(f"it holds {text[:20]}")
    return number


def _no_card(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"not an evaluation card ({shown(path)}): {why}; make it again with `inkbloom evaluate`")


def _fault(card: Any) -> str | None:
    """What is wrong with a card, or None."""
    if not isinstance(card, dict):
        return "not a table"
    for name in NAMES:
        if name not in card:
            return f"'{name}' is missing"
    for name in ("header", "made", "floor", "floor_sd", "sd", "classes", "holdout"):
        empty = () if name in ("header", "made") else (None,)
        if name in card and not isinstance(card[name], dict) and card[name] not in empty:
            return f"'{name}' is not a table"
    header = card["header"]
    for name, kinds in HEADER.items():
        if name not in header:
            return f"'{name}' is missing in the header"
        if not isinstance(header[name], kinds) or isinstance(header[name], bool):
            return f"'{name}' in the header is {brief(repr(header[name]), 30)}"
    if len(header["size"]) != 2 or not all(type(side) is int for side in header["size"]):
        return f"'size' in the header is {brief(repr(header['size']), 30)}"
    for measure in MEASURES:
        for table in (card, *(card.get(name) or {} for name in ("floor", "floor_sd", "sd", "classes"))):
            if not _is_number(table.get(measure.name)):
                return f"'{measure.name}' is {brief(repr(table[measure.name]), 30)}"
    return None


def _is_number(value: Any) -> bool:
    if value is None:
        return True
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def check_comparable(names: Sequence[str], cards: Sequence[Card]) -> None:
    """Raises UsageError that names the first field in which the headers of two cards differ, with both values."""
    for name, card in zip(names[1:], cards[1:], strict=True):
        if (field := difference(cards[0], card)) is not None:
            mine, theirs = (brief(json.dumps(one["header"].get(field)), 30) for one in (cards[0], card))
            raise UsageError(
                f"the cards of {names[0]} and {name} differ in {brief(field, 30)} ({mine}, {theirs}): "
                "evaluate both runs in the same way first"
            )


def difference(one: Card, other: Card) -> str | None:
    """The first field in which the headers of two cards differ; None where the cards compare."""
    mine, theirs = one["header"], other["header"]
    return next((field for field in {**mine, **theirs} if not _alike(mine.get(field), theirs.get(field))), None)


def _alike(first: Any, other: Any) -> bool:
    """Equal; a scale may differ in the digits that depend on the machine."""
    if type(first) is float and type(other) is float:
        return math.isclose(first, other, rel_tol=1e-5)
    return bool(first == other)
