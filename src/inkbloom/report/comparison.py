"""Runs side by side: what differs in their settings, how they trained, what their cards say: for terminal and page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from statistics import fmean

from ..config import Recipe
from ..evaluation.card_file import check_comparable
from ..evaluation.measures import Card, conditions, measured
from ..sampling import Request
from . import text
from .facts import Curve, Facts
from .samples import Samples

TableRow = tuple[str, list[str]]  # what it is, and one cell for each run


@dataclass(frozen=True, repr=False)
class Comparison:
    """The tables of a comparison, one column for each run."""

    names: list[str]
    warnings: list[str]  # what one should know before reading on, a sentence each
    settings: list[TableRow]  # fields of the recipe that differ
    figures: list[TableRow]
    floor: list[str]  # of each row of `scores`: what real images score against real ones
    scores: list[TableRow]  # the cards; empty where no run has one
    conditions: str  # what the scores depend on; '' without cards

    def __repr__(self) -> str:
        return f"Comparison({' and '.join(self.names)}: {len(self.settings)} settings differ; print it to see the tables)"

    def __str__(self) -> str:
        rows = [("", self.names), *self.settings, *self.figures, *self.scores]
        widths = [max(map(len, column)) for column in zip(*([name, *cells] for name, cells in rows), strict=True)]
        lines = (
            "  ".join(f"{cell:{width}}" for cell, width in zip((name, *cells), widths, strict=True)) for name, cells in rows
        )
        return "\n".join([*(f"note: {line}" for line in self.warnings), *(line.rstrip() for line in lines)])


def check_cards(names: Sequence[str], facts: Sequence[Facts]) -> list[Card]:
    """The cards that the runs have. Raises UsageError where two were made under different conditions."""
    found = [(name, fact.card) for name, fact in zip(names, facts, strict=True) if fact.card]
    check_comparable([name for name, _ in found], [card for _, card in found])
    return [card for _, card in found]


def compare(names: list[str], facts: Sequence[Facts], drawn: Sequence[Samples]) -> Comparison:
    """The tables. Raises UsageError where cards were made under different conditions."""
    found = check_cards(names, facts)
    measures = measured(found)
    return Comparison(
        names,
        list(_warnings(names, facts)),
        _settings([fact.recipe for fact in facts]),
        [row for row in _figures(facts, drawn) if any(cell != text.DASH for cell in row[1])],
        [measure.floor_said(found[0]) for measure in measures],
        [(measure.label(), [measure.said(fact.card) if fact.card else text.DASH for fact in facts]) for measure in measures],
        conditions(found[0]) if found else "",
    )


def _warnings(names: list[str], facts: Sequence[Facts]) -> list[str]:
    lines = []
    for package in ("inkbloom", "torch"):
        versions = [fact.machine.versions.get(package, "unknown") for fact in facts]
        if len(set(versions)) > 1:
            lines.append(f"trained with different versions of {package}: {_each(names, versions)}")
        made = {
            name: str(fact.card["made"].get(package, "unknown")) for name, fact in zip(names, facts, strict=True) if fact.card
        }
        if len(set(made.values())) > 1:
            lines.append(f"evaluated with different versions of {package}: {_each(list(made), list(made.values()))}")
    computers = [fact.machine.computer for fact in facts]
    if len(set(computers)) > 1:
        lines.append(f"trained on different machines, so their speeds do not compare: {_each(names, computers)}")
    for name, fact in zip(names, facts, strict=True):
        if fact.step != fact.recipe.steps:
            lines.append(f"{name} is unfinished: {text.progress(fact)}")
        lines += [f"the card of {name}: {warning}" for warning in text.warnings_of(fact.card, fact.step)] if fact.card else []
    ways = {
        (
            fact.recipe.family,
            fact.recipe.target,
            fact.recipe.loss_on,
            fact.recipe.loss,
            fact.recipe.loss_cap,
            fact.recipe.times,
            fact.recipe.pixels,
        )
        for fact in facts
    }
    if len(ways) > 1:
        lines.append("their training losses measure different things: compare the hold-out losses")
    if len({(fact.recipe.data, fact.spec.size, fact.recipe.path, fact.recipe.noise) for fact in facts}) > 1:
        lines.append("their hold-out losses are on different data, path or noise: they do not compare")
    if any(fact.card for fact in facts):
        bare = [name for name, fact in zip(names, facts, strict=True) if not fact.card]
        lines += [f"no card: {', '.join(bare)} (inkbloom evaluate RUN makes one)"] if bare else []
    else:
        lines.append("no run has a card yet (inkbloom evaluate RUN makes one)")
    return lines


def _each(names: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{name} {value or 'unknown'}" for name, value in zip(names, values, strict=True))


def _settings(recipes: Sequence[Recipe]) -> list[TableRow]:
    """The fields of the recipes that differ."""
    rows = []
    for field in fields(Recipe):
        values = [getattr(recipe, field.name) for recipe in recipes]
        if field.name not in text.FREE and any(value != values[0] for value in values):
            rows.append((field.name, [text.shown_value(value) for value in values]))
    return rows


def _curves(fact: Facts) -> list[Curve]:
    """The training losses of a run, phase by phase."""
    return [fact.losses[phase] for phase in fact.family.phases if fact.losses.get(phase)]


def _course(curve: Curve) -> str:
    """The mean loss over the first, the middle and the last tenth of the steps."""
    tenth = max(1, len(curve) // 10)
    starts = (0, (len(curve) - tenth) // 2, len(curve) - tenth)
    return " → ".join(text.figure(fmean(loss for _, loss in curve[start : start + tenth]), 4) for start in starts)


def _way(request: Request) -> str:
    return f"{request.solver_name}, {request.steps} steps" if request.solver else "one pass"


def _figures(facts: Sequence[Facts], drawn: Sequence[Samples]) -> list[TableRow]:
    def row(title: str, cell: Callable[[Facts], str]) -> TableRow:
        return title, [cell(fact) for fact in facts]

    return [
        row("trained", text.progress),
        row("parameters", lambda fact: text.figure(fact.parameters)),
        row("hold-out loss", lambda fact: text.figure(fact.holdout[-1].mean if fact.holdout else None, 4)),
        row("training loss on its way", lambda fact: ", ".join(map(_course, _curves(fact))) or text.DASH),
        row("card made from", lambda fact: text.how_made(fact.card) if fact.card else text.DASH),
        row("training time", lambda fact: text.duration(fact.seconds) if fact.seconds else text.DASH),
        row("training, images/s", lambda fact: text.rate(fact.speed)),
        row("training, peak memory", lambda fact: text.memory(fact.machine.peak_memory)),
        ("sampling", [_way(draw.request) for draw in drawn]),
        ("network evaluations", [str(draw.request.nfe) for draw in drawn]),
        (f"sampling, images/s, {len(drawn[0].pictures)} at once", [text.rate(draw.rate) for draw in drawn]),
    ]
