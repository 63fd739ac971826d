"""VAE, GAN and diffusion at equal compute as one picture: curves from their cards, and pictures of the runs that are here.

    python benchmarks/earlier.py --out docs/images/earlier.png

The cards are those of `inkbloom claims --full --only ideal`, or the published ones; pictures come from runs/claims alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

from matplotlib import image
from matplotlib.figure import Figure

from inkbloom.claims.earlier import BUDGETS, EQUAL
from inkbloom.files import replacing

COLOURS = {"vae": "#b4552d", "gan": "#2d7d6f", "fast": "#20262e"}


def curves(axes, row: str) -> None:
    """A measure over the budgets: each seed a point, a line through the means, the floor dashed."""
    for family, colour in COLOURS.items():
        cards = {budget: [*EQUAL[family, budget].cards().values()] for budget in BUDGETS}
        for budget, seeds in cards.items():
            axes.plot([budget] * len(seeds), [card[row] for card in seeds], "o", color=colour, alpha=0.5, markersize=4)
        there = [budget for budget, seeds in cards.items() if seeds]
        axes.plot(there, [fmean(card[row] for card in cards[b]) for b in there], color=colour, label=family)
    floor = next(card["floor"][row] for trial in EQUAL.values() for card in trial.cards().values())
    axes.axhline(floor, color="grey", linestyle="--", linewidth=0.8, label="real digits")
    axes.set(xscale="log", xlabel="steps of fast for the same multiply-adds", xticks=BUDGETS)
    axes.set_xticks(BUDGETS, [f"{budget:,}" for budget in BUDGETS])
    axes.minorticks_off()


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    args = parser.parse_args()
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(5, 4))
    distance, recall = above.subplots(1, 2)
    curves(distance, "fd")
    distance.set(yscale="log", ylabel="FD, N = 1,000")
    distance.legend(fontsize="small")
    curves(recall, "recall")
    recall.set(ylabel="recall")
    for line, family in zip(below.subplots(len(COLOURS), len(BUDGETS)), COLOURS, strict=True):
        for axes, budget in zip(line, BUDGETS, strict=True):
            axes.axis("off")
            drawn = EQUAL[family, budget].folder(0) / "evaluation" / "samples.png"
            if drawn.exists():
                axes.imshow(image.imread(drawn), cmap="gray", interpolation="nearest")
                axes.set_title(f"{family}, {budget:,}", fontsize="small", pad=2)
    with replacing(args.out) as file:
        figure.savefig(file, format="png", dpi=110, bbox_inches="tight", pad_inches=0.15)
    print(f"picture: {args.out}")


if __name__ == "__main__":
    main()
