"""The lab's files: what the page is made of, by the name under which it is asked for, whoever gives it out."""

from __future__ import annotations

import gzip
import json
import re
import struct
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import InkbloomError, UsageError, shown
from ..files import new_folder
from ..store.pretrained import pretrained

Files = dict[str, bytes | Path]

MIME = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".json": "application/json",
    ".gz": "application/gzip",
    ".safetensors": "application/octet-stream",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
}
ROOT = Path(str(files("inkbloom")))
PAGE = ROOT / "lab" / "page"
MODELS = "models/"
DIGITS = {"digits.idx.gz": "digits-images-idx3-ubyte.gz", "digits-labels.idx.gz": "digits-labels-idx1-ubyte.gz"}
TOLD = ("title", "parameters", "step", "data", "made by", "licence")
SCORES = ("fd", "kid", "precision", "recall", "density", "coverage", "near")
DRAWN = ("images", "solver", "steps", "guidance")


def files_of_lab(page: Path = PAGE, language: str | None = None, model: Path | None = None) -> Files:
    """name -> content or where it lies: the page, its models with `models.json`, the digits.

    language: 'en' or 'zh', which the page begins in; None: as the browser wishes. model: a run or a weights file that is shown
    too; only this loads torch. Raises InkbloomError, CheckpointError, and UsageError for a model that the page cannot compute.
    """
    found: Files = {path.relative_to(page).as_posix(): path for path in sorted(page.rglob("*")) if _belongs(path)}
    if "index.html" not in found:
        raise InkbloomError(f"the lab's page is not complete ({page}): install inkbloom again")
    ink = pretrained("digits")
    shown_models = [about_model("ink", json.loads(ink.with_suffix(".json").read_text(encoding="utf-8")))]
    found[shown_models[0]["file"]] = ink
    for about in sorted(page.glob(f"{MODELS}*.json")):
        shown_models.append(about_model(about.stem, json.loads(about.read_text(encoding="utf-8"))))
    if model:
        from .own_model import packed_model

        found[f"{MODELS}own.safetensors"], about_own = packed_model(model)
        shown_models.append(about_model("own", about_own))
    for name, file in DIGITS.items():
        found[name] = ROOT / "data" / "digits" / file
    found["models.json"] = json.dumps(shown_models, ensure_ascii=False, indent=1).encode()
    html = with_preloads(content(found["index.html"]).decode(), found)
    found["index.html"] = (in_language(html, language) if language else html).encode()
    return found


def _belongs(path: Path) -> bool:
    """Whether a file of the page's folder is given out: what says how it was made, or serves its builders, is not."""
    return path.is_file() and path.suffix in MIME and path.suffix != ".json"


def about_model(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """What `models.json` tells of a model, from the JSON beside its weights: its origin, its licence, its card in short."""
    card = about.get("card")
    return {
        "name": name,
        "file": f"{MODELS}{name}.safetensors",
        **{key: about.get(key) for key in TOLD},
        "card": None
        if not card
        else {
            **{key: card.get(key) for key in SCORES},
            "agreement": (card.get("classes") or {}).get("agreement"),
            "floor": {key: card["floor"].get(key) for key in (*SCORES, "agreement")},
            "made": {key: card["made"].get(key) for key in DRAWN},
        },
    }


def content(file: bytes | Path) -> bytes:
    """The bytes of an entry of the table."""
    return file if isinstance(file, bytes) else file.read_bytes()


def in_language(html: str, language: str) -> str:
    """The page with a language to begin in, whatever the browser wishes."""
    return re.sub(r'<html lang="\w+"', f'<html lang="{language}" data-lang="{language}"', html, count=1)


def with_preloads(html: str, names: Iterable[str]) -> str:
    """The page with a word for the browser about all modules, so that it fetches them at once and not one after the other."""
    tags = "".join(
        f'  <link rel="modulepreload" href="{name}">\n' for name in names if name.endswith(".js") and name != "main.js"
    )
    return html.replace("</head>", f"{tags}</head>", 1)


def policy(changes: Mapping[str, str] | None = None) -> str:
    """The Content-Security-Policy: the page loads nothing but its own files and sends nothing anywhere."""
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, **(changes or {})}.items())


def with_policy(html: str, text: str) -> str:
    """The page with a policy of its own, for hosts that send none."""
    tag = f'<meta http-equiv="Content-Security-Policy" content="{text}">'
    return re.sub(r"<head[^>]*>", lambda head: f"{head[0]}\n{tag}", html, count=1)


def sample_of_digits(table: Mapping[str, bytes | Path], count: int) -> dict[str, bytes]:
    """The digits' files with the first `count` of them; their stored order mixes the classes evenly."""
    return {name: _first(gzip.decompress(content(table[name])), count) for name in DIGITS}


def _first(idx: bytes, count: int) -> bytes:
    sides = struct.unpack(f">{idx[3]}I", idx[4 : 4 + 4 * idx[3]])
    size, begins = len(idx[4 + 4 * len(sides) :]) // sides[0], 4 + 4 * len(sides)
    cut = idx[:4] + struct.pack(f">{len(sides)}I", count, *sides[1:]) + idx[begins : begins + count * size]
    return gzip.compress(cut, mtime=0)


def check_free(out: Path) -> None:
    """Raises UsageError where something stands at `out` that is no empty folder: an export replaces nothing."""
    if out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir()))):
        raise UsageError(f"something stands there already ({shown(out)}): give --export a new or an empty folder")


def export_site(table: Files, out: Path) -> int:
    """Writes the files into a new or empty folder, for any web server; how many bytes. Raises UsageError, DiskError."""
    check_free(out)
    written = 0
    with new_folder(out.resolve()) as folder:
        for name, file in table.items():
            data = content(file)
            if name == "index.html":
                data = with_policy(data.decode(), policy()).encode()
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            written += len(data)
    return written
