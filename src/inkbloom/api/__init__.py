"""What a user can ask for, as plain functions: for notebooks and scripts, and for the command's verbs of the same names."""

from .claims import check_claims
from .compare import compare
from .evaluate import evaluate
from .explain import explain
from .export import export
from .grid import grid
from .images import images
from .inspect import inspect
from .judge import judge
from .sample import sample
from .sweep import sweep
from .train import train

__all__ = [
    "check_claims", "compare", "evaluate", "explain", "export", "grid", "images", "inspect", "judge", "sample", "sweep",
    "train",
]  # fmt: skip
