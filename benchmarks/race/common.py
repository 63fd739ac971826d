"""What the racers' scripts share: flags, the training clock, samples at the times of a ladder. Needs NumPy and PyTorch only.

A racer is a class: `Racer(job)` sets everything up, `step()` trains one optimizer step and tells how many images it used
(0: it has finished), `draw(count)` gives pictures as floats (count, 1, 28, 28) in [0, 1] and their labels or None.
`parameters` and `nfe` (network evaluations for one picture) are numbers, `setting` says in words what is trained; `steps` is
for a racer that takes many at once.

The clock runs while the racer is set up and trains. It stands still while pictures are drawn; imports come before it.
Pictures are drawn as soon as the first step past each time of the ladder is done, and at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

LADDER = (0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60)  # minutes
BATCH = 100  # pictures drawn at once
PACKAGES = ("torch", "torchvision", "diffusers", "smalldiffusion", "denoising-diffusion-pytorch", "torchcfm", "inkbloom")


@dataclass(frozen=True)
class Job:
    """What a racer is given: the images, uint8 (N, 28, 28), their labels (N,), the file they came from, and the flags."""

    images: np.ndarray
    labels: np.ndarray
    file: Path
    seed: int
    best: bool  # best effort: the peer's own knobs turned by hand; off: as shipped
    recipe: str

    def floats(self) -> torch.Tensor:
        """(N, 1, 28, 28) in [0, 1]."""
        return torch.from_numpy(self.images).unsqueeze(1).float() / 255


def import_torchvision() -> None:
    """Makes torchvision importable beside a CPU build of torch.

    The package registry has its CUDA build only, whose C++ operators do not load there; torchvision then stops at the
    names of two of them. No racer uses them: declaring the two is enough for its transforms.
    """
    try:
        import torchvision
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            DECLARED.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401


DECLARED = torch.library.Library("torchvision", "FRAGMENT")
if find_spec("torchvision"):
    import_torchvision()  # here, so that what a racer imports finds it


def race(racer_class: type) -> None:
    """Runs a racer from its command line."""
    args = flags(racer_class.__module__)
    with np.load(args.data) as file:
        job = Job(file["images"].reshape(-1, 28, 28), file["labels"], args.data, args.seed, args.best, args.recipe)
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)  # noqa: NPY002  some peers draw from it
    ladder = sorted(set(LADDER if args.ladder is None else args.ladder))
    ladder = [m for m in ladder if m < args.minutes]
    told = {"seed": args.seed, "class": "best effort" if args.best else "as shipped"}

    begin, paused, images, steps, moments = time.perf_counter(), 0.0, 0, 0, []
    racer = racer_class(job)
    told["setup_seconds"] = seconds(begin)
    finished = False
    while not finished:
        used = racer.step()
        images, steps = images + used, getattr(racer, "steps", steps + 1)
        trained = time.perf_counter() - begin - paused
        finished = not used or trained >= 60 * args.minutes
        if not finished and not (ladder and trained >= 60 * ladder[0]):
            continue
        passed = [m for m in ladder if trained >= 60 * m]
        ladder = [m for m in ladder if m not in passed]
        stop = time.perf_counter()
        name = args.out if finished else args.out.with_name(f"{args.out.stem}-{passed[-1]:g}{args.out.suffix}")
        save(racer, args.count, name)
        spent = time.perf_counter() - stop
        paused += spent
        moments.append(
            {
                "rung": args.minutes if finished and trained >= 60 * args.minutes else passed[-1] if passed else None,
                "minutes": round(trained / 60, 4),
                "steps": steps,
                "images": images,
                "file": name.name,
                "nfe": racer.nfe,
                "sampling_seconds": round(spent, 2),
            }
        )
        told |= {
            "setting": racer.setting,
            "parameters": racer.parameters,
            "images_per_second": round(images / trained, 2),
            "peak_mib": peak_mib(),
            "threads": torch.get_num_threads(),
            "versions": versions(),
            "finished": finished,
            "moments": moments,
        }
        args.out.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        print(f"{trained:8.1f} s  {steps:6} steps  {images:8} images  {spent:6.1f} s to draw {args.count}", flush=True)


def flags(name: str) -> argparse.Namespace:
    """The flags that all racers share."""
    parser = argparse.ArgumentParser(description=(sys.modules[name].__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="npz of uint8 images (N, 28, 28) and labels")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="npz of the last pictures; others beside it")
    parser.add_argument("--minutes", type=float, default=3, metavar="M", help="of the training clock (default: 3)")
    parser.add_argument("--ladder", type=float, nargs="*", metavar="M", help="minutes at which pictures are drawn")
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="pictures (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--best", action="store_true", help="best effort: the peer's knobs set by hand for this job")
    parser.add_argument("--recipe", default="fast", help="inkbloom alone: the recipe (default: fast)")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    return args


def save(racer: object, count: int, path: Path) -> None:
    """Draws pictures in batches and writes them, clamped and rounded to bytes."""
    pictures, labels = [], []
    for first in range(0, count, BATCH):
        x, y = racer.draw(min(BATCH, count - first))
        pictures.append((x.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy())
        labels.append(None if y is None else np.asarray(y))
    arrays = {"images": np.concatenate(pictures)[:, 0]}
    if labels[0] is not None:
        arrays["labels"] = np.concatenate(labels).astype(np.int64)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(temporary, path)


def seconds(since: float) -> float:
    """The seconds since a reading of the clock."""
    return round(time.perf_counter() - since, 2)


def peak_mib() -> float:
    """The largest memory of this process; workers of a data loader come on top and are not counted."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), 1)


def versions() -> dict[str, str]:
    """The versions of those packages that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def size_of(net: torch.nn.Module) -> int:
    """The number of parameters that are trained."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)
