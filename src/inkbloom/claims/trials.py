"""Trainings that claims rest on. `inkbloom claims --full` makes them; else the published cards of them stand in.

Compared trainings differ in nothing but what is in question, and have the same seeds. All are in fp32: which precision is the
faster one is no business of a claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..evaluation.card_file import read_card
from ..evaluation.measures import Card
from ..evaluation.published import published_card

MADE = Path("runs/claims")
PICTURES = 1000  # of a card
ALIKE = {"precision": "fp32", "compile": "off"}


@dataclass(frozen=True)
class Trial:
    """A recipe with some fields changed, trained once for each seed. `name` is that of its folders and cards."""

    name: str
    recipe: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0, 1, 2)

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that are changed, with what all trials share."""
        return {**ALIKE, **self.changes}

    def folder(self, seed: int) -> Path:
        """Where the training of that seed lies."""
        return MADE / f"{self.name}-{seed}"

    def cards(self) -> dict[int, Card]:
        """The cards that there are, by their seeds: one's own before the published one. Raises CheckpointError."""
        found = {}
        for seed in self.seeds:
            card = read_card(self.folder(seed) / "card.json") or published_card(f"{self.name}-{seed}")
            if card is not None:
                found[seed] = card
        return found


BASE = Trial("fast", "fast")
"""The recipe as it is: what several claims compare with."""
CHANGED = Trial("fast-uncond", "fast-uncond")
"""What the search led to where no labels are told."""
