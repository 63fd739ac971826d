"""The comparison as one page: the tables, the curves of all runs in one chart, and what each draws from the same noise."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from .chart import Line, chart, colour
from .comparison import Comparison
from .facts import Facts, smoothed
from .page import page
from .run_page import STRETCHED, Picture, anchors
from .samples import Samples, sheet


def compare_page(comparison: Comparison, facts: Sequence[Facts], drawn: Sequence[Samples]) -> bytes:
    """The page as UTF-8 HTML."""
    strips = [
        (
            name,
            Picture(
                sheet(draw.pictures),
                f"what {name} draws",
                draw.request.how,
            ),
        )
        for name, draw in zip(comparison.names, drawn, strict=True)
    ]
    return page(
        "compare.html",
        title=" · ".join(comparison.names),
        comparison=comparison,
        strips=strips,
        same_noise=len({(fact.recipe.noise, fact.spec.channels, fact.spec.size) for fact in facts}) == 1,
        losses=_losses(comparison.names, facts),
        levels=_levels(comparison.names, facts),
        over=_over(comparison.names, facts),
    )


def _losses(names: Sequence[str], facts: Sequence[Facts]) -> Markup:
    lines = [
        Line(name if len(fact.losses) == 1 else f"{name}, {phase}", smoothed(curve), colour(place), marks=fact.recipe.stretches)
        for place, (name, fact) in enumerate(zip(names, facts, strict=True))
        for phase, curve in fact.losses.items()
    ]
    return chart(lines, f"Training loss, moving average{_stretched(facts)}", "step", "loss")


def _stretched(facts: Sequence[Facts]) -> str:
    """What the upright lines of a chart over the steps are, where it has any."""
    return STRETCHED if any(fact.recipe.stretches for fact in facts) else ""


def _levels(names: Sequence[str], facts: Sequence[Facts]) -> Markup:
    """The last hold-out loss of each; the anchors where they are the same for all."""
    last = [
        (place, name, fact.holdout[-1]) for place, (name, fact) in enumerate(zip(names, facts, strict=True)) if fact.holdout
    ]
    lines = [
        Line(name, list(zip(held.levels, held.loss, strict=False)), colour(place), dots=True) for place, name, held in last
    ]
    shared = {(tuple(held.anchors.wiener or ()), held.anchors.mean_image) for _, _, held in last}
    return chart(
        lines + (anchors(last[0][2]) if len(shared) == 1 else []),
        "Hold-out loss by noise level: 0 is the image, 1 the noise",
        "t",
        "x0 loss",
    )


def _over(names: Sequence[str], facts: Sequence[Facts]) -> Markup | str:
    """The mean hold-out loss as training went on, where at least one run looked more than once."""
    lines = [
        Line(name, [(held.step, held.mean) for held in fact.holdout], colour(place), dots=True, marks=fact.recipe.stretches)
        for place, (name, fact) in enumerate(zip(names, facts, strict=True))
        if fact.holdout
    ]
    return (
        chart(lines, f"Hold-out loss, mean over the noise levels{_stretched(facts)}", "step", "x0 loss")
        if any(len(line.points) > 1 for line in lines)
        else ""
    )
