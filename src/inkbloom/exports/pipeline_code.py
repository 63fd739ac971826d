"""The pipeline of an exported folder, which has this class with all that it uses in one file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from diffusers import DiffusionPipeline, ImagePipelineOutput, UNet2DModel
from torch import Tensor

from ..data.pixels import RANGES
from ..diffusion import PATHS, Denoise, clipped, guided, split
from ..nets.pad import pad_to
from ..solvers import SOLVERS, Solver, step_times


class InkbloomPipeline(DiffusionPipeline):
    """Draws pictures as inkbloom does, from noise to image along its times. `settings`: those of the training's recipe.

    `unet` is `unet(x, t, y)`, or a UNet2DModel. `scheduler`: a FlowMatchEulerDiscreteScheduler, with which the solver `euler`
    takes its steps on the path `lerp`.
    """

    _optional_components = ("scheduler",)

    def __init__(self, unet: Any, scheduler: Any = None, settings: Any = None) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(settings=settings)
        self.settings = settings

    @torch.no_grad()
    def __call__(
        self,
        batch_size: int = 1,
        class_labels: Any = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        solver: str | None = None,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
        conditions: Tensor | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> Any:
        """Pictures as PIL images, or with output_type 'np' or 'pt' as values in [0, 1].

        class_labels: a class by its name or number, or a list of them, which are drawn in turn; without it all that were
        trained are. None for steps, guidance_scale, solver: as the recipe says. noise: (B, C, H, W) to start from;
        conditions: (B,) numbers as the network takes them, in place of class_labels.
        """
        s, device = self.settings, self._execution_device
        path, steps = PATHS[s["path"]], num_inference_steps or s["steps"]
        if s["fixed_steps"] and steps != s["steps"]:
            raise ValueError(f"num_inference_steps = {steps}: this model has learned {s['steps']} steps and no others")
        times = step_times(steps, s["spacing"], path, s["last_time"])
        if s["times"] and steps == s["steps"] and solver in (None, s["solver"]):
            times = s["last_time"] * torch.tensor([*s["times"], 0], dtype=torch.float64)
        if noise is None:
            kind = torch.rand if s["noise"] == "uniform" else torch.randn
            where = generator.device if generator is not None else "cpu"
            noise = kind((batch_size, *s["shape"]), generator=generator, device=where)
        x = noise.to(device, torch.float32) * path(times[0]).s.float()
        y = self.drawn(len(x), class_labels, generator) if conditions is None else conditions
        guidance = s["guidance"] if guidance_scale is None else guidance_scale
        denoise = self.denoiser(None if y is None else y.to(device), guidance)

        def new_noise(step: int) -> Tensor:
            where = generator.device if generator is not None else "cpu"
            return torch.randn(x.shape, generator=generator, device=where).to(device)

        taken = self.walk(solver or s["solver"])(denoise, x, times, path, new_noise)
        *_, (x, _) = self.progress_bar(taken)
        low, high = RANGES[s["pixels"]]
        images: Any = ((x - low) / (high - low)).clamp(0, 1)
        if output_type != "pt":
            images = images.cpu().permute(0, 2, 3, 1).numpy()
        if output_type == "pil":
            images = self.numpy_to_pil(images)
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def walk(self, solver: str) -> Solver:
        """The solver of that name; Euler's steps on `lerp` are the scheduler's."""
        return self.scheduled if solver == "euler" and self.scheduler is not None else SOLVERS[solver]

    def scheduled(self, denoise: Denoise, x: Tensor, times: Tensor, *_: Any) -> Iterator[tuple[Tensor, Tensor]]:
        """The scheduler's steps. It takes the velocity eps - x0, which on `lerp` is (x - x0) / t."""
        self.scheduler.set_timesteps(sigmas=times[:-1].tolist(), device=x.device)
        for t, timestep in zip(times.float(), self.scheduler.timesteps, strict=False):
            x0 = denoise(x, t)
            x = self.scheduler.step((x - x0) / t.to(x), timestep, x).prev_sample
            yield x, x0

    def denoiser(self, y: Tensor | None, guidance: float = 1.0) -> Denoise:
        """x0 from (x, t), for conditions y: (B,), as the network takes them, or None."""
        s = self.settings
        null = s["conditions"]

        def conditioned(y: Tensor | None) -> Denoise:
            def denoise(x: Tensor, t: Tensor) -> Tensor:
                t = t.to(x).expand(len(x))
                told = torch.full((len(x),), null, device=x.device) if null and y is None else y
                c = PATHS[s["path"]](t[:, None, None, None])
                return split(self.predict(x, t if s["timed"] else torch.zeros_like(t), told), x, c, s["target"])[0]

            return denoise

        denoise = guided(conditioned(None), conditioned(y), guidance) if null and y is not None else conditioned(None)
        return clipped(denoise, *RANGES[s["pixels"]]) if s["clip_x0"] else denoise

    def predict(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """What the network says: (B, C, H, W)."""
        given = x.to(self.unet.dtype)
        if not isinstance(self.unet, UNet2DModel):
            out = self.unet(given, t.to(given), y)
        else:
            padded = pad_to(given, 2 ** (len(self.unet.config.block_out_channels) - 1))
            timesteps = (1000 * t - 1).clamp_min(0)
            out = self.unet(padded, timesteps, class_labels=y, return_dict=False)[0]
        return out[..., : x.shape[-2], : x.shape[-1]].to(x)

    def drawn(self, count: int, class_labels: Any, generator: torch.Generator | None) -> Tensor | None:
        """The conditions (count,) of pictures of these classes; in a class with clusters, each by its share."""
        s = self.settings
        if not s["conditions"]:
            return None
        asked = list(class_labels) if isinstance(class_labels, list | tuple) else [class_labels]
        if class_labels is None:
            asked = s["trained"] or [0]
        numbers = [s["classes"].index(label) if isinstance(label, str) else int(label) for label in asked]
        labels = torch.tensor(numbers)[torch.arange(count) % len(numbers)]
        if not s["shares"]:
            return labels
        shares = torch.tensor(s["shares"])
        where = generator.device if generator is not None else "cpu"
        u = torch.rand(count, generator=generator, device=where).cpu()
        cluster = torch.searchsorted(shares.cumsum(1)[labels], u[:, None], right=True)[:, 0]
        return labels * shares.shape[1] + cluster.clamp_max(shares.shape[1] - 1)
