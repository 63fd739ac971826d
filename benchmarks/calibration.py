"""What each figure of the evaluation card says of sets spoiled in a known way, with a shipped judge: a Markdown table.

Run it with: python benchmarks/calibration.py [digits | fashion-mnist] [--json FILE]. Every set is N images, made from the
slice `holdout` (or `train`, for copies) and compared with the slice `reference`; N is the size of that slice. The row of the
missing class has about a tenth fewer. Where slices are stratified, as those of digits, their classes are in step, and an
unbiased KID between them falls below zero; the floor of random halves leaves the classes to chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from machine import Quiet, about, show, write
from torch import Tensor

from inkbloom.data import Data, load_data
from inkbloom.evaluation.classes import total_variation
from inkbloom.evaluation.distances import fd, kid, rms
from inkbloom.evaluation.judge import JUDGES, Judge, load_judge
from inkbloom.evaluation.manifold import manifold
from inkbloom.evaluation.memorisation import copying_z, near_share, nearest, ratio_share

COLUMNS = {  # figure -> decimals
    "fd": 2, "kid": 2, "precision": 3, "recall": 3, "density": 2, "coverage": 3, "tv": 3, "z": 1, "near": 3, "ratio": 3,
}  # fmt: skip
HALVES = 10
HEADS = {"fd": "FD", "kid": "KID x1000", "z": "C_T z"}


def noisy(images: Tensor, sigma: float, chance: torch.Generator) -> Tensor:
    """Images with Gaussian noise; sigma with pixels counted in [0, 1]."""
    return to_bytes(images / 255 + sigma * torch.randn(images.shape, generator=chance))


def to_bytes(x: Tensor) -> Tensor:
    """[0, 1] -> uint8, clipped and rounded."""
    return (255 * x).round().clamp(0, 255).to(torch.uint8)


def spoiled(data: Data, n: int, chance: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """(name, images) of every set, the real ones first."""
    train, unseen = data.take("train").images, data.take("holdout")
    real, tenth = unseen.images, n // 10
    yield "real, unseen", real
    if "test" in data.slices:
        test = data.take("test").images
        yield f"official test, first {n}", test[:n]
        yield f"official test, last {n}", test[-n:]
    yield "copies of training images", train[:n]
    yield "copies + noise .05", noisy(train[:n], 0.05, chance)
    yield "10 % copies + 90 % unseen", torch.cat([train[:tenth], real[tenth:]])
    yield "noise .10", noisy(real, 0.10, chance)
    yield "noise .25", noisy(real, 0.25, chance)
    yield "blur 3x3", to_bytes(F.avg_pool2d(real / 255, 3, 1, 1))
    yield "shift 1 px", F.pad(real, (1, -1))
    missing = real[unseen.labels != 8]
    yield f"class {data.classes[8]} missing (N = {len(missing)})", missing
    yield "100 images repeated", real[:100].repeat(-(-n // 100), 1, 1, 1)[:n]
    yield "pixel mix of two", to_bytes((real / 255 + real.roll(1, 0) / 255) / 2)


class View(NamedTuple):
    """A set as the judge and the pixels see it: scaled features (N, d), the judge's labels (N,), distances to train (N, 2)."""

    features: Tensor
    labels: Tensor
    apart: Tensor

    def take(self, index: Tensor) -> View:
        """Some of its images."""
        return View(*(part[index] for part in self))


def look(judge: Judge, images: Tensor, train: Tensor, scale: float) -> View:
    """uint8 images (N, C, H, W) beside the training images; features are divided by `scale`."""
    seen = judge.look(images)
    return View(seen.features / scale, seen.probabilities.argmax(1), nearest(images, train).distances)


def figures(real: View, fake: View, seed: int) -> dict[str, float]:
    """All figures of a set beside real images, which also set the limits of the memorisation tests."""
    n, classes = len(real.labels), int(max(real.labels.max(), fake.labels.max())) + 1
    return {
        "fd": fd(real.features, fake.features),
        "kid": kid(real.features, fake.features, size=min(1000, n // 2), seed=seed),
        **manifold(real.features, fake.features)._asdict(),
        "tv": total_variation(fake.labels.bincount(minlength=classes), real.labels.bincount(minlength=classes)),
        "z": copying_z(fake.apart[:, 0], real.apart[:, 0]),
        "near": near_share(fake.apart[:, 0], real.apart[:, 0]),
        "ratio": ratio_share(fake.apart),
    }


def halves(a: View, b: View, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and standard deviation of the figures over random halves of two real sets: the floor, classes left to chance."""
    both, rows = View(*(torch.cat(pair) for pair in zip(a, b, strict=True))), []
    chance = torch.Generator().manual_seed(seed)
    for _ in range(HALVES):
        order = torch.randperm(len(both.labels), generator=chance)
        rows.append(figures(both.take(order[: len(a.labels)]), both.take(order[len(a.labels) :]), seed))
    columns = {key: [row[key] for row in rows] for key in COLUMNS}
    return {key: fmean(values) for key, values in columns.items()}, {key: stdev(values) for key, values in columns.items()}


def row(name: str, figures: dict[str, float]) -> str:
    """One line of the table."""
    cells = (f"{figures[key]:.{places}f}" for key, places in COLUMNS.items())
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=sorted(JUDGES), nargs="?", default="digits")
    parser.add_argument("--seed", type=int, default=0, help="of the noise and of KID's draws")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    machine, quiet = about(), Quiet()
    data, judge = load_data(args.source), load_judge(JUDGES[args.source])
    reference, train = data.take("reference"), data.take("train").images
    n, scale, mark = len(reference.images), rms(judge.look(reference.images).features), reference.fingerprint()
    setting: dict[str, Any] = {
        "source": args.source, "judge": judge.name, "sha256": judge.sha256, "d": judge.d, "accuracy": judge.accuracy,
        "scale": round(scale, 6), "n": n, "reference": mark, "halves": HALVES, "seed": args.seed,
    }  # fmt: skip
    show({**setting, **machine})
    print(f"FD and KID: judge {judge.name}, d = {judge.d}, N = {n}, ref = {mark[:12]}\n")
    print(f"| set | {' | '.join(HEADS.get(key, key) for key in COLUMNS)} |")
    print(f"|---|{'---|' * len(COLUMNS)}", flush=True)

    rows = {}
    real = look(judge, reference.images, train, scale)
    for name, images in spoiled(data, n, torch.Generator().manual_seed(args.seed)):
        view = look(judge, images, train, scale)
        if not rows:
            rows["floor: random halves of both"], rows["its standard deviation"] = halves(view, real, args.seed)
            print("\n".join(row(*item) for item in rows.items()), flush=True)
        rows[name] = figures(real, view, args.seed)
        print(row(name, rows[name]), flush=True)
    meanwhile = quiet.told()
    print("\nmachine meanwhile: " + ", ".join(f"{name} {value}" for name, value in meanwhile.items()))
    write(args.json, {"setting": setting, "machine": machine, "meanwhile": meanwhile, "rows": rows})


if __name__ == "__main__":
    main()
