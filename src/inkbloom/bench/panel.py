"""What a benchmark asks of samples: the rows of a card, by the source's own judge, against the reference slice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..data import Data
from ..errors import CheckpointError, DataError, brief, shown
from ..evaluation.card import header_of
from ..evaluation.card_file import difference, read_card
from ..evaluation.floor import Standard, labels_in_turn, standard
from ..evaluation.judge import choose_judge
from ..evaluation.rows import quick_rows, slow_rows

ROWS = ("fd", "kid", "recall", "coverage", "near")
Scores = dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Panel:
    """The real images as the judge sees them. labels: of the reference in turn, for samples of a model that knows classes."""

    real: Standard
    labels: tuple[int, ...]

    @property
    def count(self) -> int:
        """Images in a set."""
        return self.real.n

    @property
    def floor(self) -> Scores:
        """ROWS of real images, as on a card: the mean over its draws."""
        return {name: self.real.floor[name] for name in ROWS}

    def score(self, images: Tensor) -> Scores:
        """ROWS of uint8 images (count, C, H, W)."""
        real, (sample, _) = self.real, self.real.eye.see(images, None)
        rows = quick_rows(sample, real.reference, real.holdout.distances, real.eye.kinds) | slow_rows(sample, real.reference)
        return {name: rows[name] for name in ROWS}

    def about(self) -> dict[str, Any]:
        """What the figures depend on: the header of a card, and the floor."""
        return {**header_of(self.real), "floor": self.floor}


def panel_for(data: Data) -> Panel | None:
    """The panel for a source, or None where no judge of it is shipped. Raises CheckpointError for a damaged one."""
    judge, _ = choose_judge(None, data)
    if judge is None:
        return None
    real = standard(data, judge)
    labels = labels_in_turn(data, real.n)
    return Panel(real, () if labels is None else tuple(labels.tolist()))


def load_t30(path: Path, real: Standard) -> dict[str, float] | None:
    """{'fd', 'floor'} of the card of the tutorial's run, or None where there is no such file.

    Raises DataError for a file that is no card, and for a card that `real` does not compare with: T30 of one source, judge or
    N says nothing of another.
    """
    try:
        card = read_card(path)
    except CheckpointError as problem:
        raise DataError(str(problem)) from None
    if card is None:
        return None
    here = {"header": header_of(real)}
    if field := difference(card, here):
        theirs, ours = (brief(str(one["header"].get(field)), 30) for one in (card, here))
        raise DataError(f"T30's card is of another {field} ({shown(path)}: {theirs}, here {ours}): name its own with --t30")
    if card["fd"] is None or card["floor"].get("fd") is None:
        raise DataError(f"a card without FD ({shown(path)}): make it again with a judge")
    return {"fd": float(card["fd"]), "floor": float(card["floor"]["fd"])}
