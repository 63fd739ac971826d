"""A stock pipeline of diffusers, which loads without any code of ours: for a UNet2DModel on DDPM's path, without classes."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor

from ..diffusion import DDPM_BETAS, DDPM_STEPS
from ..families import Diffusion, FewStep
from ..nets import UNet2D
from .made import Answer, Made, Walk
from .model import Model
from .parity import COUNT

PREDICTION = {"eps": "epsilon", "x0": "sample"}  # their v is a eps - s x0, ours the velocity: on this path no stock target
PROVED_STEPS = 20  # of the pictures that the proof draws, at most


def unfit(family: Diffusion) -> str | None:
    """Why no stock pipeline draws what the family does, or None."""
    recipe, net = family.recipe, family.net
    if not isinstance(net, UNet2D):
        return f"its network is {recipe.net}" if not recipe.clusters else "its network has clusters"
    reasons = {
        "it is conditioned on classes, which stock pipelines do not pass": net.num_classes > 0,
        "a student's few steps are its own": isinstance(family, FewStep),
        f"its noise is {recipe.noise}": recipe.noise != "gaussian",
        f"its path is {recipe.path}": recipe.path != "vp",
        "its v is the velocity, another than diffusers'": recipe.target not in PREDICTION,
        "its network is not told the time": not recipe.timed,
        f"its pixels lie in {recipe.pixels}": recipe.pixels != "-1..1",
        f"its network pads images of {family.spec.size[1]} x {family.spec.size[0]}": any(
            side % net.multiple for side in family.spec.size
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def write(model: Model, folder: Path) -> Made:
    """A DDPMPipeline for runs that draw by `ancestral`, else a DDIMPipeline, which is `euler` on this path."""
    import diffusers

    recipe, net = model.recipe, model.family.net
    kind = "DDPM" if recipe.solver == "ancestral" else "DDIM"
    scheduler = getattr(diffusers, f"{kind}Scheduler")(
        num_train_timesteps=DDPM_STEPS,
        beta_start=DDPM_BETAS[0],
        beta_end=DDPM_BETAS[1],
        beta_schedule="linear",
        prediction_type=PREDICTION[recipe.target],
        clip_sample=recipe.clip_x0,
        clip_sample_range=1.0,
        timestep_spacing="trailing",
    )
    pipeline, steps = getattr(diffusers, f"{kind}Pipeline"), even(recipe.sample_steps)
    pipeline(copy.deepcopy(net.unet).to(model.dtype), scheduler).save_pretrained(folder)
    written = pipeline.from_pretrained(folder)
    # else DDIM would go on from the clipped image with the noise of the one before it was clipped
    asked = {"use_clipped_model_output": True} if kind == "DDIM" and recipe.clip_x0 else {}
    use = f"""from diffusers import {kind}Pipeline

pipeline = {kind}Pipeline.from_pretrained(".")
pictures = pipeline(batch_size=16, num_inference_steps={steps}{", use_clipped_model_output=True" if asked else ""}).images
"""
    notes = []
    if recipe.solver not in ("euler", "ancestral") or recipe.spacing != "uniform" or recipe.sample_times:
        notes.append("it takes Euler's steps, evenly spaced, where the recipe's own solver takes others")
    elif steps != recipe.sample_steps:
        notes.append(
            f"steps that do not divide 1,000 are rounded there: the card draws by {steps}, the recipe by {recipe.sample_steps}"
        )
    walk = _walk(written, even(min(steps, PROVED_STEPS)), recipe.solver, asked)
    return Made(
        f"a stock {kind}Pipeline", _answer(written), use, "diffusers", ("torch", "diffusers", "accelerate"), walk, tuple(notes)
    )


def even(steps: int) -> int:
    """The nearest number of steps that divides DDPM's thousand: by others the schedulers round their timesteps."""
    return min((n for n in range(1, DDPM_STEPS + 1) if DDPM_STEPS % n == 0), key=lambda n: abs(n - steps))


def _answer(pipeline: object) -> Answer:
    """x0 as the pipeline's network and scheduler have it."""
    unet, scheduler = pipeline.unet, pipeline.scheduler  # type: ignore[attr-defined]

    @torch.no_grad()
    def answer(x: Tensor, t: Tensor) -> Tensor:
        timesteps = (DDPM_STEPS * t).round().long() - 1
        out = unet(x, timesteps).sample
        scheduler.set_timesteps(DDPM_STEPS)
        rows = zip(out.split(1), timesteps.tolist(), x.split(1), strict=True)
        return torch.cat([scheduler.step(one, i, noisy).pred_original_sample for one, i, noisy in rows])

    return answer


def _walk(pipeline: object, steps: int, solver: str, asked: dict[str, bool]) -> Walk:
    """Whole pictures by the pipeline."""
    scheduler = pipeline.scheduler  # type: ignore[attr-defined]
    scheduler.set_timesteps(steps)
    times = torch.cat([(scheduler.timesteps + 1) / DDPM_STEPS, torch.zeros(1)])
    pipeline.set_progress_bar_config(disable=True)  # type: ignore[attr-defined]

    def draw(numbers: torch.Generator, y: Tensor | None) -> Tensor:
        drawn = pipeline(batch_size=COUNT, generator=numbers, num_inference_steps=steps, output_type="pt", **asked)  # type: ignore[operator]
        pictures: Tensor = drawn.images * 2 - 1
        return pictures

    return Walk(draw, "ancestral" if solver == "ancestral" else "euler", times, strength=1.0)  # where `vp` has 0.99998
