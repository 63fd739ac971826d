"""Kernels to try, by name or written as a matrix."""

from __future__ import annotations

import json
import math
import re

import torch
from torch import Tensor

from ..errors import UsageError, brief, unknown

Matrix = tuple[tuple[float, ...], ...]

KERNELS: dict[str, Matrix] = {
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "box": ((1 / 9,) * 3,) * 3,
    "gaussian": ((1 / 16, 1 / 8, 1 / 16), (1 / 8, 1 / 4, 1 / 8), (1 / 16, 1 / 8, 1 / 16)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "laplace": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "edge": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "sobel-x": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "sobel-y": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "emboss": ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
}
"""As networks read them, without a flip: sobel-x answers to what grows brighter to the right, sobel-y downwards."""

LARGEST = 1_000_000  # so that sums stay numbers that one can read
HOW = 'write rows of equal length, as in "1 0 -1; 2 0 -2; 1 0 -1" or [[1,0],[0,1]]'


def parse_kernel(text: str) -> Tensor:
    """A kernel (height, width) in float64, from a name in KERNELS or a matrix.

    Rows of a matrix end with ";" or a new line, numbers with spaces or commas; or it is JSON. Raises UsageError for unknown
    names, rows of unequal length, weights above LARGEST, and whatever is empty or not a finite number.
    """
    text = text.strip()
    if text.lower() in KERNELS:
        return torch.tensor(KERNELS[text.lower()], dtype=torch.float64)
    if re.match(r"[^\W\d_]", text) and not re.match(r"(nan|inf|infinity)\b", text, re.I) and not re.search(r"[;；\n]", text):
        raise unknown("kernel", text, KERNELS)
    rows = [[_number(cell, text) for cell in row] for row in (_json_rows(text) if text.startswith("[") else _rows(text))]
    if not any(rows):
        raise UsageError(f"the kernel is empty ({brief(text)!r}): {HOW}")
    widths = [len(row) for row in rows]
    if len(set(widths)) > 1:
        raise UsageError(f"rows of {brief(', '.join(map(str, widths)))} numbers in the kernel ({brief(text)!r}): {HOW}")
    return torch.tensor(rows, dtype=torch.float64)


def _rows(text: str) -> list[list[str]]:
    """The cells of a matrix in plain writing; Chinese commas and semicolons will do as well."""
    return [re.findall(r"[^\s,，]+", row) for row in re.split(r"[;；\n]", text.rstrip(";； \n"))]


def _json_rows(text: str) -> list[list[object]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"the kernel is not valid JSON ({brief(text)!r}): {HOW}") from None
    rows = rows if any(isinstance(row, list) for row in rows) else [rows]  # a flat list is one row
    return [row if isinstance(row, list) else [row] for row in rows]


def _number(cell: object, text: str) -> float:
    try:
        number = math.nan if isinstance(cell, bool) else float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number) and abs(number) > LARGEST:
        raise UsageError(f"{brief(str(cell), 20)} in the kernel ({brief(text)!r}): a weight is at most {LARGEST:,} in size")
    if not math.isfinite(number):
        shown = "a nested value" if isinstance(cell, list | dict) else repr(brief(str(cell), 20))
        raise UsageError(f"{shown} is not a finite number (kernel {brief(text)!r}): {HOW}")
    return number
