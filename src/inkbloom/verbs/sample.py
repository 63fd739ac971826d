"""`inkbloom sample RUN`: pictures from a trained model, and how they came about."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from ..config import SolverName, SpacingName
from ..errors import UsageError


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom sample`."""
    about = "a run's folder, or a weights file (.safetensors); default: the digits that come with inkbloom"
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help=about)
    parser.add_argument("--count", "-n", type=int, default=16, metavar="N", help="pictures to draw (default: 16)")
    parser.add_argument("--steps", type=int, metavar="N", help="solver steps (default: the recipe's)")
    parser.add_argument(
        "--nfe", type=int, metavar="N", help="at most N network evaluations for one picture, instead of --steps"
    )
    for flag, names in (("--solver", SolverName), ("--spacing", SpacingName)):
        parser.add_argument(flag, metavar="{" + ",".join(get_args(names)) + "}", help="default: the recipe's")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="picture k comes from (seed, k) alone (default: 0)")
    about = "draw these classes only, by name or number, in turn (default: all)"
    parser.add_argument("--label", nargs="+", metavar="CLASS", help=about)
    parser.add_argument("--guidance", type=float, metavar="X", help="0 ignores the class, 1 is plain, above 1 is guided")
    parser.add_argument("--weights", choices=("ema", "live"), default="ema", help="averaged weights (default) or the live ones")
    parser.add_argument("--from", dest="start", type=Path, metavar="FILE", help="start from this picture instead of from noise")
    parser.add_argument(
        "--at",
        type=float,
        metavar="T",
        help="with --from: the noise level in (0, 1] to bring it to first (with --mask default: 1)",
    )
    about = "with --from: keep the picture where FILE is black or transparent, and draw anew where it is white"
    parser.add_argument("--mask", type=Path, metavar="FILE", help=about)
    about = "with --mask: how often each step is taken, with new noise in between, so that both parts fit (default: 5)"
    parser.add_argument("--redraws", type=int, metavar="N", help=about)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the pictures go (default: RUN/samples)")
    parser.add_argument("--npz", type=Path, metavar="FILE", help="also write all pictures to an .npz file")
    parser.add_argument("--pngs", action="store_true", help="also write each picture as a PNG of its own")
    parser.add_argument("--history", action="store_true", help="also write every step, as a sheet and as a film")
    parser.add_argument("--plane", action="store_true", help="vae, gan: also pictures over two latents, of the first class")
    about = "also pictures on the way from picture A to picture B (vae: hold-out images), or from class A to class B"
    parser.add_argument("--between", nargs=2, metavar=("A", "B"), help=about)
    about = "instead: a row for each value of solver, spacing, steps, guidance, redraws or at, from the same noise"
    parser.add_argument("--strip", metavar="WHAT[=A,B,...]", help=about)
    about = "write how they were drawn, and where they are, to FILE; - is standard output"
    parser.add_argument("--json", type=Path, metavar="FILE", help=about)
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Draws; 0. Raises InkbloomError."""
    if args.at is not None and args.start is None:
        raise UsageError("--at without a picture: write --from FILE --at 0.7")
    if (
        args.run is None
        and args.label
        and len(args.label) > 1
        and Path(args.label[-1]).exists()
        and not args.label[-1].isdigit()
    ):
        args.run = Path(args.label.pop())  # `sample --label 3 RUN`: our own digits have no class of such a name

    from ..api import sample

    given = {name: value for name, value in vars(args).items() if name not in ("start", "at", "between")}
    given["start"] = args.start if args.at is None else (args.start, args.at)
    sample(**given, between=tuple(args.between) if args.between else None)
    return 0
