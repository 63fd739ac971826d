"""From a folder of pictures to a model in other programs: inspect, train, judge, evaluate, export, and drawn without inkbloom.

Run it with: python benchmarks/own_images.py DIR [--recipe R] [--size 32] [--steps N] [--work FOLDER] [--json FILE]. Stopped,
it goes on where it was when it is run again with the same FOLDER. It prints how long each part took, and the card. At the end
diffusers and ONNX Runtime draw with what was exported, each in a process of its own in which inkbloom cannot be imported.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import about, show, write

import inkbloom
from inkbloom.figures.images import save_png

WITHOUT = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "inkbloom":
            raise ImportError("there is no inkbloom here")
sys.meta_path.insert(0, Blocked())
import numpy as np
"""
DRAWN_BY = {
    "diffusers": """
import torch
from diffusers import DiffusionPipeline
pipeline = DiffusionPipeline.from_pretrained(".", trust_remote_code=True)
pipeline(batch_size=4, generator=torch.Generator().manual_seed(0)).images[0].save("drawn.png")
""",
    "onnx": """
import json
import onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
about = session.get_modelmeta().custom_metadata_map
classes = len(json.loads(about.get("classes", "[]")))
shape = session.get_inputs()[0].shape[1:]
given = {"x": np.random.default_rng(0).standard_normal((4, *shape), np.float32), "t": np.ones(4, np.float32)}
given |= {"y": np.arange(4) % classes} if classes else {}
assert np.isfinite(session.run(None, given)[0]).all()
""",
}


def main() -> None:
    """Does all of it, and writes the figures down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="the pictures")
    parser.add_argument("--recipe", default="small-set", help="default: small-set")
    parser.add_argument("--size", default="32", help="default: 32")
    parser.add_argument("--steps", type=int, help="default: the recipe's")
    parser.add_argument("--work", type=Path, default=Path("runs/own-images"), help="default: runs/own-images")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    args = parser.parse_args()
    seconds: dict[str, float] = {}

    def timed(name: str, part: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = part()
        seconds[name] = round(time.perf_counter() - began, 1)
        print(f"{name}: {seconds[name]} s", flush=True)
        return result

    found = timed("inspect", lambda: inkbloom.inspect(args.folder, args.size, quiet=True))
    run = timed("train", lambda: inkbloom.train(
        args.recipe, data=args.folder, size=args.size, steps=args.steps, out=args.work / "run"
    ))  # fmt: skip
    judge = args.work / "judge.safetensors"
    if found.data.labels is not None and not judge.exists():
        timed("judge", lambda: inkbloom.judge(args.folder, out=judge, size=args.size, quiet=True))
    card = timed("evaluate", lambda: inkbloom.evaluate(run, judge=judge if judge.exists() else None, quiet=True))
    print(card)
    save_png(inkbloom.grid(run.sample(100, seed=1)), args.work / "grid.png")
    exports = {
        to: timed(f"export {to}", lambda to=to: exported(run, to, args.work / to)) for to in ("diffusers", "onnx", "torch")
    }
    for to, code in DRAWN_BY.items():
        timed(f"drawn by {to}", lambda to=to, code=code: elsewhere(code, args.work / to))
    history = json.loads((run.path / "card.json").read_text(encoding="utf-8"))
    facts = {key: value for key, value in found.facts().items() if key not in ("source", "broken")}
    show(seconds)
    write(args.json, {"machine": about(), "recipe": args.recipe, "inspect": facts, "seconds": seconds, "card": history,
                      "exports": exports})  # fmt: skip


def exported(run: inkbloom.Run, to: str, out: Path) -> dict[str, Any]:
    """The parity of a fresh export."""
    shutil.rmtree(out, ignore_errors=True)
    return json.loads(inkbloom.export(run, to, out, quiet=True)["parity"].read_text(encoding="utf-8"))


def elsewhere(code: str, folder: Path) -> None:
    """Runs code in the exported folder, in a process without inkbloom. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-c", WITHOUT + code], cwd=folder, check=True)


if __name__ == "__main__":
    main()
