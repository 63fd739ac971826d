"""One readable file out of many: the definitions that a program needs, gathered from inkbloom's own source."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

STAND_INS = {"UsageError": "UsageError = ValueError"}  # what is simpler in a file that stands alone
Name = tuple[str, str]  # a module, and a name that it defines at its top


class Module(NamedTuple):
    """A source file, taken apart: the text of each definition, the names each uses, and what the imported names are."""

    definitions: dict[str, str]
    uses: dict[str, set[str]]
    own: dict[str, Name]  # imported from inkbloom
    foreign: dict[str, Name]  # imported from elsewhere: (module, name), the name empty where it is the module itself


def gathered(wanted: Iterable[Callable[..., Any]], values: Mapping[str, Any], intro: str) -> str:
    """The source of functions and classes, and of all that they use from inkbloom, as one file that needs no inkbloom.

    values: for names assigned at the top of the functions' modules, what the file is to have instead: functions and classes of
    inkbloom, which come along, or plain values. intro: the file's docstring. Statements that only check a setting
    (`check_...`) are left out: a file with fixed settings has no use for them. Raises ValueError where two modules define
    the same name.
    """
    found: dict[Name, str] = {}
    imports: set[Name] = set()
    needs: dict[str, set[str]] = {}  # module -> the modules whose definitions it uses

    def visit(module: str, name: str) -> str:
        """Takes a definition and all that it uses; returns the module that defines it, '' where it is none of ours."""
        source = _module(module)
        if name in source.own:
            return visit(*source.own[name])
        if name in source.foreign:
            imports.add(source.foreign[name])
            return ""
        if name not in source.definitions:  # built in, or local
            return ""
        if (module, name) in found:
            return module
        needs.setdefault(module, set())
        if name in STAND_INS:
            found[module, name] = STAND_INS[name]
        elif name in values:
            value = values[name]
            found[module, name] = f"{name} = {value.__qualname__ if callable(value) else repr(value)}"
            if callable(value):
                needs[module].add(visit(value.__module__, value.__qualname__))
        else:
            found[module, name] = source.definitions[name]
            needs[module] |= {visit(module, used) for used in sorted(source.uses[name])}
        return module

    for each in wanted:
        visit(each.__module__, each.__qualname__)
    counted = Counter(name for _, name in found)
    if twice := sorted(name for name, count in counted.items() if count > 1):
        raise ValueError(f"defined in two modules: {', '.join(twice)}")
    graph = {module: {other for other in others if other not in ("", module)} for module, others in needs.items()}
    parts = [
        found[module, name]
        for module in TopologicalSorter(graph).static_order()
        for name in _module(module).definitions
        if (module, name) in found
    ]
    return f'"""{intro}"""\n\nfrom __future__ import annotations\n\n{_import_lines(imports)}\n{_spaced(parts)}'


def _import_lines(imports: set[Name]) -> str:
    """The import statements, one for each module: plain ones have an empty name."""
    lines = [f"import {module}\n" for module, name in sorted(imports) if not name]
    named: dict[str, list[str]] = {}
    for module, name in sorted(imports):
        if name:
            named.setdefault(module, []).append(name)
    return "".join(lines + [f"from {module} import {', '.join(names)}\n" for module, names in named.items()])


def _spaced(parts: list[str]) -> str:
    """The definitions one below the other, with two empty lines around functions and classes, without notes to linters."""
    text = ""
    parts = [re.sub(r"  # (type: ignore|noqa).*", "", part) for part in parts]
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        block = any(each.startswith(("def ", "class ", "@")) for each in (part, following))
        text += part + ("\n\n\n" if block and following else "\n")
    return text


@cache
def _module(name: str) -> Module:
    """The source of a module of inkbloom, taken apart."""
    spec = find_spec(name)
    assert spec is not None, name
    assert spec.origin is not None, name
    text = Path(spec.origin).read_text(encoding="utf-8")
    package = name if spec.submodule_search_locations else name.rpartition(".")[0]
    lines, tree = text.splitlines(), ast.parse(text)
    found = Module({}, {}, {}, {})
    last: str | None = None
    for node in tree.body:
        names = _defined(node)
        if isinstance(node, ast.ImportFrom | ast.Import):
            _note_imports(node, package, found)
        elif names:
            kept = _kept(node)
            start = min(node.lineno, *(d.lineno for d in getattr(node, "decorator_list", [])), node.lineno)
            while start > 1 and lines[start - 2].startswith("#"):
                start -= 1
            dropped = {line for gone in _checks(node) for line in range(gone.lineno, (gone.end_lineno or gone.lineno) + 1)}
            body = [lines[k - 1] for k in range(start, (node.end_lineno or start) + 1) if k not in dropped]
            for each in names:
                found.definitions[each], found.uses[each] = "\n".join(body), kept
        elif last and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # what an assignment means
            found.definitions[last] += "\n" + "\n".join(lines[node.lineno - 1 : node.end_lineno])
        last = names[0] if names and isinstance(node, ast.Assign | ast.AnnAssign) else None
    return found


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    parts = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _checks(node: ast.stmt) -> list[ast.Expr]:
    """The statements within that only check a setting."""
    return [
        each
        for each in ast.walk(node)
        if isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Call)
        and isinstance(each.value.func, ast.Name)
        and each.value.func.id.startswith("check_")
    ]


def _kept(node: ast.stmt) -> set[str]:
    """The names that a definition uses, but for those in its checks."""
    gone = {id(name) for check in _checks(node) for name in ast.walk(check)}
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and id(each) not in gone}


def _note_imports(node: ast.Import | ast.ImportFrom, package: str, found: Module) -> None:
    for alias in node.names:
        name = alias.asname or alias.name
        if isinstance(node, ast.Import):
            found.foreign[name.partition(".")[0]] = (f"{alias.name} as {alias.asname}" if alias.asname else name, "")
        elif node.level:
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            found.own[name] = (".".join(part for part in (base, node.module) if part), alias.name)
        elif node.module != "__future__":
            found.foreign[name] = (node.module or "", f"{alias.name} as {alias.asname}" if alias.asname else name)
