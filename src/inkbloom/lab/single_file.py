"""The lab as one HTML file that a double click opens.

From file:// browsers load no modules and fetch no files, so all is inside. Modules are joined to one classic script, each as a
function that gives its exports; hence the rules for the page's modules: named imports and exports at the beginning of a line,
no default export, no circle, no `await` outside a function. The worker is a second such script, kept as text in
INKBLOOM_WORKER; other files lie in INKBLOOM_FILES as base64.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ..errors import InkbloomError, brief
from .site import MIME, content, policy, sample_of_digits, with_policy

T = TypeVar("T")
WORKER = "engine/worker.js"
DIGITS = 2_000
IMPORT = re.compile(r'^import\s+(?:(\{[^}]*\}|\*\s+as\s+[\w$]+)\s+from\s+)?"([^"\n]+)";?', re.MULTILINE)
DECLARED = re.compile(r"^export\s+(?=(?:const|class|(?:async\s+)?function\b\s*\*?)\s*([\w$]+))", re.MULTILINE)
LISTED = re.compile(r"^export\s*\{([^}]*)\};?[ \t]*$", re.MULTILINE)
TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`", re.DOTALL)
REFUSED = {
    re.compile(r"^(?:import|export)\b.*", re.MULTILINE): "import and export have other forms there",
    re.compile(r"\bimport\s*[.(].*"): "neither import.meta nor import() is possible there",
    re.compile(r"^(?!.*\basync\b)\S.*\bawait\b.*", re.MULTILINE): "no await outside a function is possible there",
}


def single_file(files: Mapping[str, bytes | Path]) -> bytes:
    """The HTML of the whole table of files. Raises InkbloomError for a page that cannot be joined."""
    files = {**files, **sample_of_digits(files, DIGITS)} if "digits.idx.gz" in files else files
    html, scripts, styles = content(files["index.html"]).decode(), list[str](), list[str]()
    sources = {name: content(file).decode() for name, file in files.items() if name.endswith(".js")}

    def inside(tag: re.Match[str]) -> str:
        """What stands in place of a tag that names a file."""
        found = re.search(r'\b(?:src|href)="([^"]*)"', tag[0])
        name = found[1] if found else ""
        if name.endswith(".css"):
            styles.append(content(_there(files, name, "index.html")).decode())
        elif name.endswith(".js"):
            _there(files, name, "index.html")
            scripts.extend([name] if tag[0].startswith("<script") else [])
        elif name in files:
            kind = MIME[PurePosixPath(name).suffix]
            return tag[0].replace(f'"{name}"', f'"data:{kind};base64,{_base64(content(files[name]))}"')
        else:
            return tag[0]
        return ""

    html = re.sub(r"<(?:link|img|script)\b[^>]*>(?:</script>)?\n?", inside, html)
    kept = {name: _base64(content(file)) for name, file in files.items() if not name.endswith((".js", ".css", ".html"))}
    parts = [f"globalThis.INKBLOOM_FILES = {json.dumps(kept)};\n"]
    if WORKER in sources:
        parts.append(f"globalThis.INKBLOOM_WORKER = {json.dumps(joined(WORKER, sources))};\n")
    script = _in_html("".join([*parts, *(joined(name, sources) for name in scripts)]))
    style = "\n".join(styles)
    rules = {"script-src": f"'{_hash(script)}' 'wasm-unsafe-eval'", "style-src": f"'{_hash(style)}'", "connect-src": "'none'"}
    html = html.replace("</head>", f"<style>{style}</style>\n</head>", 1)
    html = html.replace("</body>", f"<script>{script}</script>\n</body>", 1)
    return with_policy(html, policy({**rules, "img-src": "data: blob:", "worker-src": "blob:"})).encode()


def joined(entry: str, sources: Mapping[str, str]) -> str:
    """The module `entry` and all that it imports as one classic script, in the order in which a browser would run them.

    Raises InkbloomError for what cannot be joined.
    """
    order: dict[str, int] = {}  # module -> its number

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            raise InkbloomError(f"modules import each other in a circle ({' → '.join((*way, name))}): move what both need")
        if name not in order:
            _check(name, sources[name])
            for _, path in IMPORT.findall(sources[name]):
                visit(_resolved(path, name, sources), (*way, name))
            order[name] = len(order)

    def as_function(name: str) -> str:
        def imported(found: re.Match[str]) -> str:
            other = _resolved(found[2], name, sources)
            if not found[1]:
                return ""
            if found[1].startswith("*"):
                return f"const {found[1].split()[-1]} = $module{order[other]};"
            for each in (pair.split()[0] for pair in found[1].strip("{} \n").split(",") if pair.strip()):
                if each not in _exports(sources[other]):
                    raise InkbloomError(f"{name} imports {each}, which {other} does not export: correct one of them")
            names = re.sub(r"\s+as\s+", ": ", found[1])
            return f"const {names} = $module{order[other]};"

        body = LISTED.sub("", DECLARED.sub("", IMPORT.sub(imported, sources[name])))
        given = ", ".join(f"{outside}: {inside}" for outside, inside in _exports(sources[name]).items())
        return f"// {name}\nconst $module{order[name]} = (() => {{\n{body}\nreturn {{ {given} }};\n}})();\n"

    visit(entry, ())
    return '(function () {\n"use strict";\n' + "".join(map(as_function, order)) + "})();\n"


def _exports(source: str) -> dict[str, str]:
    """The names that a module exports -> what they are called inside."""
    listed = [pair.split() for names in LISTED.findall(source) for pair in names.split(",") if pair.strip()]
    return {name: name for name in DECLARED.findall(source)} | {pair[-1]: pair[0] for pair in listed}


def _check(name: str, source: str) -> None:
    """Raises InkbloomError for a module that no classic script can hold."""
    rest = LISTED.sub("", DECLARED.sub("", IMPORT.sub("", source)))
    rest = TOKEN.sub(lambda token: " " if token[0].startswith("/") else '""', rest)
    for pattern, why in REFUSED.items():
        if found := pattern.search(rest):
            raise InkbloomError(f"{name} cannot be joined to a single file (`{brief(found[0])}`): {why}")


def _resolved(path: str, importer: str, sources: Mapping[str, str]) -> str:
    name = posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))
    _there(sources, name, importer)
    return name


def _there(files: Mapping[str, T], name: str, where: str) -> T:
    if name not in files:
        raise InkbloomError(f"{where} names {name}, which is no file of the page: correct the name")
    return files[name]


def _in_html(script: str) -> str:
    """The script as it may stand in HTML, where its strings must not end it."""
    return script.replace("\r\n", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _hash(text: str) -> str:
    return f"sha256-{_base64(hashlib.sha256(text.encode()).digest())}"
