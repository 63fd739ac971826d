"""Makes the weights that come with inkbloom from a trained run, in half precision, with hash and card beside them.

They are a page file, so that the lab reads them too.

    inkbloom train quality
    python scripts/make_pretrained.py runs/quality digits

The card is that of the shipped file, not of the run: 5,000 pictures, some minutes.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from inkbloom.exports import open_model
from inkbloom.exports.page_file import packed

ROOM = 850_000  # parameters
PACKAGE = Path(__file__).parents[1] / "src" / "inkbloom"


def main(run: str, name: str) -> None:
    """Writes src/inkbloom/pretrained/NAME.safetensors and NAME.json from the averaged weights of a run."""
    title = {"en": "ink: digits, any class you ask for", "zh": "ink：数字，要哪一类画哪一类"}
    ship(run, PACKAGE / "pretrained" / f"{name}.safetensors", title, f"scripts/make_pretrained.py runs/{Path(run).name} {name}")


def ship(run: str, target: Path, title: dict[str, str], script: str) -> None:
    """Writes the page file `target`, in half precision, and beside it as JSON what is known of it."""
    model = open_model(Path(run), "fp16")
    parameters = sum(p.numel() for p in model.family.net.parameters())
    if parameters > ROOM:
        sys.exit(f"error: {parameters:,} parameters ({run}): at most {ROOM:,} are shipped")
    weights = packed(model)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(weights)
    about = {
        "title": title,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "parameters": parameters,
        "step": model.step,
        "made by": f"inkbloom train {Path(run).name}; python {script}",
        "data": model.recipe.data,
        "licence": "weights: Apache-2.0; trained on MNIST digits (LeCun, Cortes, Burges; taken as CC BY-SA 3.0)",
        "card": card(target),
    }
    target.with_suffix(".json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{target.name}: {len(weights):,} bytes, {parameters:,} parameters, sha256 {about['sha256'][:12]}…")


def card(weights: Path) -> dict[str, object]:
    """The evaluation card of a weights file, without the place where it lies."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.json"
        subprocess.run([sys.executable, "-m", "inkbloom", "evaluate", str(weights), "--json", str(path)], check=True)
        found: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    found["made"].pop("run", None)
    return dict(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
