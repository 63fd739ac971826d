"""`inkbloom recipes [NAME]`: the recipes that come with inkbloom, or all the fields of one."""

from __future__ import annotations

import argparse

from ..config import dump_recipe, load_recipe, recipe_names


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom recipes`."""
    parser.add_argument("name", nargs="?", help="show this recipe as TOML: a start for your own file")


def run(args: argparse.Namespace) -> int:
    """Prints the recipes; 0. Raises UsageError for an unknown one."""
    if args.name:
        print(dump_recipe(load_recipe(args.name)), end="")
        return 0
    for name in recipe_names():
        print(f"{name:15} {load_recipe(name).about}")
    return 0
