"""Evaluation cards as they are read back: checked, compared, and put into words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import CheckpointError, UsageError, brief, shown

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


class Measure(NamedTuple):
    """A number of the card: where it stands, what it is called, which way is better, how it compares with its floor."""

    name: str
    title: str
    better: str
    digits: int = 3
    ratio: bool = False  # beside its floor: value / floor, else the difference
    expected: str = "–"  # what stands for the floor where the card has none


FD, KID = Measure("fd", "FD", "lower", ratio=True), Measure("kid", "KID × 1000", "lower")
MEASURES = (
    Measure("recall", "recall", "higher", ratio=True),
    Measure("coverage", "coverage", "higher", ratio=True),
    Measure("precision", "precision (rewards blur)", "higher", ratio=True),
    Measure("density", "density (rewards blur)", "higher", ratio=True),
    Measure("tv", "classes: total variation", "lower"),
    Measure("agreement", "classes: label agreement", "higher"),
    Measure("near", "near a training image", "as the floor"),
    Measure("near_shifted", "near, moved by up to 1 pixel", "as the floor", expected="about 0.01"),
    Measure("near_ratio", "nearest under 1/3 as far as the second", "as the floor", expected="about 0"),
    Measure("copying_z", "C_T z (below −3: copies, or blur)", "near 0", 1, expected="about 0"),
)
ENOUGH = 5000  # from this N on FD leads; below, FDs are mostly bias, so KID leads and no ratio of FDs is shown


def read_card(path: Path) -> dict[str, Any] | None:
    """The card at `path`, or None where there is none. Raises CheckpointError where it cannot be read or is no card."""
    try:
        if path.stat().st_size > LARGEST:
            raise _no_card(path, "far too large")
        card = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise CheckpointError(f"cannot read the card ({shown(path)}): {problem.strerror}; check its permissions") from None
    except (ValueError, RecursionError) as problem:
        raise _no_card(path, str(problem) if isinstance(problem, _NotFinite) else "not JSON") from None
    if wrong := _fault(card):
        raise _no_card(path, wrong)
    found: dict[str, Any] = card
    return found


class _NotFinite(ValueError):
    pass


def _refuse(name: str) -> float:
    raise _NotFinite(f"it holds {name}")


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
    for measure in (FD, KID, *MEASURES):
        for value in (card.get(measure.name), *(spot.get(measure.name) for spot in _tables(card))):
            if not _is_number(value):
                return f"'{measure.name}' is {brief(repr(value), 30)}"
    return None


def _tables(card: dict[str, Any]) -> list[dict[str, Any]]:
    return [card.get(name) or {} for name in ("floor", "floor_sd", "sd", "classes")]


def _is_number(value: Any) -> bool:
    if value is None:
        return True
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


# ---- what it says


def check_comparable(names: Sequence[str], cards: Sequence[dict[str, Any]]) -> None:
    """Raises UsageError that names the first field in which the headers of two cards differ, with both values."""
    for name, card in zip(names[1:], cards[1:], strict=True):
        first, other = cards[0]["header"], card["header"]
        for field in dict.fromkeys([*HEADER, *first, *other]):
            if not _alike(first.get(field), other.get(field)):
                mine, theirs = (brief(json.dumps(header.get(field)), 30) for header in (first, other))
                raise UsageError(
                    f"the cards of {names[0]} and {name} differ in {brief(field, 30)} ({mine}, {theirs}): "
                    "evaluate both runs in the same way first"
                )


def _alike(first: Any, other: Any) -> bool:
    """Equal; a scale may differ in the digits that depend on the machine."""
    if type(first) is float and type(other) is float:
        return math.isclose(first, other, rel_tol=1e-5)
    return bool(first == other)


def value_of(card: dict[str, Any], measure: Measure) -> float | None:
    """The set's own number."""
    value = card.get(measure.name)
    return (card.get("classes") or {}).get(measure.name) if value is None else value


def said(card: dict[str, Any], measure: Measure) -> str:
    """The number with its spread over blocks of images, as in '1.23 ± 0.04'; a dash where the card has none."""
    return _spread(value_of(card, measure), (card.get("sd") or {}).get(measure.name), measure.digits)


def floor_said(card: dict[str, Any], measure: Measure) -> str:
    """What real images score against real ones, with its spread; where the card has none, what is to be expected."""
    floor, spread = card.get("floor") or {}, card.get("floor_sd") or {}
    if floor.get(measure.name) is None:
        return measure.expected
    return _spread(floor.get(measure.name), spread.get(measure.name), measure.digits)


def against(card: dict[str, Any], measure: Measure) -> str:
    """The number beside its floor, as in '1.30 x' or '+0.012'; '' where that would say nothing."""
    value, floor = value_of(card, measure), (card.get("floor") or {}).get(measure.name)
    if value is None or floor is None or (measure is FD and card["header"]["n"] < ENOUGH):
        return ""
    if measure.ratio:
        return f"{value / floor:.2f} x" if floor > 0 else ""
    return f"{value - floor:+.{measure.digits}f}"


def how_made(card: dict[str, Any]) -> str:
    """What was judged, as in '5000 images (solver euler, steps 40, ...)'."""
    made = card["made"]
    told = [
        f"{name} {made[name]}"
        for name in ("solver", "steps", "nfe", "guidance", "weights", "seed")
        if made.get(name) is not None
    ]
    return shown(f"{made.get('images', '?')} images ({', '.join(told)})", 300)


def warnings_of(card: dict[str, Any], step: int) -> list[str]:
    """What one should know before believing a card of a run whose weights are of `step`: a phrase each."""
    made, lines = card["made"], []
    if made.get("step") not in (None, step):
        lines.append(f"made at step {shown(str(made['step']), 12)}, while the weights are of step {step:,}")
    if made.get("split") == "all":
        lines.append("the run was trained on all images, the reference included: no number here is about unseen ones")
    return lines


def title_of(card: dict[str, Any], measure: Measure) -> str:
    """The measure's name; that of FD says in full what it depends on."""
    return f"FD ({conditions(card)})" if measure.name == "fd" else measure.title


def conditions(card: dict[str, Any]) -> str:
    """What a distance depends on, as in 'judge digits-v1, d=64, N=1000, ref=1234abcd'."""
    header = card["header"]
    judge = f"judge {shown(header['judge'], 40)}, d={header['d']}" if header["judge"] else "no judge"
    return f"{judge}, N={header['n']}, ref={shown((header['reference_sha256'] or '?')[:8])}"


def measured(cards: Sequence[dict[str, Any]]) -> list[Measure]:
    """The measures that at least one of the cards has, the one to trust first in front."""
    leading = [FD, KID] if cards and cards[0]["header"]["n"] >= ENOUGH else [KID, FD]
    return [measure for measure in (*leading, *MEASURES) if any(value_of(card, measure) is not None for card in cards)]


def _spread(value: float | None, spread: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}f}" + (f" ± {spread:.{digits}f}" if spread is not None else "")
