"""How good samples are to a benchmark: rows of a card, by the source's own judge, and T30 beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..data import Data
from ..errors import CheckpointError, DataError, brief, shown
from ..evaluation.baseline import Baseline, baseline, labels_in_turn
from ..evaluation.card import header_of
from ..evaluation.card_file import difference, read_card
from ..evaluation.judge import choose_judge
from ..evaluation.measures import Card
from ..evaluation.published import FOLDER

METRICS = ("fd", "kid", "recall", "coverage", "near")
T30 = {"digits": FOLDER / "t30.json"}  # source -> the card of the tutorial's own run after its 30 epochs
Scores = dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Scorer:
    """The real images as the judge sees them. labels: of the reference in turn, for samples of a model that knows classes.

    t30: {'fd', 'floor'} of the tutorial's own run after its 30 epochs, or None where no card of it is known.
    """

    real: Baseline
    labels: tuple[int, ...]
    t30: dict[str, float] | None

    @property
    def count(self) -> int:
        """Images in a set."""
        return self.real.n

    @property
    def floor(self) -> Scores:
        """METRICS of real images, as on a card: the mean over its draws."""
        return {name: self.real.floor[name] for name in METRICS}

    def score(self, images: Tensor) -> Scores:
        """METRICS of uint8 images (count, C, H, W)."""
        real, (sample, _) = self.real, self.real.extractor.extract(images, None)
        rows = real.scores(sample)
        return {name: rows[name] for name in METRICS}

    def about(self) -> dict[str, Any]:
        """What the figures depend on: the header of a card, the floor, T30."""
        return {**header_of(self.real), "floor": self.floor, "t30": self.t30}


def scorer_for(data: Data, t30: Path | None = None) -> Scorer | None:
    """The scorer for a source, or None where no judge of it is shipped. t30: the card to use instead of the shipped one.

    Raises CheckpointError for a damaged judge, DataError for a card that is none or does not compare.
    """
    judge, _ = choose_judge(None, data)
    if judge is None:
        return None
    path = t30 or T30.get(data.source)
    card = read_t30(path) if path else None
    real = baseline(data, judge)
    labels = labels_in_turn(data, real.n)
    return Scorer(real, () if labels is None else tuple(labels.tolist()), t30_of(card, real) if card else None)


def read_t30(path: Path) -> Card:
    """The card of the tutorial's run. Raises DataError for a file that is missing or no card."""
    try:
        card = read_card(path)
    except CheckpointError as problem:
        raise DataError(str(problem)) from None
    if card is None:
        raise DataError(f"no such card ({shown(path)}): make one with `inkbloom evaluate RUN --json FILE`")
    return card


def t30_of(card: Card, real: Baseline) -> dict[str, float]:
    """{'fd', 'floor'} of the card of the tutorial's run.

    Raises DataError where `real` does not compare with it: T30 of one source, judge or N says nothing of another.
    """
    here = {"header": header_of(real)}
    if field := difference(card, here):
        theirs, ours = (brief(str(one["header"].get(field)), 30) for one in (card, here))
        raise DataError(f"T30's card is of another {field} ({theirs}, here {ours}): name its own with --t30")
    if card["fd"] is None or card["floor"].get("fd") is None:
        raise DataError("T30's card has no FD: make it again with a judge")
    return {"fd": float(card["fd"]), "floor": float(card["floor"]["fd"])}
