"""inkbloom: a diffusion lab for small images.

    import inkbloom

    run = inkbloom.train("fast", out="runs/mine")
    pictures = run.sample(16, seed=0)  # uint8 (16, 28, 28, 1)

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "train": ".verbs.train", "evaluate": ".verbs.evaluate", "Run": ".run", "Recipe": ".config", "load_recipe": ".config",
    "load_data": ".data",
}  # fmt: skip

__all__ = ["Recipe", "Run", "__version__", "evaluate", "load_data", "load_recipe", "train"]

if TYPE_CHECKING:
    from .config import Recipe, load_recipe
    from .data import load_data
    from .run import Run
    from .verbs.evaluate import evaluate
    from .verbs.train import train


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module 'inkbloom' has no attribute '{name}'")
