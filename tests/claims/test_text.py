"""Numbers, lines and records, as they should read."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from inkbloom.claims.catalogue import CLAIMS
from inkbloom.claims.claim import VERDICTS, Figure, Finding, Text, over_seeds
from inkbloom.claims.lab import QUICK, Lab
from inkbloom.claims.text import WORDS, lines, place, record, rounded
from inkbloom.claims.wrapping import wrapped
from inkbloom.nets import NETS
from inkbloom.recipe_files import recipe_names
from inkbloom.verbs.claims import table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"), (1234.5, "1,234"), (100, "100"), (12.345, "12.3"), (-8.04, "-8.04"), (0.01234, "0.0123"),
        (0.0000812, "0.0000812"), (3.14e-16, "3.1×10⁻¹⁶"),
    ],
)  # fmt: skip
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
        "核距离：1 步 512 ± 3.1，40 步 1.5 ± 0.25（底线 -8.04，N = 500）",
        "宽度，像素：2.83",
    ]


def test_a_wide_spread_is_a_plain_number():
    assert list(lines([Figure(Text("a", "甲"), 181, spread=154.8)], "en")) == ["a: 181 ± 155"]
    assert list(lines([Figure(Text("a", "甲"), 181, spread=99.7)], "en")) == ["a: 181 ± 100"]


NAMES = "FD KID N x t d digits-v1"  # the same in every language, as those of recipes and networks are
OURS = {*recipe_names(), *NETS, *NAMES.split()}


def in_english(line):
    """The Latin words of a line that are no names of ours; -1000 behind a name is a number of steps."""
    return {
        word
        for word in re.findall(r"[A-Za-z0-9][\w-]*", line)
        if re.sub(r"-\d+$", "", word) not in OURS and not word[0].isdecimal()
    }


def test_places_are_said_in_chinese():
    measured = json.loads((ROOT / "benchmarks/results/claims-quick.json").read_text())
    places = {figure["at"] for claim in measured for figure in claim["figures"]}
    assert len(places) > 30
    assert not {word for at in places for word in in_english(place(at, "zh"))}
    assert {place(at, "en") for at in places} == places


@pytest.fixture(scope="module")
def findings():
    """What needs no more than the published cards, and the shape of two networks."""
    names = ("ideal", "blame", "timestep", "neighbours", "impressive", "tuning", "shrinks", "keeps-size", "local")
    lab = Lab(QUICK)
    return {name: CLAIMS[name].measure(lab) for name in names}


def test_rows_are_named_in_chinese(findings):
    for name, found in findings.items():
        assert not {word for line in lines(found.figures, "zh") for word in in_english(line)}, name


@pytest.mark.parametrize("width", range(60, 161, 10))
def test_no_line_of_the_table_begins_or_ends_with_a_wrong_mark(findings, width):
    for name, found in findings.items():
        file = io.StringIO()
        Console(file=file, width=width, highlight=False).print(table(name, CLAIMS[name], found, "zh", first=True))
        cells = [cell for line in file.getvalue().splitlines() for cell in re.split(r" {2,}", line.strip()) if cell]
        assert not [cell for cell in cells if cell[0] in ")，。、；：！？）》”±" or cell[-1] in "（《“±"]
        assert max(cell_len(line) for line in file.getvalue().splitlines()) <= width


@given(st.text("墨，。（）“”a1 ±=é", max_size=60), st.integers(6, 40))
def test_wrapping_loses_nothing(line, width):
    parts = wrapped(line, width)
    assert "".join(parts).replace(" ", "") == line.replace(" ", "")
    assert all(cell_len(part) <= width for part in parts)


def test_words_stay_whole_and_chinese_is_cut_between_letters():
    assert wrapped("墨在水中 bloom（散开），成了 a drop。", 12) == ["墨在水中", "bloom（散", "开），成了 a", "drop。"]
    assert wrapped("KID 181 ± 155, FD 3.61 ± 2.1", 10) == ["KID", "181 ± 155,", "FD", "3.61 ± 2.1"]


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
