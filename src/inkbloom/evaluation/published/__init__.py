"""Cards that come with inkbloom, as `inkbloom evaluate` wrote them: what the claims and the benchmark rest on.

`t30*.json` are of the tutorial's own recipe after its 30 epochs, `TRIAL-SEED.json` of the trainings in claims/.
"""

from __future__ import annotations

from pathlib import Path

from ..card_file import read_card
from ..measures import Card

FOLDER = Path(__file__).parent


def published_card(name: str) -> Card | None:
    """The card of that name, or None where there is none. Raises CheckpointError where the file is no card."""
    return read_card(FOLDER / f"{name}.json")
