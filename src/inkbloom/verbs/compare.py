"""`inkbloom compare RUN RUN ...`: runs side by side, in the terminal and as one page."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import harmless, shown
from ..report.names import distinct

if TYPE_CHECKING:
    from rich.table import Table

    from ..report.comparison import Comparison


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom compare`."""
    parser.add_argument("runs", type=Path, metavar="RUN", nargs="+", help="folders of runs, two or more")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="also write the comparison as one page, with pictures and curves"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Compares and prints the tables; 0. Raises InkbloomError, UsageError where the cards of the runs do not compare."""
    distinct(args.runs)  # a mistake is told before torch is loaded

    from ..api import compare
    from ..api.progress import console_for

    console = console_for(args.quiet)
    if not console.is_terminal:
        console.width = 10_000  # in a file or a pipe each row keeps to one line
    found = compare(*args.runs, html=args.html, quiet=args.quiet)
    for line in found.warnings:
        console.print(f"note: {line}", soft_wrap=True)
    for title, table in tables(found):
        console.print(f"\n{title}", soft_wrap=True, style="bold")
        console.print(table, soft_wrap=False)
    if args.html:
        console.print(f"page: {shown(args.html, 1000)}", soft_wrap=True)
    return 0


def tables(found: Comparison) -> Iterator[tuple[str, Table]]:
    """(title, table) of the comparison for a terminal: settings that differ, figures, cards."""
    if found.settings:
        yield "settings that differ", _table(found.names, found.settings)
    yield "figures", _table(found.names, found.figures)
    if found.scores:
        rows = [(name, [floor, *cells]) for floor, (name, cells) in zip(found.floor, found.scores, strict=True)]
        yield f"cards ({found.conditions})", _table(["floor", *found.names], rows)


def _table(names: Sequence[str], rows: Sequence[tuple[str, list[str]]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("", *names):
        table.add_column(Text(harmless(name)), style="" if name else "dim")
    for name, cells in rows:
        table.add_row(harmless(name), *(Text(harmless(cell)) for cell in cells))
    return table
