"""Export: a trained model as other programs read it, each export proved to draw the same there.

A target is a writer, `write(model, folder) -> Made`: it fills a new folder and opens what it wrote anew, by the program that
it is for. `export` asks both sides the same 20 questions, and gives the folder its name only where the answers agree.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import diffusers_folder, onnx_file, page_file, torch_file
from .folder import check_free, export
from .made import Made
from .model import DTYPES, Model, open_model
from .parity import Parity

TARGETS: dict[str, Callable[[Model, Path], Made]] = {
    "diffusers": diffusers_folder.write,
    "onnx": onnx_file.write,
    "torch": torch_file.write,
    "page": page_file.write,
}


__all__ = ["DTYPES", "TARGETS", "Made", "Model", "Parity", "check_free", "export", "open_model"]
