"""An exported folder: written beside its place, proved, described, and only then given its name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from ..errors import UsageError, disk_error, shown
from ..files import make_folder, sync_folder, temporary
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
    with new_folder(out) as folder:
        made = write(model, folder)
        parity = prove(model, made)
        about = {"made": made.what, "step": model.step, "weights": model.weights, **parity.as_table()}
        (folder / PARITY).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        (folder / CARD).write_text(card(made, parity), encoding="utf-8")
    return made, parity


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when the block ends well; if it fails, however, nothing is left. Raises DiskError."""
    check_free(out)
    unfinished = temporary(out)
    missing = [above for above in out.absolute().parents if not above.exists()]
    done = False
    os.umask(mask := os.umask(0))
    try:
        make_folder(out.absolute().parent)
        unfinished.mkdir()
        yield unfinished
        for path in unfinished.rglob("*"):
            if path.is_file():
                path.chmod(0o666 & ~mask)  # safetensors makes files that nobody else may read
                with open(path, "rb+") as file:
                    os.fsync(file.fileno())
        os.rename(unfinished, out)
        sync_folder(out.absolute().parent)
        done = True
    except (OSError, SafetensorError) as problem:
        raise disk_error(problem, out) from problem
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not done:
            for above in missing:
                with suppress(OSError):
                    above.rmdir()
