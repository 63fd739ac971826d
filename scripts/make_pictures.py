"""Draws the pictures that teach in docs/images: those of `inkbloom explain`, and the tutorial's sheet of all 40 steps.

    python scripts/make_pictures.py docs/images

The sheet and the kernels come from a short training of the tutorial's mini UNet, 800 steps of 16 images, in
runs/tutorial-sheet: two minutes on one core. If the run is there, it is used as it is.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

import inkbloom
from inkbloom.figures.trajectory import history_sheet

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


def main(folder: str) -> None:
    """Writes all of them into a folder."""
    out = Path(folder)
    run = inkbloom.train("tutorial-basic", steps=800, batch_size=16, out=TUTORIAL)
    inputs, predictions = (steps.transpose(0, 1, 4, 2, 3) for steps in run.history(run.request(8, steps=40)))
    history_sheet(inputs[:-1], predictions, out / "tutorial-sheet.png")
    reduced(out / "tutorial-sheet.png", colours=16)
    for name, (topic, which, settings) in EXPLAINED.items():
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copyfile(inkbloom.explain(topic, out=scratch, **settings)[which], out / name)
        if name.endswith(".png"):
            reduced(out / name)


def reduced(path: Path, colours: int = 256) -> None:
    """The same picture in few colours, which is a small file."""
    Image.open(path).convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
