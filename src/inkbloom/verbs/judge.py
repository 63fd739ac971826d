"""`inkbloom judge SOURCE`: a judge for a source of images, so that `evaluate` can say how near pictures come to them."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom judge`."""
    parser.usage = (
        "inkbloom judge SOURCE [--out FILE] [--size S] [--skip-broken] [--background COLOUR] [--seed N] [--epochs N] [--quiet]"
    )
    parser.add_argument("source", metavar="SOURCE", help="labelled images: a folder, a file, or hf:NAME, as in inspect")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("judge.safetensors"),
        metavar="FILE",
        help="where the judge goes (default: judge.safetensors); the same command again goes on with one that was stopped",
    )
    parser.add_argument("--size", default="", metavar="S", help="bring the images to N or HxW pixels, as train --size does")
    parser.add_argument("--skip-broken", action="store_true", help="leave out files that cannot be read instead of stopping")
    parser.add_argument("--background", default="auto", metavar="COLOUR", help="behind transparent pictures, as in train")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (default: 0)")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="passes over the images (default: 160,000 images in all, and 8 passes at least)"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Trains; 0. Raises InkbloomError."""
    from ..api import judge

    judge(**vars(args))
    return 0
