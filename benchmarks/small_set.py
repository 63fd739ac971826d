"""Paired trainings on a small set of images: the same seed, steps and images, and one field of the recipe changed.

    python benchmarks/small_set.py folder:DIR --try augment=0 augment=0.15 augment=0.3,weight_decay=0.1

Scores are those that need no judge: the hold-out loss along the way (EMA weights), and at the end how near the drawn pictures
come to the training images, beside how near held-out images do. `--train N` leaves N of the training images,
evenly taken: a smaller set overfits sooner. Prints a line and keeps a row for each trial.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from machine import about, flags
from search import value_of

from inkbloom.config import Recipe
from inkbloom.data import Data, load_for
from inkbloom.device import best_device
from inkbloom.evaluation.holdout import anchors_of, measure_holdout
from inkbloom.evaluation.memorisation import copying_z, near_share, nearest, ratio_share
from inkbloom.families import Family
from inkbloom.recipe_files import load_recipe
from inkbloom.sampling import pictures, request
from inkbloom.training.fit import fit
from inkbloom.training.prepare import prepare
from inkbloom.training.session import sampling_copies


def copied(family: Family, train: Data, held: Data, count: int) -> dict[str, float]:
    """How near `count` drawn pictures come to the training images, and how near held-out ones do."""
    drawn = torch.cat([batch for batch, _ in pictures(family, request(family, count, seed=1))])
    mine, real = nearest(drawn, train.images), nearest(held.images, train.images)
    first, theirs = mine.distances[:, 0], real.distances[:, 0]
    return {
        "near": near_share(first, theirs),
        "ratio": ratio_share(mine.distances),
        "ratio_real": ratio_share(real.distances),
        "copying_z": copying_z(first, theirs),
        "distance": float(first.median()),
        "distance_real": float(theirs.median()),
    }


def trial(recipe: Recipe, data: Data, looks: int, count: int) -> dict[str, Any]:
    """One training and its scores."""
    training = prepare(recipe, data, best_device())
    state, train, held = training.state, training.train, training.holdout
    assert held is not None
    anchors, curve, train_loss = anchors_of(state.family, train, held), {}, []
    began, looking = time.process_time(), 0.0
    for step in fit(training):
        train_loss.append(float(step.losses["denoise"]))
        if step.number % max(1, (recipe.steps or 1) // looks) == 0:
            since = time.process_time()
            family = sampling_copies(state)["ema" if state.ema is not None else "live"]
            curve[step.number] = round(measure_holdout(family, held, step.number, anchors).mean, 6)
            looking += time.process_time() - since
    seconds = time.process_time() - began - looking
    return {
        "images": len(train.images),
        "parameters": sum(p.numel() for p in state.family.parameters()),
        "cpu_seconds": round(seconds),
        "ms_per_step": round(1000 * seconds / state.step, 1),
        "holdout": curve,
        "linear": round(anchors.linear, 6) if anchors.linear else None,
        "train_loss": round(sum(train_loss[-100:]) / len(train_loss[-100:]), 5),
        **{name: round(value, 4) for name, value in copied(family, train, held, count).items()},
    }


def main() -> None:
    """See the top of the file."""
    parser = flags(__doc__ or "")
    parser.add_argument("data", help="a source, as in folder:DIR")
    parser.add_argument("--of", default="small-set", metavar="RECIPE")
    parser.add_argument("--try", nargs="+", default=[""], dest="trials", metavar="FIELD=VALUE,...")
    parser.add_argument("--steps", type=int, metavar="N")
    parser.add_argument("--train", type=int, metavar="N", help="leave so many training images")
    parser.add_argument("--looks", type=int, default=5, help="hold-out losses along the way")
    parser.add_argument("--count", type=int, default=128, help="pictures drawn at the end")
    args = parser.parse_args()
    result: dict[str, Any] = {"command": " ".join(["python", *sys.argv]), "machine": about(), "trials": []}
    for changed in args.trials:
        changes = {
            name: value_of(name, text)
            for name, text in (pair.split("=", 1) for pair in re.split(r",(?=\w+=)", changed) if pair)
        }
        recipe = load_recipe(args.of).resolved(data=args.data, **({"steps": args.steps} if args.steps else {}), **changes)
        data = load_for(recipe)
        if args.train:
            index = data.slices["train"]  # in the order of the files, class by class
            evenly = index[torch.linspace(0, len(index) - 1, args.train).long()]
            data = replace(data, slices={**data.slices, "train": evenly})
        row = {"changed": changed, **trial(recipe, data, args.looks, args.count)}
        result["trials"].append(row)
        print(json.dumps(row), flush=True)
        if args.json:
            Path(args.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
