"""The tutorial's loop and inkbloom's, step by step beside each other: the same numbers, and at what speed?

Both train the tutorial's network in one process from the same weights with the same random numbers, one step in turn
(A B B A ...), each in its own memory. Shown: the first 20 losses of both, the means over blocks of 79 steps (one epoch of
10,000 images), and the ratio of the two times of each pair of steps.

The plain loop is the stock one: eager PyTorch, Adam, the loss read at every step. Its clock includes the `torch.rand` calls
that the tutorial makes; the numbers of inkbloom that then take their place are drawn before its clock starts. Its images
lie in memory already, so it is spared the data loader. inkbloom's clock includes all that `fit` does, drawing its numbers,
measuring the gradient norm and reading the loss at every step; what surrounds `fit` (log, checkpoints, previews, hold-out
loss) is not in it.

    python benchmarks/fidelity.py basic                         79 steps of each, a few minutes on two cores
    python benchmarks/fidelity.py unet2d --steps 20             the same for the large network
    python benchmarks/fidelity.py basic --all --steps 2370      all 30 epochs over all 10,000 digits
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DModel
from machine import Quiet, about, peak_gflops, show, write
from torch import Tensor, nn

from inkbloom import philox
from inkbloom.config import Recipe
from inkbloom.data import load_data
from inkbloom.device import best_device
from inkbloom.recipe_files import load_recipe
from inkbloom.training.batches import Plan
from inkbloom.training.fit import fit
from inkbloom.training.prepare import Training, prepare

RECIPES = {"basic": "tutorial-basic", "unet2d": "tutorial"}
FIRST, BLOCK = 20, 79  # losses shown one by one, steps in a block
LOSS_LIMIT, SPEED_LIMIT = 1e-4, 1.02

Numbers = tuple[Tensor, Tensor, Tensor]  # the images of a batch, their noise, their amounts of noise


class StockBasic(nn.Module):
    """The tutorial's mini UNet from PyTorch's stock layers."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 32, 64, 64, 64, 32, 1)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(widths[k], widths[k + 1], kernel_size=5, padding=2), nn.SiLU()) for k in range(6)
        )
        self.shrink, self.grow = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        full = self.layers[0](x)
        half = self.layers[1](self.shrink(full))
        quarter = self.layers[3](self.layers[2](self.shrink(half)))
        return self.layers[5](self.grow(self.layers[4](self.grow(quarter) + half)) + full)


