"""inkbloom: a diffusion lab for small images.

    import inkbloom

    run = inkbloom.train("fast", out="runs/mine")
    pictures = run.sample(16, seed=0)  # uint8 (16, 28, 28, 1)

train         trains a model by a recipe; the same call again resumes it
Run           a trained model, to sample from
sample        draws pictures into files
evaluate      measures how good a run's pictures are, beside what real ones would get
judge         trains a judge for images of your own, which evaluate needs
export        takes a model to diffusers and other programs
compare       sets runs side by side: settings, curves, pictures, cards
sweep         trains a recipe many times with some fields varied, and says which was best
inspect       looks at a source of images before training on it
explain       shows how it works: a picture and a film of convolution, noise, sampling, networks
check_claims  measures what the tutorial claims
recipes       the recipes that come with inkbloom, each with a line about it
load_recipe   a recipe by its name, or from a file
Recipe        a recipe: all that decides a training
load_data     the images of a source
images        arrays of your own as a source of images
grid          pictures side by side as one image

tutorial      the tutorial's own names, as doors to the parts behind them

Every mistake raises an error of inkbloom.errors, which says in one line what is wrong and how to mend it.
Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    **dict.fromkeys(
        (
            "check_claims",
            "compare",
            "evaluate",
            "explain",
            "export",
            "grid",
            "images",
            "inspect",
            "judge",
            "sample",
            "sweep",
            "train",
        ),
        ".api",
    ),
    "Run": ".run",
    "Recipe": ".config",
    **dict.fromkeys(("load_recipe", "recipes"), ".recipe_files"),
    "load_data": ".data",
}
_ROOMS = ("convolution", "diffusion", "errors", "sampling", "solvers", "tutorial")  # modules that the documents use

__all__ = [
    "Recipe", "Run", "__version__", "check_claims", "compare", "evaluate", "explain", "export", "grid", "images", "inspect",
    "judge", "load_data", "load_recipe", "recipes", "sample", "sweep", "train",
]  # fmt: skip

if TYPE_CHECKING:
    from .api import check_claims, compare, evaluate, explain, export, grid, images, inspect, judge, sample, sweep, train
    from .config import Recipe
    from .data import load_data
    from .recipe_files import load_recipe, recipes
    from .run import Run


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    from difflib import get_close_matches

    near = get_close_matches(name, __dir__(), n=1)
    raise AttributeError(f"module 'inkbloom' has no attribute '{name}'" + (f": did you mean '{near[0]}'?" if near else ""))


def __dir__() -> list[str]:
    return [*__all__, *_ROOMS]
