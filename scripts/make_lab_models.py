"""Makes the lab's second model, `basic`, from a run of the tutorial's recipe: a page file with hash and card beside it.

    inkbloom train tutorial-basic
    python scripts/make_lab_models.py runs/tutorial-basic

The first model, `ink`, is the one that comes with inkbloom: see make_pretrained.py.
"""

from __future__ import annotations

import sys

from make_pretrained import PACKAGE, ship


def main(run: str) -> None:
    """Writes src/inkbloom/lab/page/models/basic.safetensors and basic.json."""
    title = {"en": "basic: the tutorial's mini UNet, which knows no class", "zh": "basic：教程里的小 UNet，不分类别"}
    ship(
        run, PACKAGE / "lab" / "page" / "models" / "basic.safetensors", title, "scripts/make_lab_models.py runs/tutorial-basic"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
