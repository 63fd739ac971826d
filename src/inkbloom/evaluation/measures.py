"""The rows of a card: what each is called, which way is better, and how its number is written, wherever it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import shown

Card = dict[str, Any]
ENOUGH = 5000  # from this N on FD leads; below, FDs are mostly bias, so KID leads and no ratio of FDs is shown
DASH = "–"


class Measure(NamedTuple):
    """A number of the card: its name there, what people read, which way is better, how it compares with its floor."""

    name: str
    title: str
    better: str
    note: str = ""  # in brackets behind the title
    digits: int = 3
    ratio_from: int | None = None  # the N from which on value / floor is shown; else the difference is
    slow: bool = False  # takes time that grows with N^2, so its floor is drawn less often
    expected: str = ""  # what stands for the floor of a number that has none

    def label(self, note: str = "", mark: str = "") -> str:
        """The title with its note, or another one, in brackets."""
        return f"{self.title}{mark}" + (f" ({note or self.note})" if note or self.note else "")

    def value(self, card: Card) -> float | None:
        """The set's own number."""
        value: float | None = card.get(self.name)
        return (card.get("classes") or {}).get(self.name) if value is None else value

    def floor(self, card: Card) -> float | None:
        """What real images score against real ones."""
        floor: float | None = (card.get("floor") or {}).get(self.name)
        return floor

    def said(self, card: Card) -> str:
        """The number with its spread over blocks of images, as in '1.23 ± 0.04'; a dash where the card has none."""
        return self._with_spread(self.value(card), card.get("sd")) or DASH

    def floor_said(self, card: Card) -> str:
        """The floor with its spread; where the card has none, what is to be expected."""
        return self._with_spread(self.floor(card), card.get("floor_sd")) or self.expected or DASH

    def against(self, card: Card) -> str:
        """The number beside its floor, as in '1.30 x' or '+0.012'; '' where that would say nothing."""
        value, floor = self.value(card), self.floor(card)
        if value is None or floor is None:
            return ""
        if self.ratio_from is None or card["header"]["n"] < self.ratio_from:
            return f"{value - floor:+.{self.digits}f}"
        return f"{value / floor:.2f} x" if floor > 0 else ""

    def _with_spread(self, value: float | None, spreads: Card | None) -> str:
        spread = (spreads or {}).get(self.name)
        if value is None:
            return ""
        return f"{value:.{self.digits}f}" + (f" ± {spread:.{self.digits}f}" if spread is not None else "")


FD = Measure("fd", "FD", "lower", ratio_from=ENOUGH)
KID = Measure("kid", "KID x 1000", "lower", slow=True)
RECALL = Measure("recall", "recall", "higher", ratio_from=0, slow=True)
COVERAGE = Measure("coverage", "coverage", "higher", ratio_from=0, slow=True)
TV = Measure("tv", "classes: total variation to the reference", "lower")
AGREEMENT = Measure("agreement", "label agreement", "higher")
NEAR = Measure("near", "near a training image", "as the floor")
MEASURES = (
    FD,
    KID,
    RECALL,
    COVERAGE,
    Measure("precision", "precision", "higher", "rewards blur: no headline", ratio_from=0, slow=True),
    Measure("density", "density", "higher", "rewards blur: no headline", ratio_from=0, slow=True),
    TV,
    AGREEMENT,
    NEAR,
    Measure("near_shifted", "near, each image moved by up to a pixel", "as the floor", expected="about 0.01"),
    Measure("near_ratio", "nearest under 1/3 as far as the second nearest", "as the floor", expected="about 0"),
    Measure("copying_z", "C_T z", "near 0", "below -3: copies, or blur", digits=1, expected="about 0"),
)
SLOW = tuple(measure.name for measure in MEASURES if measure.slow)
QUICK = tuple(measure.name for measure in MEASURES if not (measure.slow or measure.expected))


def leading(card: Card) -> tuple[Measure, Measure]:
    """FD and KID, the one to trust first in front."""
    return (FD, KID) if card["header"]["n"] >= ENOUGH else (KID, FD)


def measured(cards: Sequence[Card]) -> list[Measure]:
    """The measures that at least one of the cards has, the one to trust first in front."""
    ordered = (*leading(cards[0]), *MEASURES[2:]) if cards else ()
    return [measure for measure in ordered if any(measure.value(card) is not None for card in cards)]


def conditions(card: Card) -> str:
    """What a distance depends on, as in 'judge digits-v1, d=64, N=1000, ref=1234abcd'."""
    header = card["header"]
    judge = f"judge {shown(header['judge'], 40)}, d={header['d']}" if header["judge"] else "no judge"
    return f"{judge}, N={header['n']}, ref={shown((header['reference_sha256'] or '?')[:8])}"
