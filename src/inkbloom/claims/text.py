"""A claim and what was found, in words for the terminal and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from ..errors import plain, powers
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
UNITS = {"px": "像素", "bit": "比特", "bit/px": "比特每像素"}  # in Chinese, as all below
COUNTED = {"step": "第 {} 步", "steps": "{} 步", "times": "{} 次"}
PLACES = {
    "random-kernel": "随机核", "blur": "模糊", "noise": "噪声", "linear": "线性去噪器",
    "x-distance": "x 的距离", "prediction-distance": "预测的距离",
    "prediction-grey": "预测的灰色", "prediction-gradient": "预测的梯度",
    "kernel-1": "边长 1", "kernel-3": "边长 3", "kernel-5": "边长 5", "one-resolution": "单一分辨率",
    "gaussian-told": "高斯噪声（告知）", "gaussian-blind": "高斯噪声（不告知）",
    "uniform-told": "均匀噪声（告知）", "uniform-blind": "均匀噪声（不告知）",
    "fast transposed": "fast 转置卷积", "vae transposed": "vae 转置卷积", "gan transposed": "gan 转置卷积",
    "fast resized": "fast 放大像素", "vae resized": "vae 放大像素", "gan resized": "gan 放大像素",
}  # fmt: skip
"""What an experiment calls the places of its figures -> what the table does."""


def about(id: str, claim: Claim, lang: str) -> str:
    """The claim as the table has it."""
    return WORDS[lang]["about"].format(id=id, sentence=claim.sentence.said(lang), section=claim.section)


def rounded(value: float, digits: int = 3) -> str:
    """So many digits that count, and whole numbers from 100 on: '0.0123', '12.3', '1,235', '3.1×10⁻¹⁶'."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return powers(value, 2) if abs(value) < 1e-6 else plain(value, digits)


def place(at: str, lang: str) -> str:
    """Where on its line a figure stands."""
    if lang == "en":
        return at
    name, _, value = at.partition("=")
    return COUNTED[name].format(value) if name in COUNTED else PLACES.get(at, at)


def lines(figures: Sequence[Figure], lang: str) -> Iterator[str]:
    """One line for the figures of each name: 'PSNR, dB: t=0.1 25.1 ± 0.2, t=0.2 ... (floor 30, N = 100)'."""
    words = WORDS[lang]
    for called, together in groupby(figures, lambda figure: figure.name.said(lang)):
        row = list(together)
        first = row[0]
        unit = UNITS.get(first.unit, first.unit) if lang == "zh" else first.unit
        name = words["unit"].format(name=called, unit=unit) if unit else called
        values = words["comma"].join(f"{place(figure.at, lang)} {_spread(figure)}".strip() for figure in row)
        notes = [words["floor"].format(rounded(first.floor))] if first.floor is not None else []
        notes += [words["n"].format(f"{first.n:,}")] if first.n is not None else []
        note = words["note"].format(words["comma"].join(notes)) if notes else ""
        yield words["row"].format(name=name, values=values) + note


def _spread(figure: Figure) -> str:
    return rounded(figure.value) + (f" ± {rounded(figure.spread, 2)}" if figure.spread is not None else "")


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
