"""A claim and what was found, in words for the terminal and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from .claim import Claim, Figure, Finding

WORDS = {
    "en": {
        "claim": "claim", "figures": "figures", "verdict": "verdict", "about": "{id}: {sentence} (section {section})",
        "row": "{name}: {values}", "unit": "{name}, {unit}", "floor": "floor {}", "n": "N = {}", "note": " ({})", "comma": ", ",
    },
    "zh": {
        "claim": "说法", "figures": "数字", "verdict": "结论", "about": "{id}：{sentence}（第 {section} 节）",
        "row": "{name}：{values}", "unit": "{name}，{unit}", "floor": "底线 {}", "n": "N = {}", "note": "（{}）", "comma": "，",
    },
}  # fmt: skip


def about(id: str, claim: Claim, lang: str) -> str:
    """The claim as the table has it."""
    return WORDS[lang]["about"].format(id=id, sentence=claim.sentence.said(lang), section=claim.section)


def rounded(value: float) -> str:
    """Three digits that count, no more: '0.0123', '12.3', '1,235', '3.1e-16'."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1e}" if abs(value) < 1e-3 else f"{value:.3g}"


def lines(figures: Sequence[Figure], lang: str) -> Iterator[str]:
    """One line for the figures of each name: 'PSNR, dB: t=0.1 25.1 ± 0.2, t=0.2 ... (floor 30, N = 100)'."""
    words = WORDS[lang]
    for called, together in groupby(figures, lambda figure: figure.name.said(lang)):
        row = list(together)
        first = row[0]
        name = words["unit"].format(name=called, unit=first.unit) if first.unit else called
        values = words["comma"].join(f"{figure.at} {_spread(figure)}".strip() for figure in row)
        notes = [words["floor"].format(rounded(first.floor))] if first.floor is not None else []
        notes += [words["n"].format(f"{first.n:,}")] if first.n is not None else []
        note = words["note"].format(words["comma"].join(notes)) if notes else ""
        yield words["row"].format(name=name, values=values) + note


def _spread(figure: Figure) -> str:
    return rounded(figure.value) + (f" ± {figure.spread:.2g}" if figure.spread is not None else "")


def record(id: str, claim: Claim, finding: Finding) -> dict[str, Any]:
    """A claim as it stands in the JSON file, in English whatever the language of the table, beside the Chinese sentence."""
    return {
        "id": id,
        "claim": claim.sentence.en,
        "claim_zh": claim.sentence.zh,
        "section": claim.section,
        "figures": [asdict(figure) | {"name": figure.name.en} for figure in finding.figures],
        "verdict": finding.verdict,
        "seeds": list(finding.seeds),
        "how": claim.how.en,
        "rule": claim.rule.en,
    }
