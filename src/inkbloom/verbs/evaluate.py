"""`inkbloom evaluate`, and `inkbloom.evaluate(...)`: the card of a run, or of images that something else made."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from ..config import SolverName, SpacingName, parse_size
from ..errors import DataError, UsageError, shown

if TYPE_CHECKING:
    from torch import Tensor

    from ..data import Data
    from ..evaluation.card import Card
    from ..evaluation.judge import Judge
    from ..families import Diffusion
    from ..sampling import Order

BLOCKS, DRAWN = 5, 5000  # a run draws so many blocks of n images, and no more than so many images
SHOWN = 16  # samples in the picture
Watch = Callable[[int, int], None]  # told (images drawn, of how many)


class Subject(NamedTuple):
    """What a card is about: images (M, C, H, W) uint8, the classes (M,) that they should show, and what the card keeps."""

    images: Tensor
    labels: Tensor | None
    made: dict[str, Any]
    holdout: dict[str, Any] | None = None


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom evaluate`."""
    parser.usage = "inkbloom evaluate RUN|FILE.npz|FOLDER [--data SOURCE] [--judge NAME] [--json FILE] [flags]"
    parser.add_argument("what", type=Path, metavar="RUN|FILE.npz|FOLDER", help="a run, a weights file, or a set of images")
    parser.add_argument(
        "--data", metavar="SOURCE", help="the real images (default: the run's own; for a set of images, digits)"
    )
    parser.add_argument("--judge", metavar="NAME", help="a judge, its FILE.safetensors, or none (default: the source's own)")
    parser.add_argument("--n", type=int, metavar="N", help="images in a block (default: what the source allows, at most 5000)")
    parser.add_argument("--images", type=int, metavar="M", help="images that a run draws (default: 5 blocks, at most 5000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of what is drawn (default: 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the card to FILE, and the pictures beside it")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    group = parser.add_argument_group("how a run draws, as in sample")
    group.add_argument("--steps", type=int, metavar="N", help="solver steps (default: the recipe's)")
    group.add_argument("--nfe", type=int, metavar="N", help="network evaluations for one picture, instead of steps")
    for flag, names in (("--solver", SolverName), ("--spacing", SpacingName)):
        group.add_argument(flag, metavar="{" + ",".join(get_args(names)) + "}", help="default: the recipe's")
    group.add_argument("--guidance", type=float, metavar="X", help="0 ignores the class, 1 is plain, above 1 is guided")
    group.add_argument("--weights", choices=("ema", "live"), help="averaged weights (default) or the live ones")


def run(args: argparse.Namespace) -> int:
    """Makes the card and prints it; 0. Raises InkbloomError."""
    evaluate(**vars(args))
    return 0


def evaluate(
    what: str | Path,
    *,
    data: str | None = None,
    judge: str | None = None,
    n: int | None = None,
    images: int | None = None,
    seed: int = 0,
    steps: int | None = None,
    nfe: int | None = None,
    solver: SolverName | None = None,
    spacing: SpacingName | None = None,
    guidance: float | None = None,
    weights: str | None = None,
    json: str | Path | None = None,
    quiet: bool = True,
) -> Card:
    """The card of a run, a weights file, an .npz file or a folder of images: a dict of plain values, see docs/evaluate.md.

    A run keeps it in RUN/card.json, and its pictures in RUN/evaluation; `json` names a further file for it, whose pictures go
    beside it. The arguments are the flags of `inkbloom evaluate`. Raises InkbloomError.
    """
    from rich.console import Console
    from rich.progress import Progress

    from ..data import load_data
    from ..evaluation.card import measure
    from ..evaluation.floor import set_size, standard
    from ..evaluation.table import table
    from ..philox import MAX_SEED
    from ..report.run_page import write_report
    from ..run import Run

    what, json = Path(what), Path(json) if json else None
    wishes = {"steps": steps, "nfe": nfe, "solver": solver, "spacing": spacing, "guidance": guidance}
    console = Console(highlight=False, markup=False, soft_wrap=True, quiet=quiet)
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed = {seed}: must lie in [0, {MAX_SEED}]")
    homes = _homes(what, json)
    for path, _ in homes:
        _try_to_write(path)
    model = None if _holds_images(what) else Run(what, weights or "ema")
    if model:
        recipe = model.spec.recipe
        real = load_data(data or recipe.data, parse_size(recipe.size), recipe.skip_broken)
        if model.family.classes and real.classes and model.spec.classes != real.classes:
            raise DataError(f"the run knows other classes than {shown(real.source)}: leave out --data, or give its own source")
    else:
        for name, value in {"images": images, "weights": weights, **wishes}.items():
            if value is not None:
                raise UsageError(f"--{name} with images that exist already ({shown(what)}): it tells a run how to draw them")
        real = load_data(data or "digits")
    n = set_size(real, n)
    chosen, note = choose_judge(judge, real)

    with Progress(console=console, disable=not console.is_terminal or quiet, transient=True) as bar:
        task = bar.add_task("sampling", total=None)
        if model:
            wish = order_for(model.family, model.shape, real, n, images, seed=seed, **wishes)
            subject = sit(model.family, model.shape, wish, real, lambda done, of: bar.update(task, completed=done, total=of))
            kind = "ema" if recipe.ema and weights != "live" else "live"
            subject.made.update(run=str(what), weights="file" if what.is_file() else kind, step=model.step)
        else:
            subject = _read(what, real, n, seed)
        bar.update(task, description="measuring", total=None)
        held = standard(real, chosen, n)
        card, pairs = measure(subject.images, subject.labels, held, made=subject.made, holdout=subject.holdout, seed=seed)
    for line in (*real.notes, *table(card), note):
        if line:
            console.print(line)
    for path, folder in homes:
        save_card(card, path)
        console.print(f"card: {path}")
        for picture in _pictures(subject.images, held.eye.train, pairs, seed, folder):
            console.print(f"pictures: {picture}")
    if model and what.is_dir():
        console.print(f"report: {write_report(what)}")
    return card


