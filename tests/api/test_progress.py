"""What is told while something takes long: nothing in a pipe, a bar in a terminal, one line under a notebook's cell."""

import io
import sys
from types import ModuleType

import pytest
from rich.console import Console

from inkbloom.api.progress import console_for, progress


@pytest.fixture
def cell(monkeypatch):
    """What stands under a notebook's cell, one text after the other, by a display that remembers."""
    shown = []

    class Handle:
        def update(self, bundle, raw):
            assert raw
            shown.append(bundle["text/plain"])

    def display(bundle, raw, display_id):
        assert raw
        assert display_id
        shown.append(bundle["text/plain"])
        return Handle()

    module = ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return shown


def work(console, of):
    with progress(console, of, "training") as advance:
        for done, note in ((0, ""), (500, "loss 0.5"), (2000, "")):
            advance(done, of, note)


def test_in_a_notebook_one_line_is_written_over(cell):
    work(Console(force_jupyter=True), 2000)
    assert [line.strip("█░ ") for line in cell] == [
        "training",
        "0 of 2,000  training",
        "500 of 2,000  loss 0.5",
        "2,000 of 2,000  training",
    ]
    sides = [(line.count("█"), line.count("░")) for line in cell[1:]]
    assert len({sum(side) for side in sides}) == 1
    assert [full / (full + empty) for full, empty in sides] == [0, pytest.approx(1 / 4, abs=0.05), 1]


def test_a_notebook_has_no_bar_where_nobody_knows_how_much_there_is(cell):
    work(Console(force_jupyter=True), None)
    assert cell == ["training", "training", "loss 0.5", "training"]


def test_a_terminal_has_a_bar_that_goes_when_all_is_done():
    file = io.StringIO()
    work(Console(file=file, force_terminal=True, width=100), 2000)
    text = file.getvalue()
    assert "training" in text
    assert "2000/2000" in text
    assert text.endswith("\x1b[2K")  # the last line is cleared


@pytest.mark.parametrize("options", [{}, {"force_terminal": True, "quiet": True}])
def test_a_pipe_and_a_quiet_terminal_show_nothing(options, cell):
    file = io.StringIO()
    work(Console(file=file, **options), 2000)
    work(Console(force_jupyter=True, quiet=True), 2000)
    assert file.getvalue() == ""
    assert cell == []


def test_lines_are_printed_as_they_are(capsys):
    line = "[red]no markup[/red] 12 'text' " + "long " * 60
    console_for().print(line)
    console_for(quiet=True).print(line)
    assert capsys.readouterr().out == f"{line}\n"


@pytest.mark.parametrize("columns", ["0", "1", "abc", "-3"])
def test_whatever_the_shell_says_of_its_width(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    console_for().print("a line that is longer than that")
    assert capsys.readouterr().out == "a line that is longer than that\n"


def test_names_are_no_emoji_codes(capsys):
    console_for().print("run: runs/:smile:")
    assert capsys.readouterr().out == "run: runs/:smile:\n"
