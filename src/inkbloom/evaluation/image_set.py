"""What is judged: the images that a model draws for a card, or those that lie in a file or a folder."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..data import Data, named
from ..data.columns import chosen
from ..data.dataset import SMALLEST, Reading
from ..data.meant import kind_at
from ..data.source import load_at
from ..errors import DataError, Diverged, UsageError, shown
from ..families import Diffusion, Family
from ..sampling import pictures, request
from ..store.checkpoint import MANIFEST
from ..store.folder import not_a_run
from ..versions import version
from .baseline import labels_in_turn, shuffled
from .holdout import anchors_of, measure_holdout

BLOCKS, DRAWN = 5, 5000  # a model draws so many blocks of n images, and no more than so many images
GIVE = "give a run, a file or a folder of images"
AS_THEY_ARE = Reading()
Watch = Callable[[int, int], None]  # told (images drawn, of how many)


class ImageSet(NamedTuple):
    """What a card is about: images (M, C, H, W) uint8, the classes (M,) that they should show, and what the card keeps."""

    images: Tensor
    labels: Tensor | None
    made: dict[str, Any]
    holdout: dict[str, Any] | None = None


def draw_set(
    family: Family,
    data: Data,
    n: int,
    images: int | None = None,
    *,
    origin: Mapping[str, Any],
    watch: Watch | None = None,
    **asked: Any,
) -> ImageSet:
    """What a model draws for a card, and how well it denoises held-out images.

    images: how many, default 5 blocks of n and no more than 5000; their classes are those of the reference in turn. origin:
    kept in `made`. asked: as in `sampling.request`. Raises UsageError, DataError where the source's shape is another.
    """
    if family.spec.shape != (data.channels, *data.size):
        raise DataError(
            f"the run draws images of {_told(family.spec.shape)}, {shown(data.source)} holds "
            f"{_told((data.channels, *data.size))}: give --data with images of the run's shape"
        )
    count = whole_card(n) if images is None else images
    if count < n:
        raise UsageError(
            f"images = {count}: a card of N = {n:,} needs {n:,} at least; draw more, or set --n "
            "(cards of different N never compare)"
        )
    in_turn = labels_in_turn(data, n) if family.num_classes else None
    known = [] if in_turn is None else [label for label in in_turn.tolist() if label in family.trained]
    wanted = request(family, count, labels=known or None, **asked)
    batches: list[Tensor] = []
    labels: list[Tensor] = []
    began = time.perf_counter()
    for batch, its_labels in pictures(family, wanted):
        batches.append(batch)
        labels += [] if its_labels is None or data.labels is None else [its_labels]
        if watch:
            watch(sum(map(len, batches)), count)
    made = {
        **_versions(), "run": None, "file": None, "images": count, "seed": wanted.seed,
        "solver": wanted.solver_name, "steps": wanted.steps, "levels": list(wanted.levels) or None, "nfe": wanted.nfe,
        "spacing": wanted.spacing_name, "guidance": wanted.guidance if family.iterative and family.num_conditions else None,
        "split": family.recipe.split,
        **{name: given for name in ("init", "stretches") if (given := getattr(family.recipe, name))},
        "images_per_second": round(count / (time.perf_counter() - began), 1), **origin,
    }  # fmt: skip
    return ImageSet(torch.cat(batches), torch.cat(labels) if labels else None, made, _holdout(family, data))


def whole_card(n: int) -> int:
    """How many images a model draws for a whole card."""
    return n * max(1, min(BLOCKS, DRAWN // n))


def read_set(what: Path, data: Data, n: int, seed: int, how: Reading = AS_THEY_ARE) -> ImageSet:
    """The images of a file or a folder, in random order, so that blocks cut from a sorted set are alike. Raises DataError."""
    as_real = f"make them all {data.size[1]} x {data.size[0]}, as the real ones are; nothing is resized here"
    found, pictures = load_at(what, how, as_real)
    mine, wanted = (_told((part.channels, *part.size)) for part in (found, data))
    if mine != wanted:
        height, width = found.size
        alike = found.channels == data.channels and min(found.size) >= SMALLEST
        mend = f"bring those to this size with --size {height}x{width}" if alike else "make them of that shape"
        raise DataError(
            f"images of {mine} ({shown(what)}), where {shown(data.source)} has {wanted}: "
            f"name their own source with --data, or {mend}; they are not resized here"
        )
    if len(found.images) < n:
        raise DataError(
            f"{len(found.images):,} image{'s' * (len(found.images) != 1)} ({shown(what)}): "
            f"a card of N = {n:,} needs {n:,} at least; make more, or set --n (cards of different N never compare)"
        )
    index = shuffled(seed, len(found.images))
    labels = _in_classes_of(data, found, what, pictures or named(found.classes))
    made = {**_versions(), "run": None, "file": str(what), "images": len(index), "seed": seed}
    return ImageSet(found.images[index], None if labels is None else labels[index], made)


def holds_images(what: Path) -> bool:
    """Whether that is a set of images; else it is a run or its weights. Raises DataError for anything else."""
    if what.is_dir():
        if (what / MANIFEST).exists() or any(what.glob(f"*/{MANIFEST}")) or any(what.glob("*/config.toml")):
            raise not_a_run(what)
        return not ((what / "config.toml").exists() or (what / "checkpoints").exists())
    if not Path(chosen(str(what))[0]).exists():
        place = str(what).partition(":")[2]
        alone = f"write {shown(place)} alone" if place and Path(place).exists() else ""
        also = f"did you mean {shown(Path('runs') / what)}?" if (Path("runs") / what).exists() else ""
        raise DataError(f"nothing there ({shown(what)}): {alone or also or GIVE}")
    if what.suffix != ".safetensors" and not kind_at(str(what)):
        raise DataError(f"neither weights nor a set of images ({shown(what)}): {GIVE}")
    return what.suffix != ".safetensors"


def _versions() -> dict[str, Any]:
    """What made a card: the versions of inkbloom and torch."""
    return {"inkbloom": version("inkbloom"), "torch": torch.__version__}


def _in_classes_of(data: Data, found: Data, what: Path, by_name: bool) -> Tensor | None:
    """The labels of `found`, as indices into the classes of `data`, known by their names or by their numbers.

    Raises DataError for a class that it does not have.
    """
    if found.labels is None or data.labels is None:
        return None
    if by_name:
        if not set(found.classes) & set(data.classes):
            return None
        if strange := sorted(set(found.classes) - set(data.classes)):
            raise DataError(f"class '{shown(strange[0], 30)}' ({shown(what)}): no class of {shown(data.source)}; rename it")
        return torch.tensor([data.classes.index(name) for name in found.classes])[found.labels]
    if int(found.labels.max()) >= len(data.classes):
        highest, last = int(found.labels.max()), len(data.classes) - 1
        raise DataError(f"label {highest} ({shown(what)}): {shown(data.source)} has the classes 0 to {last}; number them so")
    return found.labels


def _holdout(family: Family, data: Data) -> dict[str, Any] | None:
    """The hold-out loss at each noise level beside its anchors; None where the hold-out was trained on, or nothing denoises.

    Raises Diverged.
    """
    if family.recipe.split == "all" or not (isinstance(family, Diffusion) and family.denoises):
        return None
    holdout = data.take("holdout")
    found = measure_holdout(family, holdout, 0, anchors_of(family, data.take("train"), holdout))
    if not all(map(math.isfinite, found.loss)):
        raise Diverged("the hold-out loss is not a finite number: the model has diverged, evaluate an earlier one")
    return {"levels": list(found.levels), "loss": found.loss, **found.anchors._asdict()}


def _told(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width} x {height} x {channels}"
