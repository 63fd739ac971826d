"""Numbers, lines and records, as they should read."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inkbloom.claims.catalogue import CLAIMS
from inkbloom.claims.claim import VERDICTS, Figure, Finding, Text, over_seeds
from inkbloom.claims.text import WORDS, lines, record, rounded

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (1234.5, "1,234"), (100, "100"), (12.345, "12.3"), (-8.04, "-8.04"), (0.01234, "0.0123"), (3.14e-16, "3.1e-16")],
)
def test_numbers_have_three_digits_that_count(value, said):
    assert rounded(value) == said


def test_figures_of_one_name_share_a_line():
    kid = Text("KID", "核距离")
    figures = [
        Figure(kid, 512, at="steps=1", spread=3.14, floor=-8.04, n=500),
        Figure(kid, 1.5, at="steps=40", spread=0.25, floor=-8.04, n=500),
        Figure(Text("width", "宽度"), 2.83, "px"),
    ]
    assert list(lines(figures, "en")) == [
        "KID: steps=1 512 ± 3.1, steps=40 1.5 ± 0.25 (floor -8.04, N = 500)",
        "width, px: 2.83",
    ]
    assert list(lines(figures, "zh")) == [
        "核距离：steps=1 512 ± 3.1，steps=40 1.5 ± 0.25（底线 -8.04，N = 500）",
        "宽度，px：2.83",
    ]


def test_the_spread_is_the_standard_deviation_over_seeds():
    figure = over_seeds(Text("a", "甲"), [1.0, 3.0])
    assert (figure.value, figure.spread) == (2, pytest.approx(2**0.5))
    assert over_seeds(Text("a", "甲"), [1.0]).spread is None


def test_a_record_holds_all_that_is_known():
    claim = CLAIMS["gradual"]
    figure = Figure(Text("KID", "核距离"), 1.5, at="steps=40", spread=0.25, floor=-8.0, n=500)
    made = record("gradual", claim, Finding([figure], "holds", (0, 1)))
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert list(made)[:2] == ["id", "claim"]
    assert (made["id"], made["verdict"], made["seeds"], made["section"]) == ("gradual", "holds", [0, 1], "2.2")
    assert made["figures"] == [
        {"name": "KID", "value": 1.5, "unit": "", "at": "steps=40", "spread": 0.25, "floor": -8.0, "n": 500}
    ]
    assert (made["claim"], made["claim_zh"]) == claim.sentence
    assert record("gradual", claim, Finding([replace(figure, spread=None)], "holds"))["figures"][0]["spread"] is None


@pytest.mark.parametrize(("page", "lang"), [("docs/claims.md", "en"), ("docs/zh/claims.md", "zh")])
def test_the_page_says_of_every_claim_what_the_code_says(page, lang):
    rows = [line for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for id, claim in CLAIMS.items():
        sentence, how, rule = (text.said(lang) for text in (claim.sentence, claim.how, claim.rule))
        assert f"| `{id}` | {claim.section} | {sentence} | {how} |" in rows
        assert f"| `{id}` | {rule} |" in rows


def test_every_claim_speaks_both_languages():
    for claim in CLAIMS.values():
        for text in (claim.sentence, claim.how, claim.rule):
            assert all(ord(letter) < 0x2E80 for letter in text.en)
            assert any(ord(letter) > 0x2E80 for letter in text.zh)
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    assert all(name == text.en for name, text in VERDICTS.items())
