"""Trained weights that come with inkbloom, so that `inkbloom sample` draws before anything has been trained.

Each is a weights file (half precision) with a JSON beside it: its SHA-256, its card and the command that made it.
"""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path

from ..errors import CheckpointError, unknown

PRETRAINED = ("digits",)


def pretrained(name: str = "digits") -> Path:
    """The weights file of that name. Raises UsageError for another name, CheckpointError where the file is not as shipped."""
    if name not in PRETRAINED:
        raise unknown("pretrained model", name, PRETRAINED)
    path = Path(str(files("inkbloom"))) / "pretrained" / f"{name}.safetensors"
    try:
        kept = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError) as problem:
        raise CheckpointError(f"the shipped model is not complete ({path}: {problem}): install inkbloom again") from None
    if found != kept:
        raise CheckpointError(f"the shipped model is damaged ({path}): install inkbloom again")
    return path
