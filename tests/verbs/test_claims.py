"""`inkbloom claims` from outside: the table in both languages, the JSON file, and what it refuses."""

import io
import json
import sys
from dataclasses import replace

import pytest

from inkbloom.claims import catalogue, lab
from inkbloom.claims.claim import Claim, Figure, Finding, Text
from inkbloom.cli import main


@pytest.fixture
def made_up(monkeypatch):
    """Two claims whose figures are how much the lab is asked to measure."""

    def measure(asked):
        return Finding([Figure(Text("pictures", "图像"), asked.size.pictures, at="here", n=7)], "holds partly", asked.seeds)

    first, second = (
        Claim(Text(f"Claim {name}.", f"说法{name}。"), "2.1", Text("So.", "如此。"), Text("Always.", "总是。"), measure)
        for name in ("A", "B")
    )
    monkeypatch.setattr(catalogue, "CLAIMS", {"one": first, "two": second})


def test_the_table_in_both_languages(command, made_up):
    done = command("claims")
    assert (done.code, done.err) == (0, "")
    english = [line.split("  ") for line in done.out.splitlines() if line.strip()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in english]
    told = ["pictures: here 500 (N = 7)", "holds partly"]
    assert rows == [
        ["claim", "figures", "verdict"],
        ["one: Claim A. (section 2.1)", *told],
        ["two: Claim B. (section 2.1)", *told],
    ]
    chinese = command("claims", "--lang", "zh").out
    assert "one：说法A。（第 2.1 节）" in chinese
    assert "图像：here 500（N = 7）" in chinese
    assert "部分成立" in chinese
    assert not {"Claim", "pictures", "holds", "section"} & set(chinese.split())


def test_an_encoding_without_chinese(made_up, monkeypatch):
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding="cp1252"))
    assert main(["claims", "--lang", "zh"]) == 0
    assert rb"one\uff1a\u8bf4\u6cd5A" in held.getvalue()


@pytest.mark.parametrize(("words", "code", "measured"), [((), 5, 1), (("--json", "{here}/claims.json"), 0, 2)])
def test_nobody_to_tell(words, code, measured, made_up, monkeypatch, tmp_path):
    """Where the table is all there is, measuring on is of no use; where a file is asked for, it is made."""
    asked = []
    for name, claim in catalogue.CLAIMS.items():
        measure = claim.measure
        watched = replace(claim, measure=lambda lab, name=name, measure=measure: asked.append(name) or measure(lab))
        monkeypatch.setitem(catalogue.CLAIMS, name, watched)
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["claims", *(word.format(here=tmp_path) for word in words)]) == code
    assert len(asked) == measured
    assert len([*tmp_path.iterdir()]) == (code == 0)


def test_the_json_file(command, made_up, tmp_path):
    path = tmp_path / "new" / "claims.json"
    done = command("claims", "--full", "--lang", "zh", "--only", "two", "--json", path)
    assert done.out.endswith(f"json: {path}\n")
    (found,) = json.loads(path.read_text(encoding="utf-8"))
    assert {name: found[name] for name in ("id", "claim", "verdict", "seeds")} == {
        "id": "two",
        "claim": "Claim B.",
        "verdict": "holds partly",
        "seeds": list(range(lab.FULL.seeds)),
    }
    assert found["figures"][0]["value"] == lab.FULL.pictures


def test_a_real_claim_from_the_door(command, monkeypatch, tmp_path):
    monkeypatch.setattr(lab, "QUICK", lab.Size(20, 4, 1, 2))
    done = command("claims", "--quick", "--only", "inverse", "--json", tmp_path / "claims.json")
    assert (done.code, done.err) == (0, "")
    assert "shapes restored, of 8, %: 100" in done.out
    assert json.loads((tmp_path / "claims.json").read_text())[0]["verdict"] == "holds partly"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--only", "invers"], 2, "unknown claim 'invers': did you mean 'inverse'?"),
        (["--lang", "de"], 2, "unknown language 'de'"),
        (["--quick", "--full"], 2, "not allowed with"),
        (["--only", "two", "--json", "{here}"], 5, "a file stands where a folder is needed"),
    ],
)
def test_mistakes_are_one_line(command, made_up, monkeypatch, tmp_path, words, code, told):
    if "invers" in words:
        monkeypatch.undo()
    done = command("claims", *(word.format(here=tmp_path) for word in words))
    assert done.code == code
    assert told in done.error
