"""`onnx`: one step of denoising, (x, t, y) -> x0, as a graph that ONNX Runtime and others run. Of a vae or a gan: (z, y) ->
picture.

Guidance is left to the caller, who asks twice, the second time with the null number for y. What a sampler must know besides
stands in the file's metadata.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..data.pixels import RANGES
from ..diffusion import DDPM_STEPS, Coef, split, vp
from ..errors import UsageError, missing, own_name
from ..families import Diffusion, Family, Latent
from ..nets import ClusterConditioned
from ..solvers import step_times
from .made import Answer, Made
from .model import Model

OPSET = 18
FILE = "model.onnx"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def write(model: Model, folder: Path) -> Made:
    """Writes model.onnx; see `Made`. Raises UsageError where a package is missing or a network of one's own does not trace."""
    for package in PACKAGES:
        try:
            import_module(package)
        except ImportError:
            raise missing(package, "onnx") from None
    import onnx

    graph = traced(model.family)
    if model.dtype == torch.float16:
        halve(graph)
    for name, value in about(model.family).items():
        graph.metadata_props.add(key=name, value=value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, folder / FILE)
    notes = [] if isinstance(model.family, Latent) else ["one step: the loop over the steps, and guidance, are the caller's"]
    if isinstance(model.family.net, ClusterConditioned):
        notes.append("y is class * clusters + cluster; the metadata holds each cluster's share of its class")
    return Made(
        f"an ONNX graph of opset {OPSET}",
        answer(folder / FILE),
        use(model.family),
        "onnx",
        ("onnxruntime",),
        None,
        tuple(notes),
    )


# ---- the graph


class Step(nn.Module):
    """(x: (B, C, H, W), t: (B,), y: (B,) where there are conditions) -> x0: (B, C, H, W)."""

    def __init__(self, family: Diffusion) -> None:
        super().__init__()
        self.net = family.net.net if isinstance(family.net, ClusterConditioned) else family.net
        self.recipe, self.target = family.recipe, family.target
        self.path = partial(vp_in_a_graph, factors=vp_polynomial()) if family.path is vp else family.path

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = self.net(x, t if self.recipe.timed else torch.zeros_like(t), y)
        x0, _ = split(out, x, self.path(t[:, None, None, None]), self.target)
        return x0.clamp(*RANGES[self.recipe.pixels]) if self.recipe.clip_x0 else x0


class Drawing(nn.Module):
    """(z: (B, latent), y: (B,) where there are classes) -> pictures: (B, C, H, W)."""

    def __init__(self, family: Latent) -> None:
        super().__init__()
        self.family = family

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        share = None if y is None else (y[:, None] == torch.arange(self.family.num_classes)).float()
        return self.family.decode(z, share)


def vp_in_a_graph(t: Tensor, factors: list[float]) -> Coef:
    """`vp` from operations that ONNX has in float32: log a^2 is a polynomial in t, to seven digits; see `vp_polynomial`."""
    log_squared, slope = torch.zeros_like(t), torch.zeros_like(t)
    for power, factor in reversed([*enumerate(factors, start=1)]):
        log_squared, slope = t * (log_squared + factor), slope * t + power * factor
    a = (log_squared / 2).exp()
    s = (2 * a * torch.sinh(-log_squared / 2)).clamp_min(0).sqrt()  # 1 - a^2, without the rounding of a difference
    da = a * slope / 2
    return Coef(a, s, da, -a * da / s.clamp_min(1e-6))


def vp_polynomial(degree: int = 5) -> list[float]:
    """The factors of t, t^2, ... whose sum is log a^2 of `vp`, by least squares at DDPM's thousand times."""
    t = torch.arange(1, DDPM_STEPS + 1, dtype=torch.float64) / DDPM_STEPS
    powers = torch.stack([t**power for power in range(1, degree + 1)], 1)
    factors: list[float] = torch.linalg.lstsq(powers, 2 * vp(t).a.log()[:, None]).solution[:, 0].tolist()
    return factors