class StockUNet(nn.Module):
    """The library's UNet as the tutorial calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = UNet2DModel(
            sample_size=28,
            in_channels=1,
            out_channels=1,
            layers_per_block=2,
            block_out_channels=(32, 64, 64),
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.unet(x, 0).sample


STOCK = {"basic": StockBasic, "unet2d": StockUNet}


def plain_steps(net: nn.Module, coming: deque[Numbers]) -> Iterator[float]:
    """The tutorial's training, one step at a time, on what lies in `coming`. Yields the losses."""
    optimizer, loss_of = torch.optim.Adam(net.parameters(), lr=1e-3), nn.MSELoss()
    while coming:
        images, noise, amounts = coming.popleft()
        x = images / 255
        torch.rand(len(x), device=x.device), torch.rand_like(x)  # what the tutorial draws, to pay for it
        share = amounts.view(-1, 1, 1, 1)
        loss = loss_of(net(x * (1 - share) + noise * share), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def our_steps(training: Training) -> Iterator[float]:
    """inkbloom's training, one step at a time. Yields the losses."""
    for step in fit(training):
        yield step.losses["denoise"].item()


def numbers(step: int, images: Tensor, plan: Plan, recipe: Recipe) -> Numbers:
    """What inkbloom sees at a step, drawn straight from the generator; plain tensors for the plain loop."""
    picked = plan.images(step)
    index = step * recipe.batch_size + np.arange(len(picked))
    noise = torch.from_numpy(philox.uniform(recipe.seed, "noise", index, 784)).reshape(-1, 1, 28, 28)
    amounts = torch.from_numpy(philox.uniform(recipe.seed, "time", index, 1))[:, 0]
    x = images[torch.from_numpy(picked).to(images.device)].float()
    return x, noise.to(images.device), amounts.to(images.device)


def race(recipe: Recipe, net: str, data: Any, plan: Plan, device: torch.device) -> Iterator[dict[str, float]]:
    """Trains both in turn; yields losses and seconds of each step of both."""
    training = prepare(recipe, data, device)
    stock = STOCK[net]().to(device)
    with torch.no_grad():
        for p, value in zip(stock.parameters(), training.state.family.net.parameters(), strict=True):
            p.copy_(value)
    coming: deque[Numbers] = deque()
    loops = {"plain": plain_steps(stock, coming), "ours": our_steps(training)}
    images = data.images.to(device)
    for step in range(recipe.steps or 0):
        coming.append(numbers(step, images, plan, recipe))
        row: dict[str, float] = {"step": step + 1, "images": len(coming[0][0])}
        for name in ("plain", "ours") if step % 2 == 0 else ("ours", "plain"):
            begin = time.perf_counter()
            row[name] = next(loops[name])
            row[f"{name}_seconds"] = time.perf_counter() - begin
        yield row


def speed(rows: list[dict[str, float]], warm_up: int) -> dict[str, Any]:
    """The median ratio ours / plain of the pairs of full batches after the warm-up, its quartiles and range."""
    kept = [row for row in rows[warm_up:] if row["images"] == rows[0]["images"]]
    ratios = sorted(row["ours_seconds"] / row["plain_seconds"] for row in kept)
    quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return {
        "pairs": len(kept),
        "warm_up": warm_up,
        "median_ratio": round(statistics.median(ratios), 4),
        "quartiles": [round(quartiles[0], 4), round(quartiles[2], 4)],
        "range": [round(ratios[0], 4), round(ratios[-1], 4)],
        "fastest_ratio": round(min(r["ours_seconds"] for r in kept) / min(r["plain_seconds"] for r in kept), 4),
        "plain_seconds": round(statistics.median(row["plain_seconds"] for row in kept), 4),
        "our_seconds": round(statistics.median(row["ours_seconds"] for row in kept), 4),
    }


def blocks(rows: list[dict[str, float]]) -> list[dict[str, Any]]:
    """The mean losses of both over each block of steps."""
    out = []
    for first in range(0, len(rows), BLOCK):
        block = rows[first : first + BLOCK]
        plain, ours = (statistics.fmean(row[name] for row in block) for name in ("plain", "ours"))
        out.append({"from": first + 1, "to": first + len(block), "plain": plain, "ours": ours, "difference": ours - plain})
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=sorted(RECIPES), nargs="?", default="basic")
    parser.add_argument("--steps", type=int, default=BLOCK, metavar="N", help="optimizer steps of each (default: 79)")
    parser.add_argument("--batch-size", type=int, default=128, metavar="N", help="default: 128, the tutorial's")
    parser.add_argument("--all", action="store_true", help="train on all 10,000 digits, not on the 8,000 of the training slice")
    parser.add_argument("--data", default="digits", help="a source of 28 x 28 grey images (default: digits)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--warm-up", type=int, default=4, metavar="N", help="pairs whose times are not counted (default: 4)")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of torch (default: its own choice)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.steps <= args.warm_up:
        parser.error("--steps must exceed --warm-up")

    recipe = load_recipe(RECIPES[args.net]).resolved(steps=args.steps, batch_size=args.batch_size, seed=args.seed)
    data = load_data(args.data).take("all" if args.all else "train")
    plan = Plan(recipe.seed, len(data.images), recipe.batch_size, recipe.short_batches)
    device = best_device()
    setting = {
        "recipe": RECIPES[args.net], "images": f"{len(data.images):,} of {args.data}", "batch": recipe.batch_size,
        "steps": args.steps, "seed": args.seed, "device": str(device), "precision": "fp32, eager",
    }  # fmt: skip
    machine = {**about(), "peak_gflops": peak_gflops()}
    show({**setting, **machine})

    quiet, rows = Quiet(), []
    print("step      plain       ours  difference    seconds plain / ours")
    for row in race(recipe, args.net, data, plan, device):
        rows.append(row)
        if len(rows) <= FIRST:
            losses = f"{row['plain']:.8f} {row['ours']:.8f} {row['ours'] - row['plain']:11.2e}"
            print(f"{len(rows):4} {losses}    {row['plain_seconds']:.3f} / {row['ours_seconds']:.3f}", flush=True)
    largest = max(abs(row["ours"] - row["plain"]) for row in rows[:FIRST])
    print(f"largest difference of the first {min(FIRST, len(rows))}: {largest:.2e} (goal: {LOSS_LIMIT:g} at most)\n")

    means = blocks(rows)
    print("steps            mean loss plain        ours  difference")
    for block in means:
        print(f"{block['from']:5} .. {block['to']:5} {block['plain']:18.6f} {block['ours']:11.6f} {block['difference']:11.2e}")

    fast = speed(rows, args.warm_up)
    low, high = fast["range"]
    print(f"\nours / plain: {fast['median_ratio']:.3f}, the median of {fast['pairs']} pairs (goal: {SPEED_LIMIT} at most)")
    print(f"  half of the pairs in {fast['quartiles'][0]:.3f} .. {fast['quartiles'][1]:.3f}, all in {low:.3f} .. {high:.3f}")
    print(f"  fastest steps {fast['fastest_ratio']:.3f}; medians {fast['plain_seconds']} s plain, {fast['our_seconds']} s ours")
    noise = quiet.told()
    print("machine meanwhile: " + ", ".join(f"{name} {value}" for name, value in noise.items()))
    result = {
        "setting": setting, "machine": machine, "meanwhile": noise, "largest_difference": largest,
        "blocks": means, "speed": fast, "rows": rows,
    }  # fmt: skip
    write(args.json, result)


if __name__ == "__main__":
    main()
