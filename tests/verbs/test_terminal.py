"""What is printed steers no terminal, whatever files are called, and needs no letter that an encoding lacks."""

import ast
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inkbloom
from inkbloom.api.progress import console_for
from inkbloom.errors import harmless
from inkbloom.printing import say

EVIL = "a\x1b]0;owned\x07\x9b31m\u202eb"
SOURCE = Path(inkbloom.__file__).parent
MAY_PRINT = {
    "cli.py",
    "printing.py",
    "training/processes.py",
    "exports/command_line.py",
}  # the last goes out with an export, where nothing of ours is


def images(folder, names, count=30):
    numbers = np.random.default_rng(0)
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(numbers.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / name / f"{number}.png")
    return folder


def test_nobody_prints_past_the_two_that_make_text_harmless():
    """`say`, and the `print` of the console that console_for gives."""
    found = []
    for file in SOURCE.rglob("*.py"):
        if file.relative_to(SOURCE).as_posix() in MAY_PRINT:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if name == "print" or (name == "Console" and file.name != "progress.py"):
                found.append(f"{file.relative_to(SOURCE)}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize("tell", [say, lambda line: console_for().print(line)])
def test_a_line_keeps_its_letters_and_loses_what_steers(tell, capsys):
    tell(f"run: {EVIL} ü 猫 👩‍🎨\n\x0b\rtwo")
    assert capsys.readouterr().out == "run: a?]0;owned??31m?b ü 猫 👩‍🎨\n??two\n"


def test_no_name_of_a_file_reaches_the_terminal_raw(recipe, command, tmp_path):
    data, run = images(tmp_path / f"data{EVIL}", [f"one{EVIL}", "two"]), tmp_path / f"run{EVIL}"
    made = recipe(data=f"folder:{data}", size="8", steps=2, preview_every=2, holdout_every=2)
    told = [
        command("train", made, "--out", run),
        command("sample", run, "--count", 2),
        command("inspect", f"folder:{data}", "--out", tmp_path / f"look{EVIL}"),
        command("compare", run, made),
        command("evaluate", run),
        command("evaluate", tmp_path / f"none{EVIL}"),
        command("sample", tmp_path / f"none{EVIL}"),
        command("train", f"fast{EVIL}"),
        command("train", "fast", f"--steps={EVIL}"),
        command("train", "fast", f"--none{EVIL}"),
        command(f"verb{EVIL}"),
        command("train", made, "--out", made),
    ]
    assert [ended.code for ended in told[:3]] == [0, 0, 0], told
    for ended in told:
        assert ended.out + ended.err == harmless(ended.out + ended.err)
    assert "run" in told[0].out
    assert "?]0;owned" in told[0].out


def test_letters_that_an_encoding_lacks_end_no_command(zygote, recipe, tmp_path):
    data, run = images(tmp_path / "图像", ["猫", "狗"], 110), tmp_path / "训练"
    narrow = "import sys\nfor s in (sys.stdout, sys.stderr): s.reconfigure(encoding='cp1252', errors='strict')"
    made = recipe(data=f"folder:{data}", size="8", steps=2, preview_every=2, holdout_every=2)
    other = recipe("other", data=f"folder:{data}", size="8", steps=2, lr=0.001)
    for words in (
        ("train", made, "--out", run),
        ("train", other, "--out", tmp_path / "别的"),
        ("sample", run, "--count", 2, "--label", "猫"),
        ("evaluate", run, "--json", "-"),
        ("inspect", f"folder:{data}", "--out", tmp_path / "看"),
        ("compare", run, tmp_path / "别的"),
    ):
        ended = zygote(*words, first=narrow)
        assert (ended.code, ended.err if words[0] != "evaluate" else "") == (0, ""), ended
    ended = zygote("sample", tmp_path / "没有", first=narrow)
    assert ended.code == 4
    assert "a bug" not in ended.error
