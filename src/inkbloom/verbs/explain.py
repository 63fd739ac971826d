"""`inkbloom explain TOPIC`: a picture and a film that show how it works, made from real arrays."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ..errors import UsageError, brief, unknown

TOPICS = {
    "convolution": ("a kernel slides over an image, every product spelled out", "image digit kernel stride padding"),
    "transposed": ("from a small matrix to a large one, with the zeros between", "image digit kernel stride padding"),
    "continuous": ("two functions, their sliding product and its integral", ""),
    "noising": ("an image turns into noise, and why that is a convolution", "image digit"),
    "sampling": ("what a trained network sees and predicts at each step", "run"),
    "unet": ("every layer of a network: shapes, cost, kernels, feature maps", "run net image digit layer t"),
}
"""Topic -> what it shows, and which flags it takes beside --lang and --out."""
LANGUAGES = ("en", "zh")
LARGEST = 100  # pixels of --stride and --padding
CHOOSING = ("run", "net", "image", "digit", "kernel", "stride", "padding", "layer", "t")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom explain`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "topics:\n" + "\n".join(f"  {name:12} {about}" for name, (about, _) in TOPICS.items())
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
    parser.add_argument("--layer", metavar="NAME", help="the layer whose kernels and feature maps are shown")
    parser.add_argument("--t", type=float, metavar="T", help="noise level of the image, 0 to 1")
    parser.add_argument("--lang", metavar="{" + ",".join(LANGUAGES) + "}", default="en", help="of the labels (default: en)")
    parser.add_argument("--out", type=Path, default=Path("explain"), metavar="DIR", help="default: explain")


def run(args: argparse.Namespace) -> int:
    """Draws one topic and says where the files are; 0. Raises InkbloomError."""
    if args.topic not in TOPICS:
        raise unknown("topic", args.topic, TOPICS)
    if args.lang not in LANGUAGES:
        raise unknown("language", args.lang, LANGUAGES)
    _, takes = TOPICS[args.topic]
    for flag in CHOOSING:
        if getattr(args, flag) is not None and flag not in takes.split():
            taken = ", ".join(f"--{name}" for name in takes.split()) or "none of these flags"
            raise UsageError(f"--{flag} says nothing to the topic {args.topic}, which takes {taken}: leave it out")

    from ..explain.asked import Asked
    from ..explain.subject import DIGIT, digit, own_image
    from ..explain.topics import TOPICS as DRAWN

    subject = own_image(args.image) if args.image else digit(DIGIT if args.digit is None else args.digit)
    if subject.note:
        print(f"image: {subject.note}")
    chosen = {name: getattr(args, name) for name in ("run", "net", "layer", "t", "kernel", "stride")}
    padding = int(args.padding) if args.padding and re.fullmatch(r"-?\d{1,9}", args.padding) else args.padding
    for name, value in (("stride", args.stride), ("padding", padding)):
        if isinstance(value, int) and value > LARGEST:
            raise UsageError(f"--{name} {brief(value)}: at most {LARGEST} pixels can be drawn")
    for line in DRAWN[args.topic](Asked(args.out, subject, args.lang, padding=padding, **chosen)):
        print(line)
    return 0
