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
    **dict.fromkeys(("train", "sample", "evaluate", "compare", "explain", "inspect", "images", "judge"), ".api"),
    "Run": ".run",
    "Recipe": ".config",
    "load_recipe": ".config",
    "load_data": ".data",
}

__all__ = [
    "Recipe", "Run", "__version__", "compare", "evaluate", "explain", "images", "inspect", "judge", "load_data",
    "load_recipe", "sample", "train",
]  # fmt: skip

if TYPE_CHECKING:
    from .api import compare, evaluate, explain, images, inspect, judge, sample, train
    from .config import Recipe, load_recipe
    from .data import load_data
    from .run import Run


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module 'inkbloom' has no attribute '{name}'")
