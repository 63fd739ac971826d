"""`diffusers`: a pipeline folder. Stock where a stock pipeline draws the same, else with the code of the pipeline beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UsageError
from ..families import Diffusion
from . import pipeline_folder, stock_pipeline
from .made import Made
from .model import Model


def write(model: Model, folder: Path) -> Made:
    """Fills the folder; see `Made`. Raises UsageError for what no pipeline expresses."""
    family = model.family
    if not isinstance(family, Diffusion):
        raise UsageError(f"a {model.recipe.family} to diffusers: no pipeline there draws it in one pass; use --to onnx")
    if own := [name for name in ("net", "path", "target", "noise") if name in model.spec.own]:
        raise UsageError(
            f"{own[0]} of your own to diffusers: its code is not part of inkbloom; use --to onnx, which needs none"
        )
    with _quietly():
        why = stock_pipeline.unfit(family)
        return pipeline_folder.write(model, folder, why) if why else stock_pipeline.write(model, folder)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the progress bars and the hints of diffusers."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()
