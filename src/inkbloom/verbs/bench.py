"""`inkbloom bench`: how long good pictures take on this machine, and how fast they are drawn."""

from __future__ import annotations

import argparse
import json
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, UsageError
from ..printing import say

if TYPE_CHECKING:
    from ..config import Recipe
    from ..data import Data
    from ..families import Family

PARTS = ("quality", "sampling")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom bench`."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the figures to FILE and plots beside it; - is standard output"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a rough look in a minute or two")
    parser.add_argument("--recipe", default="fast", metavar="RECIPE", help="a name or a TOML file (default: fast)")
    parser.add_argument("--run", type=Path, metavar="RUN", help="sampling: measure this run instead of training one")
    parser.add_argument("--guidance", type=float, metavar="X", help="sampling: instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first training (default: 0)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="quality: trainings, one seed each (default: 1)")
    parser.add_argument(
        "--t30",
        type=Path,
        metavar="FILE",
        help="quality: the card of a `tutorial` run to compare with (digits: comes with inkbloom)",
    )


def run(args: argparse.Namespace) -> int:
    """Measures part by part, printing as it goes; 0. Raises InkbloomError."""
    if args.seeds < 1:
        raise UsageError(f"seeds = {args.seeds}: must be 1 or more")
    from ..bench.machine import about
    from ..bench.plots import PLOTS, save
    from ..bench.quality import quality
    from ..bench.rows import print_rows
    from ..bench.sampling import sampling
    from ..bench.scoring import scorer_for
    from ..device import best_device
    from ..files import is_stream, try_to_write, write_file
    from ..recipe_files import load_recipe

    if args.json:
        try_to_write(args.json)
    recipe = load_recipe(args.recipe).resolved(seed=args.seed)
    data, device = images_for(recipe), best_device()
    family = family_of(args.run, data) if args.run else None
    kind = (family.recipe if family else recipe).family
    if "sampling" in args.only and kind != "diffusion":
        raise UsageError(f"sampling with a {kind}: it draws a picture in one pass; measure --only quality")
    scorer = scorer_for(data, args.t30)
    judged: deque[Family] = deque(maxlen=1)
    asked, parts = {"seed": args.seed, "recipe": args.recipe, "quick": args.quick}, {}
    machine = about()
    say(", ".join(f"{name} {value}" for name, value in machine.items()))

    wanted = [part for part in PARTS if part in args.only]
    for part in wanted:
        say(f"\n{part}")
        if part == "quality":
            rows = quality(recipe, data, device, scorer, args.seeds, args.quick, keep=judged.append)
        else:
            family = family or (judged[0] if judged else None)
            rows = sampling(recipe, data, device, scorer, args.quick, family, args.guidance)
        parts[part] = print_rows(rows)
        if args.json and (part == wanted[-1] or not is_stream(args.json)):  # what went down a pipe cannot be replaced
            told = {"bench": 1, **asked, "machine": machine, "parts": parts}
            write_file(args.json, json.dumps(told, indent=1).encode() + b"\n")
    if args.json and not is_stream(args.json):
        say(f"\njson: {args.json}")
        for part, measured in parts.items():
            if figure := PLOTS[part](measured["rows"]):
                for path in save(figure, args.json.with_name(f"{args.json.stem}-{part}")):
                    say(f"plot: {path}")
    return 0


def images_for(recipe: Recipe) -> Data:
    """The recipe's source, with images to train on. Raises DataError."""
    from ..data import load_for

    data = load_for(recipe)
    if not len(data.take(recipe.split).images):
        raise DataError(f"no images to train on ({recipe.data}): the slice {recipe.split} is empty")
    return data


def family_of(run: Path, data: Data) -> Family:
    """The trained model of a run. Raises CheckpointError, and UsageError where its pictures are of another size than `data`."""
    from ..run import Run

    model = Run(run)
    if model.shape != (data.channels, *data.size):
        raise UsageError(f"the run draws pictures of another size ({run}): give its recipe with --recipe")
    return model.family
