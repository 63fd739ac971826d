"""The way on after a training has diverged: advice that its own folder takes."""

from __future__ import annotations

import shlex
from itertools import count
from pathlib import Path

from ..config import Recipe, dump_recipe
from ..errors import OWN, plain
from ..store.checkpoint import steps
from ..store.folder import RunFolder

SLOWER = 3  # times


def way_on(run: RunFolder, recipe: Recipe) -> str:
    """What to do next: the same command with smaller steps where nothing is saved yet; else a new run, for this one keeps its
    recipe, that begins with the last good weights. A student begins with its teacher's.
    """
    flags = f"--lr {plain(recipe.lr / SLOWER, 2)}" + ("" if recipe.clip else " --clip 1")
    if not steps(run.checkpoints):
        return f"add {flags} to the same command"
    begin = "" if recipe.teacher else f" --init {shlex.quote(str(run.path))}"
    out = shlex.quote(str(_free(run.path)))
    if OWN in dump_recipe(recipe):
        return f"train into another folder, with {flags}{begin} --out {out}"
    return f"go on with `inkbloom train {shlex.quote(str(run.config))}{begin} --out {out} {flags}`"


def _free(run: Path) -> Path:
    """A folder beside the run's that is not there yet."""
    run = run if run.name else run.absolute()
    return next(path for number in count(2) if not (path := run.with_name(f"{run.name}-{number}")).exists())
