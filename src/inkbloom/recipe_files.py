"""Recipes as files: those that come with inkbloom, those of one's own, and what older versions wrote."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .config import Recipe
from .errors import UsageError, brief, no_recipe, shown
from .given import native, written


@cache
def recipe_names() -> tuple[str, ...]:
    """The names of the recipes that come with inkbloom."""
    folder = files("inkbloom") / "recipes"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_recipe(name: str | Path | Recipe) -> Recipe:
    """The recipe of that name, or the one in a file whose name ends in .toml; a recipe as it is. Raises UsageError."""
    return name if isinstance(name, Recipe) else _load((str(native(name)),))


def recipes() -> dict[str, str]:
    """The recipes that come with inkbloom: name -> what it is, in one line. `print(load_recipe(name))` shows all its fields."""
    return {name: load_recipe(name).about for name in recipe_names()}


def parse_recipe(text: str, where: str) -> Recipe:
    """The recipe written in TOML `text`. Raises UsageError.

    where: the file that the text is from, or another name for errors. A file that the text `extends` is sought beside it.
    """
    return _parse(text, (where,))


# A recipe may extend another, and that a third: `chain` holds their names, from the one asked for to the one at hand.


def _load(chain: tuple[str, ...]) -> Recipe:
    text = _read(chain)
    if len(set(map(os.path.realpath, chain))) < len(chain):
        raise _at(chain, UsageError("recipes that extend each other in a circle: take `extends` out of one of them"))
    return _parse(text, chain)


def _read(chain: tuple[str, ...]) -> str:
    """The text of the last recipe in the chain."""
    name = chain[-1]
    if not name.endswith(".toml"):
        if name not in recipe_names():
            raise _at(chain[:-1], no_recipe(name, recipe_names()))
        return (files("inkbloom") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    try:
        return Path(name).read_text(encoding="utf-8-sig")  # editors on Windows put a mark before the first letter
    except (OSError, ValueError) as problem:  # ValueError: not UTF-8, or no name that a file can have
        bytes_are_no_text = isinstance(problem, UnicodeDecodeError)
        why = "it is not UTF-8 text" if bytes_are_no_text else getattr(problem, "strerror", None) or brief(problem)
        meant = f"; did you mean {name[:-5]}?" if name[:-5] in recipe_names() else ""
        raise UsageError(f"cannot read the recipe ({_place(chain, 100)}): {why}{meant}") from None


def _parse(text: str, chain: tuple[str, ...]) -> Recipe:
    """The recipe in `text`, the text of the last in the chain."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:  # TOMLDecodeError is a ValueError; so is a number of too many digits
        raise UsageError(f"not a TOML file ({_place(chain, 100)}): {brief(problem, 75)}") from None
    base = _load((*chain, _extended(table.pop("extends"), chain))) if "extends" in table else None
    try:
        return recipe_of(table, base)
    except UsageError as problem:
        raise _at(chain, problem) from None


def _extended(said: Any, chain: tuple[str, ...]) -> str:
    """What the last in the chain extends: the name of a recipe, or the path of a file beside it."""
    if not isinstance(said, str):
        raise _at(chain, UsageError(f"extends = {written(said)}: needs the name of a recipe, or of a file that ends in .toml"))
    return str(Path(chain[-1]).parent / os.path.expanduser(said)) if said.endswith(".toml") else said


def _at(chain: tuple[str, ...], problem: UsageError) -> UsageError:
    """The problem with its place, where it has one."""
    return UsageError(f"{problem} ({_place(chain, max(40, 197 - len(str(problem))))})") if chain else problem


def _place(chain: tuple[str, ...], room: int) -> str:
    return shown(" extends ".join(chain), room)


RENAMED: dict[str, str] = {"groups": "clusters"}  # how older versions called a field: its name now
DROPPED: dict[str, Any] = {}  # a field of older versions: the value that asked for nothing; another value stays a mistake


WRITTEN = {"data", "split", "pixels", "flip", "skip_broken"}  # fields that any recipe has which a run wrote down


def mended(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a recipe that an older version may have written, in the fields and values of this version."""
    table = dict(table)
    for old, new in RENAMED.items():
        if old in table and new not in table:
            table[new] = table.pop(old)
    for name, idle in DROPPED.items():
        if name in table and table[name] == idle:
            del table[name]
    if "background" not in table and table.keys() >= WRITTEN:  # white was all that there was
        table["background"] = "white"
    if isinstance(table.get("transposed"), bool):  # ink's own field, when `upsampler` was for vae and gan
        transposed = table.pop("transposed")
        if table.get("family", "diffusion") == "diffusion":
            table["upsampler"] = "transposed" if transposed else "auto"
    return table


def recipe_of(table: Mapping[str, Any], base: Recipe | None = None) -> Recipe:
    """The recipe that a file's table of fields describes: `base`, else the defaults, with what the table changes.

    The table may be of an older version. `about` is never the base's: it is not true of the other recipe. Raises UsageError.
    """
    return (base or Recipe()).resolved(**{"about": "", **mended(table)})
