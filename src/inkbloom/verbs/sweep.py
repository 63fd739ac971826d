"""`inkbloom sweep RECIPE`: many trainings with some fields varied, and the best of them as a recipe."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import harmless
from ..printing import say
from ..recipe_files import load_recipe
from ..search.space import check_space, read_space
from .train import add_field_flags, changes_of


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom sweep`: its own, and one for each field of a recipe."""
    parser.usage = "inkbloom sweep RECIPE --vary FIELD=VALUES [--vary ...] [--trials N] [--out DIR] [flags] [--FIELD VALUE ...]"
    parser.epilog = "A field given as a flag is the same in every trial; one not given is as the recipe says."
    parser.add_argument("recipe", metavar="RECIPE", help="a name from `inkbloom recipes`, or a TOML file")
    about = "what varies: LOW..HIGH or A|B, as in lr=1e-3..1e-2, widths=32,64|48,96, flip=true|false; may stand several times"
    parser.add_argument("--vary", action="append", default=[], metavar="FIELD=VALUES", help=about)
    about = "trainings in all, those of earlier starts included (default: 20)"
    parser.add_argument("--trials", type=int, default=20, metavar="N", help=about)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the sweep's folder (default: runs/RECIPE-sweep)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all trials to FILE; - is standard output")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    add_field_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Sweeps and prints the table; 0. Raises InkbloomError."""
    changes = changes_of(args)
    check_space(
        load_recipe(args.recipe).resolved(**changes), read_space(args.vary), changes
    )  # a mistake is told before torch is loaded
    if sys.stdout.isatty() and not args.quiet:
        say("loading torch ...")

    from rich.table import Table
    from rich.text import Text

    from ..api import sweep
    from ..api.progress import console_for
    from ..files import try_to_write, write_json
    from ..search.trials import rows

    if args.json:
        try_to_write(args.json)
    found = sweep(args.recipe, args.vary, trials=args.trials, out=args.out, quiet=args.quiet, **changes)
    console = console_for(args.quiet)
    if not console.is_terminal:
        console.width = 10_000  # in a file or a pipe each row keeps to one line
    heads, cells = rows(found.trials)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for head in heads:
        table.add_column(Text(head))
    for row in cells:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    console.print()
    console.print(table, soft_wrap=False)
    console.print(f"plot: {found.folder / 'sweep.png'}")
    console.print(f"best: {found.folder / 'best.toml'}")
    if args.json:
        write_json(args.json, found.facts())
    return 0
