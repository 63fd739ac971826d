"""The card of a run, or of images that something else made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from ..config import Recipe, SolverName, SpacingName, parse_size
from ..data import Data
from ..data.dataset import Reading
from ..data.source import at_size
from ..errors import DataError, DiskError, UsageError, shown
from ..evaluation.baseline import baseline, set_size, shuffled
from ..evaluation.card import measure
from ..evaluation.card_file import write_card
from ..evaluation.image_set import ImageSet, draw_set, holds_images, read_set, whole_card
from ..evaluation.judge import choose_judge
from ..evaluation.measures import Card
from ..evaluation.table import headline, table
from ..figures.images import save_png, tile
from ..files import is_stream, try_to_write
from ..given import native, place, whole
from ..philox import MAX_SEED
from ..report.run_page import write_report
from ..run import Run
from ..solvers import Solver, Spacing
from ..store.folder import RunFolder
from .progress import console_for, progress
from .train import source_of

SHOWN = 16  # samples in the picture


def evaluate(
    what: str | Path | Run,
    *,
    data: str | Path | Data | None = None,
    size: Any = None,
    skip_broken: bool | None = None,
    background: str | None = None,
    judge: str | Path | None = None,
    n: int | None = None,
    images: int | None = None,
    seed: int = 0,
    steps: int | None = None,
    nfe: int | None = None,
    solver: SolverName | Solver | None = None,
    spacing: SpacingName | Spacing | None = None,
    guidance: float | None = None,
    weights: str | None = None,
    json: str | Path | None = None,
    quiet: bool | None = None,
) -> Card:
    """The card of a run, a weights file, a file or a folder of images: a dict of plain values, see docs/evaluate.md.

    A run keeps a whole card that is drawn as its recipe says in RUN/card.json, and its pictures in RUN/evaluation; any other
    card is only returned. `json` names a file for either, whose pictures go beside it. The arguments are the flags of
    `inkbloom evaluate`; a run may be given open, and `data` as images of `inkbloom.images`. quiet: as everywhere, see
    docs/python.md. Raises InkbloomError.
    """
    seed = whole("seed", seed, 0, MAX_SEED)
    n, images = (None if asked is None else whole(name, asked) for name, asked in (("n", n), ("images", images)))
    path, console = place("what", what), console_for(quiet)
    asked = {"steps": steps, "nfe": nfe, "solver": solver, "spacing": spacing, "guidance": guidance}
    is_set = not isinstance(what, Run) and holds_images(path)
    if is_set:
        _refuse_drawing(path, {"images": images, "weights": weights, **asked})
    model = None if is_set else what if isinstance(what, Run) else Run(path, weights or "ema")
    recipe = _reading(model, data, size, skip_broken, background)
    real = _real_images(model, recipe, data)
    n = set_size(real, n)
    chosen, note = choose_judge(judge, real, recipe)
    run = RunFolder(path) if model and path.is_dir() else None
    unlike = _unlike_its_own(model, real, n, images, judge, recipe, weights, asked) if model else ""
    homes, unkept = _homes(run, unlike, place("json", json) if json else None)
    with progress(console, None, "sampling") as advance:
        subject = (
            _drawn(model, real, n, images, seed, weights, asked, lambda done, of: advance(done, of, "sampling"))
            if model
            else read_set(path, real, n, seed, Reading(None, recipe.skip_broken, real.background or recipe.background))
        )
        advance(0, None, "measuring")
        against = baseline(real, chosen, n)
        card, pairs = measure(subject.images, subject.labels, against, made=subject.made, holdout=subject.holdout, seed=seed)
    for line in (*real.notes, *(_empty_classes(real) if chosen else ()), *table(card), note):
        if line:
            console.print(line)
    for file, folder in homes:
        _write(card, subject, against.extractor.train, pairs, seed, file, folder, console)
    if unkept:
        console.print(unkept)
    elif run and model:
        console.print(f"report: {write_report(path, model.spec.own)}")
    return ShownCard(card)


class ShownCard(dict[str, Any]):
    """A card, a dict of plain values, that shows its headline in the place of all of them; `print` shows the table."""

    def __repr__(self) -> str:
        return f"Card({headline(self)})"

    def __str__(self) -> str:
        return "\n".join(table(self))


def _unlike_its_own(
    model: Run,
    real: Data,
    n: int,
    images: int | None,
    judge: str | Path | None,
    recipe: Recipe,
    weights: str | None,
    asked: dict[str, Any],
) -> str:
    """What the run's own card takes and the one that is asked for does not; '' where they are alike."""
    own = set_size(real)
    unlike = {
        "the run's own images": real.source != model.recipe.data,
        f"N = {own:,}": n != own,
        f"{whole_card(own):,} images": images is not None and images < whole_card(own),
        "the averaged weights": weights == "live" and bool(model.recipe.ema),
        "the recipe's sampling": model.request(**asked) != model.request(),
        "a judge": judge == "none" and choose_judge(None, real, recipe)[0] is not None,
    }
    return next((said for said, is_so in unlike.items() if is_so), "")


