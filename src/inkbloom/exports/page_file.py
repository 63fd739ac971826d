"""`--to page`: one file that the web page reads, and inkbloom too: weights in half precision, the network as a list of plain
steps, and what each step gives for one input, so that the page can show that its numbers are PyTorch's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from ..data.pixels import RANGES
from ..diffusion import split
from ..errors import OWN, UsageError
from ..families import Diffusion
from ..solvers import step_times
from ..store.tensors import KEY
from ..store.weights import PAGE, about
from .graph import Step, graph_of, play
from .made import Made
from .model import Model
from .parity import question

FILE = "model.safetensors"
USE = """import inkbloom

run = inkbloom.Run("model.safetensors")  # the page's file opens in inkbloom too
pictures = run.sample(16)
"""
POSITIONS = 256  # values that are kept of each step's output
FORMAT = 1


def write(model: Model, folder: Path) -> Made:
    """Fills the folder; see `Made`. Raises UsageError for what the page cannot compute."""
    family = playable(model)
    (folder / FILE).write_bytes(packed(model))
    steps = played((folder / FILE).read_bytes())

    @torch.no_grad()
    def answer(x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = steps(x, t if family.recipe.timed else torch.zeros_like(t), y)
        x0, _ = split(out, x, family.path(t[:, None, None, None]), family.target)
        return x0.clamp(*RANGES[family.recipe.pixels]) if family.recipe.clip_x0 else x0

    notes = ("the web page reads it: its metadata hold the network as a list of plain steps, and how to sample",)
    return Made("one file for the web page", answer, USE, "inkbloom", ("inkbloom",), notes=notes)


def playable(model: Model) -> Diffusion:
    """Its family, where the page knows how to draw with it; the network itself is looked at by `packed`. Raises UsageError."""
    family = model.family
    if not isinstance(family, Diffusion):
        raise UsageError(
            f"the page draws step by step, and a {family.recipe.family} in one pass: --to torch and --to onnx take it"
        )
    for name in ("path", "target", "noise", "solver", "spacing"):
        if getattr(family.recipe, name).startswith(OWN):
            raise UsageError(f"the page does not know a {name} of your own: train with one of inkbloom's")
    return family


def packed(model: Model) -> bytes:
    """The file: the weights in the model's `dtype` and, called page/..., what only the page reads.

    Its metadata hold the `inkbloom` table of a weights file and a table `page`: format, steps (see graph.py), and how to
    sample. golden/x, t and y are the first input of the proof; golden/values, mean and rms tell of each step's output, one
    row a step: 256 values at even distances, the mean and the root mean square. Raises UsageError for what the page
    cannot compute.
    """
    family = playable(model)
    first = {name: value[:1] for name, value in question(family).items()}
    golden = first["x"], first["t"], first.get("y")
    net = family.net
    steps, constants = graph_of(net, golden)
    with torch.no_grad():
        values = play(steps, {**net.state_dict(), **constants}, *golden)
    outputs = [values[each["name"]].flatten() for each in steps]
    told = {
        **constants,
        **{f"golden/{name}": value.int() if name == "y" else value for name, value in first.items()},
        "golden/values": torch.stack([output[positions(len(output))] for output in outputs]),
        "golden/mean": torch.stack([output.mean() for output in outputs]),
        "golden/rms": torch.stack([output.square().mean().sqrt() for output in outputs]),
    }
    tensors = {name: tensor.to(model.dtype) for name, tensor in net.state_dict().items()}
    tensors |= {PAGE + name: tensor.detach() for name, tensor in told.items()}
    sampling = sampling_of(family)
    tables = {
        KEY: about(family.spec, model.step, model.weights),
        "page": {"format": FORMAT, "steps": steps, "sampling": sampling},
    }
    return save(
        {name: tensor.cpu().contiguous() for name, tensor in tensors.items()},
        {name: json.dumps(table, ensure_ascii=False) for name, table in tables.items()},
    )


def positions(count: int) -> Tensor:
    """Which of `count` values are kept: POSITIONS places at even distances, k * count / POSITIONS rounded down."""
    return torch.arange(POSITIONS) * count // POSITIONS


def sampling_of(family: Diffusion) -> dict[str, Any]:
    """All that a sampler must know, in plain values."""
    recipe, spec = family.recipe, family.spec
    times = step_times(recipe.sample_steps, spec.part("spacing"), family.path, family.last_time)
    if recipe.sample_times:
        times = family.last_time * torch.tensor([*recipe.sample_times, 0], dtype=torch.float64)
    return {
        "shape": spec.shape,
        "range": RANGES[recipe.pixels],
        "classes": spec.classes[: family.num_classes],
        "trained": family.trained,
        "conditions": family.num_conditions,
        "clusters": recipe.clusters,
        "timed": recipe.timed,
        **{name: getattr(recipe, name) for name in ("path", "target", "noise", "solver", "spacing", "clip_x0")},
        "guidance": recipe.guidance if family.num_conditions else 1.0,
        "times": times.tolist(),
    }


def played(data: bytes) -> Any:
    """The network of a page file as a function net(x, t, y), computed from nothing but the file: for the proof of it."""
    length = int.from_bytes(data[:8], "little")
    steps: list[Step] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["page"])["steps"]
    weights = {name.removeprefix(PAGE): tensor.float() for name, tensor in load(data).items()}

    def net(x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        return play(steps, weights, x, t, y)[steps[-1]["name"]]

    return net
