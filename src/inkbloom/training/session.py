"""A training run as the world sees it: `fit`, made durable. A generator of events, which a command prints and a test reads.

One process writes, the first. Losses become plain numbers in blocks, so that a GPU is seldom waited for, and nothing
that is not a finite number reaches the disk: neither a loss nor a weight.

A step is saved before anything is looked at, for no look may cost it. A look that a crash prevented is made up for when the run
goes on; one that fails, and a save that is not the last, cost no more than themselves.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator

from ..config import Recipe
from ..device import peak_memory
from ..errors import DataError, DiskError, Diverged, Interrupted
from ..evaluation.holdout import Anchors, HoldoutLoss, anchors_of, measure_holdout
from ..families import Family
from ..store.checkpoint import commit, follow, sweep, withdraw
from ..store.folder import RunFolder
from ..store.log import Log, from_hex, to_hex
from ..store.log import read as read_log
from .fit import Step, fit
from .prepare import Training
from .signals import stop_signals
from .start import take_init
from .state import State, stretch_at
from .teacher import take_teacher
from .way_on import way_on

BLOCK = 10  # steps between two looks at the losses
PATIENCE = 5  # seconds after which one process alone looks sooner


class Started(NamedTuple):
    """The run is ready to take its next step."""

    step: int  # steps already done
    damaged: list[str]  # one line for each checkpoint that was passed over
    begun: Sequence[str] = ()  # what the first weights are, where they were given


class Logged(NamedTuple):
    """A block of steps has been logged."""

    records: list[dict[str, Any]]  # what the log keeps of each step, with the loss as a plain number


class Epoch(NamedTuple):
    """An epoch has ended: the mean of its losses by phase."""

    number: int
    mean_loss: dict[str, float]


class Preview(NamedTuple):
    """It is time for a preview."""

    step: int
    families: dict[str, Family]  # 'live', and 'ema' where there is an average: copies, to sample from


class CardDue(NamedTuple):
    """It is time for a card."""

    step: int
    family: Family  # a copy of what would sample a finished run: the average of the weights where there is one
    weights: str  # 'ema' or 'live'


class Saved(NamedTuple):
    """A checkpoint stands complete on the disk."""

    step: int
    path: Path


class Unsaved(NamedTuple):
    """A checkpoint could not be written: it is tried again when the next one is due. Told once, until one is saved."""

    step: int
    problem: DiskError


class Missed(NamedTuple):
    """A look at the training failed; that goes on without it."""

    step: int
    what: str
    problem: Exception


Event = Started | Logged | Epoch | HoldoutLoss | Preview | CardDue | Saved | Unsaved | Missed


def session(run: RunFolder, training: Training, cards: Collection[int] = ()) -> Generator[Event, None, None]:
    """Trains to the recipe's last step, resuming from the newest intact checkpoint of `run`. Hold the run's lock,
    and close the generator at the end: until then it keeps SIGINT and SIGTERM to itself. `cards` are the steps after which
    a card is due.

    Raises Diverged, CheckpointError, DataError (the images changed), DiskError where the run's last step cannot be saved, and
    Interrupted after a signal, once the step that it fell into is saved.
    """
    try:
        yield from _session(run, training, cards)
    except Diverged as problem:
        raise Diverged(f"{problem}: {way_on(run, training.recipe)}") from None


def _session(run: RunFolder, training: Training, cards: Collection[int]) -> Generator[Event, None, None]:
    recipe, state, plan, accelerator = training.recipe, training.state, training.plan, training.accelerator
    first = accelerator.is_main_process
    log, looks = Log(run.log), _Looks(run, training, cards)
    images = training.train.fingerprint()
    damaged, begun = _resume(run, training, images, log, looks.losses)
    if first:
        run.write_config(recipe)
    yield Started(state.step, damaged, begun)
    if first and state.step:
        yield from looks.take(looks.missing())

    epoch = _EpochMean(run, plan.epoch_of(state.step)) if first else None
    pending: list[Step] = []
    saved = True
    clock, last = time.perf_counter(), recipe.steps

    with stop_signals() as stop:
        for step in fit(training):
            pending.append(step)
            stopping = _on_any_rank(accelerator, stop.signal)
            saving = stopping or _due(state.step, recipe.checkpoint_every, recipe)
            looking = looks.due()
            slow = accelerator.num_processes == 1 and time.perf_counter() - clock > PATIENCE
            if len(pending) == BLOCK or slow or saving or looking:
                records = _settle(pending, accelerator, time.perf_counter() - clock)
                pending, clock = [], time.perf_counter()
                if first and epoch is not None:
                    for record in records:
                        number = stretch_at(record["step"] - 1, recipe).number
                        kept = {"losses": {name: to_hex(loss) for name, loss in record["losses"].items()}}
                        log.append({**record, **kept, **({"stretch": number} if number > 1 else {})})
                    yield Logged(records)
                    yield from epoch.add(records, finished=plan.epoch_of(state.step))
            if saving and first:
                files = state.files(
                    images=images,
                    device=accelerator.device.type,
                    processes=accelerator.num_processes,
                    peak_memory=peak_memory(accelerator.device),
                )
                try:
                    log.flush()
                    looks.losses.flush()
                    where = commit(run.checkpoints, state.step, files)
                except DiskError as problem:
                    if stopping or state.step == last:
                        raise
                    if saved:
                        yield Unsaved(state.step, problem)
                    saved = False
                else:
                    saved = True
                    yield Saved(state.step, where)
            if stopping and state.step != last:
                accelerator.wait_for_everyone()
                raise Interrupted(
                    f"stopped after step {state.step} ({run.path}): the same command goes on from there", stopping
                )
            if first and looking:
                yield from looks.take(looking)
            clock = time.perf_counter() if (saving or looking) else clock
    accelerator.wait_for_everyone()


def _due(step: int, every: int, recipe: Recipe) -> bool:
    """Whether what happens after so many steps, and at the end of each stretch, happens after this one."""
    return step in (*recipe.stretches, recipe.steps) or bool(every and step % every == 0)


class _Looks:
    """What is looked at along the way: the hold-out loss, previews, cards. It changes no bit of the training."""

    def __init__(self, run: RunFolder, training: Training, cards: Collection[int]) -> None:
        self.run, self.training, self.cards = run, training, cards
        self.holdout = training.holdout if training.state.family.denoises else None
        self.losses = Log(run.holdout)
        self.anchors: Anchors | None = None

    def due(self) -> list[str]:
        """What is due after the step that is done, in its order."""
        step, recipe = self.training.state.step, self.training.recipe
        holding = self.holdout is not None and _due(step, recipe.holdout_every, recipe)
        looks = {
            "hold-out anchors": holding and self.anchors is None,
            "hold-out loss": holding,
            "preview": _due(step, recipe.preview_every, recipe),
            "card": step in self.cards,
        }
        return [what for what, wanted in looks.items() if wanted]

    def missing(self) -> list[str]:
        """Of what is due that which the run's folder does not hold."""
        name = f"step-{self.training.state.step:08d}"
        there = {"preview": (self.run.previews / f"{name}.png").exists(), "card": (self.run.cards / f"{name}.json").exists()}
        held = any(record["step"] == self.training.state.step for record in read_log(self.run.holdout))
        return [what for what in self.due() if not there.get(what, held)]

    def take(self, looks: list[str]) -> Iterator[Event]:
        """The events of these looks. Raises Diverged."""
        make = {
            "hold-out anchors": self._find_anchors, "hold-out loss": self._loss, "preview": self._preview, "card": self._card,
        }  # fmt: skip
        for what in looks:
            event: Event | None
            try:
                event = make[what]()
            except Diverged:
                withdraw(self.run.checkpoints, self.training.state.step)  # what was saved before this look
                raise
            except Exception as problem:
                event = Missed(self.training.state.step, what, problem)
            if event:
                yield event

    def _find_anchors(self) -> None:
        assert self.holdout is not None
        self.anchors = Anchors(None, None)  # without them the loss still says something
        self.anchors = anchors_of(self._sampled()[0], self.training.train, self.holdout)

    def _loss(self) -> HoldoutLoss:
        assert self.holdout is not None
        assert self.anchors is not None
        loss = measure_holdout(self._sampled()[0], self.holdout, self.training.state.step, self.anchors)
        if not all(map(math.isfinite, loss.loss)):
            raise _diverged("hold-out loss", loss.step)
        self.losses.append(_holdout_record(loss))
        self.losses.flush()
        return loss

    def _preview(self) -> Preview:
        return Preview(self.training.state.step, sampling_copies(self.training.state))

    def _card(self) -> CardDue:
        return CardDue(self.training.state.step, *self._sampled())

    def _sampled(self) -> tuple[Any, str]:
        """(a copy of what would sample a finished run, 'ema' or 'live')."""
        kind = "live" if self.training.state.ema is None else "ema"
        return sampling_copies(self.training.state)[kind], kind


