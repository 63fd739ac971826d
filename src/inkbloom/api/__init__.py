"""What a user can ask for, as plain functions: for notebooks and scripts, and for the command's verbs of the same names."""

from .compare import compare
from .evaluate import evaluate
from .explain import explain
from .images import images
from .inspect import inspect
from .judge import judge
from .sample import sample
from .train import train

__all__ = ["compare", "evaluate", "explain", "images", "inspect", "judge", "sample", "train"]
