"""The pictures of docs/claims.md: curves from the figures of `inkbloom claims`, and what three of its experiments draw.

    python benchmarks/claims_pictures.py --json benchmarks/results/claims-quick.json --out docs/images

Writes claims-curves.png and claims-pictures.png into the folder; seed 0.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from inkbloom.claims.gradual import STEPS
from inkbloom.claims.inverted import inverted
from inkbloom.claims.lab import Lab, Size
from inkbloom.claims.recovery import walked_back
from inkbloom.data.pixels import to_bytes, to_floats
from inkbloom.figures.images import tile
from inkbloom.files import replacing
from inkbloom.philox import Draw
from inkbloom.sampling import pictures

PICTURES = 10  # in a strip
LEVELS = (0.3, 0.5, 0.7, 0.9)
DARK, WARM, COOL = "#20262e", "#b4552d", "#2d7d6f"


class Told:
    """The figures of one claim."""

    def __init__(self, claims: list[dict[str, Any]], id: str) -> None:
        self.figures = next(claim["figures"] for claim in claims if claim["id"] == id)

    def line(self, name: str) -> tuple[list[float], list[float]]:
        """Where (the number behind `=`) and how much, of all figures whose name begins so."""
        found = [figure for figure in self.figures if figure["name"].startswith(name) and figure["at"]]
        return [float(figure["at"].split("=")[-1]) for figure in found], [figure["value"] for figure in found]

    def value(self, name: str) -> float:
        """The one figure of that name."""
        return next(figure["value"] for figure in self.figures if figure["name"].startswith(name))

    def floor(self, name: str) -> float:
        """What real images score there."""
        return next(figure["floor"] for figure in self.figures if figure["name"].startswith(name))


def curves(claims: list[dict[str, Any]], figure: Figure) -> None:
    """Four panels: gradual, disorder, recovery, clearer; in each a second measure on the right."""
    gradual, disorder, recovery, clearer = (Told(claims, id) for id in ("gradual", "disorder", "recovery", "clearer"))
    (one, two), (three, four) = figure.subplots(2, 2)

    one.set(title="gradual: equal steps from the same noise (dashed: real digits)", xlabel="steps", xscale="log", yscale="log")
    one.plot(*gradual.line("FD"), "o-", color=DARK)
    one.axhline(gradual.floor("FD"), color=DARK, linestyle="--", linewidth=0.8)
    one.set_xticks(STEPS, [str(steps) for steps in STEPS])
    one.minorticks_off()
    beside(one, "FD", "recall").plot(*gradual.line("recall"), "o-", color=WARM)

    two.set(title="disorder: noise is mixed in", xlabel="t")
    two.plot(*disorder.line("entropy of a pixel"), "o-", color=DARK)
    whole = beside(two, "entropy of a pixel, bit", "of the image, at most")
    whole.plot(*disorder.line("entropy of the image"), "o-", color=WARM)

    three.set(title="recovery: noised to t and walked back (dashed: the mean image)", xlabel="t")
    three.plot(*recovery.line("PSNR"), "o-", color=DARK)
    three.axhline(recovery.value("the mean image"), color=DARK, linestyle="--", linewidth=0.8)
    share = beside(three, "PSNR to the original, dB", "same class, %")
    share.plot(*recovery.line("same class"), "o-", color=WARM)

    four.set(title="clearer: along 40 steps", xlabel="step")
    four.plot(*clearer.line("x: distance"), "o-", color=DARK, label="x")
    four.plot(*clearer.line("prediction: distance"), "o-", color=COOL, label="prediction")
    four.legend(fontsize="small", loc="upper center")
    sharp = beside(four, "distance to the final picture", "sharpness of the prediction")
    sharp.plot(*clearer.line("prediction: gradient energy"), "o-", color=WARM)


def beside(axes: Any, left: str, right: str) -> Any:
    """Names both sides and returns the axes of the right one."""
    axes.set_ylabel(left, color=DARK)
    twin = axes.twinx()
    twin.set_ylabel(right, color=WARM)
    return twin


def strips(lab: Lab) -> Iterator[tuple[str, torch.Tensor]]:
    """What stands before each strip, and its pictures: uint8 (PICTURES, 1, H, W)."""
    kinds = torch.arange(PICTURES)
    yield "inverted: 0 .. 9", inverted(lab.judge.net, kinds, lab.data.size[0], 0)
    for steps in STEPS:
        asked = {"steps": steps, "solver": "euler", "spacing": "uniform", "guidance": 1.0, "labels": kinds.tolist()}
        request = lab.run.request(PICTURES, seed=0, **asked)
        made = torch.cat([batch for batch, _ in pictures(lab.family, request)])
        yield f"gradual: {steps} step{'s' if steps > 1 else ''}", made
    yield "recovery: originals", lab.held.images
    pixels = lab.family.recipe.pixels
    for t in LEVELS:
        start = to_floats(lab.held.images, pixels), t
        x, _ = lab.family.begin(Draw(0, np.arange(PICTURES)), start)
        yield f"with noise to t = {t}", to_bytes(x.float(), pixels)
        yield "and walked back", walked_back(lab, t, seed=0)


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="of inkbloom claims --json")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    args = parser.parse_args()

    charts = Figure(figsize=(11, 7), layout="constrained")
    curves(json.loads(args.json.read_text(encoding="utf-8")), charts)
    save(charts, args.out / "claims-curves.png")

    rows = [*strips(Lab(Size(pictures=500, held=PICTURES, seeds=1, kernels=1)))]
    sheet = Figure(figsize=(6, 0.46 * len(rows)), layout="constrained")
    for axes, (name, images) in zip(sheet.subplots(len(rows), 1), rows, strict=True):
        axes.imshow(tile(images, columns=PICTURES), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    save(sheet, args.out / "claims-pictures.png")


def save(figure: Figure, path: Path) -> None:
    """Writes the figure, whole or not at all."""
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=110)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
