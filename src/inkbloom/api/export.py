"""A trained model as other programs read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config import named
from ..errors import entry, shown
from ..exports import TARGETS, Made, Model, Parity, check_free, open_model
from ..exports import export as write_export
from ..given import place
from ..report.export_card import export_card
from ..report.facts import read_facts
from ..run import Run
from ..store.folder import RunFolder
from ..store.pretrained import pretrained
from .progress import console_for
from .written import Written


def export(
    run: str | Path | Run | None = None,
    to: str = "diffusers",
    out: str | Path | None = None,
    *,
    dtype: str | None = None,
    weights: str | None = None,
    quiet: bool | None = None,
    **own: Any,
) -> Written:
    """Writes a trained model for another program into a new folder and proves that it draws the same there.

    run: a run's folder or weights file, or an open Run; default: the digits that come with inkbloom. to: one of `TARGETS`. out:
    default RUN/export/TO. dtype: 'fp32', or 'fp16', which stores the weights in half the bytes; default: fp16 for the page,
    else fp32. weights: 'ema' or 'live'; default: the averaged ones where there are some. own: as in `Run`. quiet: as
    everywhere, see docs/python.md. Returns where things are: `folder`, `card`, `parity`. Raises UsageError where the target
    cannot express the model or something stands at `out`, and InkbloomError, CheckpointError, DiskError; then nothing is left
    at `out`.
    """
    console = console_for(quiet)
    write, dtype = entry("target", to, TARGETS), dtype or ("fp16" if to == "page" else "fp32")
    if isinstance(run, Run):
        path, own, weights = run.path, dict(run.spec.own), weights or ("live" if run.weights == "live" else None)
    else:
        path, own = pretrained() if run is None else place("run", run), named(own)[1]
    folder = place("out", out) if out else _beside(run) / "export" / to
    check_free(folder)
    model = open_model(path, dtype, weights, own)

    def card(made: Made, parity: Parity) -> str:
        return export_card(
            model.family,
            model.step,
            read_facts(path, own=own) if RunFolder(path).config.is_file() else None,
            name=shown(path.absolute().stem if path.is_file() else path.absolute().name),
            said=_said(model, made, dtype),
            notes=made.notes,
            use=made.use,
            library=made.library,
            needs=made.needs,
            runs_code=made.runs_code,
            parity=str(parity),
            live=model.weights == "live",
        )

    made, parity = write_export(model, write, folder, card)
    for line in (_said(model, made, dtype), *made.notes, f"parity: {parity}", f"{to}: {folder} ({_size(folder)})"):
        console.print(line)
    return Written(folder=folder, card=folder / "README.md", parity=folder / "parity.json")


def _said(model: Model, made: Made, dtype: str) -> str:
    """What it is, in a line."""
    kind = "averaged" if model.weights == "ema" else model.weights
    return f"{made.what}: {kind} weights of step {model.step:,} in {dtype}"


def _beside(run: str | Path | Run | None) -> Path:
    """The folder that an export goes below: the run's, or that of a weights file; the current one for our own digits."""
    if run is None:
        return Path()
    path = Path(run)
    return path if path.is_dir() else path.resolve().parent


def _size(folder: Path) -> str:
    return f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:.1f} MB"
