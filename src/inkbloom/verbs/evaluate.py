"""`inkbloom evaluate WHAT`: the card of a run, or of images that something else made."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ..config import SolverName, SpacingName


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom evaluate`."""
    parser.usage = "inkbloom evaluate RUN|FILE|FOLDER [--data SOURCE] [--size S] [--judge NAME] [--json FILE] [flags]"
    parser.add_argument("what", type=Path, metavar="RUN|FILE|FOLDER", help="a run, a weights file, or a set of images")
    parser.add_argument(
        "--data", metavar="SOURCE", help="the real images (default: the run's own; for a set of images, digits)"
    )
    parser.add_argument("--size", metavar="S", help="bring the real images to N or HxW pixels (default: as the run has it)")
    parser.add_argument(
        "--skip-broken", action="store_true", default=None, help="leave out files that cannot be read instead of stopping"
    )
    parser.add_argument("--background", metavar="COLOUR", help="behind transparent pictures (default: as the run has it)")
    parser.add_argument("--judge", metavar="NAME", help="a judge, its FILE.safetensors, or none (default: the source's own)")
    parser.add_argument("--n", type=int, metavar="N", help="images in a block (default: what the source allows, at most 5000)")
    parser.add_argument("--images", type=int, metavar="M", help="images that a run draws (default: 5 blocks, at most 5000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of what is drawn (default: 0)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the card to FILE, and the pictures beside it; - is standard output"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    group = parser.add_argument_group("how a run draws, as in sample")
    group.add_argument("--steps", type=int, metavar="N", help="solver steps (default: the recipe's)")
    group.add_argument("--nfe", type=int, metavar="N", help="at most N network evaluations for one picture, instead of --steps")
    for flag, names in (("--solver", SolverName), ("--spacing", SpacingName)):
        group.add_argument(flag, metavar="{" + ",".join(get_args(names)) + "}", help="default: the recipe's")
    group.add_argument("--guidance", type=float, metavar="X", help="0 ignores the class, 1 is plain, above 1 is guided")
    group.add_argument("--weights", choices=("ema", "live"), help="averaged weights (default) or the live ones")


def run(args: argparse.Namespace) -> int:
    """Makes the card and prints it; 0. Raises InkbloomError."""
    from ..api import evaluate

    evaluate(**vars(args))
    return 0
