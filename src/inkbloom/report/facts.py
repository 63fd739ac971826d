"""Everything that a run's folder tells, read once, for its report, its model card and comparisons."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..config import Recipe
from ..device import best_device
from ..errors import CheckpointError, shown
from ..evaluation.card_file import read_card
from ..evaluation.holdout import Anchors, HoldoutLoss
from ..evaluation.measures import Card
from ..families import Family, Spec
from ..recipe_files import load_recipe
from ..store.checkpoint import latest
from ..store.folder import RunFolder, load_weights, not_a_run
from ..store.log import from_hex, read
from ..store.weights import NO_OWN

Curve = list[tuple[float, float]]  # (step, loss)


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
    family: Family  # with the weights that `sample` uses
    step: int  # of those weights
    losses: dict[str, Curve]  # by phase
    speed: float | None  # images a second in training: the median over the steps
    seconds: float  # of training, the steps alone
    holdout: list[HoldoutLoss]
    machine: Machine
    origin: Mapping[str, Any] | None  # what is known of the weights that it began with; None: it began anew
    images: str  # SHA-256 of the training images, "" where the checkpoint does not say
    card: Card | None

    @property
    def spec(self) -> Spec:
        """What the model was made for."""
        return self.family.spec

    @property
    def name(self) -> str:
        """The folder's own name."""
        return shown(self.folder.path.absolute().name)

    @property
    def parameters(self) -> int:
        """How many numbers the network has learned."""
        return sum(parameter.numel() for parameter in self.family.parameters())


def read_facts(path: Path, card: bool = True, own: Mapping[str, Any] = NO_OWN) -> Facts:
    """Reads the run at `path`; without its card where `card` is off. own: see `Spec`.

    Raises CheckpointError where there is no run, or a part of it is damaged; UsageError, DiskError.
    """
    folder = RunFolder(path)
    if not folder.config.is_file():
        raise not_a_run(path)
    family, step = load_weights(path, own=own)
    family.place(best_device())
    about = _about(folder)
    steps = _understood(folder.log, lambda: _steps(folder.log))
    speeds = [speed for _, _, _, speed in steps]
    losses: dict[str, Curve] = defaultdict(list)
    for place, by_phase, _, _ in steps:
        for phase, loss in by_phase.items():
            losses[phase].append((place, loss))
    about = _about(folder)
    origin = about.get("init")
    return Facts(
        folder,
        load_recipe(str(folder.config)),
        family,
        step,
        dict(losses),
        statistics.median(speeds) if speeds else None,
        sum(images / speed for _, _, images, speed in steps),
        _understood(folder.holdout, lambda: _holdout(folder.holdout)),
        _machine(about),
        origin if isinstance(origin, dict) else None,
        str(about.get("images", "")),
        _card(folder, step) if card else None,
    )


def summary(facts: Facts) -> dict[str, Any]:
    """The end of a training as plain values, as `train --json` writes it."""
    last, newest = facts.holdout[-1] if facts.holdout else None, latest(facts.folder.checkpoints)
    weights = [newest / f"{kind}.safetensors" for kind in ("ema", "model")] if newest else []
    there = {"report": facts.folder.report, "weights": next((file for file in weights if file.is_file()), None)}
    return {
        "train": 1,
        "run": str(facts.folder.path),
        "family": facts.recipe.family,
        "data": facts.recipe.data,
        "step": facts.step,
        "steps": facts.recipe.steps,
        "parameters": facts.parameters,
        "seconds": facts.seconds,
        "images_per_second": facts.speed,
        "loss": {phase: smoothed(curve)[-1][1] for phase, curve in facts.losses.items()},
        "holdout": last
        and {
            "step": last.step,
            "mean": last.mean,
            "levels": last.levels,
            "loss": last.loss,
            "linear": last.anchors.wiener,
            "mean_image": last.anchors.mean_image,
        },
        "peak_memory": facts.machine.peak_memory,
        "recipe": str(facts.folder.config),
        **{name: str(path) if path and path.is_file() else None for name, path in there.items()},
        "cards": [str(path) for path in sorted(facts.folder.cards.glob("step-*.json"))],
    }


def _card(folder: RunFolder, step: int) -> Card | None:
    """The run's card; where it has none of the step of its weights, the one that `train --cards` made after that step."""
    whole = read_card(folder.card)
    fits = whole is not None and whole["made"].get("step") == step
    return whole if fits else read_card(folder.cards / f"step-{step:08d}.json") or whole


def smoothed(curve: Curve, share: float = 0.02) -> Curve:
    """An exponential moving average over about `share` of a curve's points (8 at least), free of the pull of the first."""
    decay = 1 - 1 / max(8.0, share * len(curve))
    mean = weight = 0.0
    points = []
    for step, loss in curve:
        mean, weight = decay * mean + (1 - decay) * loss, decay * weight + 1 - decay
        points.append((step, mean / weight))
    return points


def _number(text: str) -> float:
    """A number of a log. Raises ValueError, OverflowError where it is none, or not finite."""
    if not math.isfinite(number := from_hex(text)):
        raise ValueError(text)
    return number


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
            {str(phase): _number(loss) for phase, loss in record["losses"].items()},
            int(record["images"]),
            max(float(record["images_per_second"]), 1e-9),
        )
        for record in read(path)
    ]


def _holdout(path: Path) -> list[HoldoutLoss]:
    return [
        HoldoutLoss(
            record["step"],
            [float(level) for level in record["levels"]],
            [_number(loss) for loss in record["loss"]],
            Anchors(
                [_number(loss) for loss in record["wiener"]] if record.get("wiener") else None,
                _number(record["mean_image"]) if record.get("mean_image") else None,
            ),
        )
        for record in read(path)
        if record["loss"]
    ]


def _about(folder: RunFolder) -> dict[str, Any]:
    """What the newest checkpoint says of itself; `load_weights` has verified that it is as it was written."""
    newest = latest(folder.checkpoints)
    about: dict[str, Any] = json.loads((newest / "state.json").read_bytes()) if newest else {}
    return about


def _machine(about: Mapping[str, Any]) -> Machine:
    versions: dict[str, str] = {name: str(about[name]) for name in ("inkbloom", "torch", "python") if name in about}
    parts = [str(about[name]) for name in ("system", "machine", "cpu") if name in about]
    if about.get("device", "cpu") != "cpu":
        parts.append(str(about["device"]))
    for name, one in (("threads", "thread"), ("processes", "process")):
        if name in about:
            parts.append(f"1 {one}" if about[name] == 1 else f"{about[name]} {name}")
    return Machine(versions, ", ".join(parts), about.get("peak_memory"))
