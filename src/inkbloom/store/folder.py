"""What a run leaves behind, and where:

RUN/config.toml      the resolved recipe: enough to repeat the run
    log.jsonl        every step: losses (exact), learning rate, gradient norm, images a second
    holdout.jsonl    the hold-out loss at each noise level, as training went on
    checkpoints/     step-00001000/ ..., and `latest`, the name of the newest
    previews/        the same noise sampled as training went on, live and averaged weights
    cards/           evaluation cards of chosen steps; the card of the whole run is card.json, its pictures in evaluation/
    samples/         what `inkbloom sample` drew
    tensorboard/     and wandb/, trackio/: what `train --track` tells trackers, a copy of the above
    report.html      pictures and numbers on one page
    README.md        the model card
"""

from __future__ import annotations

import os
import shlex
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from torch import nn

from ..config import Recipe, differences, dump_recipe
from ..errors import OWN, CheckpointError, DiskError, UsageError, shown
from ..families import Family, Spec, build
from ..files import write_file
from ..recipe_files import load_recipe
from .checkpoint import MANIFEST, latest, newest_intact, number, read, steps
from .weights import NO_OWN, load_family, put_training_nets, unpack

CONFIG = "config.toml"


@dataclass(frozen=True)
class RunFolder:
    """The places in a run's folder."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / CONFIG

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def holdout(self) -> Path:
        return self.path / "holdout.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def previews(self) -> Path:
        return self.path / "previews"

    @property
    def cards(self) -> Path:
        return self.path / "cards"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def card(self) -> Path:
        return self.path / "card.json"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def readme(self) -> Path:
        return self.path / "README.md"

    def as_before(self, recipe: Recipe) -> Recipe:
        """The recipe with the background that the folder's run has found, where the asked one leaves it to `auto`."""
        if recipe.background != "auto" or not self.config.exists():
            return recipe
        return replace(recipe, background=load_recipe(str(self.config)).background)

    def classes(self) -> tuple[str, ...]:
        """The classes of the run that is going on here, by their numbers; none where nothing is saved, or nothing intact."""
        for place in reversed(steps(self.checkpoints)):
            with suppress(CheckpointError, OSError):
                return self.own((place / "model.safetensors").read_bytes(), place / "model.safetensors").classes
        return ()

    def newest_intact(self) -> tuple[Path, dict[str, bytes], list[str]] | None:
        """The newest checkpoint to go on from, intact and of this run; as `checkpoint.newest_intact`."""
        name = "model.safetensors"
        return newest_intact(self.checkpoints, lambda files, where: self.own(files.get(name, b""), where / name))

    def own(self, weights: bytes, where: Path) -> Spec:
        """What a weights file in a checkpoint of this folder says of itself. Raises CheckpointError where it is no weights
        file, or that of another run, which its recipe tells; UsageError where the run's own recipe cannot be read.
        """
        _, spec, step = unpack(weights, where)
        if self.config.is_file() and (unlike := _unlike(load_recipe(str(self.config)), spec.recipe, step)):
            raise CheckpointError(
                f"a checkpoint of another run ({where.parent}: {'; '.join(unlike)[:120]}): move it back to where it belongs"
            )
        return spec

    def adopt(self, recipe: Recipe) -> Recipe:
        """The recipe to go on with: what stands in the folder decides what the asked one leaves to `auto`.

        A new folder takes `recipe` as it is, and so does one where nothing was saved yet. A finished run takes more steps as
        a new stretch of its schedule. Raises UsageError where the folder holds a run of another recipe.
        """
        if not self.config.exists():
            if self.checkpoints.exists():
                raise CheckpointError(
                    f"checkpoints without their recipe ({self.config}): restore that file or choose another --out"
                )
            return recipe
        kept = load_recipe(str(self.config))
        asked = replace(
            recipe,
            precision=kept.precision if recipe.precision == "auto" else recipe.precision,
            compile=kept.compile if recipe.compile == "auto" else recipe.compile,
        )
        if not (saved := steps(self.checkpoints)):
            return asked
        done, more, ends = number(saved[-1]), asked.steps or 0, (*kept.stretches, kept.steps or 0)
        if done in ends and more >= done:  # nothing is saved of a stretch that follows: it may still be any
            kept = replace(kept, steps=more, stretches=tuple(end for end in ends if end <= done and end < more))
        if asked.stretches == kept.stretches[: len(asked.stretches)]:
            asked = replace(asked, stretches=kept.stretches)
        changed = differences(kept, asked)
        if not changed:
            return asked
        if [line.partition(":")[0] for line in changed] == ["steps"]:
            raise UsageError(self._of_other_length(kept.steps or 0, more, done))
        told = "; ".join(changed[:3]) + (f"; {len(changed) - 3} more" if len(changed) > 3 else "")
        command = f"inkbloom train {shlex.quote(str(self.config))} --out {shlex.quote(str(self.path))}"
        mend = "" if OWN in dump_recipe(kept) else f"go on with that by `{command}`, or "
        raise UsageError(f"the folder holds a run of another recipe ({self.path}: {told[:120]}): {mend}choose another --out")

    def _of_other_length(self, steps: int, asked: int, done: int) -> str:
        """What is wrong where a run of `steps`, of which some are done, is asked for another number of them."""
        elsewhere = f"or train {asked} steps in another --out"
        if done >= steps:
            finished = f"the run ended after {steps} steps ({self.path}), not {asked}"
            return f"{finished}: give --steps {steps}, more to go on, {elsewhere}"
        finish = f"give --steps {steps} to finish it first" if asked > steps else f"give --steps {steps}"
        return f"the run is on its way to {steps} steps ({self.path}), not {asked}: {finish}, {elsewhere}"

    def write_config(self, recipe: Recipe) -> None:
        """Writes the resolved recipe; with the first checkpoint it is settled until a new stretch begins. Raises DiskError."""
        kept = load_recipe(str(self.config)) if self.config.exists() and steps(self.checkpoints) else None
        if kept is None or (kept.steps, kept.stretches) != (recipe.steps, recipe.stretches):
            write_file(
                self.config, f"# the resolved recipe of this run; the same command resumes it\n{dump_recipe(recipe)}".encode()
            )


