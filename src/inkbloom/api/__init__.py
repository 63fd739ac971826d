"""What a user can ask for, as plain functions: the command's verbs and notebooks call these and nothing else."""

from .compare import compare
from .evaluate import evaluate
from .explain import explain
from .images import images
from .inspect import inspect
from .sample import sample
from .train import train

__all__ = ["compare", "evaluate", "explain", "images", "inspect", "sample", "train"]
