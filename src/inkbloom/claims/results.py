"""What came of the trainings that a claim rests on: their cards, measure by measure, over seeds."""

from __future__ import annotations

from collections.abc import Sequence

from ..evaluation.measures import FD, Measure, conditions
from .claim import Figure, Text, over_seeds
from .trials import Trial

CERTAIN = 2  # standard deviations over seeds: smaller differences are luck


class Results:
    """The cards of a claim's trials, measure by measure."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.cards = {trial.name: trial.cards() for trial in trials}

    @property
    def complete(self) -> bool:
        """Whether there is a card of every trial."""
        return all(self.cards.values())

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that every trial has a card of."""
        return tuple(sorted(set.intersection(*(set(cards) for cards in self.cards.values()))))

    def values(self, name: str, measure: Measure = FD) -> list[float]:
        """One number for each seed of a trial."""
        return [value for card in self.cards[name].values() if (value := measure.value(card)) is not None]

    def figure(self, name: str, at: str, measure: Measure = FD, title: Text | None = None) -> Figure:
        """The mean over seeds with its spread, beside the floor."""
        card = next(iter(self.cards[name].values()))
        called = measure.title + (f" ({conditions(card)})" if measure is FD else "")
        return over_seeds(
            title or Text(called, called), self.values(name, measure), at=at, floor=measure.floor(card), n=card["header"]["n"]
        )

    def excess(self, name: str) -> float:
        """How far the mean FD lies above its floor."""
        figure = self.figure(name, "")
        return figure.value - (figure.floor or 0.0)

    def worse(self, name: str, other: str) -> bool:
        """Whether a trial's FD is above another's by more than CERTAIN times the larger of their spreads."""
        mine, theirs = self.figure(name, ""), self.figure(other, "")
        return mine.value - theirs.value > CERTAIN * max(mine.spread or 0.0, theirs.spread or 0.0)
