"""`--to torch`: the network, its solver and its noise as one readable Python file beside the weights. It needs no inkbloom."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from ..data.pixels import RANGES
from ..diffusion import NOISES
from ..errors import OWN, UsageError
from ..families import Diffusion, Latent
from ..families.diffusion import settings_of
from ..nets import ClusterConditioned
from ..solvers import SOLVERS, SPACINGS, step_times
from . import command_line, standalone, standalone_latent
from .gathered import gathered
from .made import Made, Walk
from .model import Model
from .parity import COUNT

CODE, WEIGHTS = "model.py", "model.safetensors"
USE = "from model import load, sample\n\nnet = load()\npictures = sample(net, 16, seed=0)  # uint8 (16, H, W, C)\n"
INTRO = """{what}, exported by inkbloom.

    python model.py --count 16 --out pictures

draws pictures into PNG files; `load` and `sample` do it in Python. Needs torch, numpy and safetensors, Pillow for the command.
The code is inkbloom's (https://www.apache.org/licenses/LICENSE-2.0), the parts that this model uses; picture k of a seed is
the one that inkbloom draws.
"""


def write(model: Model, folder: Path) -> Made:
    """Fills the folder; see `Made`. Raises UsageError for a model with parts of one's own, whose source is not ours to copy."""
    family = model.family
    net: nn.Module
    functions: ModuleType
    if isinstance(family, Latent):
        net, values, functions = family.decoder, _latent(family), standalone_latent
    else:
        assert isinstance(family, Diffusion)
        net, values, functions = family.net, _diffusion(family), standalone
    code = gathered(
        [functions.load, functions.sample, command_line.main], values, INTRO.format(what=f"{family.title}: {family.summary}")
    )
    (folder / CODE).write_text(f'{code}\n\nif __name__ == "__main__":\n    main(load, sample)\n', encoding="utf-8")
    state = {name: tensor.detach().to("cpu", model.dtype).contiguous() for name, tensor in net.state_dict().items()}
    (folder / WEIGHTS).write_bytes(save(state))
    needs = ("torch", "numpy", "safetensors", "pillow", *(["diffusers"] if family.recipe.net == "unet2d" else []))
    module = opened(folder)
    answer = _latent_answer(family, module) if isinstance(family, Latent) else _answer(module)
    walk = None if isinstance(family, Latent) else _walk(family, module)
    return Made("one Python file with its weights", answer, USE, "pytorch", needs, walk, runs_code=True)


def opened(folder: Path) -> ModuleType:
    """The exported code as a module of its own, which Python forgets again."""
    spec = importlib.util.spec_from_file_location("inkbloom_exported_model", folder / CODE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their module there
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
        del sys.modules[spec.name]
    return module


def _diffusion(family: Diffusion) -> dict[str, Any]:
    """What the file has in the place of the values of `standalone`."""
    recipe, spec = family.recipe, family.spec
    for name in ("net", "path", "target", "noise", "solver", "spacing"):
        if (value := getattr(recipe, name)).startswith(OWN):
            told = f"{name} '{value.removeprefix(OWN)}' is your own code, which --to torch does not copy"
            raise UsageError(f"{told}: --to onnx takes any network")
    return {
        "NET": spec.part("net"),
        "SETTINGS": settings_of(spec),
        "SHAPE": spec.shape,
        "CLASSES": spec.classes[: family.num_classes],
        "TRAINED": family.trained,
        "CONDITIONS": family.num_conditions,
        "CLUSTERS": recipe.clusters,
        "MAKE": standalone.clustered_network if isinstance(family.net, ClusterConditioned) else standalone.network,
        "PATH": family.path,
        "TARGET": recipe.target,
        "NOISE": NOISES[recipe.noise],
        "TIMED": recipe.timed,
        "RANGE": RANGES[recipe.pixels],
        "CLIP": recipe.clip_x0,
        "STEPS": recipe.sample_steps,
        "SOLVER": SOLVERS[recipe.solver],
        "SPACING": SPACINGS[recipe.spacing],
        "LEVELS": recipe.sample_times,
        "GUIDANCE": recipe.guidance if family.num_conditions else 1.0,
        "START": family.last_time,
    }


def _latent(family: Latent) -> dict[str, Any]:
    """What the file has in the place of the values of `standalone_latent`."""
    recipe, spec = family.recipe, family.spec
    settings: dict[str, Any] = {"channels": spec.channels, "size": spec.size, "latent": recipe.latent}
    settings |= {"num_classes": spec.num_classes, "upsampler": "resize" if recipe.upsampler == "resize" else "transposed"}
    settings |= {"widths": recipe.widths} if recipe.widths else {}
    return {
        "SETTINGS": settings,
        "LATENT": recipe.latent,
        "CLASSES": spec.classes[: family.num_classes],
        "TRAINED": family.trained,
    }


def _answer(module: ModuleType) -> Any:
    net = module.load()

    @torch.no_grad()
    def answer(x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        denoised: Tensor = module.denoiser(net, y, 1.0)(x, t)
        return denoised

    return answer


def _latent_answer(family: Latent, module: ModuleType) -> Any:
    net, (low, high) = module.load(), RANGES[family.recipe.pixels]

    @torch.no_grad()
    def answer(z: Tensor, y: Tensor | None = None) -> Tensor:
        drawn: Tensor = module.draw_from(net, z, y)
        return low + (high - low) * drawn

    return answer


def _walk(family: Diffusion, module: ModuleType) -> Walk:
    recipe, net = family.recipe, module.load()
    times = step_times(min(recipe.sample_steps, COUNT), recipe.spacing, family.path, family.last_time)
    guidance = recipe.guidance if family.num_conditions else 1.0

    @torch.no_grad()
    def draw(generator: torch.Generator, y: Tensor | None) -> Tensor:
        shape = (COUNT, *family.spec.shape)
        kind = torch.rand if recipe.noise == "uniform" else torch.randn
        x = kind(shape, generator=generator) * module.PATH(times[0]).s
        denoise = module.denoiser(net, y, guidance)
        *_, (x, _) = module.SOLVER(denoise, x, times, module.PATH, lambda step: torch.randn(shape, generator=generator))
        return x

    return Walk(draw, recipe.solver, times, guidance)
