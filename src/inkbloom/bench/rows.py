"""What a measurement yields: rows, each a line for people and figures for the JSON file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..printing import say
from .machine import Quiet


class Row(NamedTuple):
    """One result. Where `figures` is empty, the line says nothing that is not in other rows."""

    text: str
    figures: dict[str, Any]


def print_rows(rows: Iterable[Row]) -> dict[str, Any]:
    """Prints each row as it comes, and at the end how quiet the machine was meanwhile; returns both as figures."""
    quiet, figures = Quiet(), []
    for row in rows:
        say(row.text)
        if row.figures:
            figures.append(row.figures)
    meanwhile = quiet.told()
    say("machine meanwhile: " + ", ".join(f"{name} {value}" for name, value in meanwhile.items()))
    return {"rows": figures, "meanwhile": meanwhile}