def _homes(run: RunFolder | None, unlike: str, json: Path | None) -> tuple[list[tuple[Path, Path | None]], str]:
    """Where the card goes, and its pictures, which no pipe takes; and why the run does not keep it, or ''.

    Raises DiskError where it cannot be written; a run that cannot be is no matter where there is `json`.
    """
    if run and json and json.resolve() == run.card.resolve():  # asked for by name
        json, unlike = None, ""
    homes: list[tuple[Path, Path | None]] = []
    if json:
        try_to_write(json)
        homes = [(json, None if is_stream(json) else json.parent / f"{json.name.removesuffix('.json')}-pictures")]
    if not run:
        return homes, ""
    if unlike:
        return homes, f"not kept as the run's card, which takes {unlike}{'' if json else ': --json FILE keeps it'}"
    try:
        try_to_write(run.card)
    except DiskError:
        if json:
            return homes, "not kept in the run, where nothing can be written"
        raise
    return [(run.card, run.evaluation), *homes], ""


def _refuse_drawing(path: Path, asked: dict[str, Any]) -> None:
    """Raises UsageError for settings that only a run can follow."""
    for name, value in asked.items():
        if value is not None:
            raise UsageError(f"--{name} with images that exist already ({shown(path)}): it says how a run draws them")


def _reading(
    model: Run | None, data: str | Path | Data | None, size: Any, skip_broken: bool | None, background: str | None
) -> Recipe:
    """How the real images are read: as the run has it, but for what is asked."""
    recipe = model.recipe if model else Recipe()
    return replace(
        recipe,
        data=recipe.data if data is None or isinstance(data, Data) else native(data),
        size=recipe.size if size is None else size,
        skip_broken=recipe.skip_broken if skip_broken is None else skip_broken,
        background=recipe.background if background is None else background,
    )


def _real_images(model: Run | None, recipe: Recipe, given: str | Path | Data | None) -> Data:
    """The images to compare with. Raises DataError, UsageError."""
    if isinstance(given, Data):
        return at_size(given, parse_size(recipe.size))
    real = source_of(recipe)
    if model is None:
        return real
    real = real.in_order(model.spec.classes)
    if model.family.num_classes and real.classes and model.spec.classes != real.classes:
        raise DataError(f"the run knows other classes than {shown(real.source)}: leave out --data, or give its own source")
    return real


def _drawn(
    model: Run, real: Data, n: int, images: int | None, seed: int, weights: str | None, asked: dict[str, Any], watch: Any
) -> ImageSet:
    """What a run draws for its card."""
    kind = "file" if model.path.is_file() else "ema" if model.recipe.ema and weights != "live" else "live"
    origin = {"run": str(model.path), "weights": kind, "step": model.step}
    return draw_set(model.family, real, n, images, seed=seed, **asked, origin=origin, watch=watch)


def _empty_classes(real: Data) -> Iterator[str]:
    """A line for each class that the reference has no image of: nothing drawn of it can be judged fairly."""
    labels = real.take("reference").labels
    seen = set() if labels is None else set(labels.tolist())
    for number, name in enumerate(real.classes):
        if number not in seen:
            yield f"warning: class '{shown(name, 40)}' has no image in the reference, so pictures of it count as strangers"


def _write(
    card: Card,
    subject: ImageSet,
    train: Tensor,
    pairs: list[tuple[int, int]],
    seed: int,
    file: Path,
    folder: Path | None,
    console: Console,
) -> None:
    """Writes the card, 16 random samples, and the samples nearest to training images, each left of its neighbour."""
    write_card(card, file)
    console.print(f"card: {file}")
    images, scale = subject.images, 2 if max(subject.images.shape[2:]) < 64 else 1
    some = images[shuffled(seed, len(images), draw=1)[:SHOWN]]
    sample, neighbour = (torch.tensor(side) for side in zip(*pairs, strict=True))
    beside = torch.cat([images[sample], train[neighbour]], dim=3)
    sheets = {
        "samples.png": tile(some, columns=8, scale=scale),
        "nearest.png": tile(beside, columns=4, scale=scale, gap=3),
    }
    if folder is None:
        return
    for name, picture in sheets.items():
        save_png(picture, folder / name)
        console.print(f"pictures: {folder / name}")
