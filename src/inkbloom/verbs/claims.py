"""`inkbloom claims`: what the tutorial claims, each claim measured, and what came of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import shown, unknown

if TYPE_CHECKING:
    from rich.table import Table

    from ..claims.claim import Claim, Finding

LANGUAGES = ("en", "zh")
WIDTH = 128  # of the table where no terminal says otherwise


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom claims`."""
    much = parser.add_mutually_exclusive_group()
    much.add_argument("--quick", action="store_true", help="minutes: fewer pictures and seeds (default)")
    much.add_argument("--full", action="store_true", help="more pictures and seeds, and trainings in runs/claims: hours")
    parser.add_argument("--lang", metavar="{" + ",".join(LANGUAGES) + "}", default="en", help="of the table (default: en)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the claims, figures and verdicts to FILE; - is standard output"
    )
    parser.add_argument("--only", nargs="+", metavar="ID", help="these claims only")


def run(args: argparse.Namespace) -> int:
    """Measures claim by claim and prints as it goes; 0. Raises InkbloomError."""
    if args.lang not in LANGUAGES:
        raise unknown("language", args.lang, LANGUAGES)
    from ..api.claims import measured
    from ..api.progress import console_for
    from ..files import is_stream

    console = console_for()
    if not console.is_terminal:
        console.width = WIDTH
    for number, (id, claim, found) in enumerate(measured(args.only or (), args.full, console, args.json, args.lang)):
        if number:
            console.print()
        console.print(table(id, claim, found, args.lang, first=not number), soft_wrap=False)
    if args.json and not is_stream(args.json):
        console.print(f"json: {shown(args.json, 1000)}", soft_wrap=True)
    return 0


def table(id: str, claim: Claim, found: Finding, lang: str, first: bool) -> Table:
    """The rows of one claim; those of the next go on below, in columns of the same widths."""
    from rich.table import Table

    from ..claims.claim import VERDICTS
    from ..claims.text import WORDS, about, lines
    from ..claims.wrapping import Wrapped

    words = WORDS[lang]
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, show_header=first)
    for name, ratio in (("claim", 4), ("figures", 9), ("verdict", 2)):
        made.add_column(words[name], ratio=ratio, overflow="fold")
    figures = "\n".join(lines(found.figures, lang)) or "–"
    made.add_row(*map(Wrapped, (about(id, claim, lang), figures, VERDICTS[found.verdict].said(lang))))
    return made
