"""A model of one's own for the lab: packed as `inkbloom export --to page` does, and kept in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import UsageError, shown
from ..exports import open_model
from ..exports.page_file import packed
from ..store.folder import RunFolder


def packed_model(where: Path) -> tuple[bytes, dict[str, Any]]:
    """(page file in half precision, what is known of it as in a shipped model's JSON) of a run or a weights file.

    Raises CheckpointError where there is no model, UsageError where the page cannot compute it.
    """
    model = open_model(where, "fp16")
    try:
        data = packed(model)
    except UsageError as problem:
        raise UsageError(f"the lab cannot show this model ({shown(where)}): {problem}") from None
    path = where.absolute()
    title = shown(path.name if path.is_dir() else path.stem, 40)
    about = {
        "title": {"en": title, "zh": title},
        "parameters": sum(each.numel() for each in model.family.net.parameters()),
        "step": model.step,
        "data": shown(model.recipe.data),
        "made by": None,
        "licence": None,
        "card": _card(where),
    }
    return data, about


def _card(where: Path) -> dict[str, Any] | None:
    """The evaluation card of a run, where it has one that can be read."""
    try:
        card = json.loads(RunFolder(where).card.read_text(encoding="utf-8"))
        return card if {"floor", "made"} <= card.keys() else None
    except (OSError, ValueError, AttributeError):
        return None
