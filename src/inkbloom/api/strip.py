"""A sheet of pictures from the same noise, a row for each value of one setting, with the value beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..explainers.beside import rows_of
from ..figures.images import save_png, scale_of
from ..given import written as as_text
from ..run import Run
from ..sampling import STRIPS, Request
from .progress import Console, progress

COLUMNS = 10  # pictures in a row, at most
LONG = {"steps": "number of steps", "at": "noise level", "redraws": "number of redraws"}


def draw_strip(model: Run, strip: str, count: int, asked: dict[str, Any], path: Path, console: Console) -> list[Request]:
    """Writes the sheet, and returns how its rows were drawn. strip: a key of STRIPS, or one with its values, as
    'guidance=0,1,2'. Raises InkbloomError.
    """
    what, values = strip_from(strip)
    rows = model.strip_requests(what, values, min(count, COLUMNS), **asked)
    drawn = [given_picture(rows[0])] if rows[0].start else []
    names = ["given"] * rows[0].count * len(drawn)
    told = f"{len(rows)} rows of {'1 picture' if rows[0].count == 1 else f'{rows[0].count} pictures'}"
    console.print(f"{told} from the same noise, each with its own {LONG.get(what, what)}")
    with progress(console, len(rows), "sampling") as advance:
        for done, (row, name) in enumerate(zip(rows, names_of(what, rows), strict=True), start=1):
            drawn += [batch for batch, _ in model.stream(row)]
            names += [name] * row.count
            advance(done, len(rows), "")
    pictures = np.concatenate(drawn)
    save_png(rows_of(pictures.transpose(0, 3, 1, 2), names, scale_of(pictures)), path)
    return rows


def given_picture(request: Request) -> NDArray[np.uint8]:
    """What the pictures of a request start from, (count, H, W, C), grey where a mask has it drawn anew."""
    assert request.start is not None
    image = request.start[0] if request.mask is None else request.start[0].masked_fill(request.mask, 128)
    return image.permute(0, 2, 3, 1).numpy().repeat(request.count, 0)


def strip_from(text: str) -> tuple[str, list[Any] | None]:
    """'guidance' -> ('guidance', None); 'guidance=0,1' -> ('guidance', [0.0, 1.0]). Raises UsageError."""
    if not isinstance(text, str):
        raise UsageError(f"strip = {as_text(text)}: needs a setting, as in 'solver' or 'guidance=0,1,2'")
    what, given, values = text.partition("=")
    if not given or what not in STRIPS:
        return what, None
    kind = type(STRIPS[what][-1])
    try:
        return what, [kind(value.strip()) for value in values.split(",")]
    except ValueError:
        raise UsageError(f"strip = {as_text(text)}: needs {what}= and numbers with commas between them") from None


def names_of(what: str, rows: list[Request]) -> list[str]:
    """What the value of each row is, and its network evaluations where they differ."""
    differ = len({row.nfe for row in rows}) > 1
    return [f"{name_of(what, row)} ({row.nfe} NFE)" if differ else name_of(what, row) for row in rows]


def name_of(what: str, row: Request) -> str:
    """The value of a row in words."""
    if what in ("solver", "spacing"):
        return str(getattr(row, f"{what}_name"))
    if what == "at":
        return f"t = {row.start[1] if row.start else 1:g}"
    return f"{what} {getattr(row, what):g}"
