"""Figures and commands in words, the same on every page and in the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import MISSING, fields
from itertools import pairwise
from typing import Any

from ..config import OWN_FIELDS, Recipe
from ..errors import OWN, plain, shown
from ..evaluation.measures import DASH, Card
from ..families import Family
from ..recipe_files import load_recipe, recipe_names
from .facts import Facts

FREE = ("about",)  # decides nothing


def figure(value: float | None, digits: int = 0) -> str:
    """A number with thousands set apart; a dash for None."""
    return DASH if value is None else f"{value:,.{digits}f}"


def rate(value: float | None) -> str:
    """A number of images a second, with three digits that count."""
    return figure(value, 0 if value is None or value >= 100 else 1 if value >= 10 else 2)


def duration(seconds: float) -> str:
    """Seconds as '1 h 2 min', '3 min 4 s' or '5.6 s'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def memory(size: int | None) -> str:
    """Bytes as megabytes; a dash for None."""
    return DASH if size is None else f"{size / 1e6:,.0f} MB"


def progress(facts: Facts) -> str:
    """How many of the recipe's steps the weights have seen."""
    total, stretches = facts.recipe.steps, facts.recipe.stretches
    told = f"{facts.step:,} steps" if facts.step == total else f"{facts.step:,} of {total or 0:,} steps"
    return f"{told} in {len(stretches) + 1} stretches" if stretches else told


def stretches_told(recipe: Recipe) -> str:
    """The lengths of the stretches of a schedule, as in '2,000 and 500 steps'."""
    ends = (0, *recipe.stretches, recipe.steps or 0)
    *first, last = (f"{end - begin:,}" for begin, end in pairwise(ends))
    return f"{', '.join(first)} and {last} steps" if first else f"{last} steps"


def begun(facts: Facts) -> str:
    """The weights that a training began with; '' where it began anew."""
    if not (origin := facts.origin):
        return ""
    whose = f"{origin['from']} after step {origin['step']:,} (SHA-256 {origin['sha256']})"
    return f"{shown(whose, 300)}, {origin['taken']:,} of {origin['of']:,} weights"


def what(facts: Facts) -> str:
    """One sentence: network, data, path, noise, target."""
    return what_family(facts.family, progress(facts))


def what_family(family: Family, trained: str) -> str:
    """The same of a model without its run; `trained`: how long, as in '200 steps'."""
    (height, width), parameters = family.spec.size, sum(parameter.numel() for parameter in family.parameters())
    labels = f", {len(family.spec.classes)} classes" if family.num_classes else ", no class labels"
    return (
        f"{family.title} with {parameters:,} parameters, trained for {trained} on {family.recipe.data} "
        f"({width} x {height} x {family.spec.channels}{labels}): {family.summary}."
    )


def loss(recipe: Recipe) -> str:
    """Which loss the log of a run holds."""
    if recipe.teacher:
        return "distance from the teacher's trajectory"
    return f"loss on {recipe.loss_on}" if recipe.family == "diffusion" else f"losses of the {recipe.family}"


def how_made(card: Card) -> str:
    """What was judged, as in '5000 images (solver euler, steps 40, ...)'."""
    made = card["made"]
    settings = [
        f"{name} {made[name]}"
        for name in ("solver", "steps", "nfe", "guidance", "weights", "seed")
        if made.get(name) is not None
    ]
    return shown(f"{made.get('images', '?')} images ({', '.join(settings)})", 300)


def warnings_of(card: Card, step: int) -> list[str]:
    """What one should know before believing a card of a run whose weights are of `step`: a phrase each."""
    made, lines = card["made"], []
    if made.get("step") not in (None, step):
        lines.append(f"made at step {shown(str(made['step']), 12)}, while the weights are of step {step:,}")
    if made.get("split") == "all":
        lines.append("the run was trained on all images, the reference included, so no number here is about unseen ones")
    return lines


def shown_value(value: Any) -> str:
    """A field's value as a flag or a TOML file would have it, lists with blanks between."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "empty"
    return "none" if value is None else plain(value) if isinstance(value, float) else str(value) or "empty"


def default_of(name: str) -> Any:
    """What a field of a recipe is unless something is said."""
    default = Recipe.__dataclass_fields__[name].default
    return None if default is MISSING else default


def command(recipe: Recipe, out: str = "runs/again") -> str:
    """A command line that repeats a run of this recipe: the nearest of our own recipes and the fields that differ.

    Where the recipe names objects of one's own it is a call in Python.
    """
    names = [(name, _changes(load_recipe(name), recipe)) for name in recipe_names()]
    if is_own(recipe):
        name, changes = min(names, key=lambda pair: len(pair[1]))
        return (
            f"inkbloom.train({', '.join([repr(name), *(f'{key}={_python(changes[key])}' for key in changes), f'out={out!r}'])})"
        )
    as_flags = [(name, changes) for name, changes in names if () not in changes.values()] or names  # no flag empties a list
    name, changes = min(as_flags, key=lambda pair: len(pair[1]))
    return shlex.join(
        ["inkbloom", "train", name, *(word for key in changes for word in _flag(key, changes[key])), "--out", out]
    )


def is_own(recipe: Recipe) -> bool:
    """Whether a recipe names objects of one's own, which only Python can give."""
    return any(str(getattr(recipe, name)).startswith(OWN) for name in (*OWN_FIELDS, "data"))


def _changes(base: Recipe, recipe: Recipe) -> dict[str, Any]:
    """The fields that turn `base` into `recipe`; steps say what epochs left open."""
    pairs = ((field.name, getattr(base, field.name), getattr(recipe, field.name)) for field in fields(Recipe))
    return {name: new for name, old, new in pairs if name not in FREE and old != new and new is not None}


def _python(value: Any) -> str:
    """A field's value in Python; of an object of one's own, its name."""
    if not str(value).startswith(OWN):
        return repr(value)
    name = value.removeprefix(OWN)
    return name if name.isidentifier() else "..."


def _flag(name: str, value: Any) -> Sequence[str]:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag if value else f"--no-{name.replace('_', '-')}"]
    if isinstance(value, tuple):
        return [flag, *map(str, value)]
    return [f"{flag}={value}"] if str(value).startswith("-") or value == "" else [flag, str(value)]
