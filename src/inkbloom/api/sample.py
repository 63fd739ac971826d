"""Pictures from a trained model as files, and how they came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..data import named
from ..data.npz import write_npz
from ..errors import UsageError, brief, shown
from ..explainers.beside import MOST, rows_of
from ..figures.images import SHOWN, save_gif, save_png, scale_of, sheet, tile
from ..figures.trajectory import film_frames, history_sheet
from ..files import try_to_write, write_json
from ..given import place
from ..given import written as as_text
from ..run import Run
from ..sampling import Request, labels_of
from .progress import Advance, console_for, progress
from .strip import draw_strip
from .written import Written

FILMED = 8  # pictures in the history and the film
PLANE = 15  # pictures on a side of the plane


def sample(
    run: str | Path | Run | None = None,
    count: int = 16,
    *,
    out: str | Path | None = None,
    npz: str | Path | None = None,
    pngs: bool = False,
    history: bool = False,
    plane: bool = False,
    between: tuple[int | str, int | str] | None = None,
    strip: str | None = None,
    weights: str = "ema",
    json: str | Path | None = None,
    quiet: bool | None = None,
    **asked: Any,
) -> Written:
    """Draws pictures into files, however many, and returns where they are: name -> path.

    run: a run's folder or weights file, or an open Run; default: the digits that come with inkbloom. Always written is `grid`,
    the first 400 pictures side by side, in `out`, default the run's samples/. Where asked for: `npz`, all pictures in one
    file; `pngs`, each as a PNG; `history` and `film`, every step of the first few; `plane` and `between`, see Run.plane and
    Run.between; `json`, a file that says how they were drawn and where they are. `strip` writes a sheet instead, in which one
    setting varies from row to row: `solver`, or with its values `guidance=0,1,2`, see Run.strip. asked: seed, label, steps,
    nfe, solver, spacing, guidance, start, mask, redraws, as in `Run.sample`, which gives the pictures as an array instead.
    quiet: as everywhere, see docs/python.md. Raises InkbloomError.
    """
    console = console_for(quiet)
    if json:
        try_to_write(place("json", json))
    model = run if isinstance(run, Run) else Run(run, weights)
    folder = place("out", out) if out else _beside(None if run is None else model.path) / "samples"
    if strip is not None:
        others = {"npz": npz, "pngs": pngs, "history": history, "plane": plane, "between": between}
        if more := [name for name, value in others.items() if value]:
            raise UsageError(f"strip with {more[0]}: a strip takes the place of the pictures; leave out --{more[0]}")
        rows = draw_strip(model, strip, count, asked, folder / "strip.png", console)
        console.print(f"strip: {folder / 'strip.png'}")
        written = Written(strip=folder / "strip.png")
        if json:
            write_json(place("json", json), _facts(model, {"rows": [_way(model, row) for row in rows]}, written))
        return written
    request = model.request(count, **asked)
    label = request.labels[0] if request.labels else None
    latents = [("plane", sheet(model.plane(PLANE, label), PLANE))] if plane else []
    if between is not None:
        if not isinstance(between, tuple | list) or len(between) != 2:
            raise UsageError(f"between = {as_text(between)}: needs two pictures, as in (0, 1)")
        row = model.between(*between, **asked)
        latents.append(("between", sheet(row, len(row))))
    written = Written()
    console.print(f"{'1 picture' if request.count == 1 else f'{request.count:,} pictures'}{_of(model, request)}, {request.how}")
    with progress(console, request.count, "sampling") as advance:
        for name, path, note in _files(model, request, folder, place("npz", npz) if npz else None, pngs, advance):
            written[name] = path
            console.print(f"{name}: {path}{note}")
    for name, path in _history(model, request, folder) if history else ():
        written[name] = path
        console.print(f"{name}: {path}")
    for name, picture in latents:
        written[name] = folder / f"{name}.png"
        save_png(picture, written[name])
        console.print(f"{name}: {written[name]}")
    if json:
        write_json(place("json", json), _facts(model, _way(model, request), written))
    return written


def _facts(model: Run, way: dict[str, Any], written: Written) -> dict[str, Any]:
    """By which model and in which way pictures were drawn, and where they are."""
    files = {name: str(path) for name, path in written.items()}
    return {"sample": 1, "run": str(model.path), "step": model.step, **way, "files": files}


def _way(model: Run, request: Request) -> dict[str, Any]:
    """How pictures were drawn, as plain values."""
    labels = request.labels or model.family.trained
    return {
        "count": request.count,
        "seed": request.seed,
        "classes": [model.spec.classes[label] for label in labels] or None,
        "solver": request.solver_name,
        "spacing": request.spacing_name,
        "steps": request.steps,
        "nfe": request.nfe,
        "guidance": request.guidance if request.solver else None,
        "at": request.start[1] if request.start else None,
        "redraws": None if request.mask is None else request.redraws,
    }


def _beside(path: Path | None) -> Path:
    """The folder that a run's pictures go to: its own, or the one that a weights file stands in; without a run the current."""
    if path is None:
        return Path()
    return path if path.is_dir() else path.resolve().parent


