"""A training watched in trackers: they are told what the run itself keeps, step by step, and no trouble of theirs ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from ..config import Recipe
from ..errors import CheckpointError, brief
from ..evaluation.card_file import read_card
from ..evaluation.holdout import HoldoutLoss
from ..evaluation.measures import measured
from ..store.folder import RunFolder
from ..store.log import from_hex, read
from .session import CardDue, Event, Logged, Preview, Started
from .trackers import Tracker, open_tracker, silence

Told = tuple[int, dict[str, Any]]  # a step; its figures by name, a picture as the path of its file


def tracked(
    events: Iterable[Event], names: Sequence[str], folder: RunFolder, recipe: Recipe, say: Callable[[str], object]
) -> Iterator[Event]:
    """The events of a session, as they come. The trackers of these names hear of each when whoever listens asks for the next:
    by then the preview or card that it called for is there. First they hear what the run's folder holds already.

    say: takes a line for the user. A tracker that fails is left out from then on, with one line.
    """
    trackers: dict[str, Tracker] = {}

    def each(act: Callable[[Tracker], object]) -> None:
        for name, tracker in list(trackers.items()):
            try:
                with silence():
                    act(tracker)
            except Exception as problem:
                del trackers[name]
                say(f"warning: {name} failed ({brief(problem, 100)}): the training goes on without it")

    def tell(step: int, told: dict[str, Any]) -> None:
        pictures = {name: value for name, value in told.items() if isinstance(value, Path)}
        figures = {name: value for name, value in told.items() if name not in pictures}

        def act(tracker: Tracker) -> None:
            if step > tracker.heard:
                if figures:
                    tracker.log(figures, step)
                for name, path in pictures.items():
                    tracker.picture(name, path, step)

        each(act)

    try:
        for event in events:
            yield event
            if isinstance(event, Started):
                for name in names:
                    try:
                        tracker: Tracker = open_tracker(name, folder.path, recipe)
                    except Exception as problem:
                        say(f"warning: {name} cannot start ({brief(problem, 100)}): the training goes on without it")
                        continue
                    if tracker.warning:
                        say(f"warning: {tracker.warning}")
                    trackers[name] = tracker
                    say(f"watch: {tracker.where}")
                for told in past(folder, event.step):
                    tell(*told)
            else:
                for told in present(event, folder):
                    tell(*told)
    finally:
        each(lambda tracker: tracker.finish())


def present(event: Event, folder: RunFolder) -> Iterator[Told]:
    """What an event says."""
    match event:
        case Logged(records):
            yield from (_step(record, record["losses"]) for record in records)
        case HoldoutLoss(step, levels, loss):
            yield _holdout(step, levels, loss)
        case Preview(step):
            yield from _preview(step, folder.previews / f"step-{step:08d}.png")
        case CardDue(step):
            yield from _card(step, folder.cards / f"step-{step:08d}.json")


def past(folder: RunFolder, last: int) -> list[Told]:
    """What a run's folder says of its steps up to `last`, in their order."""
    told = [_step(record, {name: from_hex(loss) for name, loss in record["losses"].items()}) for record in read(folder.log)]
    told += [_holdout(record["step"], record["levels"], map(from_hex, record["loss"])) for record in read(folder.holdout)]
    for path in (*folder.previews.glob("step-????????.png"), *folder.cards.glob("step-????????.json")):
        told += (_preview if path.suffix == ".png" else _card)(int(path.stem.removeprefix("step-")), path)
    return sorted((told for told in told if told[0] <= last), key=lambda told: told[0])


def _step(record: dict[str, Any], losses: dict[str, float]) -> Told:
    named = {f"loss/{name}": loss for name, loss in losses.items()}
    return record["step"], named | {name: record[name] for name in ("lr", "grad_norm", "images_per_second")}


def _holdout(step: int, levels: Iterable[float], loss: Iterable[float]) -> Told:
    by_level = {f"holdout/t {level:g}": value for level, value in zip(levels, loss, strict=True)}
    return step, {"holdout/mean": fmean(by_level.values()), **by_level}


def _preview(step: int, path: Path) -> Iterator[Told]:
    if path.is_file():
        yield step, {"preview": path}


def _card(step: int, path: Path) -> Iterator[Told]:
    """The rows of a card, each with its floor; nothing where it cannot be read."""
    try:
        card = read_card(path)
    except CheckpointError:
        return
    if card:
        rows = {f"card/{measure.name}": measure.value(card) for measure in measured([card])}
        floors = {f"card/{measure.name} (floor)": measure.floor(card) for measure in measured([card])}
        yield step, {name: value for name, value in (rows | floors).items() if value is not None}
