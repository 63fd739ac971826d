"""The rows of a card, as the figures of a claim call them in both languages."""

from __future__ import annotations

from ..evaluation.measures import AGREEMENT, COVERAGE, RECALL, TV, Card, Measure, conditions
from .claim import Text

CHINESE = {RECALL: "召回率", COVERAGE: "覆盖率", AGREEMENT: "标签一致率", TV: "类别与参考集的总变差"}
CONDITIONS = {"no judge": "没有评委", "judge ": "评委 ", ", ": "，", "ref=": "参考集 "}


def called(row: Measure, card: Card | None = None) -> Text:
    """What a row is called; where a card is given, with what its number depends on."""
    english, chinese = row.title, CHINESE.get(row, row.title)
    if card is None:
        return Text(english, chinese)
    theirs = conditions(card)
    for words, ours in CONDITIONS.items():
        theirs = theirs.replace(words, ours)
    return Text(f"{english} ({conditions(card)})", f"{chinese}（{theirs}）")
