"""Fine-tuning beside training anew: 200 pictures of Fashion-MNIST, from the digits that come with inkbloom and from nothing.

Run it with: python benchmarks/fine_tuning.py [--steps N] [--work FOLDER] [--json FILE]. Both trainings follow one recipe. At
some steps each is measured: the hold-out loss, on images that neither has seen; and of 100 pictures that it draws the share
that lies near a training image, as near as the nearest 1 % of 1,000 unseen images do, and the share under a third as far from
one training image as from the next. Stopped, it goes on from its newest checkpoint when it is run again with the same FOLDER.
"""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from machine import about, show, write
from torch import Tensor

from inkbloom.bench.plots import blank
from inkbloom.config import Recipe
from inkbloom.data import Data, load_data
from inkbloom.device import best_device
from inkbloom.evaluation.holdout import anchors_of, measure_holdout
from inkbloom.evaluation.memorisation import near_share, nearest, ratio_share
from inkbloom.families import Diffusion, Family
from inkbloom.figures.images import tile
from inkbloom.files import replacing
from inkbloom.recipe_files import load_recipe
from inkbloom.sampling import pictures, request
from inkbloom.store.folder import RunFolder
from inkbloom.training.prepare import prepare
from inkbloom.training.session import CardDue, session

COUNT, HELD, DRAWN = 200, 128, 100  # images to train on, images of the hold-out loss, pictures drawn at each look
ARMS = {"fine-tuned": "pretrained", "anew": ""}
COLUMNS = ("hold-out loss", "near", "ratio", "distance")


def few(source: str) -> tuple[Data, Tensor]:
    """(COUNT training images, as many of each class, with a hold-out slice; 1,000 unseen ones to compare distances with)."""
    whole = load_data(source)
    train, held = whole.take("train"), whole.take("holdout")
    assert train.labels is not None
    each = COUNT // len(whole.classes)
    chosen = torch.cat([(train.labels == k).nonzero().flatten()[:each] for k in range(len(whole.classes))])
    assert held.labels is not None
    small = Data(
        torch.cat([train.images[chosen], held.images[:HELD]]),
        torch.cat([train.labels[chosen], held.labels[:HELD]]),
        whole.classes,
        {"train": torch.arange(COUNT), "holdout": torch.arange(COUNT, COUNT + HELD)},
        f"{source}, {COUNT} images",
    )
    return small, held.images[:1000]


def marks(steps: int) -> list[int]:
    """The steps at which a training is looked at: an eighth of all, a quarter, a half, all."""
    return [steps // 8, steps // 4, steps // 2, steps]


def looked_at(family: Family, data: Data, unseen: Tensor, step: int) -> tuple[dict[str, Any], Tensor]:
    """The figures of a moment of the training, and what it draws."""
    assert isinstance(family, Diffusion)
    held = data.take("holdout")
    train = data.take("train")
    loss = measure_holdout(family, held, step, anchors_of(family, train, held))
    drawn = torch.cat([batch for batch, _ in pictures(family, request(family, DRAWN))])
    distances, real = nearest(drawn, train.images).distances, nearest(unseen, train.images).distances
    figures = {
        "step": step,
        "hold-out loss": loss.mean,
        "by level": loss.loss,
        "mean image": loss.anchors.mean_image,
        "linear": loss.anchors.linear,
        "near": near_share(distances[:, 0], real[:, 0]),
        "ratio": ratio_share(distances),
        "distance": float(distances[:, 0].median()),
        "distance of unseen images": float(real[:, 0].median()),
    }
    return figures, drawn


def trained(recipe: Recipe, data: Data, unseen: Tensor, place: Path) -> dict[str, Any]:
    """The figures of a training at each of its marks; those of an earlier, stopped try are kept in `place`."""
    place.mkdir(parents=True, exist_ok=True)
    kept = place / "looks.json"
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"looks": {}}
    alone = replace(data, slices={"train": data.slices["train"]})  # the looks measure the hold-out loss themselves
    training = prepare(recipe, alone, best_device())
    with closing(session(RunFolder(place), training, marks(recipe.steps or 0))) as events:
        for event in events:
            if isinstance(event, CardDue):
                figures, drawn = looked_at(event.family, data, unseen, event.step)
                found["looks"][str(event.step)] = figures
                torch.save(drawn, place / "drawn.pt")
                kept.write_text(json.dumps(found))
                print(f"  step {event.step:5}: " + ", ".join(f"{name} {figures[name]:.4f}" for name in COLUMNS), flush=True)
    return found


def table(results: dict[str, Any]) -> str:
    """The figures as a Markdown table, a row for each step looked at."""
    heads = [f"{column}, {name}" for column in COLUMNS for name in results]
    lines = [f"| step | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for step in next(iter(results.values()))["looks"]:
        cells = [f"{found['looks'][step][column]:.4f}" for column in COLUMNS for found in results.values()]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    return "\n".join(lines)


def picture(results: dict[str, Any], work: Path, path: Path) -> None:
    """Hold-out loss over the steps, and beside it what both draw in the end."""
    figure = blank()
    figure.set_size_inches(9, 3.6)
    axes = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    for name, found in results.items():
        looks = list(found["looks"].values())
        axes[0].plot([look["step"] for look in looks], [look["hold-out loss"] for look in looks], "o-", label=name)
    axes[0].axhline(looks[-1]["linear"], color="grey", linestyle="--", label="best linear denoiser")
    axes[0].set(xlabel="step", ylabel="hold-out x0 loss", xscale="log")
    axes[0].set_xticks([look["step"] for look in looks], [str(look["step"]) for look in looks])
    axes[0].minorticks_off()
    axes[0].legend(fontsize="small")
    for place, name in zip(axes[1:], results, strict=True):
        drawn = torch.load(work / name / "drawn.pt", weights_only=True)
        place.imshow(tile(drawn[:40], columns=5), cmap="gray")
        place.set_title(f"{name}, {looks[-1]['step']} steps", fontsize="small")
        place.set_axis_off()
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)
    print(f"picture: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", default="fashion-mnist", metavar="SOURCE", help="a source of 28 x 28 grey images with classes"
    )
    parser.add_argument("--steps", type=int, default=160, metavar="N", help="steps of each training (default: 160)")
    parser.add_argument("--lr", type=float, default=3e-3, metavar="X", help="peak learning rate (default: 0.003)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--work", type=Path, default=Path("runs/fine-tuning"), metavar="FOLDER", help="where both runs go")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE and a picture beside it")
    args = parser.parse_args()
    machine = about()
    data, unseen = few(args.data)
    recipe = load_recipe("fast").resolved(
        widths=[48, 96], steps=args.steps, batch_size=16, lr=args.lr, seed=args.seed, precision="fp32", guidance=1,
        checkpoint_every=20, preview_every=10**9, holdout_every=0,
    )  # fmt: skip
    show({"recipe": "fast with widths 48 96, batches of 16", "lr": args.lr, "seed": args.seed, "images": COUNT, **machine})
    results = {}
    for name, init in ARMS.items():
        print(name, flush=True)
        results[name] = trained(recipe.resolved(init=init), data, unseen, args.work / name)
    print(table(results))
    write(
        args.json, {"data": args.data, "images": COUNT, "lr": args.lr, "seed": args.seed, "machine": machine, "arms": results}
    )
    if args.json:
        picture(results, args.work, args.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
