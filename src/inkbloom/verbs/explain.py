"""`inkbloom explain TOPIC`: a picture and a film that show how it works, made from real arrays."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..explainers.catalogue import ABOUT, LANGUAGES, SIGNALS


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom explain`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "topics:\n" + "\n".join(f"  {name:12} {about}" for name, about in ABOUT.items())
    parser.add_argument("topic", metavar="TOPIC", help="see below")
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--run", type=Path, metavar="RUN", help="a run's folder or a weights file; default: the shipped digits")
    model.add_argument("--net", metavar="NAME", help="a network of this name, untrained")
    image = parser.add_mutually_exclusive_group()
    image.add_argument("--image", type=Path, metavar="FILE", help="your own image, of any size and colour")
    image.add_argument("--digit", type=int, metavar="D", help="one of the embedded digits, 0 to 9 (default: 7)")
    about = 'a name, such as sobel-x, or a matrix, such as "1 0 -1; 2 0 -2; 1 0 -1"'
    parser.add_argument("--kernel", metavar="NAME|MATRIX", help=about)
    parser.add_argument("--stride", type=int, metavar="N", help="pixels from one place of the kernel to the next")
    parser.add_argument("--padding", metavar="N|NAME", help="zeros around the image: a number, or valid, same, full")
    for name, what in (("f", "the function that stays"), ("g", "the function that slides")):
        parser.add_argument(f"--{name}", metavar="NAME", help=f"{what}: {', '.join(SIGNALS)}")
    parser.add_argument("--layer", metavar="NAME", help="the layer whose kernels and feature maps are shown")
    parser.add_argument("--t", type=float, metavar="T", help="noise level of the image, 0 to 1")
    parser.add_argument("--label", nargs="+", metavar="CLASS", help="draw these classes, by name or number (default: in turn)")
    parser.add_argument("--lang", metavar="{" + ",".join(LANGUAGES) + "}", default="en", help="of the labels (default: en)")
    parser.add_argument("--out", type=Path, default=Path("explain"), metavar="DIR", help="default: explain")


def run(args: argparse.Namespace) -> int:
    """Draws one topic and says where the files are; 0. Raises InkbloomError."""
    from ..api import explain

    explain(**vars(args), quiet=False)
    return 0
