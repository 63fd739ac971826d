"""The picture of a sweep: how the hold-out loss fell in each trial, and what it was over each field that varied."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from .space import Range, Space, said
from .trials import Tried, best_of

BEST, DONE, PRUNED = "tab:red", "tab:blue", "tab:gray"


def draw(trials: Sequence[Tried], space: Space) -> Figure:
    """One panel for the curves, one for each field."""
    count = 1 + len(space)
    columns = min(3, count)
    lines = math.ceil(count / columns)
    figure = Figure(figsize=(3.6 * columns, 3.2 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).flatten()
    best = best_of(trials)
    ordered = sorted((trial for trial in trials if trial.curve), key=lambda trial: trial is best)  # the best on top
    _curves(panels[0], ordered, best)
    for panel, name in zip(panels[1:], space, strict=False):
        _field(panel, name, space, ordered, best)
    for panel in panels[count:]:
        panel.set_axis_off()
    for row in range(lines):
        panels[row * columns].set_ylabel("hold-out loss")
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    panels[0].yaxis.set_major_formatter("{x:g}")
    panels[0].yaxis.set_minor_formatter("")
    panels[0].legend(fontsize="small")
    return figure


def _look(trial: Tried, best: Tried | None) -> tuple[str, str]:
    """(colour, what the legend calls it)."""
    if trial is best:
        return BEST, "best"
    return (DONE, "to the end") if trial.state == "complete" else (PRUNED, "pruned or failed")


def _curves(panel: Axes, trials: Sequence[Tried], best: Tried | None) -> None:
    named: set[str] = set()
    for trial in trials:
        colour, name = _look(trial, best)
        shares, losses = zip(*trial.curve, strict=True)
        label = None if name in named else name
        named.add(name)
        panel.plot([100 * share for share in shares], losses, ".-", color=colour, linewidth=1, alpha=0.8, label=label)
    panel.set_xlabel("steps done, %")


def _field(panel: Axes, name: str, space: Space, trials: Sequence[Tried], best: Tried | None) -> None:
    values = space[name]
    texts = [] if isinstance(values, Range) else [said(value) for value in values.values]
    for trial in trials:
        colour, _ = _look(trial, best)
        value = trial.values[name]
        across = value if isinstance(values, Range) else texts.index(said(value))
        fill = "full" if trial.state == "complete" else "none"
        panel.plot(across, trial.curve[-1][1], "o", color=colour, fillstyle=fill, alpha=0.8)
    panel.set_xlabel(name)
    if isinstance(values, Range):
        panel.set_xscale("log" if values.log else "linear")
    else:
        panel.set_xticks(range(len(texts)), texts)
        panel.set_xlim(-0.5, len(texts) - 0.5)