def _resume(run: RunFolder, training: Training, images: str, log: Log, losses: Log) -> tuple[list[str], list[str]]:
    """Takes over the newest intact checkpoint, or the weights to begin with where there is none, and cuts the logs back to it.

    images: the fingerprint of the training images. Returns a line for each damaged checkpoint, and what is to be said of
    given first weights.
    """
    state, accelerator = training.state, training.accelerator
    if accelerator.is_main_process:
        for folder in (run.path, run.checkpoints, run.previews):
            sweep(folder)
    accelerator.wait_for_everyone()
    found = run.newest_intact()
    if found:
        _check_images(found[1], images, training.train.source)  # first: their classes decide the weights
        state.load(found[1], found[0])
    begun: list[str] = []
    if not state.step:
        take_teacher(state)
        begun = take_init(state)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if found:
            follow(found[0])
        log.cut(state.step)
        losses.cut(state.step)
    return (found[2] if found else []), begun


def _check_images(files: dict[str, bytes], images: str, source: str) -> None:
    """Raises DataError where the checkpoint is of a training on other images; what is no state of a training is not judged."""
    with suppress(KeyError, ValueError, TypeError, RecursionError):
        if json.loads(files["state.json"])["images"] == images:
            return
        raise DataError(f"the images are not those that this run began with ({source}): restore them or choose another --out")


