"""Everything that a run's folder tells, read once, for its report, its model card and comparisons."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..config import Recipe, load_recipe
from ..device import best_device
from ..errors import CheckpointError, shown
from ..evaluation.card_file import read_card
from ..evaluation.measures import Card
from ..families import Family
from ..store.checkpoint import latest
from ..store.folder import RunFolder, load_weights
from ..store.log import number, read
from ..store.weights import Spec

Curve = list[tuple[float, float]]  # (step, loss)


class Held(NamedTuple):
    """One look at the hold-out loss: a mean squared error of x0 at each noise level, and what the anchors score there."""

    step: int
    levels: list[float]
    loss: list[float]
    wiener: list[float] | None  # the best linear denoiser, where it was computed
    mean_image: float | None  # None in runs of inkbloom versions that did not keep it

    @property
    def mean(self) -> float:
        """The mean over the noise levels."""
        return statistics.fmean(self.loss)


class Machine(NamedTuple):
    """Where a run was trained, as its checkpoint says; a value is '' or None where the checkpoint does not."""

    versions: dict[str, str]  # inkbloom, torch, python
    computer: str  # system, processor family, what torch uses of it, threads, processes
    peak_memory: int | None  # bytes


@dataclass(frozen=True, eq=False)
class Facts:
    """What a run is, how its training went, and how it was judged."""

    folder: RunFolder
    recipe: Recipe
    spec: Spec
    family: Family  # with the weights that `sample` uses
    step: int  # of those weights
    losses: dict[str, Curve]  # by phase
    speed: float | None  # images a second in training: the median over the steps
    seconds: float  # of training, the steps alone
    held: list[Held]
    machine: Machine
    card: Card | None

    @property
    def name(self) -> str:
        """The folder's own name."""
        return shown(self.folder.path.absolute().name)

    @property
    def parameters(self) -> int:
        """How many numbers the network has learned."""
        return sum(parameter.numel() for parameter in self.family.parameters())


def read_facts(path: Path, card: bool = True) -> Facts:
    """Reads the run at `path`; without its card where `card` is off.

    Raises CheckpointError where there is no run, or a part of it is damaged; UsageError, DiskError.
    """
    folder = RunFolder(path)
    if not folder.config.is_file():
        raise CheckpointError(f"no trained run ({shown(path)}): give the folder that `inkbloom train` made")
    family, spec, step = load_weights(path)
    family.place(best_device())
    steps = _understood(folder.log, lambda: _steps(folder.log))
    speeds = [speed for _, _, _, speed in steps]
    losses: dict[str, Curve] = defaultdict(list)
    for place, by_phase, _, _ in steps:
        for phase, loss in by_phase.items():
            losses[phase].append((place, loss))
    return Facts(
        folder,
        load_recipe(str(folder.config)),
        spec,
        family,
        step,
        dict(losses),
        statistics.median(speeds) if speeds else None,
        sum(images / speed for _, _, images, speed in steps),
        _understood(folder.holdout, lambda: _held(folder.holdout)),
        _machine(folder),
        read_card(folder.card) if card else None,
    )


def smoothed(curve: Curve, share: float = 0.02) -> Curve:
    """An exponential moving average over about `share` of a curve's points (8 at least), free of the pull of the first."""
    decay = 1 - 1 / max(8.0, share * len(curve))
    mean = weight = 0.0
    points = []
    for step, loss in curve:
        mean, weight = decay * mean + (1 - decay) * loss, decay * weight + 1 - decay
        points.append((step, mean / weight))
    return points


def _understood(path: Path, reading: Any) -> Any:
    try:
        return reading()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError):
        raise CheckpointError(f"not the log of a training ({shown(path)}): restore it from a copy, or remove it") from None


def _steps(path: Path) -> list[tuple[int, dict[str, float], int, float]]:
    """(step, loss by phase, images, images a second) of every step in the log."""
    return [
        (
            record["step"],
            {str(phase): number(loss) for phase, loss in record["losses"].items()},
            int(record["images"]),
            max(float(record["images_per_second"]), 1e-9),
        )
        for record in read(path)
    ]


def _held(path: Path) -> list[Held]:
    return [
        Held(
            record["step"],
            [float(level) for level in record["levels"]],
            [number(loss) for loss in record["loss"]],
            [number(loss) for loss in record["wiener"]] if record.get("wiener") else None,
            number(record["mean_image"]) if "mean_image" in record else None,
        )
        for record in read(path)
        if record["loss"]
    ]


def _machine(folder: RunFolder) -> Machine:
    """`load_weights` has verified the newest checkpoint, so what it says of itself is as it was written."""
    newest = latest(folder.checkpoints)
    about: dict[str, Any] = json.loads((newest / "state.json").read_bytes()) if newest else {}
    versions: dict[str, str] = {name: str(about[name]) for name in ("inkbloom", "torch", "python") if name in about}
    parts = [str(about[name]) for name in ("system", "machine", "cpu") if name in about]
    if about.get("device", "cpu") != "cpu":
        parts.append(str(about["device"]))
    for name, one in (("threads", "thread"), ("processes", "process")):
        if name in about:
            parts.append(f"1 {one}" if about[name] == 1 else f"{about[name]} {name}")
    return Machine(versions, ", ".join(parts), about.get("peak_memory"))
