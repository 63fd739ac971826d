"""A pipeline folder with its own code beside it, for the diffusion models that no stock pipeline draws.

model_index.json  what diffusers reads first: the parts, and the settings of the recipe
pipeline.py       the pipeline: the theory and the solvers of inkbloom, and how they are used
unet/             a stock UNet2DModel, or the network's own code and weights
scheduler/        on the path lerp: FlowMatchEulerDiscreteScheduler
"""

from __future__ import annotations

import copy
import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import OWN
from ..families import Diffusion
from ..nets import NETS, ClusterConditioned, UNet2D
from ..solvers import step_times
from .gathered import gathered
from .made import Made, Walk
from .model import Model
from .parity import COUNT

FLOW = "FlowMatchEulerDiscreteScheduler"


def write(model: Model, folder: Path, why: str) -> Made:
    """Fills the folder. why: why no stock pipeline would do."""
    import diffusers

    family = model.family
    assert isinstance(family, Diffusion)
    settings = settings_of(family)
    index: dict[str, Any] = {"_class_name": ["pipeline", "InkbloomPipeline"]}
    (folder / "pipeline.py").write_text(pipeline_code(), encoding="utf-8")
    index |= {"_diffusers_version": diffusers.__version__, "unet": _write_network(model, folder / "unet")}
    if settings["path"] == "lerp":
        diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0).save_pretrained(folder / "scheduler")
        index["scheduler"] = ["diffusers", FLOW]
    index["settings"] = settings
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    notes = [f"no stock pipeline draws it ({why}): its code stands beside it, and loading runs that code"]
    if (recipe := model.recipe).solver != settings["solver"] or recipe.spacing != settings["spacing"]:
        notes.append("the solver or the spacing of its recipe is your own: it takes Euler's steps, or even ones, instead")
    pipeline = _opened(folder, index)
    return Made(
        "a diffusers pipeline",
        _answer(pipeline),
        _use(family),
        "diffusers",
        ("torch", "diffusers", "accelerate"),
        _walk(pipeline, family),
        tuple(notes),
        True,
    )


def settings_of(family: Diffusion) -> dict[str, Any]:
    """What the pipeline must know, as JSON has it."""
    recipe, net = family.recipe, family.net
    own = {name for name in ("solver", "spacing") if getattr(recipe, name).startswith(OWN)}
    return {
        **{name: getattr(recipe, name) for name in ("path", "target", "noise", "pixels", "timed", "clip_x0")},
        "shape": list(family.spec.shape),
        "classes": list(family.spec.classes) if family.num_classes else [],
        "trained": list(family.trained),
        "conditions": family.num_conditions,
        "shares": net.shares.tolist() if isinstance(net, ClusterConditioned) else [],
        "solver": "euler" if "solver" in own else recipe.solver,
        "spacing": "uniform" if "spacing" in own else recipe.spacing,
        "steps": recipe.sample_steps,
        "fixed_steps": bool(family.fixed_steps),
        "times": list(recipe.sample_times),
        "guidance": recipe.guidance if family.num_conditions else 1.0,
        "last_time": family.last_time,
    }


def pipeline_code() -> str:
    """pipeline.py: the same for every model, so that several can be loaded side by side."""
    from .pipeline_code import InkbloomPipeline

    about = "How inkbloom draws, as a pipeline of diffusers. Written by inkbloom, which it does not need."
    return gathered([InkbloomPipeline], {}, about)


def network_code(name: str) -> str:
    """unet/NAME_model.py: one of our own networks."""
    from .network_code import InkbloomModel

    about = f"The network `{name}` of inkbloom as a model of diffusers. Written by inkbloom, which it does not need."
    return gathered([InkbloomModel], {"NETWORK": NETS[name]}, about)


def _write_network(model: Model, folder: Path) -> list[str]:
    """Writes unet/, and returns its line of model_index.json."""
    recipe, spec, net = model.recipe, model.spec, _bare(model.family.net)
    if isinstance(net, UNet2D):
        copy.deepcopy(net.unet).to(model.dtype).save_pretrained(folder)
        return ["diffusers", "UNet2DModel"]
    folder.mkdir()
    name = f"{recipe.net}_model"
    (folder / f"{name}.py").write_text(network_code(recipe.net), encoding="utf-8")
    given: dict[str, Any] = {field: list(value) for field in ("widths",) if (value := getattr(recipe, field))}
    if recipe.layers:
        given["layers"] = recipe.layers
    if recipe.net == "ink":
        given |= {"kernel": recipe.kernel, "transposed": recipe.upsampler == "transposed"}
    given |= {"channels": spec.channels, "size": list(spec.size), "num_classes": net.num_classes}
    network = _imported(folder / f"{name}.py").InkbloomModel(given)
    network.network.load_state_dict(net.state_dict())
    network.to(model.dtype).save_pretrained(folder)
    return [name, "InkbloomModel"]


def _bare(net: nn.Module) -> nn.Module:
    """The network itself, without what knows of its clusters."""
    return net.net if isinstance(net, ClusterConditioned) else net


def _imported(file: Path) -> ModuleType:
    """A file of the folder as a module that nobody else sees."""
    spec = spec_from_file_location(f"exported_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _opened(folder: Path, index: dict[str, Any]) -> Any:
    """The pipeline that stands in the folder."""
    import diffusers

    home, name = index["unet"]
    kind = diffusers.UNet2DModel if home == "diffusers" else getattr(_imported(folder / "unet" / f"{home}.py"), name)
    scheduler = getattr(diffusers, FLOW).from_pretrained(folder / "scheduler") if "scheduler" in index else None
    pipeline = _imported(folder / "pipeline.py").InkbloomPipeline(
        kind.from_pretrained(folder / "unet"), scheduler, index["settings"]
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _answer(pipeline: Any) -> Any:
    @torch.no_grad()
    def answer(x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        x0: Tensor = pipeline.denoiser(y)(x, t)
        return x0

    return answer


def _walk(pipeline: Any, family: Diffusion) -> Walk:
    """Whole pictures as the recipe draws them."""
    s = pipeline.settings
    times = step_times(s["steps"], s["spacing"], family.path, s["last_time"])
    if s["times"]:
        times = s["last_time"] * torch.tensor([*s["times"], 0], dtype=torch.float64)

    def draw(numbers: torch.Generator, y: Tensor | None) -> Tensor:
        images = pipeline(batch_size=COUNT, generator=numbers, conditions=y, output_type="pt").images
        pictures: Tensor = images if s["pixels"] == "0..1" else images * 2 - 1
        return pictures

    return Walk(draw, s["solver"], times, s["guidance"])


def _use(family: Diffusion) -> str:
    asked = f", class_labels={family.spec.classes[family.trained[0]]!r}" if family.num_classes else ""
    return f"""from diffusers import DiffusionPipeline

pipeline = DiffusionPipeline.from_pretrained(".", trust_remote_code=True)
pictures = pipeline(batch_size=16{asked}).images
"""
