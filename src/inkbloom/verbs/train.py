"""`inkbloom train RECIPE`, and `inkbloom.train(...)`: from a recipe to a run's folder."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from ..config import HINTS, Recipe, dump_recipe, load_recipe, parse_recipe, parse_size

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from ..data import Data
    from ..evaluation.floor import Standard
    from ..run import Run
    from ..training.session import Event, Exam, Look

PREVIEWED = 16  # images in a preview


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom train`: one for each field of a recipe, and those of the command."""
    parser.usage = "inkbloom train RECIPE [--out RUN] [--cards STEP ...] [--quiet] [--FIELD VALUE ...]"
    parser.epilog = "A field not given is as the recipe says: `inkbloom recipes RECIPE` shows it."
    parser.add_argument("recipe", metavar="RECIPE", help="a name from `inkbloom recipes`, or a TOML file")
    parser.add_argument("--out", type=Path, metavar="RUN", help="the run's folder (default: runs/RECIPE)")
    parser.add_argument(
        "--cards", type=int, nargs="+", default=[], metavar="STEP", help="make an evaluation card after these steps"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    group = parser.add_argument_group("fields of the recipe")
    for field in fields(Recipe):
        flag, hint, about = f"--{field.name.replace('_', '-')}", HINTS[field.name], field.metadata["help"]
        given: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS, "help": about}
        if hint is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **given)
        elif get_origin(hint) is Literal:
            group.add_argument(flag, metavar="{" + ",".join(get_args(hint)) + "}", **given)
        elif get_origin(hint) is tuple:
            kind = get_args(hint)[0]
            group.add_argument(flag, type=kind, nargs="+", metavar={int: "N", float: "X"}[kind], **given)
        else:
            kind = {float: float, str: str}.get(hint, int)
            group.add_argument(flag, type=kind, metavar={float: "X", int: "N", str: "TEXT"}[kind], **given)


def run(args: argparse.Namespace) -> int:
    """Trains; 0. Raises InkbloomError."""
    changes = {f.name: getattr(args, f.name) for f in fields(Recipe) if hasattr(args, f.name)}
    _train(args.recipe, args.out, args.cards, args.quiet, changes)

    from ..training.fit import part

    part()
    return 0


def train(
    recipe: str | Path | Recipe,
    *,
    out: str | Path | None = None,
    cards: Sequence[int] = (),
    quiet: bool = False,
    **changes: Any,
) -> Run:
    """Trains by a recipe (a name, a TOML file or a Recipe) with some fields changed, and returns the run, ready to sample.

    out: the run's folder, default runs/RECIPE; if it holds an unfinished run of this recipe, that is resumed. cards: the steps
    after which RUN/cards/step-XXXXXXXX.json is made, the card of as many images as one of its blocks holds; it changes
    nothing in the training. Raises InkbloomError.
    """
    from ..run import Run

    return Run(_train(recipe, Path(out) if out else None, cards, quiet, changes))


def _train(recipe: str | Path | Recipe, out: Path | None, cards: Sequence[int], quiet: bool, changes: dict[str, Any]) -> Path:
    asked = (recipe if isinstance(recipe, Recipe) else load_recipe(str(recipe))).resolved(**changes)
    out = out or Path("runs") / (asked.family if isinstance(recipe, Recipe) else Path(recipe).stem)

    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True, quiet=quiet)
    if console.is_terminal:
        console.print("loading torch …", style="dim")

    from ..data import load_data
    from ..device import best_device, choose_compile, choose_precision
    from ..errors import DataError
    from ..report.run_page import is_stale, write_report
    from ..store.folder import RunFolder
    from ..store.lock import hold
    from ..store.weights import Spec
    from ..training.batches import Plan
    from ..training.fit import join, make_accelerator
    from ..training.session import session
    from ..training.state import State

    device, folder = best_device(), RunFolder(out)
    with ExitStack() as held:
        first = _is_first_process()
        if first:
            held.enter_context(hold(out))
        data = load_data(asked.data, parse_size(asked.size), asked.skip_broken)
        images = data.take(asked.split)
        if not len(images.images):
            raise DataError(f"no images to train on ({asked.data}): the slice {asked.split} is empty; use --split all")
        plan = Plan(asked.seed, len(images.images), asked.batch_size, asked.short_batches)
        asked = replace(asked, steps=asked.steps or plan.steps_in(asked.epochs or 1), epochs=None)
        why = []
        if first:
            asked = folder.adopt(asked)
            precision, why_precision = choose_precision(asked, device)
            compiled, why_compiled = choose_compile(asked, device)
            asked = asked.resolved(precision=precision, compile="on" if compiled else "off")
            why = [f"precision: {precision} ({why_precision})", f"compile: {asked.compile} ({why_compiled})"]
        join(device)
        accelerator = make_accelerator(device, _from_first(asked.precision))
        console.quiet = quiet or not first
        asked = parse_recipe(_from_first(dump_recipe(asked)), str(folder.config))

        state = State(Spec(asked, data.channels, data.size, data.classes if asked.labels else ()), accelerator.device)
        standard, judged = _standard(data, asked, cards) if cards and first else (None, "")
        if first:
            folder.write_config(asked)
        for line in (*data.notes, *_introduction(state, data, images, plan, accelerator), *why, judged):
            if line:
                console.print(line)
        if asked.compile == "on":
            console.print("compiling: about a minute the first time, then from a cache")
        unseen = data.take("holdout") if "holdout" in data.slices and asked.split != "all" else None
        unseen = unseen if unseen and len(unseen.images) else None
        compiled = asked.compile == "on"
        events = held.enter_context(
            closing(session(folder, state, images, unseen, plan, accelerator, compiled, frozenset(cards)))
        )
        _show(events, state.spec.recipe, folder, console, data, standard)
        if first and is_stale(folder):
            console.print(f"report: {write_report(out)}")
    return out


