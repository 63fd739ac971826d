"""`inkbloom recipes [NAME]`: the recipes that come with inkbloom, or all the fields of one."""

from __future__ import annotations

import argparse

from ..printing import say
from ..recipe_files import load_recipe, recipes


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom recipes`."""
    parser.add_argument("name", nargs="?", help="show this recipe as TOML: a start for your own file")


def run(args: argparse.Namespace) -> int:
    """Prints the recipes; 0. Raises UsageError for an unknown one."""
    if args.name:
        say(str(load_recipe(args.name)))
        return 0
    for name, about in recipes().items():
        say(f"{name:15} {about}")
    return 0
