"""RUN/report.html: what a run is, how its training went, what it draws and how that was judged, on one page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from ..config import Recipe, heeded
from ..data import named
from ..errors import CheckpointError, brief
from ..evaluation.card_file import difference, read_card
from ..evaluation.holdout import HoldoutLoss
from ..evaluation.measures import FD, KID, Card, Measure, conditions, leading, measured
from ..files import write_file
from ..store.checkpoint import MANIFEST, latest
from ..store.folder import RunFolder
from ..store.weights import NO_OWN
from . import text
from .chart import Line, chart
from .facts import Facts, read_facts, smoothed
from .model_card import write_model_card
from .page import page
from .samples import Samples, draw_samples, picture_file, sheet

LOOKS = 6  # previews and hold-out curves on the page, the last among them
STRETCHED = "; at an upright line the schedule begins anew"
EVALUATED = {  # pictures that `inkbloom evaluate` leaves in RUN/evaluation, and what they show
    "samples.png": "Random samples of the evaluation.",
    "nearest.png": "The samples nearest to training images, each beside its neighbour in the training set.",
}


class Picture(NamedTuple):
    """A picture of the page."""

    uri: str
    alt: str
    caption: str


def write_report(path: Path, own: Mapping[str, Any] = NO_OWN) -> Path:
    """Writes report.html and README.md into the run at `path`, drawing pictures for them; returns the report's path.

    own: objects of one's own that it was trained with, see `Spec`.

    A card that cannot be read is named on the page in place of its numbers. Raises CheckpointError, UsageError, DiskError.
    """
    folder, problem = RunFolder(path), ""
    shows = _shows(folder)
    try:
        facts = read_facts(path, own=own)
    except CheckpointError as error:
        facts, problem = read_facts(path, card=False, own=own), str(error)
    write_file(folder.report, run_page(facts, draw_samples(facts.family), problem) + shows)
    write_model_card(facts)
    return folder.report


def is_stale(folder: RunFolder) -> bool:
    """Whether the run has been trained on, or judged, since its report was written."""
    return not folder.report.exists() or not folder.report.read_bytes().endswith(_shows(folder))


def _shows(folder: RunFolder) -> bytes:
    """The last line of a report: a hash of what it is made from. Times would not do, clocks go back."""
    newest = latest(folder.checkpoints)
    made_from = (newest / MANIFEST if newest else folder.config, folder.card)
    read = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in made_from if file.is_file())
    return f"\n<!-- shows {hashlib.sha256(read).hexdigest()} -->\n".encode()


def run_page(facts: Facts, drawn: Samples, problem: str = "") -> bytes:
    """The page as UTF-8 HTML; `problem` is what keeps the card from being shown."""
    recipe, card = facts.recipe, facts.card
    return page(
        "run.html",
        title=facts.name,
        about=recipe.about,
        what=text.what(facts),
        begun=text.begun(facts),
        tiles=_tiles(facts, drawn),
        samples=_samples(facts, drawn),
        history=_history(drawn),
        card=card and _card(facts, card),
        problem=problem,
        watched=_watched(facts),
        losses=_loss_chart(facts),
        held=_held(facts.holdout, recipe.stretches),
        previews=_previews(facts),
        changed=_fields(recipe, changed=True),
        unchanged=_fields(recipe, changed=False),
        command=text.command(recipe),
        machine=_machine(facts),
    )


def _tiles(facts: Facts, drawn: Samples) -> list[tuple[str, str, str]]:
    """(name, value, remark) of the figures that matter most."""
    tiles = []
    if facts.holdout:
        last = facts.holdout[-1]
        anchor = f"best linear denoiser {last.anchors.linear:.4f}" if last.anchors.wiener else "x0, mean squared error"
        tiles.append(("hold-out loss", f"{last.mean:.4f}", anchor))
    if facts.card:
        for measure in measured([facts.card])[:3]:
            tiles.append((measure.title, measure.said(facts.card), f"floor {measure.floor_said(facts.card)}"))
    tiles.append(("training", text.duration(facts.seconds), f"{text.rate(facts.speed)} images/s"))
    tiles.append(("sampling", f"{text.rate(drawn.rate)} images/s", f"{len(drawn.pictures)} at once, {drawn.request.how}"))
    return tiles


def _samples(facts: Facts, drawn: Samples) -> Picture:
    request, classes = drawn.request, facts.family.num_classes
    guided = f", guidance {request.guidance:g}" if facts.family.num_conditions and request.solver else ""
    in_turn = [facts.spec.classes[number] for number in facts.family.trained]
    order = f" Picture k is of class k mod {classes}, counted from 0." if classes else ""
    if named(in_turn) or len(in_turn) < classes:
        order = f" The classes take turns: {brief(', '.join(in_turn), 300)}."
    spaced = f"{request.spacing_name} spacing, " if request.spacing_name else ""
    caption = f"{spaced}{request.how}{guided}.{order}"
    return Picture(sheet(drawn.pictures), f"{len(drawn.pictures)} pictures that the model drew from seed 0", caption)


def _history(drawn: Samples) -> list[Picture]:
    rows = len(drawn.inputs)
    if not drawn.request.solver:
        return [Picture(sheet(drawn.inputs, rows), "the first picture layer by layer", "Its latents, then layer by layer.")]
    return [
        Picture(sheet(drawn.inputs, rows), "the first picture on its way out of the noise", "What the network was given."),
        Picture(sheet(drawn.predictions, rows), "the network's predictions on the way", "What it took the picture to be."),
    ]


def _card(facts: Facts, card: Card) -> dict[str, Any]:
    """What the template shows of a card."""
    rows = [
        (measure.label(), measure.floor_said(card), measure.said(card), measure.against(card), measure.better)
        for measure in measured([card])
    ]
    found = [(name, picture_file(facts.folder.evaluation / name)) for name in EVALUATED]
    return {
        "rows": rows,
        "made": text.how_made(card),
        "conditions": conditions(card),
        "source": card["header"]["source"],
        "judge": card["header"]["judge"],
        "warnings": text.warnings_of(card, facts.step),
        "pictures": [Picture(uri, EVALUATED[name], EVALUATED[name]) for name, uri in found if uri],
    }


def _watched(facts: Facts) -> dict[str, Any]:
    """What the template shows of the cards made along the way: FD and KID over training, where two or more compare."""
    found, problems = list[tuple[int, Card]](), []
    for path in sorted(facts.folder.cards.glob("step-*.json")):
        try:
            card = read_card(path)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        if card and FD.value(card) is not None and (step := re.fullmatch(r"step-(\d{8,10})", path.stem)):
            found.append((int(step[1]), card))
    alike = [(step, card) for step, card in found if difference(card, found[-1][1]) is None]
    measures = leading(alike[-1][1]) if len(alike) > 1 else ()
    return {
        "problems": problems,
        "charts": [_card_chart(measure, alike, facts.recipe.stretches) for measure in measures],
        "conditions": conditions(alike[-1][1]) if alike else "",
    }


def _card_chart(measure: Measure, cards: list[tuple[int, Card]], marks: Sequence[int]) -> Markup:
    """A number of the cards over the steps, with the floor of the last card."""
    points = [(step, value) for step, card in cards if (value := measure.value(card)) is not None]
    lines, floor = [Line("this run", points, "s0", dots=True, marks=marks)], measure.floor(cards[-1][1])
    if floor is not None:
        lines.append(Line("floor: real images", [(step, floor) for step in (cards[0][0], cards[-1][0])], "linear"))
    log = measure is not KID  # KID may fall below 0
    return chart(lines, f"{measure.title} as training went on{STRETCHED if marks else ''}", "step", measure.title, log=log)


def _loss_chart(facts: Facts) -> Markup:
    """The training losses: each step faint, their moving average above it."""
    lines, marks = [], facts.recipe.stretches
    for number, (phase, curve) in enumerate(facts.losses.items()):
        lines.append(Line("", curve, f"s{number} faint"))
        lines.append(Line(phase, smoothed(curve), f"s{number}", marks=marks if number == 0 else ()))
    title = f"Training loss, faint; its moving average, strong{STRETCHED if marks else ''}"
    return chart(lines, title, "step", text.loss(facts.recipe))


def _held(held: list[HoldoutLoss], marks: Sequence[int]) -> dict[str, Any] | None:
    """What the template shows of the hold-out loss: over training, by noise level, and the newest in figures.

    marks: steps after which a stretch of the schedule began.
    """
    if not held:
        return None
    last = held[-1]
    over = [Line("this run", [(look.step, look.mean) for look in held], "s0", dots=True, marks=marks)]
    ends = [held[0].step, last.step]
    if linear := last.anchors.linear:
        over.append(Line("best linear denoiser", [(x, linear) for x in ends], "linear"))
    if last.anchors.mean_image:
        over.append(Line("mean image", [(x, last.anchors.mean_image) for x in ends], "mean"))
    looks = _few(held)
    by_level = [
        Line(
            f"step {look.step:,}", list(zip(look.levels, look.loss, strict=False)), f"s0 age{len(looks) - 1 - place}", dots=True
        )
        for place, look in enumerate(looks)
    ]
    title = f"Mean over the noise levels, as training went on{STRETCHED if marks else ''}"
    return {
        "over": chart(over, title, "step", "x0 loss") if len(held) > 1 else "",
        "by_level": chart(by_level + anchors(last), "By noise level: 0 is the image, 1 the noise", "t", "x0 loss"),
        "last": last,
    }


def anchors(held: HoldoutLoss) -> list[Line]:
    """The anchors of a hold-out loss, over the noise levels."""
    lines = []
    if held.anchors.wiener:
        points = list(zip(held.levels, held.anchors.wiener, strict=False))
        lines.append(Line("best linear denoiser", points, "linear"))
    if held.anchors.mean_image:
        lines.append(Line("mean image", [(level, held.anchors.mean_image) for level in held.levels], "mean"))
    return lines


def _previews(facts: Facts) -> list[Picture]:
    """The same noise as training went on."""
    paths = _few(sorted(facts.folder.previews.glob("step-*.png")))
    found = [(path.stem.removeprefix("step-").lstrip("0") or "0", picture_file(path)) for path in paths]
    return [Picture(uri, f"preview after step {step}", f"step {step}") for step, uri in found if uri]


def _few(items: list[Any]) -> list[Any]:
    """At most LOOKS of the items, evenly spread, the first and the last among them."""
    if len(items) <= LOOKS:
        return items
    return [items[round(k * (len(items) - 1) / (LOOKS - 1))] for k in range(LOOKS)]


def _fields(recipe: Recipe, changed: bool) -> list[tuple[str, str, str, str]]:
    """(field, value, default, meaning) of the fields that are as by default, or that are not."""
    rows = []
    for field in heeded(recipe.family):
        value, default = getattr(recipe, field.name), text.default_of(field.name)
        if field.name not in text.FREE and (value != default) == changed:
            rows.append((field.name, text.shown_value(value), text.shown_value(default), field.metadata["help"]))
    return rows


def _machine(facts: Facts) -> list[tuple[str, str]]:
    rows = [*facts.machine.versions.items(), ("computer", facts.machine.computer)]
    rows.append(("precision", facts.recipe.precision))
    if facts.machine.peak_memory is not None:
        rows.append(("peak memory of training", text.memory(facts.machine.peak_memory)))
    return [(name, value) for name, value in rows if value]
