"""The trials of a sweep, as plain values: for the table, the picture, the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .space import said

DASH = "–"


class Tried(NamedTuple):
    """A trial: what it varied, how it ended, its hold-out loss at the end and on the way."""

    number: int
    values: dict[str, Any]
    state: str  # complete, pruned, failed, unfinished
    loss: float | None  # at its end; of a pruned one, where it stood
    curve: list[tuple[float, float]]  # (share of its steps, hold-out loss)
    why: str = ""  # it failed
    code: int = 1  # the exit code of that error

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.state == "pruned" and self.curve:
            return f"pruned after {self.curve[-1][0]:.0%} of its steps"
        return f"failed: {self.why}" if self.state == "failed" else self.state


def ranked(trials: Sequence[Tried]) -> list[Tried]:
    """The best first; after those that came to their end the pruned ones, then the rest."""
    places = {"complete": 0, "pruned": 1}
    return sorted(trials, key=lambda trial: (places.get(trial.state, 2), _loss(trial), trial.number))


def _loss(trial: Tried) -> float:
    """The hold-out loss of a trial; infinite where it has none or none that is a number."""
    return math.inf if trial.loss is None or not math.isfinite(trial.loss) else trial.loss


def best_of(trials: Sequence[Tried]) -> Tried | None:
    """The trial with the lowest hold-out loss among those that came to their end."""
    return next((trial for trial in ranked(trials) if trial.state == "complete" and _loss(trial) < math.inf), None)


def rows(trials: Sequence[Tried]) -> tuple[list[str], list[list[str]]]:
    """(the heads of the table, its rows), the best first."""
    names = list(trials[0].values) if trials else []
    heads = ["trial", *names, "hold-out loss", "ended"]
    best = best_of(trials)
    return heads, [
        [
            f"{trial.number:03d}",
            *(said_briefly(trial.values.get(name)) for name in names),
            DASH if trial.loss is None else f"{trial.loss:.5f}",
            "best" if trial is best else trial.ending,
        ]
        for trial in ranked(trials)
    ]


def said_briefly(value: Any) -> str:
    """A value with four digits that count."""
    return DASH if value is None else f"{value:.4g}" if isinstance(value, float) else said(value)
