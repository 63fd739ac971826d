"""From a recipe to a run's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from ..config import Recipe, dump_recipe, named
from ..data import Data, load_for, source_text
from ..device import best_device
from ..environment import not_followed, own_place
from ..errors import OWN, UsageError
from ..given import native, place, whole
from ..recipe_files import load_recipe, parse_recipe
from ..report.run_page import is_stale, write_report
from ..run import Run
from ..store.checkpoint import steps
from ..store.folder import RunFolder
from ..store.lock import hold
from ..store.pretrained import pretrained
from ..store.weights import NO_OWN
from ..training.prepare import assemble, counted, images_to_train_on, settled
from ..training.processes import from_first, join
from ..training.session import Event, session
from ..training.start import check_init
from ..training.teacher import PRETRAINED, check_teacher
from ..training.track import tracked
from ..training.trackers import check_trackers
from .narrate import Narrator, introduction
from .progress import console_for


def train(
    recipe: str | Path | Recipe,
    *,
    data: str | Path | Data | None = None,
    out: str | Path | None = None,
    cards: int | Sequence[int] = (),
    track: str | Sequence[str] = (),
    quiet: bool = False,
    **changes: Any,
) -> Run:
    """Trains by a recipe (a name, a TOML file or a Recipe) with some fields changed, and returns the run, ready to sample.

    data: the source, or images that `inkbloom.images` made of arrays. out: the run's folder, default runs/RECIPE; if it holds
    an unfinished run of this recipe, that is resumed, and a finished one goes on to more steps. cards: the steps after which
    RUN/cards/step-XXXXXXXX.json is made, the card of as many images as one of its blocks holds; it changes nothing in the
    training. track: trackers to watch it in, of tensorboard, wandb and trackio; their files lie in the run's folder. quiet:
    prints nothing.

    changes: fields of the recipe, such as steps=500; None leaves one as it is. init: a Run, or its path, to begin with. Where a
    field names a network or a function (net, path, target, loss_on, loss, noise, times, solver, spacing), an object of one's
    own of the same contract may stand: see docs/bring-your-own.md.
    Raises InkbloomError; Interrupted after Ctrl-C, once the run can be resumed.
    """
    changes |= {name: PRETRAINED for name in ("init", "teacher") if _shipped(changes.get(name))}
    changed, own = named({name: value for name, value in changes.items() if value is not None})
    if "net" in own:  # what the recipe says of another network's shape means nothing to this one
        changed = {"widths": (), "layers": 0, "kernel": 3, "upsampler": "auto", **changed}
    if data is not None:
        changed["data"] = data.source if isinstance(data, Data) else source_text(data)
    asked = load_recipe(recipe).resolved(**changed)
    asked = replace(asked, data=source_text(asked.data))
    name = asked.family if isinstance(recipe, Recipe) else Path(recipe).stem
    folder = RunFolder(place("out", out or Path("runs") / name))
    due = native(cards) if cards is not None else ()
    due = [whole("cards", step) for step in (due if isinstance(due, list | tuple) else [due])]
    trackers = [track] if isinstance(track, str) else list(track or ())
    check_trackers(trackers)
    watch = partial(_tracked, trackers) if trackers else None
    run_training(asked, folder, data if isinstance(data, Data) else None, own, due, quiet, watch)
    return Run(folder.path, **{name: value for name, value in own.items() if name in OPENED_WITH})


def _shipped(given: Any) -> bool:
    """Whether that is the model that comes with inkbloom: a recipe names it, wherever it is installed."""
    return isinstance(given, Run) and given.path == pretrained()


OPENED_WITH = ("net", "path", "target", "noise", "solver", "spacing")  # of one's own: what sampling needs, too


Watch = Callable[[Iterator[Event], RunFolder, Recipe, Console], Iterator[Event]]
"""Hears the events of a session and passes each of them on; it may raise what ends the training."""


def _tracked(
    names: Sequence[str], events: Iterator[Event], folder: RunFolder, recipe: Recipe, console: Console
) -> Iterator[Event]:
    return tracked(events, names, folder, recipe, console.print)


def run_training(
    recipe: Recipe,
    folder: RunFolder,
    given: Data | None = None,
    own: Mapping[str, Any] = NO_OWN,
    cards: Sequence[int] = (),
    quiet: bool = False,
    watch: Watch | None = None,
) -> None:
    """The steps of a training: lock, images, settle what the recipe leaves open, meet other processes, train, report."""
    console, device, first = console_for(quiet), best_device(), own_place().rank == 0
    with ExitStack() as held:
        if first:
            held.enter_context(hold(folder.path))
        if not steps(folder.checkpoints):  # a run that goes on brings its teacher along, and has begun
            check_teacher(recipe, own)
            check_init(recipe)
        recipe = folder.as_before(recipe)
        data = (given or source_of(recipe)).in_order(folder.classes())
        if recipe.background == "auto" and data.background:
            recipe = replace(recipe, background=data.background)
        recipe = counted(recipe, len(images_to_train_on(data, recipe).images))
        why: list[str] = []
        if first:
            recipe, why = settled(folder.adopt(recipe), device)
        join(device)
        console.quiet = quiet or not first
        recipe = parse_recipe(from_first(dump_recipe(recipe)), str(folder.config))
        training = assemble(recipe, data, device, own)
        narrator = Narrator(console, folder, recipe, data, cards if first else ())
        for line in (*data.notes, *introduction(training), *why, *narrator.notes, not_followed()):
            if line:
                console.print(line)
        events: Iterator[Event] = held.enter_context(closing(session(folder, training, cards)))
        if watch and first:
            events = held.enter_context(closing(watch(events, folder, recipe, console)))  # type: ignore[type-var]
        narrator.tell(events)
        if first and is_stale(folder):
            with narrator.beside("report"):
                console.print(f"report: {write_report(folder.path, own)}")


def source_of(recipe: Recipe) -> Data:
    """The images that a recipe names. Raises UsageError where they were arrays, DataError."""
    if recipe.data.startswith(OWN):
        raise UsageError(f"data = {recipe.data}: images given in Python; give them again, as in data=inkbloom.images(array)")
    return load_for(recipe)
