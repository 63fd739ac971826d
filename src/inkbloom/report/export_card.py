"""README.md of an exported model: a model card ready for a hub, which says how to load it and how it was proved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ..data.hub import on_hub
from ..families import Family
from . import text
from .facts import Facts
from .model_card import CREDIT, NO_CREDIT, plain, results

OF_AVERAGED = "Mind: these figures are those of the run's averaged weights; this export has the live ones."
BASE = ("image-generation", "small-images")


def export_card(
    family: Family,
    step: int,
    facts: Facts | None,
    *,
    name: str,
    said: str,
    notes: Sequence[str],
    use: str,
    library: str,
    needs: Sequence[str],
    runs_code: bool,
    parity: str,
    live: bool,
) -> str:
    """The card as Markdown. facts: those of the run, None for a single weights file; live: whether the live weights were taken;
    the rest as the export tells it.
    """
    code = (
        ["", "**Loading this model runs the Python code that stands beside it in this folder: read it first.**"]
        if runs_code
        else []
    )
    card = "\n".join(
        [
            *_header(family, library),
            "",
            f"# {plain(name)}",
            "",
            plain(text.what(facts) if facts else text.what_family(family, f"{step:,} steps")),
            "",
            plain(f"This is {said}, exported by inkbloom."),
            *(line for note in notes for line in ("", plain(f"{note[:1].upper()}{note[1:]}."))),
            *code,
            "",
            "## How to use it",
            "",
            f"`pip install {' '.join(needs)}`, then in this folder:",
            "",
            "```python",
            use.rstrip("\n"),
            "```",
            "",
            "## That it is the same model",
            "",
            f"inkbloom and this export were asked the same: {parity}. The figures stand in `parity.json` too.",
            "",
            *(results(facts) if facts else []),
            *([OF_AVERAGED, ""] if live and facts and family.recipe.ema and (facts.holdout or facts.card) else []),
            *_data(family, facts),
            "## Publishing it",
            "",
            "Set `license` in the header above: none has been chosen for these weights. Then, in this folder:",
            "",
            "```sh",
            "hf upload YOUR_NAME/MODEL_NAME .",
            "```",
            "",
        ]
    )
    for given in (family.recipe.data, family.recipe.teacher):  # where files lay is nobody's business
        card = card.replace(plain(given), plain(_public(given))) if given else card
    return card


def _public(source: str) -> str:
    """A source or a run without the folders that it stood in."""
    kind, colon, path = source.rpartition(":")
    return kind + colon + PurePath(path).name


def _header(family: Family, library: str) -> list[str]:
    source = on_hub(family.recipe.data)
    return [
        "---",
        "license: other",
        "license_name: not-chosen-yet",
        f"library_name: {library}",
        "pipeline_tag: unconditional-image-generation",
        "tags:",
        *(f"- {tag}" for tag in ("inkbloom", family.recipe.family, *BASE)),
        *(["datasets:", f"- {source}"] if source else []),
        "---",
    ]


def _data(family: Family, facts: Facts | None) -> list[str]:
    spec, recipe = family.spec, family.recipe
    height, width = spec.size
    classes = [f"- classes: {plain(', '.join(spec.classes))}"] if spec.classes else []
    print_of = [f"- fingerprint of the images: SHA-256 `{facts.images}`"] if facts and facts.images else []
    return [
        "## Data",
        "",
        f"- trained on: the slice {recipe.split} of {plain(recipe.data)}, {width} x {height} x {spec.channels}",
        *classes,
        *print_of,
        "",
        CREDIT.get(recipe.data, NO_CREDIT),
        "",
    ]
