"""`inkbloom evaluate`, and `inkbloom.evaluate(...)`: the card of a run, or of images that something else made."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ..config import SolverName, SpacingName, parse_size
from ..errors import DataError, UsageError, shown

if TYPE_CHECKING:
    from torch import Tensor

    from ..data import Data
    from ..evaluation.measures import Card

SHOWN = 16  # samples in the picture


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
    from ..evaluation.card_file import write_card
    from ..evaluation.floor import set_size, standard
    from ..evaluation.judge import choose_judge
    from ..evaluation.subject import draw_subject, holds_images, read_subject
    from ..evaluation.table import table
    from ..files import try_to_write
    from ..philox import MAX_SEED
    from ..report.run_page import write_report
    from ..run import Run

    what, json = Path(what), Path(json) if json else None
    wishes = {"steps": steps, "nfe": nfe, "solver": solver, "spacing": spacing, "guidance": guidance}
    console = Console(highlight=False, markup=False, soft_wrap=True, quiet=quiet)
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed = {seed}: must lie in [0, {MAX_SEED}]")
    is_set = holds_images(what)
    homes = [(json, json.parent / f"{json.name.removesuffix('.json')}-pictures")] if json else []
    if what.is_dir() and not is_set:
        homes.insert(0, (what / "card.json", what / "evaluation"))
    for path, _ in homes:
        try_to_write(path)
    model = None if is_set else Run(what, weights or "ema")
    size = ""
    if model:
        recipe = model.spec.recipe
        size = recipe.size
        real = load_data(data or recipe.data, parse_size(size), recipe.skip_broken)
        if model.family.classes and real.classes and model.spec.classes != real.classes:
            raise DataError(f"the run knows other classes than {shown(real.source)}: leave out --data, or give its own source")
    else:
        for name, value in {"images": images, "weights": weights, **wishes}.items():
            if value is not None:
                raise UsageError(f"--{name} with images that exist already ({shown(what)}): it tells a run how to draw them")
        real = load_data(data or "digits")
    n = set_size(real, n)
    chosen, note = choose_judge(judge, real, size)

    with Progress(console=console, disable=not console.is_terminal or quiet, transient=True) as bar:
        task = bar.add_task("sampling", total=None)
        if model:
            kind = "file" if what.is_file() else "ema" if recipe.ema and weights != "live" else "live"
            subject = draw_subject(
                model.family, model.shape, real, n, images, seed=seed, **wishes,
                origin={"run": str(what), "weights": kind, "step": model.step},
                watch=lambda done, of: bar.update(task, completed=done, total=of),
            )  # fmt: skip
        else:
            subject = read_subject(what, real, n, seed)
        bar.update(task, description="measuring", total=None)
        held = standard(real, chosen, n)
        card, pairs = measure(subject.images, subject.labels, held, made=subject.made, holdout=subject.holdout, seed=seed)
    for line in (*real.notes, *_empty_classes(real), *table(card), note):
        if line:
            console.print(line)
    for path, folder in homes:
        write_card(card, path)
        console.print(f"card: {path}")
        for picture in _pictures(subject.images, held.eye.train, pairs, seed, folder):
            console.print(f"pictures: {picture}")
    if model and what.is_dir():
        console.print(f"report: {write_report(what)}")
    return card


def _empty_classes(real: Data) -> Iterator[str]:
    """A line for each class that the reference has no image of: nothing drawn of it can be judged fairly."""
    labels = real.take("reference").labels
    seen = set() if labels is None else set(labels.tolist())
    for number, name in enumerate(real.classes):
        if number not in seen:
            yield f"warning: class '{shown(name, 40)}' has no image in the reference, so pictures of it count as strangers"


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
