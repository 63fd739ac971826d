"""Fashion-MNIST: from Debian's files where they are, else from the hub, which has the same images in the same order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import InkbloomError
from .dataset import Data
from .folder import load_survey
from .hub import KNOWN, survey_hub
from .idx import load_idx
from .parts import slices_of

FILES = Path("/usr/share/datasets/fashion-mnist")
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def load_fashion() -> Data:
    """70,000 grey pictures of clothes, 28 x 28. Raises DataError, UsageError where they are in neither place."""
    return replace(load_idx(FILES) if FILES.is_dir() else _from_hub(), classes=CLASSES, source="fashion-mnist")


def _from_hub() -> Data:
    try:
        found = survey_hub(Path(KNOWN["fashion-mnist"]))
    except InkbloomError as problem:
        raise type(problem)(f"{problem}; or apt install dataset-fashion-mnist") from None
    if isinstance(found, Data):
        return found
    data = load_survey(found)
    slices, notes = slices_of([place.slice for place in found.layout.places.values()], data.labels)
    return replace(data, slices=slices, notes=(*found.layout.notes, *notes))
