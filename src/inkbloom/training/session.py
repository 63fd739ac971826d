"""A training run as the world sees it: `fit`, made durable. A generator of events, which a command prints and a test reads.

One process writes, the first. Losses become plain numbers in blocks, so that a GPU is seldom waited for, and nothing
that is not a finite number reaches the disk: neither a loss nor a weight.
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

from ..device import peak_memory
from ..errors import DataError, Diverged, Interrupted
from ..evaluation.holdout import Anchors, HoldoutLoss, anchors_of, measure_holdout
from ..families import Diffusion, Family
from ..store.checkpoint import commit, newest_intact, sweep
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


Event = Started | Logged | Epoch | HoldoutLoss | Preview | CardDue | Saved


def session(run: RunFolder, training: Training, cards: Collection[int] = ()) -> Generator[Event, None, None]:
    """Trains to the recipe's last step, resuming from the newest intact checkpoint of `run`. Hold the run's lock,
    and close the generator at the end: until then it keeps SIGINT and SIGTERM to itself. `cards` are the steps after which
    a card is due.

    Raises Diverged, DiskError, CheckpointError, DataError (the images changed), and Interrupted after a signal, once the
    step that it fell into is saved.
    """
    try:
        yield from _session(run, training, cards)
    except Diverged as problem:
        raise Diverged(f"{problem}: {way_on(run, training.recipe)}") from None


def _session(run: RunFolder, training: Training, cards: Collection[int]) -> Generator[Event, None, None]:
    recipe, state, plan, accelerator = training.recipe, training.state, training.plan, training.accelerator
    first = accelerator.is_main_process
    holdout = training.holdout if state.family.denoises else None
    log, losses = Log(run.log), Log(run.holdout)
    images = training.train.fingerprint()
    damaged, begun = _resume(run, training, images, log, losses)
    if first:
        run.write_config(recipe)
    yield Started(state.step, damaged, begun)

    epoch = _EpochMean(run, plan.epoch_of(state.step)) if first else None
    anchors: Anchors | None = None
    pending: list[Step] = []
    clock, last = time.perf_counter(), recipe.steps

    def due(every: int) -> bool:
        return state.step in (*recipe.stretches, last) or bool(every and state.step % every == 0)

    with stop_signals() as stop:
        for step in fit(training):
            pending.append(step)
            stopping = _on_any_rank(accelerator, stop.signal)
            saving = stopping or due(recipe.checkpoint_every)
            previewing, judging = due(recipe.preview_every), state.step in cards
            holding = due(recipe.holdout_every) and holdout is not None
            slow = accelerator.num_processes == 1 and time.perf_counter() - clock > PATIENCE
            if len(pending) == BLOCK or slow or saving or previewing or holding or judging:
                records = _settle(pending, accelerator, time.perf_counter() - clock)
                pending, clock = [], time.perf_counter()
                if first and epoch is not None:
                    for record in records:
                        number = stretch_at(record["step"] - 1, recipe).number
                        kept = {"losses": {name: to_hex(loss) for name, loss in record["losses"].items()}}
                        log.append({**record, **kept, **({"stretch": number} if number > 1 else {})})
                    yield Logged(records)
                    yield from epoch.add(records, finished=plan.epoch_of(state.step))
            if first and holding and holdout is not None:
                family = sampling_copies(state)["live" if state.ema is None else "ema"]
                assert isinstance(family, Diffusion)
                anchors = anchors or anchors_of(family, training.train, holdout)
                loss = measure_holdout(family, holdout, state.step, anchors)
                if not all(map(math.isfinite, loss.loss)):
                    raise _diverged("hold-out loss", state.step)
                losses.append(_holdout_record(loss))
                yield loss
            if first and previewing:
                yield Preview(state.step, sampling_copies(state))
            if first and judging:
                kind = "live" if state.ema is None else "ema"
                yield CardDue(state.step, sampling_copies(state)[kind], kind)
            if saving and first:
                files = state.files(
                    images=images,
                    device=accelerator.device.type,
                    processes=accelerator.num_processes,
                    peak_memory=peak_memory(accelerator.device),
                )
                log.flush()
                losses.flush()
                yield Saved(state.step, commit(run.checkpoints, state.step, files))
            clock = time.perf_counter() if (saving or previewing or holding or judging) else clock
            if stopping and state.step != last:
                accelerator.wait_for_everyone()
                raise Interrupted(
                    f"stopped after step {state.step} ({run.path}): the same command goes on from there", stopping
                )
    accelerator.wait_for_everyone()


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
    found = newest_intact(run.checkpoints)
    if found:
        _check_images(found[1], images, training.train.source)  # first: their classes decide the weights
        state.load(found[1], found[0])
    begun: list[str] = []
    if not state.step:
        take_teacher(state)
        begun = take_init(state)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
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