def choose_judge(name: str | None, data: Data) -> tuple[Judge | None, str]:
    """The judge asked for, or the one shipped for the source; without one, a line that says so and how to train one.

    Raises UsageError for an unknown name, CheckpointError for a file that is no intact judge.
    """
    import shlex

    from ..evaluation.judge import TRAIN, judge_for, load_judge

    wanted = name or judge_for(data.source)
    if wanted == "none":
        return None, ""
    if wanted:
        judge = load_judge(wanted)
        if name or (judge.channels, judge.size) == (data.channels, data.size):
            return judge, ""
        return None, f"no judge: that of {data.source} looks at images of another size, so only what needs none is shown"
    if data.labels is None:
        return None, f"no judge: {data.source} has no labels to train one on, so only what needs none is shown"
    train = f"{TRAIN} {shlex.quote(data.source)} --out judge.safetensors"
    return None, f"no judge for {data.source}: train one with `{train}`, then add --judge judge.safetensors"


def order_for(
    family: Diffusion, shape: tuple[int, int, int], data: Data, n: int, images: int | None = None, **wishes: Any
) -> Order:
    """What a model draws for a card: `images`, default 5 blocks of n and no more than 5000, their classes as in the reference.

    wishes: those of `sampling.order`. Raises UsageError, DataError where the model makes other images than the source holds.
    """
    from ..evaluation.floor import labels_in_turn
    from ..sampling import order

    if shape != (data.channels, *data.size):
        raise DataError(
            f"the run draws images of {_told(shape)}, {shown(data.source)} holds {_told((data.channels, *data.size))}: "
            "give --data with images of the run's shape"
        )
    count = n * max(1, min(BLOCKS, DRAWN // n)) if images is None else images
    if count < n:
        raise UsageError(
            f"images = {count}: a card of N = {n:,} needs {n:,} at least; draw more, or set --n "
            "(cards of different N never compare)"
        )
    in_turn = labels_in_turn(data, n) if family.classes else None
    return order(family, count, labels=[] if in_turn is None else in_turn.tolist(), **wishes)


def sit(family: Diffusion, shape: tuple[int, int, int], wish: Order, data: Data, watch: Watch | None = None) -> Subject:
    """Draws the images of a card and asks the model to restore held-out ones."""
    import torch

    from ..sampling import drawn

    images: list[Tensor] = []
    labels: list[Tensor] = []
    began = time.perf_counter()
    for batch, classes in drawn(family, shape, wish):
        images.append(batch)
        labels += [] if classes is None or data.labels is None else [classes]
        if watch:
            watch(sum(map(len, images)), wish.count)
    made = {
        **versions(), "run": None, "file": None, "images": wish.count, "seed": wish.seed, "solver": wish.solver,
        "steps": wish.steps, "levels": list(wish.levels) or None, "nfe": wish.nfe, "spacing": wish.spacing,
        "guidance": wish.guidance if family.classes else None, "split": family.recipe.split,
        "images_per_second": round(wish.count / (time.perf_counter() - began), 1),
    }  # fmt: skip
    return Subject(torch.cat(images), torch.cat(labels) if labels else None, made, _restored(family, data))


def save_card(card: Card, path: Path) -> None:
    """Writes a card as JSON. Raises DiskError."""
    import json

    from ..data.writing import replacing

    with replacing(path) as file:
        file.write(json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")


def versions() -> dict[str, Any]:
    """What made a card: the versions of inkbloom and torch."""
    from importlib.metadata import version

    import torch

    return {"inkbloom": version("inkbloom"), "torch": torch.__version__}


def _holds_images(what: Path) -> bool:
    """Whether that is a set of images; else it is a run or its weights. Raises DataError for anything else."""
    if what.is_dir():
        return not ((what / "config.toml").exists() or (what / "checkpoints").exists())
    if not what.exists():
        raise DataError(f"nothing there ({shown(what)}): give a run, an .npz file or a folder of images")
    if what.suffix not in (".npz", ".safetensors"):
        raise DataError(f"neither .npz nor .safetensors ({shown(what)}): give a run, an .npz file or a folder of images")
    return what.suffix == ".npz"


def _homes(what: Path, json: Path | None) -> list[tuple[Path, Path]]:
    """Where the card goes, and the folder of its pictures."""
    own = [(what / "card.json", what / "evaluation")] if what.is_dir() and not _holds_images(what) else []
    return own + ([(json, json.parent / f"{json.name.removesuffix('.json')}-pictures")] if json else [])


class _Tried(Exception):
    """The file could be written."""


def _try_to_write(path: Path) -> None:
    """Raises DiskError where `path` cannot be written: better now than after minutes of sampling."""
    from ..data.writing import replacing

    with suppress(_Tried), replacing(path):
        raise _Tried


def _read(what: Path, data: Data, n: int, seed: int) -> Subject:
    """The images of a file or a folder, in random order, so that blocks cut from a sorted set are alike. Raises DataError."""
    from ..data.folder import load_folder
    from ..data.npz import load_npz
    from ..evaluation.floor import shuffled

    found = load_folder(what) if what.is_dir() else load_npz(what)
    mine, wanted = (_told((part.channels, *part.size)) for part in (found, data))
    if mine != wanted:
        raise DataError(
            f"images of {mine} ({shown(what)}), where {shown(data.source)} has {wanted}: "
            "make them of that shape, or name their own source with --data; nothing is resized here"
        )
    if len(found.images) < n:
        raise DataError(
            f"{len(found.images):,} image{'s' * (len(found.images) != 1)} ({shown(what)}): "
            f"a card of N = {n:,} needs {n:,} at least; make more, or set --n (cards of different N never compare)"
        )
    index = shuffled(seed, len(found.images))
    labels = _in_classes_of(data, found, what)
    made = {**versions(), "run": None, "file": str(what), "images": len(index), "seed": seed}
    return Subject(found.images[index], None if labels is None else labels[index], made)


def _in_classes_of(data: Data, found: Data, what: Path) -> Tensor | None:
    """The labels of `found`, as indices into the classes of `data`. Raises DataError for a class that it does not have."""
    import torch

    if found.labels is None or data.labels is None:
        return None
    if what.is_dir():  # classes by their names
        if not set(found.classes) & set(data.classes):
            return None
        if strange := sorted(set(found.classes) - set(data.classes)):
            raise DataError(
                f"sub-folder '{shown(strange[0], 30)}' ({shown(what)}): no class of {shown(data.source)}; rename it"
            )
        return torch.tensor([data.classes.index(name) for name in found.classes])[found.labels]
    if int(found.labels.max()) >= len(data.classes):
        highest, last = int(found.labels.max()), len(data.classes) - 1
        raise DataError(f"label {highest} ({shown(what)}): {shown(data.source)} has the classes 0 to {last}; number them so")
    return found.labels


def _restored(family: Diffusion, data: Data) -> dict[str, Any] | None:
    """The hold-out loss at each noise level beside its anchors; None where the hold-out was trained on."""
    from ..training.holdout import IMAGES, LEVELS, holdout_loss, mean_image_loss, wiener_loss

    if family.recipe.split == "all":
        return None
    train, held = data.take("train").images, data.take("holdout")
    device = next(family.parameters()).device
    images, settings = held.images[:IMAGES], {name: getattr(family.recipe, name) for name in ("path", "noise", "pixels")}
    labels = None if held.labels is None else held.labels[:IMAGES].to(device)
    return {
        "levels": list(LEVELS),
        "loss": holdout_loss(family.denoiser, images.to(device), labels, **settings),
        "wiener": wiener_loss(train, images, **settings),
        "mean_image": mean_image_loss(train, images),
    }


def _pictures(images: Tensor, train: Tensor, pairs: list[tuple[int, int]], seed: int, folder: Path) -> Iterator[Path]:
    """Writes 16 random samples, and the samples nearest to training images, each left of its neighbour; yields where."""
    import torch

    from ..evaluation.floor import shuffled
    from ..figures.images import save_png, tile

    scale = 2 if max(images.shape[2:]) < 64 else 1
    some = images[shuffled(seed, len(images), draw=1)[:SHOWN]]
    save_png(tile(some, columns=8, scale=scale), folder / "samples.png")
    yield folder / "samples.png"
    sample, neighbour = (torch.tensor(side) for side in zip(*pairs, strict=True))
    beside = torch.cat([images[sample], train[neighbour]], dim=3)
    save_png(tile(beside, columns=4, scale=scale, gap=3), folder / "nearest.png")
    yield folder / "nearest.png"


def _told(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width} x {height} x {channels}"