def traced(family: Family) -> Any:
    """The graph of one step as an onnx.ModelProto, the batch dynamic."""
    # two rows, since a batch of one would be taken for granted; UNet2DModel asks whether there are 64, which changes no result
    batch, y = torch.export.Dim("batch", min=2, max=63), torch.zeros(2, dtype=torch.long)
    if isinstance(family, Latent):
        module: nn.Module = Drawing(family)
        inputs = {"z": torch.zeros(2, family.recipe.latent)}
    else:
        assert isinstance(family, Diffusion)
        module = Step(family)
        inputs = {"x": torch.zeros(2, *family.spec.shape), "t": torch.full((2,), 0.5)}
    if family.num_conditions:
        inputs["y"] = y
    try:
        with _quietly():
            program = torch.onnx.export(
                module.eval(),
                kwargs=inputs,
                dynamo=True,
                dynamic_shapes={name: {0: batch} for name in inputs},
                input_names=list(inputs),
                output_names=["picture" if isinstance(family, Latent) else "x0"],
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
    except Exception as problem:
        if not family.spec.own:
            raise
        name = own_name(next(iter(family.spec.own.values())))
        raise UsageError(
            f"{name} cannot be traced as a graph ({type(problem).__name__}): use operations that torch.export knows"
        ) from problem
    return program.model_proto  # type: ignore[union-attr]


def halve(graph: Any) -> None:
    """Stores in half precision what that holds exactly, as it does the rounded weights; the graph computes in float32 still."""
    import onnx
    from onnx import numpy_helper

    casts = []
    for weight in graph.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or not weight.dims:
            continue
        name, values = weight.name, numpy_helper.to_array(weight)
        if (values == (halved := values.astype("float16"))).all():
            weight.CopyFrom(numpy_helper.from_array(halved, f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.graph.node.insert(0, cast)


def about(family: Family) -> dict[str, Any]:
    """The file's metadata: what a sampler must know; lists and numbers as JSON."""
    recipe, spec = family.recipe, family.spec
    table: dict[str, Any] = {
        "family": recipe.family,
        "pixels": list(RANGES[recipe.pixels]),
        "classes": list(spec.classes) if family.num_classes else [],
        "trained": list(family.trained),
    }
    if not isinstance(family, Diffusion):
        return table
    times = step_times(
        recipe.sample_steps, "uniform" if ":" in recipe.spacing else recipe.spacing, family.path, family.last_time
    )
    if recipe.sample_times:
        times = family.last_time * torch.tensor([*recipe.sample_times, 0], dtype=torch.float64)
    c = family.path(times)
    table |= {name: getattr(recipe, name) for name in ("path", "target", "noise", "solver", "guidance")}
    table |= {"null": family.num_conditions, "times": times.tolist(), "a": c.a.tolist(), "s": c.s.tolist()}
    if isinstance(family.net, ClusterConditioned):
        table["shares"] = family.net.shares.tolist()
    return table


# ---- the proof


def answer(file: Path) -> Answer:
    """What ONNX Runtime says, in batches of 1, 2 and all of them."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])

    def run(rows: slice, asked: dict[str, Tensor]) -> Tensor:
        (found,) = session.run(None, {name: value[rows].numpy() for name, value in asked.items()})
        return torch.from_numpy(found)

    def answered(**asked: Tensor) -> Tensor:
        return torch.cat([run(slice(1), asked), run(slice(1, 3), asked), run(slice(None), asked)[3:]])

    return answered


def use(family: Family) -> str:
    """How to ask it, in Python."""
    clusters = max(1, family.recipe.clusters)
    first = [number * clusters for number in family.trained] or range(family.num_conditions)
    label = f', "y": np.array({[*islice(cycle(first), 4)]})' if family.num_conditions else ""
    if isinstance(family, Latent):
        given, asked, out = (
            f"z = np.random.default_rng(0).standard_normal((4, {family.recipe.latent}), np.float32)",
            '"z": z',
            "pictures",
        )
    else:
        shape = ", ".join(map(str, (4, *family.spec.shape)))
        given = f"x = np.random.default_rng(0).standard_normal(({shape}), np.float32)"
        asked, out = '"x": x, "t": np.ones(4, np.float32)', "x0"
    return f"""import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{FILE}")
{given}
({out},) = session.run(None, {{{asked}{label}}})
print(session.get_modelmeta().custom_metadata_map)  # what a sampler must know
"""


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter tells of its own workings."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
