"""The documents hold: their code runs, their links lead somewhere, and both languages say the same.

In README*.md and docs/ a ```python block is executed, all of a page in one namespace, and a ```text block right after
it is what it prints. In a ```console block each line after "$ " is a command that is executed, and the lines below are
what it prints: numbers may differ, and a line "…" stands for any lines. A ```toml block is saved as the file that its
first line names. Other blocks are for the eye; the inkbloom commands in ```sh blocks, which would take long, are only
checked for their flags. A folder runs/demo stands there, as after `make demo`.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
from argparse import ArgumentParser
from dataclasses import fields
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Literal, NamedTuple, get_args, get_origin

import pytest

import inkbloom
from inkbloom import cli
from inkbloom.config import HINTS, Recipe
from inkbloom.recipe_files import load_recipe, recipe_names
from inkbloom.training.batches import Plan

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
OTHERS = [ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "ARCHITECTURE.md", "benchmarks/README.md")]
SINGLE = ("README.md", "lab-notes.md")  # pages of docs/ that hold both languages, or are a record in English
BESIDE = ("tutorial", "results")  # pages whose Chinese version stands beside them
PAIRS = [
    ("README.md", "README.zh.md"),
    *[(f"docs/{name}.md", f"docs/{name}.zh.md") for name in BESIDE],
    *[
        (f"docs/{page.name}", f"docs/zh/{page.name}")
        for page in sorted(ROOT.glob("docs/*.md"))
        if page.name not in SINGLE and page.name.split(".")[0] not in BESIDE
    ],
]


class Block(NamedTuple):
    """A fenced block; `glued` where nothing but blank lines stands between it and the block before."""

    language: str
    body: str
    glued: bool


FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text):
    end = -1
    for found in FENCE.finditer(text):
        yield Block(found[1], found[2], end >= 0 and not text[end : found.start()].strip())
        end = found.end()


def prose(text):
    """The page without its fenced blocks."""
    return FENCE.sub("", text)


def named(paths):
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


# ---- the code of a page runs, and prints what the page shows


def commands(body):
    """(command, what is shown below it) of a console block; a backslash at the end of a line continues a command."""
    for part in re.split(r"^\$ ", body.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def masked(line):
    """The line without what differs from machine to machine: numbers, and what device, precision, compile and time tell."""
    if key := re.match(r"(device|precision|compile|time): ", line):
        return key[0]
    return " ".join(re.sub(r"\d[\d.,]*(e-?\d+)?", "#", line).split())


def agrees(shown, printed):
    """Whether the lines printed are those shown, where "…" stands for any lines."""
    pattern = "".join("(.*\n)*?" if line.strip() == "…" else re.escape(masked(line)) + "\n" for line in shown.splitlines())
    return re.fullmatch(pattern, "".join(masked(line) + "\n" for line in printed.splitlines())) is not None


def call(command, capsys):
    """Runs a command: inkbloom in this process, others in a shell. Returns (exit code, all that was printed)."""
    words = shlex.split(command)
    capsys.readouterr()
    if words[0] == "inkbloom":
        code = cli.main(words[1:])
        return code, "".join(capsys.readouterr())
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def play(name, capsys):
    """Executes a page from top to bottom in the current folder."""
    namespace, printed = {"__name__": name}, ""
    for block in blocks(text_of(name)):
        if block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(block.body, name, "exec"), namespace)
            printed = out.getvalue()
        elif block.language == "text" and block.glued and printed:
            assert printed == block.body
        elif block.language == "toml":
            Path(block.body.split()[1]).write_text(block.body, encoding="utf-8")
        elif block.language == "console":
            for command, shown in commands(block.body):
                code, told = call(command, capsys)
                assert (code != 0) == shown.startswith("error:"), f"{command}\nends with {code} and prints\n{told}"
                assert agrees(shown, told), f"{command}\nprints\n{told}\ninstead of\n{shown}"
        if block.language != "python":
            printed = ""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty current folder with a run in runs/demo: of the recipe fast, so small that it is made in seconds."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # the order in which `ls` lists names
    inkbloom.train("fast", out="runs/demo", steps=2, widths=[16], layers=1, quiet=True)
    yield tmp_path
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", [english for english, _ in PAIRS])
def test_the_code_of_a_page_runs_and_prints_what_it_shows(name, place, capsys, monkeypatch):
    if name == "README.md":  # it trains the recipe as it is, for minutes
        short = load_recipe("fast").resolved(steps=2, widths=[16], layers=1)
        monkeypatch.setattr(import_module("inkbloom.api.train"), "load_recipe", lambda name: short)
    play(name, capsys)


@pytest.mark.parametrize("name", [*(english for english, _ in PAIRS), "CONTRIBUTING.md"])
def test_commands_that_take_too_long_to_run_are_at_least_right(name):
    for line in (line for block in blocks(text_of(name)) if block.language == "sh" for line in block.body.splitlines()):
        if found := re.search(r"\binkbloom (\w+) (.*)", line):
            parser = cli.Parser()
            import_module(f"inkbloom.verbs.{found[1]}").add_flags(parser)
            args = parser.parse_args(shlex.split(found[2]))
            if found[1] == "train":
                load_recipe(args.recipe).resolved(
                    **{f.name: getattr(args, f.name) for f in fields(Recipe) if hasattr(args, f.name)}
                )


def test_a_page_whose_code_or_output_is_wrong_is_found(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    for body in (
        "```python\nassert False\n```",
        "```python\nprint(1)\n```\n\n```text\n2\n```",
        "```console\n$ inkbloom recipes\nddpm            something else\n```",
        "```console\n$ inkbloom recipes nothing\n```",
        "```console\n$ inkbloom --version\nerror: none\n```",
        "```console\n$ exit 3\n```",
    ):
        page.write_text(f"# A page\n\n{body}\n", encoding="utf-8")
        with pytest.raises(AssertionError):
            play(page, capsys)
    page.write_text("```python\nprint(1)\n```\n\n```text\n1\n```\n\n```console\n$ inkbloom recipes\n…\ntutorial  …\n```\n")
    with pytest.raises(AssertionError):
        play(page, capsys)
    page.write_text("```python\nprint(1)\n```\n\n```text\n1\n```\n\n```console\n$ inkbloom --version\ninkbloom 9.9.9\n```\n")
    play(page, capsys)


# ---- both languages, links, paths


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_have_the_same_headings_code_tables_and_pictures(english, chinese):
    first, second = text_of(english), text_of(chinese)
    assert [(b.language, b.body) for b in blocks(first)] == [(b.language, b.body) for b in blocks(second)]
    for pattern in (r"^#+ ", r"(?:^\|.*\n)+", r"!\[[^]]*\]\((?:\.\./)?([^)]*)\)"):
        mine, theirs = (re.findall(pattern, prose(text), re.MULTILINE) for text in (first, second))
        if pattern.startswith(r"(?:^\|"):
            mine, theirs = ([table.count("\n") for table in tables] for tables in (mine, theirs))
        if pattern.startswith("!"):  # a picture with words in it has a Chinese twin
            theirs = [twin if (twin := path.replace("-zh.png", ".png")) in mine else path for path in theirs]
        assert mine == theirs


@pytest.mark.parametrize("name", [chinese for _, chinese in PAIRS])
def test_chinese_prose_has_chinese_punctuation(name):
    text = re.sub(r"`[^`\n]*`|\]\([^)\s]*\)", "", prose(text_of(name)))
    found = re.search(r"[\u4e00-\u9fff][,:;?!()\"]\S*|\S*[,:;?!(\"][\u4e00-\u9fff]", text)
    assert not found, found[0]


def slugs(text):
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ +(.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", named([*PAGES, *OTHERS]))
def test_every_relative_link_and_picture_is_there(page):
    text = prose(page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for target in targets:
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path) if path else page
        assert place.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in slugs(place.read_text(encoding="utf-8")), f"{target}: no such heading"


@pytest.mark.parametrize("page", named([*PAGES, *OTHERS]))
def test_no_page_names_a_place_on_someones_machine(page):
    places = r"(?<![\w.:/])(/(work|tmp|home|root|Users|usr|opt|var|mnt)/|[A-Z]:\\)\S*"
    found = re.search(places, page.read_text(encoding="utf-8"))
    assert not found, found[0]


def test_every_page_is_in_the_index_and_every_picture_is_small():
    index = text_of("docs/README.md")
    for page in ROOT.glob("docs/**/*.md"):
        relative = page.relative_to(ROOT / "docs").as_posix()
        assert relative == "README.md" or f"({relative})" in index, f"{relative} is missing from docs/README.md"
    for picture in ROOT.glob("docs/images/*"):
        assert picture.stat().st_size <= 2**20, picture.name


# ---- what the documents repeat is what the code says


@pytest.mark.parametrize("page", named([page for page in (*PAGES, *OTHERS) if page.name != "lab-notes.md"]))
def test_what_a_page_names_of_the_code_is_there(page):
    """Dotted names and scripts; the lab notes are a record of what was called so on their day."""
    text = prose(page.read_text(encoding="utf-8"))
    for name in re.findall(r"`(inkbloom(?:\.\w+)+)", text):
        resolve_name(name)
    for path in re.findall(r"(?<![\w./-])(?:src|tests|benchmarks|scripts)/[\w./-]+\.py\b", text):
        assert (ROOT / path).exists(), f"{path} is not there"


def test_the_three_lines_of_the_readme_are_those_of_the_package():
    inside = re.findall(r"^    (\S.*)$", inkbloom.__doc__, re.MULTILINE)
    (block,) = [block for block in blocks(text_of("README.md")) if block.language == "python"]
    assert [line for line in block.body.splitlines() if line] == inside


@pytest.mark.parametrize("name", ["results", "recipes", "claims", "bench", "tutorial"])
def test_pages_say_that_the_tutorials_training_is_a_shorter_one_here(name):
    """Where its figures stand: on how many digits it trains, here and in the tutorial, and the steps of its 30 epochs."""
    recipe, here = load_recipe("tutorial"), len(inkbloom.load_data("digits").take("train").images)
    counts = [f"{count:,}" for images in (here, 60_000) for count in (images, Plan.of(recipe, images).steps_in(recipe.epochs))]
    for page in next(pair for pair in PAIRS if pair[0] == f"docs/{name}.md"):
        parts = re.split(r"\n\n|\n(?=[-|])", text_of(page))
        assert [part for part in parts if all(re.search(rf"(?<![\d,]){count}(?![\d,])", part) for count in counts)], page


def cells(text):
    """The rows of all tables, as lists of cells without code marks."""
    rows = re.findall(r"^\|(.*)\|$", prose(text), re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in row.split("|")] for row in rows]


def field_rows():
    """field, default, what may be written, help: what docs/recipes.md says about each field of a recipe."""
    for f in fields(Recipe):
        hint, default = HINTS[f.name], f.default
        names = get_args(hint if get_origin(hint) is Literal else get_args(hint)[0] if get_origin(hint) is tuple else None)
        if names:
            values = "list of " * (get_origin(hint) is tuple) + ", ".join(names)
        else:
            values = {
                bool: "true, false",
                str: "text",
                float: "number",
                tuple[int, ...]: "list of whole numbers",
                tuple[float, ...]: "list of numbers",
            }.get(hint, "whole number")
        if f.metadata["within"]:
            values += ", {:,f} to {:,f}".format(*(Decimal(f"{end:.10g}") for end in f.metadata["within"]))
        shown = {None: "none", (): "[]", "": '""', True: "true", False: "false"}.get(default, str(default))
        shown = str(list(default)) if default and type(default) is tuple else shown
        shown = f"{default:g}" if type(default) is float else "0" if default == 0 and type(default) is int else shown
        yield [f.name, shown, values, f.metadata["help"].replace("`", "")]


def test_recipes_md_explains_every_field_as_the_code_does():
    english, chinese = cells(text_of("docs/recipes.md")), cells(text_of("docs/zh/recipes.md"))
    expected = list(field_rows())
    names = {row[0] for row in expected}
    assert [row for row in english if len(row) == 4 and row[0] in names] == expected
    words = {
        "none": "无",
        "text": "文字",
        "number": "数",
        "whole number": "整数",
        "list of whole numbers": "整数列表",
        "list of numbers": "数的列表",
    }

    def in_chinese(values):
        if found := re.fullmatch(r"(.+), (\S+) to (\S+)", values):
            return f"{words[found[1]]}，{found[2]} 到 {found[3]}"
        if values.startswith("list of ") and values not in words:
            return values.removeprefix("list of ") + " 的列表"
        return words.get(values, values)

    translated = [[name, words.get(default, default), in_chinese(values)] for name, default, values, _ in expected]
    found = [row for row in chinese if len(row) == 4 and row[0] in names]
    assert [row[:3] for row in found] == translated
    assert all(re.search(r"[\u4e00-\u9fff]", row[3]) for row in found)


@pytest.mark.parametrize("name", ["docs/recipes.md", "docs/zh/recipes.md"])
def test_every_recipe_is_in_the_table(name):
    first = [row[0] for row in cells(text_of(name))]
    assert [cell for cell in first if cell in recipe_names()] == sorted(recipe_names(), key=first.index)
    assert set(recipe_names()) <= set(first)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_page_of_a_verb_names_its_flags(verb):
    parser = ArgumentParser()
    import_module(f"inkbloom.verbs.{verb}").add_flags(parser)
    flags = {flag for flag in cli.flags_of(parser) if not flag.startswith("--no-")}
    if verb == "sweep":  # it takes the fields of the recipe as train does, whose page names them
        flags -= {f"--{f.name.replace('_', '-')}" for f in fields(Recipe)}
    assert "--help" in flags
    for page in (f"docs/{verb}.md", f"docs/zh/{verb}.md"):
        text = text_of(page)
        assert not [flag for flag in flags - {"-h", "--help"} if not re.search(rf"`[^`]*(?<![\w-]){flag}(?![\w-])", text)]
