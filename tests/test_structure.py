"""The house as ARCHITECTURE.md draws it: floors, no circles, files that can be read, words for every public name."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import inkbloom
from inkbloom import cli

SOURCE = Path(inkbloom.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
FLOORS = [  # a room imports from floors below its own, never from its own or above; on floor 0 files may use each other
    {
        "errors",
        "files",
        "printing",
        "environment",
        "given",
        "config",
        "recipe_files",
        "versions",
        "philox",
        "diffusion",
        "solvers",
        "repaint",
        "convolution",
    },  # the words all share, and the theory
    {"nets", "data", "device"},
    {"families", "figures"},
    {"sampling", "store", "anatomy"},
    {"evaluation", "run"},
    {"training"},
    {"report", "explainers", "exports"},
    {"claims", "bench", "search", "lab"},
    {"api", "tutorial", "completion"},
    {"cli", "verbs"},
    {"inkbloom", "__main__"},  # the package's own __init__, a list of names that nothing here imports
]
HEAVY = {"torch", "diffusers", "matplotlib", "numpy", "PIL", "accelerate", "safetensors"}


def module_of(file):
    """src/inkbloom/nets/ink.py -> inkbloom.nets.ink; a package's __init__ has the package's name."""
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}


def imports_of(tree, module, is_package, modules):
    """The modules of ours that a tree names in import statements, wherever they stand: functions, TYPE_CHECKING, all."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            base = parts[: len(parts) - node.level + is_package] if node.level else []
            names = [(".".join([*base, *([node.module] if node.module else [])]), alias.name) for alias in node.names]
        else:
            continue
        for package, name in names:
            found |= {f"{package}.{name}"} & modules or {package} & modules
    return found - {module}


@cache
def graph():
    return {
        module: imports_of(ast.parse(file.read_text(encoding="utf-8")), module, file.name == "__init__.py", set(MODULES))
        for module, file in MODULES.items()
    }


def room(module):
    return module.split(".")[1] if "." in module else module


def floor(module):
    return next((number for number, rooms in enumerate(FLOORS) if room(module) in rooms), None)


def misplaced(imports):
    """'a imports b' for each import of another room on the same floor or above."""
    return [
        f"{module} (floor {floor(module)}) imports {other} (floor {floor(other)})"
        for module, others in imports.items()
        for other in sorted(others)
        if room(module) != room(other) and floor(other) >= floor(module) and not floor(module) == floor(other) == 0
    ]