def _unlike(run: Recipe, inside: Recipe, step: int) -> list[str]:
    """How the recipe inside a checkpoint differs from its run's: anywhere, or in the schedule of the steps that are done."""
    ends = [(*recipe.stretches, recipe.steps or 0) for recipe in (run, inside)]
    ours, theirs = (each[: bisect_left(each, step) + 1] for each in ends)
    unlike = differences(replace(run, steps=inside.steps, stretches=inside.stretches), inside)
    return unlike + ([f"steps: {ours[-1]} -> {theirs[-1]}"] if ours != theirs else [])


def load_weights(path: Path, weights: str = "ema", own: Mapping[str, Any] = NO_OWN) -> tuple[Family, int]:
    """(family, step) of a run's newest checkpoint, or of a single weights file. `weights`: 'ema', or 'live'; `own`: see `Spec`.

    Raises CheckpointError where there is none or it is damaged (nothing else is used in its place), UsageError, DiskError.
    """
    return load_family(*weights_file(path, weights), own)


def weights_file(path: Path, weights: str = "ema") -> tuple[bytes, Path]:
    """(contents, place) of the weights of a run's newest checkpoint, or of a single weights file. Raises as `load_weights`."""
    if path.is_file():
        if weights != "ema":
            raise UsageError(f"--weights {weights} with a weights file ({path}): it holds one kind only; leave --weights out")
        try:
            return path.read_bytes(), path
        except OSError as problem:
            raise DiskError(f"cannot read the weights ({path}): {problem.strerror}") from None
    newest = latest(path / "checkpoints") if path.is_dir() else None
    if newest is None:
        raise not_a_run(path)
    files = read(newest)
    name = "ema.safetensors" if weights == "ema" and "ema.safetensors" in files else "model.safetensors"
    with suppress(UsageError):  # without a recipe there is nothing to compare with
        RunFolder(path).own(files[name], newest / name)
    return files[name], newest / name


def not_a_run(path: Path) -> CheckpointError:
    """The error for a path where no trained run stands: it says what to give instead."""
    return CheckpointError(f"no trained run ({shown(path, 200)}): {_instead(path)}")


def _instead(path: Path) -> str:
    if (path / MANIFEST).is_file():
        above = os.path.normpath(path / ".." / "..")
        name = "ema.safetensors" if (path / "ema.safetensors").is_file() else "model.safetensors"
        return f"it is a checkpoint; give {shown(path / name)} for this one, or {shown(above)} for the newest"
    if (path / CONFIG).is_file():
        return "nothing is saved there yet; the command that trains it goes on"
    if run := next((folder for folder in path.parents if (folder / CONFIG).is_file()), None):
        return f"it is a part of one; give {shown(run)}"
    if inner := [folder for folder in (path, Path("runs") / path) if (folder / CONFIG).is_file()]:
        return f"did you mean {shown(inner[0])}?"
    if inner := sorted(config.parent for config in path.glob(f"*/{CONFIG}")):
        return f"it holds runs; give one, such as {shown(inner[0])}"
    named = {folder.parent.name: folder.parent for folder in path.absolute().parent.glob(f"*/{CONFIG}")}
    if near := get_close_matches(path.name, named, n=1):
        return f"did you mean {shown(path.with_name(near[0]))}?"
    if path.name in ("digits", "pretrained"):
        return "the digits that come with inkbloom are drawn where no run is given"
    if path.suffix or (path.is_dir() and any(path.iterdir())):
        return "give the folder of a run, or its weights file; `inkbloom train fast` makes a run in runs/fast"
    return f"train one with `inkbloom train fast --out {shlex.quote(str(path))}`"


def load_training_nets(path: Path, family: Family) -> dict[str, nn.Module]:
    """The networks that only training needs, of a run's newest checkpoint, such as a GAN's discriminator; none of a file.

    `family`: the run's, as `load_weights` gives it. Raises CheckpointError.
    """
    newest = latest(path / "checkpoints") if path.is_dir() else None
    if newest is None:
        return {}
    whole = build(family.spec)
    put_training_nets(whole, read(newest), newest)
    return whole.training_nets
