"""`inkbloom export RUN --to TARGET`: a trained model as other programs read it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ..config import ExportName


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom export`."""
    parser.usage = "inkbloom export [RUN] --to TARGET [--out DIR] [--dtype {fp32,fp16}] [--weights {ema,live}] [--quiet]"
    about = "a run's folder, or a weights file (.safetensors); default: the digits that come with inkbloom"
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help=about)
    targets = "{" + ",".join(get_args(ExportName)) + "}"
    parser.add_argument("--to", required=True, metavar=targets, help="what to write; docs/export.md says what each is")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the new folder (default: RUN/export/TARGET)")
    about = "fp16 stores the weights in half the bytes, rounded (default: fp32, for the page fp16)"
    parser.add_argument("--dtype", choices=("fp32", "fp16"), help=about)
    about = "averaged weights or the live ones (default: averaged where there are some)"
    parser.add_argument("--weights", choices=("ema", "live"), help=about)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Exports; 0. Raises InkbloomError."""
    from ..api import export

    export(**vars(args))
    return 0
