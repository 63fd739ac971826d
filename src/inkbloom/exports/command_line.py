"""The command of an exported `model.py`; it stands at the end of that file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import numpy as np


def main(load: Callable[..., Any], sample: Callable[..., Any]) -> None:
    """`python model.py --count 16 --out pictures`: draws pictures into PNG files."""
    from PIL import Image

    parser = argparse.ArgumentParser(description="draws pictures")
    parser.add_argument("--count", type=int, default=16, help="how many (default: 16)")
    parser.add_argument("--seed", type=int, default=0, help="picture k comes from (seed, k) alone (default: 0)")
    parser.add_argument("--label", type=int, nargs="*", default=[], help="draw these classes only, by number, in turn")
    parser.add_argument("--out", type=FilePath, default=FilePath("pictures"), help="folder (default: pictures)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(sample(load(), args.count, args.seed, args.label)):
        Image.fromarray(np.squeeze(picture)).save(args.out / f"{number:05d}.png")
    print(f"{args.count} pictures: {args.out}")