def circle(imports):
    """The modules of a circle, or None."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as problem:
        return problem.args[1]
    return None


# ---- floors


def test_every_room_has_a_floor():
    """A new room is put into FLOORS above, as ARCHITECTURE.md has it, before anything imports it."""
    assert [module for module in MODULES if floor(module) is None] == []


def test_rooms_import_from_floors_below_their_own():
    assert misplaced(graph()) == []


def test_no_circle_among_modules():
    assert circle(graph()) is None


def test_architecture_md_draws_this_house():
    """Its picture names every room on its floor, its tour only files that are there, with their lengths about right."""
    text = (SOURCE.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = {int(number): line for number, line in re.findall(r"^ *(\d+) +(.*)$", text, re.MULTILINE)}
    there = {room(module) for module in MODULES}
    for number, rooms in enumerate(FLOORS):
        for name in rooms & there:
            assert name in re.findall(r"\w+", drawn[number]), f"{name} is not on floor {number} of ARCHITECTURE.md"
    tour = re.findall(r"\(src/inkbloom/([\w/]+\.py)\) \| (\d+)", text)
    assert len(tour) >= 12
    for name, lines in tour:
        count = len((SOURCE / name).read_text(encoding="utf-8").splitlines())
        assert abs(count - int(lines)) <= max(10, count // 5), f"{name} has {count} lines, ARCHITECTURE.md says {lines}"


@pytest.mark.parametrize(
    ("line", "module", "is_package", "found"),
    [
        ("from .errors import unknown", "inkbloom.config", False, {"inkbloom.errors"}),
        ("from . import errors", "inkbloom.config", False, {"inkbloom.errors"}),
        ("from . import __version__", "inkbloom.cli", False, {"inkbloom"}),
        ("from ..errors import unknown", "inkbloom.nets.pad", False, {"inkbloom.errors"}),
        ("from .ink import Ink", "inkbloom.nets", True, {"inkbloom.nets.ink"}),
        ("from ..config import Recipe", "inkbloom.families", True, {"inkbloom.config"}),
        ("from ..nets import NETS", "inkbloom.families", True, {"inkbloom.nets"}),
        ("import inkbloom.solvers as s, os", "inkbloom.run", False, {"inkbloom.solvers"}),
        ("from inkbloom.nets import pad", "inkbloom.run", False, {"inkbloom.nets.pad"}),
        ("if TYPE_CHECKING:\n    from .run import Run", "inkbloom.errors", False, {"inkbloom.run"}),
        ("def f():\n    from .run import Run", "inkbloom.errors", False, {"inkbloom.run"}),
        ("import torch", "inkbloom.run", False, set()),
    ],
)
def test_the_search_for_imports_finds_them(line, module, is_package, found):
    assert imports_of(ast.parse(line), module, is_package, set(MODULES)) == found


def test_wrong_houses_are_told_apart():
    assert misplaced({"inkbloom.errors": {"inkbloom.run"}})  # upward
    assert misplaced({"inkbloom.run": {"inkbloom.evaluation.card"}})  # across
    assert misplaced({"inkbloom.claims.lab": {"inkbloom.bench.quality"}})
    assert not misplaced({"inkbloom.run": {"inkbloom.errors"}, "inkbloom.nets.ink": {"inkbloom.nets.pad"}})
    assert not misplaced({"inkbloom.solvers": {"inkbloom.diffusion"}})
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not circle({"a": {"b", "c"}, "b": {"c"}})


# ---- files


def test_files_stay_readable():
    lengths = {str(file.relative_to(SOURCE)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > 450} == {}


SILENT = {"__init__", "forward", "__call__"}  # their class says it


def undocumented(tree):
    """Public classes, functions and methods without a docstring; what stands inside a function is private."""

    def search(body, prefix, public):
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                mine = public and (not node.name.startswith("_") or node.name in SILENT)
                overload = any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)
                if mine and not overload and node.name not in SILENT and not ast.get_docstring(node):
                    yield prefix + node.name
                if isinstance(node, ast.ClassDef):
                    yield from search(node.body, f"{prefix}{node.name}.", mine)
            elif isinstance(node, ast.If | ast.Try):
                yield from search([*node.body, *node.orelse], prefix, public)

    return list(search(tree.body, "", True))


def one_word_property(tree):
    """Properties whose whole body is a return of one path or attribute: their name says all."""
    return {
        f"{owner.name}.{node.name}"
        for owner in tree.body
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)
        and len(node.body) == 1
        and isinstance(node.body[0], ast.Return)
    }


def test_files_and_public_names_have_words():
    silent = []
    for file in FILES:
        tree, name = ast.parse(file.read_text(encoding="utf-8")), str(file.relative_to(SOURCE))
        silent += [] if ast.get_docstring(tree) else [name]
        silent += [f"{name}: {each}" for each in undocumented(tree) if each not in one_word_property(tree)]
    assert silent == []


def test_the_search_for_missing_words_finds_them():
    code = """
def a(): "words"
def b(): pass
def _c(): pass
class D:
    "words"
    def __init__(self): pass
    def e(self): pass
    def _f(self): pass
    @property
    def g(self): return self.x
class H:
    def forward(self): pass
class _I:
    def j(self): pass
if True:
    def k(): pass
def l():
    "words"
    def m(): pass
"""
    tree = ast.parse(code)
    assert undocumented(tree) == ["b", "D.e", "D.g", "H", "k"]
    assert one_word_property(tree) == {"D.g"}


def test_each_verb_is_a_file():
    files = {file.stem for file in (SOURCE / "verbs").glob("*.py")} - {"__init__"}
    assert files == set(cli.VERBS)


# ---- a fast door


def loaded_by(*arguments):
    """The top-level modules that a fresh interpreter has after running `python -X importtime ARGUMENTS`."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, timeout=120, check=True
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.split("|")[-1].strip().split(".")[0] for line in lines}, done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import inkbloom"],
        ["-c", "import inkbloom.cli"],
        ["-m", "inkbloom", "--help"],
        ["-m", "inkbloom", "--version"],
        *(["-m", "inkbloom", verb, "--help"] for verb in cli.VERBS),
        ["-m", "inkbloom", "recipes", "fast"],
    ],
    ids=lambda arguments: " ".join(arguments[1:]),
)
def test_help_loads_nothing_heavy(arguments):
    loaded, out = loaded_by(*arguments)
    assert "inkbloom" in loaded
    assert loaded & HEAVY == set()
    assert out or arguments[0] == "-c"


def test_the_search_for_heavy_modules_finds_them():
    assert "numpy" in loaded_by("-c", "import numpy")[0]
