"""`inkbloom train RECIPE`: from a recipe to a run's folder."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from ..config import HINTS, Recipe
from ..environment import own_place
from ..printing import say
from ..recipe_files import load_recipe
from ..training.trackers import TRACKERS, check_trackers


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom train`: one for each field of a recipe, and those of the command."""
    parser.usage = (
        "inkbloom train RECIPE [--out RUN] [--cards STEP ...] [--track NAME ...] [--json FILE] [--quiet] [--FIELD VALUE ...]"
    )
    parser.epilog = "A field not given is as the recipe says: `inkbloom recipes RECIPE` shows it."
    parser.add_argument("recipe", metavar="RECIPE", help="a name from `inkbloom recipes`, or a TOML file")
    parser.add_argument("--out", type=Path, metavar="RUN", help="the run's folder (default: runs/RECIPE)")
    parser.add_argument(
        "--cards", type=int, nargs="+", default=[], metavar="STEP", help="make an evaluation card after these steps"
    )
    about = f"watch it in {', '.join(TRACKERS)}; their files lie in the run's folder"
    parser.add_argument("--track", nargs="+", default=[], metavar="NAME", help=about)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write how it ended to FILE; - is standard output")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    add_field_flags(parser)


def add_field_flags(parser: argparse.ArgumentParser) -> None:
    """A flag for each field of a recipe."""
    group = parser.add_argument_group("fields of the recipe")
    for field in fields(Recipe):
        flag, hint, about = f"--{field.name.replace('_', '-')}", HINTS[field.name], field.metadata["help"]
        given: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS, "help": about}
        if hint is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **given)
        elif get_origin(hint) is Literal:
            group.add_argument(flag, metavar="{" + ",".join(get_args(hint)) + "}", **given)
        elif get_origin(hint) is tuple:
            kind, names = get_args(hint)[0], get_args(get_args(hint)[0])
            what = (
                {"metavar": "{" + ",".join(names) + "}"} if names else {"type": kind, "metavar": {int: "N", float: "X"}[kind]}
            )
            group.add_argument(flag, nargs="+", **what, **given)
        else:
            kind = {float: float, str: str}.get(hint, int)
            group.add_argument(flag, type=kind, metavar={float: "X", int: "N", str: "TEXT"}[kind], **given)


def changes_of(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of the recipe that were given as flags."""
    return {f.name: getattr(args, f.name) for f in fields(Recipe) if hasattr(args, f.name)}


def run(args: argparse.Namespace) -> int:
    """Trains; 0. Raises InkbloomError."""
    changes = changes_of(args)
    load_recipe(args.recipe).resolved(**changes)  # a mistake is told before torch is loaded
    check_trackers(args.track)
    if sys.stdout.isatty() and not args.quiet:
        say("loading torch ...")

    from ..api import train
    from ..files import try_to_write, write_json
    from ..report.facts import read_facts, summary
    from ..training.processes import part

    first = own_place().rank == 0
    if args.json and first:
        try_to_write(args.json)
    run = train(args.recipe, out=args.out, cards=args.cards, track=args.track, quiet=args.quiet, **changes)
    if args.json and first:
        write_json(args.json, summary(read_facts(run.path, card=False)))
    part()
    return 0
