"""A judge for a source of images that has none yet."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console

from ..config import parse_size
from ..data import Data, load_data
from ..data.source import at_size
from ..errors import Interrupted, UsageError, shown
from ..evaluation.baseline import set_size
from ..evaluation.judge import Judge, doubts, pack, unpack
from ..evaluation.train_judge import BATCH, JudgeTraining, accuracy
from ..files import try_to_write, write_file
from ..given import place, size_text, whole
from ..philox import MAX_SEED
from ..training.signals import stop_signals
from .progress import console_for, progress

MOST_EPOCHS = 10**6
SAVE_EVERY = 10.0  # seconds
TOLD = 10  # epochs that get a line


def judge(
    source: str | Path | Data,
    *,
    out: str | Path = "judge.safetensors",
    size: Any = "",
    skip_broken: bool = False,
    background: str = "auto",
    seed: int = 0,
    epochs: int | None = None,
    quiet: bool | None = False,
) -> Judge:
    """Trains a judge on the training slice of a labelled source, writes it to `out`, and returns it.

    source: as in a recipe, or images of `inkbloom.images`. size, skip_broken, background: as the runs have it that will be
    judged. epochs: passes over the images, default 160,000 images in all, and 8 at least. A training that was stopped has left
    OUT.unfinished, from which the same call goes on, to the same bytes. Raises UsageError where a judge stands at `out`
    already, DataError, DiskError; Interrupted after Ctrl-C.
    """
    out, console = place("out", out), console_for(quiet)
    seed = whole("seed", seed, 0, MAX_SEED)
    epochs = None if epochs is None else whole("epochs", epochs, 1, MOST_EPOCHS)
    _check(out)
    wanted = parse_size(size_text(size))
    data = at_size(source, wanted) if isinstance(source, Data) else load_data(source, wanted, skip_broken, background)
    training = JudgeTraining(data, seed=seed, epochs=epochs)
    set_size(data)  # a judge is of use only where the source has images enough for a card
    for line in (*data.notes, *_introduction(data, training)):
        console.print(line)
    unfinished = out.with_name(f"{out.name}.unfinished")
    if unfinished.exists():
        training.resume(unfinished.read_bytes(), unfinished)
        console.print(f"resuming after step {training.step:,}")
    _train(training, unfinished, console)
    holdout = data.take("holdout")
    share = accuracy(training.net, holdout)
    body = pack(training.net, source=data.source, classes=data.classes, size=data.size, accuracy=share, seed=seed)
    write_file(out, body)
    unfinished.unlink(missing_ok=True)
    made = unpack(body, out.stem)
    console.print(f"hold-out: {share:.2%} of {len(holdout.images):,} images named rightly")
    if doubt := doubts(made, data):
        console.print(doubt)
    console.print(f"judge: {out} (SHA-256 {made.sha256})")
    return made


def _check(out: Path) -> None:
    """Raises UsageError for a name that no judge can have, DiskError where it cannot be written."""
    if out.suffix != ".safetensors":
        raise UsageError(f"out = {shown(out)}: a judge's name ends in .safetensors; write --out {shown(out)}.safetensors")
    if out.is_file():
        raise UsageError(f"a file stands there already ({shown(out)}): choose another --out, or remove it first")
    try_to_write(out)


def _introduction(data: Data, training: JudgeTraining) -> list[str]:
    height, width = data.size
    images = len(training.part.images)
    return [
        f"data: {images:,} images of {shown(data.source)}, {width} x {height} x {data.channels}, {len(data.classes)} classes",
        f"steps: {training.steps:,} of {min(BATCH, images)} images ({training.epochs:,} epoch{'s' * (training.epochs > 1)})",
    ]


def _train(training: JudgeTraining, unfinished: Path, console: Console) -> None:
    """Trains to the end. Raises Interrupted after a signal, once all is saved."""
    saved = time.monotonic()
    with stop_signals() as stop, progress(console, training.steps, "training") as advance:
        while training.step < training.steps:
            training.advance()
            epoch, of = training.epochs_done, training.epochs
            advance(training.step, training.steps, f"epoch {epoch:,} of {of:,}, loss {training.losses[-1]:.4f}")
            if training.step % training.batches == 0 and (epoch == of or epoch % -(-of // TOLD) == 0):
                console.print(f"epoch {epoch:,}: mean loss {fmean(training.losses):.5f}")
            stopping = stop.signal if training.step < training.steps else 0
            if stopping or time.monotonic() - saved > SAVE_EVERY:
                write_file(unfinished, training.saved())
                saved = time.monotonic()
            if stopping:
                raise Interrupted(
                    f"stopped after step {training.step:,} ({shown(unfinished)}): the same command goes on from there", stopping
                )
