"""Other ways to guide a trained network, scored where the search may look: the hold-out slice, a judge that is not shipped.

    python benchmarks/guidance.py runs/demo --judge digits-seed1.safetensors --log trials.jsonl
    python benchmarks/guidance.py runs/demo --weaker runs/demo/checkpoints/step-00000500/ema.safetensors --guidance 1.5 2 ...
    python benchmarks/guidance.py runs/demo --between 0.2 0.8 ...
    python benchmarks/guidance.py runs/demo --exact 0.9 ...

Without a flag a class is set against no class in particular (Ho and Salimans 2022). `--weaker`: the network against a weaker
one of itself, both told the class (Karras et al. 2024, arXiv 2406.02507). `--between`: guided at these noise levels alone
(Kynkäänniemi et al. 2024, arXiv 2404.07724). `--exact`: above this level the network is not asked; the mean of the training
images of the class answers, each weighted by how likely it is under the noisy picture. Evaluations are those of one picture.
Prints a line and appends a JSON line for each guidance.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from search import score
from torch import Tensor

from inkbloom.data import load_data
from inkbloom.data.pixels import to_bytes, to_floats
from inkbloom.diffusion import Denoise, guided
from inkbloom.evaluation.judge import load_judge
from inkbloom.families import Diffusion
from inkbloom.philox import Draw
from inkbloom.run import Run
from inkbloom.sampling import batches
from inkbloom.solvers import SOLVERS, step_times


def within(low: float, high: float, inside: Denoise, outside: Denoise) -> Denoise:
    """`inside` at noise levels in [low, high], `outside` elsewhere."""
    return lambda x, t: inside(x, t) if low <= t <= high else outside(x, t)


def exact(family: Diffusion, images: Tensor, classes: Tensor, y: Tensor) -> Denoise:
    """E[x0 | x, class] for pictures of the classes y (B,) where `images` (N, C, H, W), of `classes` (N,), are all there are."""
    bank = images.flatten(1)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        c = family.path(t.to(x))
        likely = (c.a * x.flatten(1) @ bank.T - c.a**2 * bank.square().sum(1) / 2) / c.s**2
        likely = likely.masked_fill(classes != y[:, None], -torch.inf)
        return (likely.softmax(1) @ bank).view_as(x)

    return denoise


def counted(calls: Counter, denoise: Denoise) -> Denoise:
    """The same denoiser; `calls` counts how often it is asked."""

    def ask(x: Tensor, t: Tensor) -> Tensor:
        calls["asked"] += 1
        return denoise(x, t)

    return ask


@torch.no_grad()
def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="of the family diffusion, told classes")
    parser.add_argument("--judge", required=True, metavar="FILE")
    parser.add_argument("--log", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--weaker", metavar="RUN")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0])
    parser.add_argument("--between", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"))
    parser.add_argument("--exact", type=float, metavar="T")
    parser.add_argument("--steps", type=int, default=10)
    args = parser.parse_args()

    run = Run(args.run)
    family, recipe = run.family, run.spec.recipe
    weaker = Run(args.weaker).family if args.weaker else None
    data, judge = load_data(recipe.data), load_judge(args.judge)
    train, held = data.take("train"), data.take("holdout")
    bank, labels = to_floats(train.images, recipe.pixels), held.labels
    times = step_times(args.steps, recipe.spacing, family.path)
    for guidance in args.guidance:
        pictures = []
        for first, last in batches(len(labels), family.spec.shape):
            y, calls = labels[first:last], Counter()
            told = counted(calls, family.denoiser(y))
            against = counted(calls, weaker.denoiser(y) if weaker else family.denoiser())
            denoise = within(*args.between, guided(against, told, guidance), told)
            if args.exact is not None:
                denoise = within(args.exact, 1, exact(family, bank, train.labels, y), denoise)
            noise, _ = family.begin(Draw(1, np.arange(first, last)))
            *_, (x, _) = SOLVERS[recipe.solver](denoise, noise, times, family.path, None)
            pictures.append(to_bytes(x, recipe.pixels))
        figures = {name: round(value, 4) for name, value in score(torch.cat(pictures), labels, judge, held).items()}
        row = {name: getattr(args, name) for name in ("run", "weaker", "between", "exact", "steps")}
        row |= {"guidance": guidance, "nfe": calls.total(), **figures, "command": " ".join(["python", *sys.argv])}
        with args.log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(
            f"guidance {guidance:g}, {calls.total()} evaluations: "
            + ", ".join(f"{name} {figures[name]:.3f}" for name in figures)
        )


if __name__ == "__main__":
    main()
