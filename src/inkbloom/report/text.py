"""Figures and commands in words, the same on every page and in the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from ..config import Recipe, load_recipe, recipe_names
from ..errors import shown
from ..evaluation.measures import DASH, Card
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
    total = facts.recipe.steps
    return f"{facts.step:,} steps" if facts.step == total else f"{facts.step:,} of {total or 0:,} steps"


def what(facts: Facts) -> str:
    """One sentence: network, data, path, noise, target."""
    recipe, (height, width) = facts.recipe, facts.spec.size
    labels = f", {len(facts.spec.classes)} classes" if facts.family.num_classes else ", no class labels"
    return (
        f"{facts.family.title} with {facts.parameters:,} parameters, trained for {progress(facts)} on {recipe.data} "
        f"({width} x {height} x {facts.spec.channels}{labels}): {facts.family.summary}."
    )


def loss(recipe: Recipe) -> str:
    """Which loss the log of a run holds."""
    if recipe.teacher:
        return "distance from the teacher's trajectory"
    return f"loss on {recipe.loss_on}" if recipe.family == "diffusion" else f"losses of the {recipe.family}"


def how_made(card: Card) -> str:
    """What was judged, as in '5000 images (solver euler, steps 40, ...)'."""
    made = card["made"]
    told = [
        f"{name} {made[name]}"
        for name in ("solver", "steps", "nfe", "guidance", "weights", "seed")
        if made.get(name) is not None
    ]
    return shown(f"{made.get('images', '?')} images ({', '.join(told)})", 300)


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
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value) or "empty"


def default_of(name: str) -> Any:
    """What a field of a recipe is unless something is said."""
    default = Recipe.__dataclass_fields__[name].default
    return None if default is MISSING else default


def command(recipe: Recipe, out: str = "runs/again") -> str:
    """A command line that repeats a run of this recipe: the nearest of our own recipes and the fields that differ."""
    names = [(name, _changes(load_recipe(name), recipe)) for name in recipe_names()]
    name, changes = min(names, key=lambda pair: (pair[1] is None, len(pair[1] or ())))
    return shlex.join(["inkbloom", "train", name, *(changes or ()), "--out", out])


def _changes(base: Recipe, recipe: Recipe) -> list[str] | None:
    """The flags that turn `base` into `recipe`; None where there is no such flag (a list cannot be made empty)."""
    words: list[str] = []
    for field in fields(Recipe):
        old, new = getattr(base, field.name), getattr(recipe, field.name)
        if field.name in FREE or old == new or new is None:  # steps say what epochs left open
            continue
        if new == ():
            return None
        words += _flag(field.name, new)
    return words


def _flag(name: str, value: Any) -> Sequence[str]:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flag if value else f"--no-{name.replace('_', '-')}"]
    if isinstance(value, tuple):
        return [flag, *map(str, value)]
    return [f"{flag}={value}"] if str(value).startswith("-") or value == "" else [flag, str(value)]
