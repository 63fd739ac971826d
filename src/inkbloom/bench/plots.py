"""The benchmark's figures as pictures, as PNG and as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from ..files import replacing

Rows = list[dict[str, Any]]
FORMATS = ("png", "svg")


def save(figure: Figure, stem: Path) -> Iterator[Path]:
    """Writes STEM.png and STEM.svg, and yields the files. Raises DiskError."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter("")
    for kind in FORMATS:
        path = stem.with_name(f"{stem.name}.{kind}")
        with replacing(path) as file:
            figure.savefig(file, format=kind, dpi=150)
        yield path


def draw_quality(rows: Rows) -> Figure | None:
    """FD over the training clock, a curve for each seed; None where nothing was judged."""
    looks = [row for row in rows if "fd" in row]
    if not looks:
        return None
    figure = blank()
    axes = figure.add_subplot()
    for seed in sorted({row["seed"] for row in looks}):
        mine = [row for row in looks if row["seed"] == seed]
        axes.plot([row["seconds"] for row in mine], [row["fd"] for row in mine], "o-", label=f"seed {seed}")
    for row in (row for row in rows if "rung" in row):
        axes.axhline(row["goal"], color="grey", linewidth=0.6)
        axes.annotate(f"T30 x {row['rung']:g}", (1, row["goal"]), xycoords=("axes fraction", "data"), fontsize="x-small")
    for floor in (row["floor"]["fd"] for row in rows if "floor" in row):
        axes.axhline(floor, color="black", linestyle="--", linewidth=0.8, label="real against real")
    axes.set(xlabel="training clock, s", ylabel="FD", xscale="log", yscale="log")
    axes.legend(fontsize="small")
    return figure


def draw_sampling(rows: Rows) -> Figure | None:
    """Distance to the fine solution, and FD where it was judged, over the evaluations; None where neither was measured."""
    titles = {"rmse": "RMSE to the fine solution", "fd": "FD"}
    measured = [name for name in titles if any(name in row for row in rows)]
    if not measured:
        return None
    figure = blank()
    for axes, name in zip(figure.subplots(1, len(measured), squeeze=False)[0], measured, strict=True):
        with_it = [row for row in rows if name in row]
        for solver in dict.fromkeys(row["solver"] for row in with_it):
            mine = [row for row in with_it if row["solver"] == solver]
            axes.plot([row["nfe"] for row in mine], [row[name] for row in mine], "o-", label=solver)
        axes.set(xlabel="NFE", ylabel=titles[name], xscale="log", yscale="log")
        axes.legend(fontsize="small")
    return figure


def blank() -> Figure:
    """A figure of the size that all of them have."""
    return Figure(figsize=(7, 4.2), layout="constrained")


PLOTS: dict[str, Callable[[Rows], Figure | None]] = {"quality": draw_quality, "sampling": draw_sampling}