def _files(
    model: Run, request: Request, folder: Path, npz: Path | None, pngs: bool, advance: Advance
) -> Iterator[tuple[str, Path, str]]:
    """Samples batch by batch into the npz file, single files and the grid; yields (name, path, note) of each."""
    kept: list[NDArray[np.uint8]] = []  # what the grid shows; more must not pile up

    def single(number: int) -> Path:
        return folder / "pictures" / f"{number:05d}.png"

    def batches() -> Iterator[NDArray[np.uint8]]:
        done = 0
        for batch, _ in model.stream(request):
            if done < SHOWN:
                kept.append(batch[: SHOWN - done])
            if pngs:
                for number, picture in enumerate(batch, start=done):
                    save_png(tile(picture.transpose(2, 0, 1)[None], gap=0), single(number))
            done += len(batch)
            advance(done, request.count, "")
            yield batch

    if npz:
        labels = labels_of(model.family, request, 0, request.count)
        write_npz(npz, batches(), request.count, None if labels is None else labels.numpy())
        yield "npz", npz, ""
    else:
        for _ in batches():
            pass
    save_png(_grid(model, request, np.concatenate(kept)), folder / "grid.png")
    yield "grid", folder / "grid.png", f" (the first {SHOWN})" if request.count > SHOWN else ""
    if pngs:
        yield "pictures", single(0), f" to {single(request.count - 1).name}" if request.count > 1 else ""


def _of(model: Run, request: Request) -> str:
    """The classes that were asked for, in words."""
    names = [shown(model.spec.classes[label], 30) for label in dict.fromkeys(request.labels)]
    return f" of class{'es' * (len(names) > 1)} {brief(', '.join(names), 80)}" if names else ""


def _grid(model: Run, request: Request, pictures: NDArray[np.uint8]) -> Image.Image:
    """The pictures side by side: a row for each class with its name, where names are asked for or say more than numbers."""
    labels, classes = labels_of(model.family, request, 0, len(pictures)), model.spec.classes
    turns = 0 if labels is None else len(set(labels.tolist()))
    if labels is not None and 2 <= turns <= MOST and (request.labels or named(classes) or model.spec.untrained):
        names = [classes[label] for label in labels.tolist()]
        return rows_of(pictures.transpose(0, 3, 1, 2), names, scale_of(pictures))
    return sheet(pictures, turns if 2 <= turns <= 20 < request.count else None)


def _history(model: Run, request: Request, folder: Path) -> Iterator[tuple[str, Path]]:
    """The tutorial's picture and a film of the first few pictures: every input and every prediction."""
    few = replace(request, count=min(request.count, FILMED))
    inputs, predictions = (pictures.transpose(0, 1, 4, 2, 3) for pictures in model.history(few))
    titles = ("Input (noisy)", "Model Prediction") if model.family.iterative else ("Into the layer", "Out of the layer")
    history_sheet(inputs[:-1], predictions, folder / "history.png", titles)
    yield "history", folder / "history.png"
    frames = film_frames(inputs[:-1], predictions, inputs[-1])
    save_gif(frames, folder / "film.gif", milliseconds=max(40, 4000 // len(predictions)))
    yield "film", folder / "film.gif"
