"""Runs side by side."""

from __future__ import annotations

from pathlib import Path

from ..files import write_file
from ..given import place
from ..report.compare_page import compare_page
from ..report.comparison import Comparison, check_cards
from ..report.comparison import compare as tables_of
from ..report.facts import read_facts
from ..report.names import distinct
from ..report.samples import draw_samples
from ..run import Run
from .progress import console_for, progress


def compare(*runs: str | Path | Run, html: str | Path | None = None, quiet: bool | None = None) -> Comparison:
    """Two or more runs side by side: settings that differ, how they trained, what their cards say; see `Comparison`.

    html: also write it as one page, with the curves and what each draws from the same noise. A run with a network of one's own
    is given open, as Run(path, net=...). Raises UsageError for fewer than two runs, the same one twice, or cards that do not
    compare; CheckpointError.
    """
    if len(runs) == 1 and isinstance(runs[0], list | tuple):
        runs = tuple(runs[0])
    opened = {run.path: run.spec.own for run in runs if isinstance(run, Run)}
    paths = [place("run", run) for run in runs]
    names = distinct(paths)
    facts = [read_facts(path, own=opened.get(path, {})) for path in paths]
    check_cards(names, facts)
    console, drawn = console_for(quiet), []
    for name, fact in zip(names, facts, strict=True):
        with progress(console, None, f"sampling {name}"):
            drawn.append(draw_samples(fact.family))
    found = tables_of(names, facts, drawn)
    if html:
        write_file(place("html", html), compare_page(found, facts, drawn))
    return found
