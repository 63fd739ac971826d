"""`inkbloom inspect SOURCE`: what a source of images holds, before any training."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom inspect`."""
    parser.add_argument("source", help="a name such as digits, the path of a folder or file of images, or hf:NAME")
    parser.add_argument("--size", default="", metavar="S", help="bring the images to N or HxW pixels, as train --size does")
    parser.add_argument("--background", default="auto", metavar="COLOUR", help="behind transparent pictures, as in train")
    parser.add_argument(
        "--out", type=Path, default=Path("inspect"), metavar="DIR", help="folder of the contact sheet (default: inspect)"
    )
    parser.add_argument("--skip-broken", action="store_true", help="as in train; inspect reads on past broken files anyway")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found to FILE; - is standard output")
    parser.add_argument("--quiet", action="store_true", help="only broken files and where the contact sheet is")


def run(args: argparse.Namespace) -> int:
    """Prints what the source holds and writes the contact sheet; 0. Raises InkbloomError, DataError where no image is left."""
    from rich.table import Table

    from ..api import inspect
    from ..api.inspect import rows, sheet, sheet_name
    from ..api.progress import console_for
    from ..data.messages import shown
    from ..errors import DataError
    from ..figures.images import save_png
    from ..files import try_to_write, write_json

    if args.json:
        try_to_write(args.json)
    console = console_for()
    found = inspect(args.source, args.size, args.background, quiet=args.quiet)
    for broken in found.broken:
        console.print(f"broken: {shown(broken.path, 1000)}: {broken.reason}")
    if found.data is None:
        if args.json:
            write_json(args.json, {**found.facts(), "sheet": None})
        none = f"none of {len(found.broken):,} files can be read"
        raise DataError(f"{none} ({shown(args.source)}): mend them or give another source")
    if not args.quiet:
        table = Table.grid(padding=(0, 2))
        for name, value in rows(found):
            table.add_row(name, value)
            if not console.is_terminal:
                console.print(f"{name}: {value}")
        if console.is_terminal:
            console.print(table, soft_wrap=False)
        if found.broken and not args.skip_broken:
            console.print("train stops at broken files: mend them, or leave them out with --skip-broken")
    path = args.out / f"{sheet_name(found.data.source, args.size)}.png"
    save_png(sheet(found.data), path)
    console.print(f"contact sheet: {path}")
    if args.json:
        write_json(args.json, {**found.facts(), "sheet": str(path)})
    return 0
