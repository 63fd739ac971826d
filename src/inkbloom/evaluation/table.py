"""A card as lines for a terminal: the floor first, and every number beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .measures import AGREEMENT, FD, KID, NEAR, RECALL, TV, Card, Measure, conditions, measured

FIGURES = 20  # width of a column


def table(card: Card) -> Iterator[str]:
    """The lines of a card that `make_card` made, in the order of docs/evaluate.md."""
    head, draws = card["header"], card["floor_draws"]
    yield _subject(card)
    if card["made"].get("split") == "all":
        yield "warning: the run was trained on all images, the reference included, so no number here is about unseen ones"
    mark = "*" if head["judge"] and draws["slow"] < draws["quick"] else ""
    stars = f"; of the rows marked * over {draws['slow']}" if mark else ""
    yield f"floor: real images against real ones at N = {head['n']:,}, mean ± sd over {draws['quick']} random draws{stars}"
    if card["holdout"]:
        yield from holdout_lines(**card["holdout"])
    names = {measure: measure.label(_note(card, measure), mark if measure.slow else "") for measure in measured([card])}
    width = 2 + max(map(len, names.values()))
    yield f"{'':{width}}{'floor':<{FIGURES}}{'this':<{FIGURES}}against the floor"
    for measure, name in names.items():
        floor, value = measure.floor_said(card), measure.said(card)
        yield f"{name:{width}}{floor:{FIGURES}}{value:{FIGURES}}{measure.against(card)}".rstrip()
        if measure is TV:
            yield from _histogram(card["classes"])


def headline(card: Card) -> str:
    """FD, KID, recall and their floor in one line; what there is without a judge."""
    judged = card["header"]["judge"]
    numbers = [f"{m.title} {m.said(card)} (floor {m.floor_said(card)})" for m in ((FD, KID, RECALL) if judged else (NEAR,))]
    return f"{', '.join(numbers)}, N = {card['header']['n']:,}"


def holdout_lines(
    levels: Sequence[float], loss: Sequence[float], wiener: Sequence[float] | None, mean_image: float | None
) -> Iterator[str]:
    """The hold-out loss beside its anchors, what an answer that knows less would score: (L,) noise levels, losses there."""
    anchors = [] if mean_image is None else [f"mean image {mean_image:.4f}"]
    if wiener:
        anchors.append(f"best linear denoiser {sum(wiener) / len(wiener):.4f}")
    beside = f" ({', '.join(anchors)})" if anchors else ""
    yield f"hold-out x0 loss {sum(loss) / len(loss):.4f}{beside}, by noise level:"
    yield "  t      " + " ".join(f"{t:6.2f}" for t in levels)
    yield "  net    " + " ".join(f"{value:6.4f}" for value in loss)
    if wiener:
        yield "  linear " + " ".join(f"{value:6.4f}" for value in wiener)


def _subject(card: Card) -> str:
    head, made, blocks = card["header"], card["made"], card["blocks"]
    what = made.get("run") or made.get("file") or "images"
    cut = f"{made['images']:,} images" if "images" in made else "images"
    cut += f", {blocks} blocks of {head['n']:,}" if blocks > 1 else f", one block of {head['n']:,}"
    line = f"{what}: {cut}, against {head['source']}"
    if made.get("solver"):
        guided = "" if made["guidance"] in (None, 1) else f", guidance {made['guidance']:g}"
        line += f"; {made['solver']}, {made['steps']} steps, {made['nfe']} network evaluations each{guided}"
        line += f", {made['images_per_second']:,.0f} images/s"
    return line


def _note(card: Card, measure: Measure) -> str:
    """What a row rests on in this card; '' where nothing is to be said."""
    if measure is FD:
        return conditions(card)
    if measure is AGREEMENT and card["classes"]["ceiling"] is not None:
        return f"ceiling {card['classes']['ceiling']:.3f}"
    if measure is NEAR:
        low, high = card["near_range"]
        return f"range {low:.3f} to {high:.3f}"
    return ""


def _histogram(classes: dict[str, Any]) -> Iterator[str]:
    names = [name if len(name) <= 6 else name[:5] + "…" for name in classes["names"]]
    if len(names) <= 12:
        yield "  class     " + " ".join(f"{name:>6}" for name in names)
        for title, key in (("this", "share"), ("reference", "reference_share")):
            yield f"  {title:10}" + " ".join(f"{share:6.3f}" for share in classes[key])
