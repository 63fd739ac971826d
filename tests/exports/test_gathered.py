"""Source gathered into one file: it holds what it needs, no more, and runs where there is no inkbloom."""

import ast
import builtins

import pytest

from inkbloom.convolution.continuous import convolve_functions
from inkbloom.exports.gathered import gathered
from inkbloom.exports.standalone import load, sample
from inkbloom.nets import NETS, Basic
from inkbloom.nets.ink import Ink
from inkbloom.philox import normal, uniform
from inkbloom.solvers import SOLVERS, _uniform


def names_missing(code):
    """Names that a file uses and neither defines, imports, nor finds built in."""
    tree = ast.parse(code)
    known = set(dir(builtins)) | {"__file__", "__name__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.add(node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.alias):
            known.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            known.add(node.id)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - known


def names_unused(code):
    """Names that a file imports or defines at its top and never uses."""
    tree = ast.parse(code)
    made = {
        (a.asname or a.name).partition(".")[0] for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names
    }
    made |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return made - {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"annotations"}


@pytest.mark.parametrize("wanted", [uniform, normal, *NETS.values(), *SOLVERS.values(), convolve_functions])
def test_a_file_has_all_that_it_uses_and_nothing_else(wanted):
    code = gathered([wanted], {}, "A part.")
    assert names_missing(code) == set()
    assert names_unused(code) <= {wanted.__name__}
    assert "inkbloom" not in code
    exec(compile(code, "part.py", "exec"), {})


def test_what_is_missing_or_too_much_would_be_seen():
    assert names_missing("import math\ndef f(x): return math.sin(x) + y") == {"y"}
    assert names_unused("import math\nimport os\nos.name") == {"math"}


def test_a_gathered_function_gives_the_same():
    space = {}
    exec(compile(gathered([normal], {}, ""), "part.py", "exec"), space)
    assert (space["normal"](3, "sample", [5, 7], 11) == normal(3, "sample", [5, 7], 11)).all()


def test_values_stand_in_the_place_of_what_the_module_assigns():
    code = gathered([load, sample], {"NET": Basic, "SETTINGS": {"channels": 3}, "SPACING": _uniform, "STEPS": 7}, "")
    assert "NET = Basic\n" in code
    assert "SETTINGS = {'channels': 3}\n" in code
    assert "STEPS = 7\n" in code
    assert "class Basic" in code
    assert "class Ink" not in code
    assert names_missing(code) == set()


def test_statements_that_check_a_setting_are_left_out():
    assert "check_" not in gathered([Ink], {}, "")


def test_one_name_for_two_things_is_refused():
    from inkbloom.store import tensors, weights

    with pytest.raises(ValueError, match="two modules: RENAMED, unpack"):
        gathered([tensors.unpack, weights.unpack], {}, "")
