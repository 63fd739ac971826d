"""A training told as it goes: the lines before it, its events, and the previews and cards that are made on the way."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from ..config import Recipe, idle
from ..data import Data, named
from ..data.labels import listed
from ..data.pixels import affordable, to_bytes
from ..errors import UsageError, brief, is_out_of_memory
from ..evaluation.baseline import Baseline, baseline
from ..evaluation.card import measure
from ..evaluation.card_file import write_card
from ..evaluation.holdout import HoldoutLoss
from ..evaluation.image_set import draw_set
from ..evaluation.judge import choose_judge
from ..evaluation.table import headline, holdout_lines
from ..explainers.beside import rows_of
from ..figures.images import save_png, tile
from ..report.text import duration, stretches_told
from ..sampling import final, request
from ..store.folder import RunFolder
from ..training.prepare import Training
from ..training.session import CardDue, Epoch, Event, Logged, Missed, Preview, Saved, Started, Unsaved
from ..training.state import stretch_at
from .progress import progress

WARM, LONG = 5, 3600  # seconds: a step that no warm-up sways, a training for which one does not sit and wait
PREVIEWED = 16  # images in a preview, of large ones fewer


def introduction(training: Training) -> Iterator[str]:
    """What will be trained, on what, where."""
    recipe, family, images, accelerator = training.recipe, training.state.family, training.train, training.accelerator
    height, width = images.size
    parameters = sum(p.numel() for p in family.parameters() if p.requires_grad)
    labelled = f", {len(images.classes)} classes" if family.num_classes else ""
    yield f"data: {len(images.images):,} images of {recipe.data}, {width} x {height} x {images.channels}{labelled}"
    if family.num_classes and family.spec.untrained:
        never = [family.spec.classes[number] for number in family.spec.untrained]
        yield f"classes: {len(family.trained):,} are trained; {listed(never)} never drawn, for want of training images"
    yield f"net: {family.title}, {parameters:,} parameters; {family.summary}"
    if recipe.augment:
        kinds = [kind for kind in recipe.augment_with if kind != "colour" or images.channels == 3]
        yield f"augment: {', '.join(kinds)}, each with probability {recipe.augment:g}; the network is told"
    yield from idle(recipe)
    passes = f"{training.plan.passes(recipe.steps or 0):,.1f}".removesuffix(".0")
    epochs = f"{passes} epoch{'s' * (passes != '1')}"
    stretches = f", in stretches of {stretches_told(recipe)}" if recipe.stretches else ""
    yield f"steps: {recipe.steps:,} of {recipe.batch_size} images ({epochs}){stretches}, {recipe.optimizer} at {recipe.lr:g}"
    many = f", {accelerator.num_processes} processes" if accelerator.num_processes > 1 else ""
    yield f"device: {_device_name(accelerator.device)}{many}"


def _means(mean: Mapping[str, float]) -> str:
    """What a family logs, each number under its name; a single one is the loss."""
    if len(mean) == 1:
        return f"loss {next(iter(mean.values())):.5f}"
    return ", ".join(f"{name} {value:.5f}" for name, value in mean.items())


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu ({torch.get_num_threads()} threads)" if device.type == "cpu" else str(device)


def time_line(record: Mapping[str, Any], looks: int, total: int) -> str:
    """How long the rest of `total` steps will take, told once: at the second look at the log, as the first step warms up.

    record: of the newest step. looks: how many there were. '' where there is nothing to tell.
    """
    left, seconds = total - record["step"], record["images"] / record["images_per_second"]
    if looks != (1 if seconds > WARM else 2) or not left:
        return ""
    each = f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
    shorter = "; a smaller --size, narrower --widths or fewer --steps make it shorter" if left * seconds > LONG else ""
    return f"time: about {duration(left * seconds)} to go, {each} a step{shorter}"


class Narrator:
    """Prints the events of a session as they come, and makes what they ask for.

    cards: the steps after which a card will be due. `notes` are lines to be printed before the training. Raises UsageError and
    DataError where such cards cannot be made.
    """

    def __init__(self, console: Console, folder: RunFolder, recipe: Recipe, data: Data, cards: Sequence[int]) -> None:
        self.console, self.folder, self.recipe, self.data = console, folder, recipe, data
        self.real: Baseline | None = None
        self.missed: set[str] = set()
        note = ""
        if cards:
            self.real, note = _real_images(data, recipe, cards)
        compiling = "compiling: about a minute the first time, then from a cache"
        self.notes = [line for line in (note, compiling if recipe.compile == "on" else "") if line]

    def tell(self, events: Iterable[Event]) -> None:
        """Tells a session to its end."""
        began, done, total = time.monotonic(), 0, self.recipe.steps or 0
        looks, took = 0, 0.0
        with progress(self.console, total, "training") as advance:
            for event in events:
                match event:
                    case Started(step, damaged, begun):
                        for line in damaged:
                            self.console.print(f"warning: {line}; going on from an older one")
                        for line in begun:
                            self.console.print(line)
                        if step:
                            self.console.print(self._resumed(step, total))
                        done = step
                        advance(step, total, "")
                    case Logged(records):
                        last, looks = records[-1], looks + 1
                        if line := time_line(last, looks, total):
                            self.console.print(line)
                        losses = " ".join(f"{name} {loss:.4f}" for name, loss in last["losses"].items())
                        advance(last["step"], total, f"loss {losses}  {last['images_per_second']:,.0f} images/s")
                    case Epoch(number, mean):
                        self.console.print(f"epoch {number}: mean {_means(mean)}")
                    case HoldoutLoss(step, levels, loss, anchors):
                        self.console.print(f"step {step}: " + "\n".join(holdout_lines(levels, loss, *anchors)))
                    case Preview(step):
                        path = self.folder.previews / f"step-{step:08d}.png"
                        with self.beside("preview"):
                            save_preview(event, path)
                            if step == total:
                                self.console.print(f"preview: {path}")
                    case CardDue() if self.real:
                        start = time.monotonic()
                        with self.beside("card"):
                            self.console.print(self._card(event, self.real))
                        began += time.monotonic() - start  # judging is no training
                    case Saved(step) if step == total:
                        took = time.monotonic() - began
                    case Unsaved(_, problem):
                        told = str(problem).removesuffix(" and run the same command again")
                        self.console.print(f"warning: {told}; the training goes on, and saves again when that is next due")
                    case Missed(_, what, failed):
                        self._tell_missed(what, failed)
        if took:
            minutes, seconds = divmod(round(took), 60)
            self.console.print(f"trained {total - done:,} steps in {minutes} min {seconds} s")
        self.console.print(f"run: {self.folder.path}")

    @contextmanager
    def beside(self, what: str) -> Iterator[None]:
        """Inside the block something is made that stands beside the training: where it fails, a line says so, once."""
        try:
            yield
        except Exception as problem:
            self._tell_missed(what, problem)

    def _tell_missed(self, what: str, problem: Exception) -> None:
        why = "out of memory" if is_out_of_memory(problem) else brief(problem, 100)
        if what not in self.missed:
            self.console.print(f"warning: no {what} ({why}): the training does without")
        self.missed.add(what)

    def _resumed(self, step: int, total: int) -> str:
        """Where a run goes on."""
        if step >= total:
            return f"already trained: {total:,} steps"
        number, begin, steps = stretch_at(step, self.recipe)
        if step in self.recipe.stretches:
            return f"going on after step {step:,}: stretch {number} of the schedule, {steps:,} steps"
        within = f", in stretch {number} of the schedule (steps {begin + 1:,} to {begin + steps:,})" if number > 1 else ""
        return f"resuming after step {step:,}{within}"

    def _card(self, due: CardDue, real: Baseline) -> str:
        """Makes and writes the card of a moment of the training; a line with its headline numbers and where it is."""
        origin = {"run": str(self.folder.path), "weights": due.weights, "step": due.step}
        subject = draw_set(due.family, self.data, real.n, real.n, origin=origin)
        card, _ = measure(subject.images, subject.labels, real, made=subject.made, holdout=subject.holdout)
        path = self.folder.cards / f"step-{due.step:08d}.json"
        write_card(card, path)
        return f"step {due.step}: {headline(card)}; {path}"


def _real_images(data: Data, recipe: Recipe, cards: Sequence[int]) -> tuple[Baseline, str]:
    """What cards along the way are measured by, and a line where there is no judge. Raises UsageError, DataError."""
    for step in cards:
        if not 1 <= step <= (recipe.steps or 0):
            raise UsageError(f"cards = {step}: the training has the steps 1 to {recipe.steps}")
    if recipe.split == "all":
        raise UsageError("--cards with --split all: the reference would be trained on; leave one of them out")
    judge, note = choose_judge(None, data, recipe)
    return baseline(data, judge), note


def save_preview(preview: Preview, path: Path) -> None:
    """The same noise drawn by the live weights (upper rows) and by their average (lower rows), as a PNG. Raises DiskError.

    Where the names of the classes say more than numbers, each class has a row with its name: live weights left, average right.
    """
    spec = next(iter(preview.families.values())).spec
    trained = next(iter(preview.families.values())).trained
    count, classes = affordable(PREVIEWED, spec.size), [spec.classes[number] for number in trained]
    if in_rows := bool(classes) and (named(classes) or bool(spec.untrained)):
        count = min(count, len(classes)) * max(1, count // len(classes))  # as many of each class
    drawn = [
        to_bytes(final(family, request(family, count), 0, count), family.recipe.pixels).cpu()
        for family in preview.families.values()
    ]
    pictures = torch.cat(drawn)
    if in_rows:
        names = [classes[place % len(classes)] for place in range(count)] * len(drawn)
        save_png(rows_of(pictures.numpy(), names, 2), path)
    else:
        save_png(tile(pictures, columns=min(count, PREVIEWED // 2), scale=2), path)
