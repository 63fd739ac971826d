"""The benchmark's figures as pictures: one for each part that has a curve, as PNG and as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..files import replacing
from .step import PARTS

Rows = list[dict[str, Any]]
FORMATS = ("png", "svg")


def plots(parts: dict[str, Rows], stem: Path) -> Iterator[Path]:
    """Draws the parts that have a picture as STEM-PART.png and .svg, and yields the files. Raises DiskError."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    for name, (draw, needed) in PICTURES.items():
        rows = parts.get(name, [])
        if not any(needed in row for row in rows):
            continue
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        draw(figure, rows)
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                if axis.get_scale() == "log":
                    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                    axis.set_major_formatter("{x:g}")
                    axis.set_minor_formatter("")
        for kind in FORMATS:
            path = stem.with_name(f"{stem.name}-{name}.{kind}")
            with replacing(path) as file:
                figure.savefig(file, format=kind, dpi=150)
            yield path


def _step(figure: Any, rows: Rows) -> None:
    axes = figure.add_subplot()
    measured = [row for row in rows if "parts" in row]
    left = [0.0] * len(measured)
    names = [row["recipe"] for row in measured]
    for part in PARTS:
        widths = [100 * row["parts"][part] / sum(row["parts"].values()) for row in measured]
        axes.barh(names, widths, left=left, label=part)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    axes.set(xlabel="share of a training step, %", xlim=(0, 100))
    axes.invert_yaxis()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4, fontsize="small")


def _quality(figure: Any, rows: Rows) -> None:
    axes = figure.add_subplot()
    looks = [row for row in rows if "fd" in row]
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


def _sampling(figure: Any, rows: Rows) -> None:
    names = {"rmse": "RMSE to the fine solution", "fd": "FD"}
    shown = [name for name in names if any(name in row for row in rows)]
    for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        told = [row for row in rows if name in row]
        for solver in dict.fromkeys(row["solver"] for row in told):
            mine = [row for row in told if row["solver"] == solver]
            axes.plot([row["nfe"] for row in mine], [row[name] for row in mine], "o-", label=solver)
        axes.set(xlabel="NFE", ylabel=names[name], xscale="log", yscale="log")
        axes.legend(fontsize="small")


def _growth(figure: Any, rows: Rows) -> None:
    axes = figure.add_subplot()
    timed = [row for row in rows if "step" in row]
    for name in dict.fromkeys(row["of"] for row in timed):
        mine = [row for row in timed if row["of"] == name]
        first = mine[0]
        axes.plot(
            [row["value"] / first["value"] for row in mine],
            [row["step"]["median"] / first["step"]["median"] for row in mine],
            "o-",
            label=f"{name}, from {first['value']:g}",
        )
    axes.set(xlabel="times the first value", ylabel="times its step", xscale="log", yscale="log")
    axes.legend(fontsize="small")


PICTURES: dict[str, tuple[Callable[[Any, Rows], None], str]] = {  # part -> (how it is drawn, what a row must have for that)
    "step": (_step, "parts"),
    "quality": (_quality, "fd"),
    "sampling": (_sampling, "rmse"),
    "growth": (_growth, "step"),
}
