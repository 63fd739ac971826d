"""One trial of the recipe search: trains a recipe with some fields changed and scores it where the search may look.

    python benchmarks/search.py fast --set lr=2e-3 widths=48,96 --judge digits-seed1.safetensors --log trials.jsonl

The score is against the *hold-out* slice with a judge that is not the shipped one; the reference slice stays unseen until
a recipe is published. Prints one line and appends one JSON line with the command, the figures and the machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import get_origin

import torch

from inkbloom.config import HINTS
from inkbloom.data import load_data
from inkbloom.device import best_device
from inkbloom.evaluation.classes import agreement, total_variation
from inkbloom.evaluation.distances import fd, kid, rms
from inkbloom.evaluation.holdout import Anchors, measure_holdout
from inkbloom.evaluation.judge import load_judge
from inkbloom.recipe_files import load_recipe
from inkbloom.sampling import pictures, request
from inkbloom.solvers import SPACINGS
from inkbloom.training.fit import fit
from inkbloom.training.prepare import prepare
from inkbloom.training.session import sampling_copies
from inkbloom.training.teacher import take_teacher


def value_of(name: str, text: str):
    """`text` of the command line as a value of recipe field `name`."""
    if get_origin(HINTS[name]) is tuple:
        return tuple(json.loads(f"[{text}]"))
    try:
        return json.loads(text)
    except ValueError:
        return text


def score(pictures, labels, judge, real) -> dict[str, float]:
    """FD, KID (times 1000), class distance and label agreement of uint8 pictures against the images of `real`."""
    seen, truth = judge.look(pictures), judge.look(real.images)
    scale = rms(truth.features)
    mine, theirs = seen.features / scale, truth.features / scale
    named = seen.probabilities.argmax(1)
    count = len(judge.classes)
    return {
        "fd": fd(mine, theirs),
        "kid": kid(mine, theirs, size=min(500, len(mine)), subsets=100),
        "tv": total_variation(torch.bincount(named, minlength=count), torch.bincount(real.labels, minlength=count)),
        "agreement": agreement(labels, named),
    }


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--judge", required=True, metavar="FILE")
    parser.add_argument("--log", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--weights", nargs="*", default=["ema"], choices=["ema", "live"])
    parser.add_argument("--steps", type=int, nargs="*", help="score these numbers of steps as well")
    parser.add_argument("--guidance", type=float, nargs="*", help="score these guidances instead of the recipe's")
    parser.add_argument("--spacing", nargs="*", choices=sorted(SPACINGS), help="score these spacings of the steps as well")
    parser.add_argument("--keep", type=Path, metavar="FILE.safetensors", help="write the averaged weights there")
    args = parser.parse_args()
    changes = {name: value_of(name, text) for name, text in (pair.split("=", 1) for pair in args.set)}
    recipe = load_recipe(args.recipe).resolved(**changes)

    data = load_data(recipe.data)
    held = data.take("holdout")
    training = prepare(recipe, data, best_device())
    state = training.state
    take_teacher(state)

    began, busy, lap, steady = time.perf_counter(), time.process_time(), [], 0.0
    for step in fit(training):
        lap.append({name: float(loss) for name, loss in step.losses.items()})
        if step.number == 20:
            steady = time.perf_counter()
    ended, busy = time.perf_counter(), time.process_time() - busy
    families = sampling_copies(state)
    judge = load_judge(args.judge)
    for weights in args.weights:
        family = families.get(weights, families["live"])
        loss = measure_holdout(family, held, state.step, Anchors(None, None)).loss if family.denoises else []
        for count, guidance, spacing in product(
            [None, *(args.steps or [])], args.guidance or [None], [None, *(args.spacing or [])]
        ):
            labels = held.labels.tolist() if family.num_classes else ()
            asked = request(family, len(held.images), seed=1, steps=count, guidance=guidance, spacing=spacing, labels=labels)
            figures = score(torch.cat([batch for batch, _ in pictures(family, asked)]), held.labels, judge, held)
            row = {
                "recipe": args.recipe,
                "set": args.set,
                "weights": weights,
                "seconds": round(ended - began, 1),
                "cpu_seconds": round(busy, 1),
                "ms_per_step": round(1000 * (ended - steady) / max(state.step - 20, 1), 1),
                "threads": torch.get_num_threads(),
                "parameters": sum(p.numel() for p in state.family.parameters()),
                "sample_steps": asked.steps,
                "spacing": asked.spacing,
                "guidance": asked.guidance,
                **{name: round(value, 4) for name, value in figures.items()},
                "holdout": round(sum(loss) / len(loss), 6) if loss else None,
                "levels": [round(value, 6) for value in loss],
                "train_loss": {name: round(fmean(row[name] for row in lap[-100:]), 5) for name in lap[-1]},
                "command": " ".join(["python", *sys.argv]),
            }
            with args.log.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(
                f"{' '.join(args.set) or '-'}: {weights}, {asked.steps} {asked.spacing} steps, guidance {asked.guidance:g}, "
                f"{row['ms_per_step']:.1f} ms, {row['seconds']:.0f} s ({busy:.0f} of a core), "
                f"FD {row['fd']:6.2f} KID {row['kid']:6.2f} TV {row['tv']:.3f} agree {row['agreement']:.3f} "
                f"hold-out {row['holdout']} losses {row['train_loss']}",
                flush=True,
            )
    if args.keep:
        from inkbloom.store.weights import pack

        kind = "ema" if "ema" in families else "live"
        args.keep.write_bytes(pack(families[kind].net, state.spec, state.step, kind))


if __name__ == "__main__":
    main()
