"""An exported folder: written beside its place, proved, described, and only then given its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from ..errors import UsageError, disk_error, shown
from ..files import new_folder
from .made import Made
from .model import Model
from .parity import Parity, prove

PARITY, CARD = "parity.json", "README.md"
Writer = Callable[[Model, Path], Made]
Card = Callable[[Made, Parity], str]


def check_free(out: Path) -> None:
    """Raises UsageError where something stands at `out`: an export replaces nothing."""
    if out.exists() or out.is_symlink():
        raise UsageError(f"something stands there already ({shown(out)}): choose another --out, or remove it first")


def export(model: Model, write: Writer, out: Path, card: Card) -> tuple[Made, Parity]:
    """Writes the model to the new folder `out` with its card and the proof, or leaves nothing behind.

    Raises UsageError where the target cannot express the model or something stands at `out`, InkbloomError where what was
    written does not draw the same, DiskError.
    """
    check_free(out)
    with new_folder(out) as folder:
        made = _written(write, model, folder)
        parity = prove(model, made)
        about = {"made": made.what, "step": model.step, "weights": model.weights, **parity.as_table()}
        (folder / PARITY).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        (folder / CARD).write_text(card(made, parity), encoding="utf-8")
    return made, parity


def _written(write: Writer, model: Model, folder: Path) -> Made:
    """What `write` made; safetensors reports a full disk as an error of its own."""
    try:
        return write(model, folder)
    except SafetensorError as problem:
        raise disk_error(problem, folder) from problem
