"""Draws the pictures that teach in docs/images: of `inkbloom explain`, of docs/edit.md, what augmentation does, the plot of a
sweep, and the tutorial's sheet of 40 steps.

    python scripts/make_pictures.py docs/images

The sheet and the kernels come from a short training of the tutorial's mini UNet, 800 steps of 16 images, in
runs/tutorial-sheet: two minutes on one core. The plot comes from nine short trainings in runs/docs-sweep: three minutes on one
core. What is there already is used as it is.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import inkbloom
from inkbloom.data import augment, load_data
from inkbloom.data.pixels import to_bytes, to_floats
from inkbloom.explainers.beside import rows_of
from inkbloom.figures.images import save_png, sheet
from inkbloom.figures.trajectory import history_sheet
from inkbloom.philox import Draw

TUTORIAL = "runs/tutorial-sheet"
EXPLAINED = {
    "explain-convolution.gif": ("convolution", "film", {}),
    "explain-zh.png": ("convolution", "picture", {"lang": "zh"}),
    "explain-transposed.png": ("transposed", "picture", {}),
    "explain-continuous.png": ("continuous", "picture", {}),
    "explain-noising.png": ("noising", "picture", {}),
    "explain-unet.png": ("unet", "picture", {"net": "basic"}),
    "tutorial-kernels.png": ("unet", "kernels", {"run": TUTORIAL, "layer": "down.0"}),
}


SWEPT = {"lr": (3e-4, 1e-1), "widths": [[16], [32]]}


def main(folder: str) -> None:
    """Writes all of them into a folder."""
    out = Path(folder)
    augmented(12).save(out / "augment.png")
    run = inkbloom.train("tutorial-basic", steps=800, batch_size=16, out=TUTORIAL)
    inputs, predictions = (steps.transpose(0, 1, 4, 2, 3) for steps in run.history(run.request(8, steps=40)))
    history_sheet(inputs[:-1], predictions, out / "tutorial-sheet.png")
    reduced(out / "tutorial-sheet.png", colours=16)
    edit(out)
    for name, (topic, which, settings) in EXPLAINED.items():
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copyfile(inkbloom.explain(topic, out=scratch, **settings)[which], out / name)
        if name.endswith(".png"):
            reduced(out / name)
    small = {"steps": 100, "layers": 1, "precision": "fp32", "compile": "off"}
    swept = inkbloom.sweep("fast", SWEPT, trials=9, out="runs/docs-sweep", **small)
    shutil.copyfile(swept.folder / "sweep.png", out / "sweep.png")
    reduced(out / "sweep.png")


def augmented(count: int) -> Image.Image:
    """Tinted digits as they are, and with each kind of augmentation done to them."""
    x = to_floats(load_data("tinted-digits").images[:count], "0..1")
    rows = {"as they are": [], **{kind: [kind] for kind in augment.KINDS}, "all of them": list(augment.KINDS)}
    draw = Draw(0, np.arange(count))
    drawn = [augment.done(x, augment.drawn(draw, 1.0, kinds), "0..1") for kinds in rows.values()]
    return rows_of(to_bytes(torch.cat(drawn), "0..1").numpy(), [name for name in rows for _ in range(count)], 2)


def edit(out: Path) -> None:
    """The pictures of docs/edit.md, with the model that comes with inkbloom, from digits of the hold-out."""
    run, held = inkbloom.Run(), inkbloom.load_data("digits").take("holdout")
    eight, five = (held.images[held.labels == label][place, 0].numpy() for label, place in ((8, 2), (5, 1)))
    mask = np.arange(28)[:, None].repeat(28, 1) >= 14
    sheets = {
        "edit-mask": {"start": eight, "mask": mask, "label": [8, 3, 9, 2, 0], "strip": "redraws"},
        "edit-variations": {"start": five, "label": 5, "strip": "at"},
        "edit-strip": {"steps": 8, "guidance": 1, "strip": "solver"},
    }
    for name, asked in sheets.items():
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copyfile(inkbloom.sample(run, 10, out=scratch, **asked)["strip"], out / f"{name}.png")
        reduced(out / f"{name}.png")
    ways = [run.between(first, last) for first, last in ((3, 8), (1, 7), (10, 6))]
    save_png(sheet(np.concatenate(ways), len(ways[0])), out / "edit-between.png")


def reduced(path: Path, colours: int = 256) -> None:
    """The same picture in few colours, which is a small file."""
    Image.open(path).convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
