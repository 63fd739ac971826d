"""What a sweep varies: ranges and choices of a recipe's fields, read from text like lr=1e-3..1e-2 or widths=32,64|48,96.

Numbers of a range that starts above 0 are drawn log-uniform, so that doubling is as likely anywhere in it; of another, uniform.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product
from typing import Any, NamedTuple, get_args, get_origin

from ..config import BESIDE, HINTS, Recipe, deciding
from ..errors import UsageError, brief, plain, unknown
from ..given import native, written

SAMPLING = ("sample_steps", "solver", "spacing", "sample_times", "clip_x0", "guidance", "compile")
INCOMPARABLE = ("family", "data", "split", "size", "path", "noise", "teacher")
MOST = 4096  # combinations of ends and choices that are checked


class Range(NamedTuple):
    """All numbers from low to high; whole ones only where both are int."""

    low: float
    high: float

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return type(self.low) is int

    @property
    def log(self) -> bool:
        """Whether factors rather than differences are drawn evenly."""
        return self.low > 0

    @property
    def ends(self) -> list[Any]:
        """The values to check before anything is trained: those at the ends."""
        return [self.low, self.high]

    @property
    def few(self) -> list[Any]:
        """All values, where there are not many; else the ends."""
        return list(range(int(self.low), int(self.high) + 1)) if self.whole and self.high - self.low <= 64 else self.ends

    def suggest(self, trial: Any, name: str) -> Any:
        """A value that Optuna's trial suggests."""
        return (trial.suggest_int if self.whole else trial.suggest_float)(name, self.low, self.high, log=self.log)

    def of(self, kept: Any) -> Any:
        """The value that Optuna keeps so."""
        return kept

    def __str__(self) -> str:
        return f"{plain(self.low, 12)}..{plain(self.high, 12)}"


class Choices(NamedTuple):
    """These values."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> list[Any]:
        """The values to check before anything is trained: all."""
        return list(self.values)

    @property
    def few(self) -> list[Any]:
        """All values."""
        return self.ends

    def suggest(self, trial: Any, name: str) -> Any:
        """A value that Optuna's trial suggests."""
        return self.of(trial.suggest_categorical(name, [said(value) for value in self.values]))

    def of(self, kept: Any) -> Any:
        """The value that Optuna keeps so: as its text."""
        return next(value for value in self.values if said(value) == kept)

    def __str__(self) -> str:
        return "|".join(map(said, self.values))


Space = dict[str, Range | Choices]


def said(value: Any) -> str:
    """A field's value as it is written in --vary."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(said, value))
    return plain(value, 12) if isinstance(value, float) else str(value)


def read_space(vary: Iterable[str] | Mapping[str, Any]) -> Space:
    """The space of texts 'FIELD=LOW..HIGH' or 'FIELD=A|B'; of a mapping, also a pair of numbers or a list of values.

    Raises UsageError.
    """
    pairs: list[tuple[str, Any]]
    if isinstance(vary, Mapping):
        pairs = list(vary.items())
    else:
        pairs = [_split(text) for text in ([vary] if isinstance(vary, str) else vary)]
    space: Space = {}
    for given, values in pairs:
        name = str(given).replace("-", "_")
        _check_field(name)
        if name in space:
            raise UsageError(f"vary = {name}: twice; write all its values in one")
        space[name] = _parse(name, values) if isinstance(values, str) else _of_python(name, values)
    if not space:
        raise UsageError("nothing to vary: give --vary FIELD=LOW..HIGH or FIELD=A|B, as in --vary lr=1e-3..1e-2")
    return space


def check_space(base: Recipe, space: Space, fixed: Iterable[str] = ()) -> None:
    """Raises UsageError where a value of the space, or values that may meet, make no recipe or nothing to compare, and where a
    field that varies is among those that are the same in every trial.
    """
    if both := [name for name in fixed if name in space]:
        raise UsageError(f"{both[0]} both varied and given: leave out --{both[0].replace('_', '-')}, or do not vary it")
    if base.family != "diffusion":
        raise UsageError(f"a sweep with a {base.family}: it has no hold-out loss to go by; only diffusion has one")
    if base.teacher:
        raise UsageError("a sweep with a teacher: its student has no hold-out loss to go by; leave out --teacher")
    if base.split == "all":
        raise UsageError("a sweep with split all: no image is held out to judge the trials by; use --split train")
    for name, values in space.items():
        for value in values.few:
            base.resolved(**{name: value})
    for corner in islice(corners(space), MOST):
        base.resolved(**corner)


def corners(space: Space) -> Iterator[dict[str, Any]]:
    """The values of each combination of ends and choices."""
    for values in product(*(values.ends for values in space.values())):
        yield dict(zip(space, values, strict=True))


def _split(text: str) -> tuple[str, str]:
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise UsageError(f"vary = {brief(text)}: write FIELD=LOW..HIGH or FIELD=A|B, as in lr=1e-3..1e-2 or widths=32,64|48,96")
    return name.strip(), values.strip()


def _check_field(name: str) -> None:
    if name not in HINTS:
        raise unknown("recipe field", name, [field.name for field in deciding()])
    if name in (*SAMPLING, *BESIDE):
        raise UsageError(f"vary = {name}: the hold-out loss does not depend on it; vary what the training does")
    if name in INCOMPARABLE:
        raise UsageError(f"vary = {name}: hold-out losses compare only where it is the same; make a sweep for each")


def _parse(name: str, text: str) -> Range | Choices:
    if ".." in text and "|" not in text:
        return _range(name, *(_value(name, end) for end in text.split("..", 1)))
    return _choices(name, [_value(name, part) for part in text.split("|")])


def _of_python(name: str, values: Any) -> Range | Choices:
    values = native(values)
    if isinstance(values, tuple) and len(values) == 2 and get_origin(HINTS[name]) is not tuple and HINTS[name] is not bool:
        return _range(name, *map(native, values))
    if not isinstance(values, list | tuple):
        raise UsageError(f"vary = {name}={written(values)}: needs a pair (low, high), a list of values, or text")
    return _choices(name, [tuple(item) if isinstance(item := native(value), list) else item for value in values])


def _range(name: str, low: Any, high: Any) -> Range:
    hint, told = HINTS[name], f"vary = {name}={said(low)}..{said(high)}"
    if hint not in (int, float, int | None):
        raise UsageError(f"{told}: only numbers have ranges; write the values as A|B")
    if not all(type(end) is int or (type(end) is float and hint is float) for end in (low, high)):
        raise UsageError(f"{told}: a range of this field goes from one {'' if hint is float else 'whole '}number to another")
    if not low < high:
        raise UsageError(f"{told}: the lower end must come first")
    return Range(float(low), float(high)) if hint is float else Range(low, high)


def _choices(name: str, values: list[Any]) -> Choices:
    if len(values) < 2 or len({said(value) for value in values}) < len(values):
        values_said = "|".join(map(said, values))
        raise UsageError(f"vary = {name}={brief(values_said)}: needs two values or more, all different, as A|B, or LOW..HIGH")
    return Choices(tuple(values))


def _value(name: str, text: str) -> Any:
    """The text as a value of the field's type; what is none stays text, and the recipe's own check tells it."""
    hint, text = HINTS[name], text.strip()
    if hint is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        return tuple(_number(part, kind) for part in text.replace(",", " ").split())
    return _number(text, hint) if hint in (int, float, int | None) else text


def _number(text: str, kind: Any) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if kind is float or not number.is_integer() else int(number)
