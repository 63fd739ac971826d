"""What a claim is: a sentence of the tutorial, an experiment, and the rule by which its figures become a verdict."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..errors import Diverged
from .lab import Lab
from .trials import Trial

Verdict = Literal["holds", "holds partly", "does not hold", "not measured here"]


class Text(NamedTuple):
    """The same words in both languages."""

    en: str
    zh: str

    def said(self, lang: str) -> str:
        """In the language 'en' or 'zh'."""
        return self.zh if lang == "zh" else self.en


VERDICTS: dict[Verdict, Text] = {
    "holds": Text("holds", "成立"),
    "holds partly": Text("holds partly", "部分成立"),
    "does not hold": Text("does not hold", "不成立"),
    "not measured here": Text("not measured here", "此处未测"),
}


@dataclass(frozen=True)
class Figure:
    """One number. Figures of one name stand on one line, each `at` its place, such as 't=0.3', 'steps=8' or 'basic'.

    spread: standard deviation over seeds. floor: what real images score against real ones. n: images in the set.
    """

    name: Text
    value: float
    unit: str = ""
    at: str = ""
    spread: float | None = None
    floor: float | None = None
    n: int | None = None

    def __post_init__(self) -> None:
        """Raises Diverged for what is no finite number: no verdict may follow from that."""
        if not all(math.isfinite(number or 0) for number in (self.value, self.spread, self.floor)):
            raise Diverged(
                f"a figure of a claim is not a finite number ({self.name.en}, {self.at or 'all'}): no verdict follows"
            )


class Finding(NamedTuple):
    """What an experiment found. seeds: those of its random numbers; none where nothing is random."""

    figures: list[Figure]
    verdict: Verdict
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A claim and its experiment.

    section: of the tutorial. how: what is measured, and on what. rule: how the verdict follows; `measure` applies it in code.
    trials: the trainings that it rests on.
    """

    sentence: Text
    section: str
    how: Text
    rule: Text
    measure: Callable[[Lab], Finding]
    trials: Sequence[Trial] = ()


def over_seeds(
    name: Text, values: Sequence[float], unit: str = "", at: str = "", floor: float | None = None, n: int | None = None
) -> Figure:
    """The mean of one value for each seed, and their standard deviation where there are several."""
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Figure(name, statistics.fmean(values), unit, at, spread, floor, n)


def judged(best: bool, something: bool) -> Verdict:
    """'holds' where the best that a claim can hope for is true, 'holds partly' where something of it is."""
    return "holds" if best else "holds partly" if something else "does not hold"
