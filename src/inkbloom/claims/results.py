"""What came of the trainings that a claim rests on: their cards, measure by measure, over seeds."""

from __future__ import annotations

from collections.abc import Sequence

from ..evaluation.card_file import check_comparable
from ..evaluation.measures import KID, Measure
from .claim import Figure, over_seeds
from .rows import called
from .trials import Trial

CERTAIN = 2  # standard deviations: smaller differences are luck


class Results:
    """The cards of a claim's trials, measure by measure. Raises CheckpointError, and UsageError where cards do not compare.

    At N = 1,000 much of an FD is bias, so KID decides.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.cards = {trial.name: trial.cards() for trial in trials}
        self.complete = all(len(self.cards[trial.name]) == len(trial.seeds) for trial in trials)
        self.seeds = tuple(sorted({seed for trial in trials for seed in trial.seeds}))
        named = {f"{name}-{seed}": card for name, cards in self.cards.items() for seed, card in cards.items()}
        check_comparable([*named], [*named.values()])

    def values(self, name: str, measure: Measure = KID) -> list[float]:
        """One number for each seed of a trial."""
        return [value for card in self.cards[name].values() if (value := measure.value(card)) is not None]

    def figure(self, name: str, measure: Measure = KID, at: str = "") -> Figure:
        """The mean over seeds with its spread, beside the floor."""
        card = next(iter(self.cards[name].values()))
        title = called(measure, card if measure is KID else None)
        values = self.values(name, measure)
        return over_seeds(title, values, at=at or name, floor=measure.floor(card), n=card["header"]["n"])

    def excess(self, name: str) -> float:
        """How far the mean KID lies above its floor."""
        figure = self.figure(name)
        return figure.value - (figure.floor or 0.0)

    def worse(self, name: str, other: str) -> bool:
        """Whether a trial's KID is above another's by more than CERTAIN times the largest of the floor's and both spreads."""
        mine, theirs = self.figure(name), self.figure(other)
        floor_sd = next(iter(self.cards[name].values()))["floor_sd"][KID.name]
        return mine.value - theirs.value > CERTAIN * max(floor_sd, mine.spread or 0.0, theirs.spread or 0.0)