def _is_first_process() -> bool:
    import os

    return os.environ.get("RANK", "0") == "0"


def _from_first(value: str) -> str:
    """What process 0 of a torchrun holds, once they have joined; the value itself in a single process."""
    from accelerate.utils import broadcast_object_list

    return str(broadcast_object_list([value])[0])


def _introduction(state: Any, data: Data, images: Data, plan: Any, accelerator: Accelerator) -> Iterator[str]:
    recipe = state.spec.recipe
    height, width = data.size
    parameters = sum(p.numel() for p in state.family.parameters() if p.requires_grad)
    told = f", {len(data.classes)} classes" if state.family.classes else ""
    yield f"data: {len(images.images):,} images of {recipe.data}, {width} x {height} x {data.channels}{told}"
    yield f"net: {state.family.title}, {parameters:,} parameters; {state.family.summary}"
    epochs = recipe.steps * recipe.batch_size / plan.count
    yield f"steps: {recipe.steps:,} of {recipe.batch_size} images ({epochs:.1f} epochs), {recipe.optimizer} at {recipe.lr:g}"
    many = f", {accelerator.num_processes} processes" if accelerator.num_processes > 1 else ""
    yield f"device: {_device_name(accelerator.device)}{many}"


def _device_name(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu ({torch.get_num_threads()} threads)" if device.type == "cpu" else str(device)


def _standard(data: Data, recipe: Recipe, cards: Sequence[int]) -> tuple[Standard, str]:
    """What cards along the way are measured by, and a line where there is no judge. Raises UsageError, DataError."""
    from ..errors import UsageError
    from ..evaluation.floor import standard
    from ..evaluation.judge import choose_judge

    for step in cards:
        if not 1 <= step <= (recipe.steps or 0):
            raise UsageError(f"cards = {step}: the training has the steps 1 to {recipe.steps}")
    if recipe.split == "all":
        raise UsageError("--cards with --split all: the reference would be trained on; leave one of them out")
    judge, note = choose_judge(None, data, recipe.size)
    return standard(data, judge), note


def _show(
    events: Iterable[Event], recipe: Recipe, folder: Any, console: Any, data: Data, standard: Standard | None = None
) -> None:
    """Prints the events of a run as they come, with a progress bar on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ..evaluation.table import holdout_lines
    from ..training.session import Began, Epoch, Exam, Held, Look, Saved, Trained

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[now]}"), TimeRemainingColumn())
    began, done, total = time.monotonic(), 0, recipe.steps or 0
    with Progress(*columns, console=console, disable=not console.is_terminal or console.quiet, transient=True) as bar:
        task = bar.add_task("training", total=total, now="")
        for event in events:
            match event:
                case Began(step, damaged):
                    for line in damaged:
                        console.print(f"warning: {line}; going on from an older one")
                    if step:
                        console.print(f"already trained: {total:,} steps" if step >= total else f"resuming after step {step:,}")
                    done = step
                    bar.update(task, completed=step)
                case Trained(records):
                    last = records[-1]
                    losses = " ".join(f"{name} {loss:.4f}" for name, loss in last["losses"].items())
                    bar.update(task, completed=last["step"], now=f"loss {losses}  {last['images_per_second']:,.0f} images/s")
                case Epoch(number, mean):
                    losses = ", ".join(f"{loss:.5f}" for loss in mean.values())
                    console.print(f"epoch {number}: mean loss {losses}")
                case Held(step, levels, loss, wiener, mean_image):
                    console.print(f"step {step}: " + "\n".join(holdout_lines(levels, loss, wiener, mean_image)))
                case Look(step):
                    path = folder.previews / f"step-{step:08d}.png"
                    _preview(event, path)
                    if step == total:
                        console.print(f"preview: {path}")
                case Exam(step) if standard:
                    start = time.monotonic()
                    console.print(_card(event, data, standard, folder))
                    began += time.monotonic() - start  # judging is no training
                case Saved(step) if step == total:
                    minutes, seconds = divmod(round(time.monotonic() - began), 60)
                    console.print(f"trained {total - done:,} steps in {minutes} min {seconds} s")
    console.print(f"run: {folder.path}")


def _card(exam: Exam, data: Data, standard: Standard, folder: Any) -> str:
    """Makes and writes the card of a moment of the training; a line with its headline numbers and where it is."""
    from ..evaluation.card import measure
    from ..evaluation.card_file import write_card
    from ..evaluation.subject import draw_subject
    from ..evaluation.table import headline

    origin = {"run": str(folder.path), "weights": exam.weights, "step": exam.step}
    subject = draw_subject(exam.family, standard.shape, data, standard.n, standard.n, origin=origin)
    card, _ = measure(subject.images, subject.labels, standard, made=subject.made, holdout=subject.holdout)
    path = folder.cards / f"step-{exam.step:08d}.json"
    write_card(card, path)
    return f"step {exam.step}: {headline(card)}; {path}"


def _preview(look: Look, path: Path) -> None:
    """The same noise drawn by the live weights (upper rows) and by their average (lower rows)."""
    import torch

    from ..data.pixels import to_bytes
    from ..figures.images import save_png, tile
    from ..sampling import order, trajectory

    rows = []
    for family in look.snapshots.values():
        for x, _ in trajectory(family, look.shape, order(family, PREVIEWED), 0, PREVIEWED):
            final = x
        rows.append(to_bytes(final, family.recipe.pixels).cpu())
    save_png(tile(torch.cat(rows), columns=PREVIEWED // 2, scale=2), path)
