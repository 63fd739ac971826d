"""Many trainings of one recipe with some fields varied, and the recipe that came out best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console

from ..config import Recipe, dump_recipe
from ..data import Data, source_text
from ..errors import (
    CheckpointError,
    DataError,
    Diverged,
    InkbloomError,
    OutOfMemory,
    UsageError,
    brief,
    is_out_of_memory,
    shown,
)
from ..families import Spec, build
from ..figures.images import png
from ..files import replacing, write_file
from ..given import place, whole
from ..recipe_files import load_recipe
from ..search.plot import draw
from ..search.space import Space, check_space, corners, read_space, said
from ..search.study import LOOKS, Study, check_optuna
from ..search.trials import Tried, best_of, rows, said_briefly
from ..store.folder import RunFolder
from ..store.lock import hold
from ..store.log import from_hex, read
from ..training.prepare import counted, images_to_train_on
from ..training.session import Event, HoldoutLoss, Logged, Missed
from .progress import Advance, console_for, progress
from .train import run_training, source_of

NETWORKS = 64  # combinations of ends and choices whose networks are tried


@dataclass(frozen=True, repr=False)
class Sweep:
    """What a sweep found. best: the recipe of the best trial; `trials` holds all of them."""

    folder: Path
    trials: list[Tried]
    best: Recipe
    space: Space

    @property
    def run(self) -> Path:
        """The folder of the best trial's run."""
        best = best_of(self.trials)
        assert best is not None
        return trial_folder(self.folder, best.number)

    def facts(self) -> dict[str, Any]:
        """All of it as plain values, as --json writes it."""
        trials = [
            {
                "trial": trial.number,
                "run": str(trial_folder(self.folder, trial.number)),
                "values": trial.values,
                "state": trial.state,
                "holdout_loss": trial.loss,
                "looks": trial.curve,
                "why": trial.why or None,
            }
            for trial in self.trials
        ]
        best = best_of(self.trials)
        return {
            "sweep": 1,
            "folder": str(self.folder),
            "vary": {name: str(values) for name, values in self.space.items()},
            "best": None if best is None else best.number,
            "recipe": str(self.folder / "best.toml"),
            "plot": str(self.folder / "sweep.png"),
            "trials": trials,
        }

    def __str__(self) -> str:
        heads, cells = rows(self.trials)
        return "\n".join("  ".join(row).rstrip() for row in (heads, *cells))

    def __repr__(self) -> str:
        return f"Sweep({str(self.folder)!r}: {len(self.trials)} trials, best {self.run.name})"

    def _repr_png_(self) -> bytes | None:
        from PIL import Image

        return png(Image.open(self.folder / "sweep.png"))


def sweep(
    recipe: str | Path | Recipe,
    vary: str | Iterable[str] | Mapping[str, Any],
    *,
    trials: int = 20,
    data: str | Path | Data | None = None,
    out: str | Path | None = None,
    quiet: bool = False,
    **changes: Any,
) -> Sweep:
    """Trains a recipe `trials` times with the fields of `vary` drawn by Optuna, looks for the lowest hold-out loss, and says
    which recipe had it.

    vary: texts like 'lr=1e-3..1e-2' and 'widths=32,64|48,96', or a dict such as {'lr': (1e-3, 1e-2), 'flip': [True, False]}, a
    pair for a range and a list for choices. out: the folder, default runs/RECIPE-sweep, with sweep.db, a run for each trial in
    trials/000 and so on, sweep.png and best.toml. The same call goes on with what stands there; `trials` counts those too.
    data, changes: as in `train`, the same in every trial. Raises InkbloomError; where every trial fails, with what the first
    one says.
    """
    changed = {name: value for name, value in changes.items() if value is not None}
    if data is not None:
        changed["data"] = data.source if isinstance(data, Data) else source_text(data)
    base, space = load_recipe(recipe).resolved(**changed), read_space(vary)
    check_space(base, space, changed)
    wanted = whole("trials", trials, 1, 100_000)
    name = base.family if isinstance(recipe, Recipe) else Path(recipe).stem
    check_optuna()
    folder, console = place("out", out or Path("runs") / f"{name}-sweep"), console_for(quiet)
    with hold(folder):
        images = _images(data if isinstance(data, Data) else source_of(base), console)
        _check_networks(base, space, images)
        study = Study(folder, base, space)
        if done := study.finished():
            console.print(f"going on after {done} trial{'s' * (done != 1)}")
        while study.finished() < wanted:
            _try_next(study, folder, base, images, console)
        found = study.tried()
        best = best_of(found)
        if best is None:
            raise _nothing_came_of_it(found, folder)
        made = Sweep(folder, found, base.resolved(**best.values), space)
        _write(made, best)
    return made