def sampling_copies(state: State) -> dict[str, Family]:
    """Copies to sample from, so that this cannot touch what is trained: 'live', and 'ema' where there is an average."""
    nets = {"live": state.family.net} | ({"ema": state.ema.module} if state.ema is not None else {})
    return {name: type(state.family)(copy.deepcopy(net), state.spec).eval() for name, net in nets.items()}


class _EpochMean:
    """The running mean loss of the current epoch; after a resume it is rebuilt from the log."""

    def __init__(self, run: RunFolder, epoch: int) -> None:
        self.epoch = epoch
        self.losses: list[dict[str, float]] = [
            {name: from_hex(loss) for name, loss in record["losses"].items()}
            for record in read_log(run.log)
            if record["epoch"] == epoch
        ]

    def add(self, records: list[dict[str, Any]], finished: int) -> Iterator[Epoch]:
        """`finished` is the epoch that the next step will begin."""
        for record in records:
            if record["epoch"] != self.epoch:
                yield from self._close(record["epoch"])
            self.losses.append(record["losses"])
        if finished != self.epoch:
            yield from self._close(finished)

    def _close(self, following: int) -> Iterator[Epoch]:
        if self.losses:
            names = self.losses[0]
            yield Epoch(self.epoch, {name: math.fsum(row[name] for row in self.losses) / len(self.losses) for name in names})
        self.epoch, self.losses = following, []


def _settle(steps: list[Step], accelerator: Accelerator, seconds: float) -> list[dict[str, Any]]:
    """The steps as log records with plain numbers, summed over processes. Raises Diverged."""
    names = list(steps[0].losses)
    table = torch.stack([torch.stack([step.losses[name].float() for name in names]) for step in steps])
    if accelerator.num_processes > 1:
        table = accelerator.reduce(table, reduction="sum")
    norms = torch.stack([step.grad_norm.float() for step in steps]).tolist()
    speed = round(sum(step.images for step in steps) / seconds, 1)
    records = []
    for step, row, norm in zip(steps, table.tolist(), norms, strict=True):
        losses = dict(zip(names, row, strict=True))
        bad = next((f"{name} loss" for name, loss in losses.items() if not math.isfinite(loss)), None)
        if bad or not math.isfinite(norm):
            raise _diverged(bad or "gradient", step.number)
        records.append(
            {
                "step": step.number,
                "epoch": step.epoch,
                "losses": losses,
                "lr": step.lr,
                "grad_norm": norm,
                "images": step.images,
                "images_per_second": speed,
            }
        )
    return records


def _diverged(what: str, step: int) -> Diverged:
    return Diverged(f"the {what} is not a finite number (step {step})")


def _on_any_rank(accelerator: Accelerator, flag: int) -> int:
    if accelerator.num_processes == 1:
        return flag
    flags = accelerator.gather(torch.tensor([flag], device=accelerator.device))
    return int(flags.max())


def _holdout_record(found: HoldoutLoss) -> dict[str, Any]:
    """A hold-out loss as holdout.jsonl keeps it, anchors included."""
    wiener, mean_image = found.anchors
    return {
        "step": found.step,
        "levels": found.levels,
        "loss": [to_hex(value) for value in found.loss],
        "wiener": wiener and [to_hex(value) for value in wiener],
        "mean_image": None if mean_image is None else to_hex(mean_image),
    }