def _images(images: Data, console: Console) -> Data:
    """The images themselves, once their notes are told. Raises DataError where none are held out."""
    for line in images.notes:
        console.print(line)
    if "holdout" not in images.slices or not len(images.slices["holdout"]):
        raise DataError(f"no hold-out images ({shown(images.source)}): a sweep judges its trials by them; give more images")
    return images


def _check_networks(base: Recipe, space: Space, images: Data) -> None:
    """Raises UsageError where a network of the space cannot be made: better now than in each trial that draws it."""
    recipes = dict.fromkeys(islice((base.resolved(**values) for values in corners(space)), NETWORKS))
    for recipe in recipes:
        build(Spec(recipe, images.channels, images.size, images.classes if recipe.labels else ()))


def trial_folder(folder: Path, number: int) -> Path:
    """Where the run of a trial stands."""
    return folder / "trials" / f"{number:03d}"


def _try_next(study: Study, folder: Path, base: Recipe, images: Data, console: Console) -> None:
    """One trial, from its values to its end."""
    trial, values = study.begin()
    run = RunFolder(trial_folder(folder, trial.number))
    told = f"trial {trial.number:03d}: " + ", ".join(f"{name} {said_briefly(value)}" for name, value in values.items())
    try:
        with progress(console, None, f"trial {trial.number:03d}") as advance:
            recipe = counted(base.resolved(**values), len(images_to_train_on(images, base).images))
            recipe = replace(recipe, holdout_every=-(-(recipe.steps or 1) // LOOKS))
            run_training(recipe, run, images, quiet=True, watch=_looking(study, trial, advance))
        loss = _last_loss(run)
        study.done(trial, loss)
        console.print(f"{told}: hold-out loss {loss:.5f}")
    except _Pruned as look:
        study.pruned(trial)
        console.print(f"{told}: pruned after step {look.step:,}, hold-out loss {look.loss:.5f}")
    except (UsageError, DataError, CheckpointError, Diverged, OutOfMemory, RuntimeError, ValueError) as problem:
        if isinstance(problem, InkbloomError):
            diverged = isinstance(problem, Diverged)  # how its run goes on is nothing to do here
            why, code = str(problem).partition(": ")[0] if diverged else str(problem), problem.code
        else:
            why, code = ("out of memory", OutOfMemory.code) if is_out_of_memory(problem) else (brief(problem, 120), 1)
        study.failed(trial, why, code)
        console.print(f"{told}: failed: {why}")


class _Pruned(Exception):
    """A trial is not worth going on with."""

    def __init__(self, step: int, loss: float) -> None:
        super().__init__()
        self.step, self.loss = step, loss


def _looking(study: Study, trial: Any, advance: Advance) -> Callable[..., Iterator[Event]]:
    """Hears a training, and raises _Pruned where it stands worse than half of the trials before did."""

    def watch(events: Iterator[Event], folder: RunFolder, recipe: Recipe, console: Console) -> Iterator[Event]:
        for event in events:
            yield event
            match event:
                case Logged(records):
                    advance(records[-1]["step"], recipe.steps, f"trial {trial.number:03d}")
                case HoldoutLoss(step):
                    if study.look(trial, round(LOOKS * step / (recipe.steps or 1)), event.mean):
                        raise _Pruned(step, event.mean)
                case Missed(_, "hold-out loss", problem):
                    raise problem

    return watch


def _last_loss(run: RunFolder) -> float:
    """The hold-out loss at the end of a run. Raises Diverged."""
    loss = fmean(map(from_hex, list(read(run.holdout))[-1]["loss"]))
    if not math.isfinite(loss):
        raise Diverged("the hold-out loss is not a finite number")
    return loss


def _nothing_came_of_it(found: list[Tried], folder: Path) -> InkbloomError:
    """The error for a sweep of which no trial came to its end, with the code of the first one's."""
    first = next(trial for trial in found if trial.state == "failed")
    failed = sum(trial.state == "failed" for trial in found)
    all_of_them = "the only trial" if len(found) == 1 else f"{failed} of {len(found)} trials"
    problem = InkbloomError(f"{all_of_them} failed and none came to its end ({folder}), the first: {first.why}")
    problem.code = first.code
    return problem


def _write(made: Sweep, best: Tried) -> None:
    """best.toml and the picture."""
    told = ", ".join(f"{name} {said(value)}" for name, value in best.values.items())
    about = f"# trial {best.number:03d} of {len(made.trials)}, the best: {told}; hold-out loss {best.loss:.5f}\n"
    write_file(made.folder / "best.toml", (about + dump_recipe(made.best)).encode())
    with replacing(made.folder / "sweep.png") as file:
        draw(made.trials, made.space).savefig(file, format="png", dpi=120)
