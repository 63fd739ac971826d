"""All that a training run carries from step to step: weights, their average, optimizers, and the number of steps done."""

from __future__ import annotations

import json
import math
import platform
from bisect import bisect
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor, nn

from ..config import Recipe
from ..errors import CheckpointError, Diverged
from ..families import Spec, build
from ..store.tensors import first_not_finite, load_tensors
from ..store.weights import pack, put, put_training_nets, renamed, unpack
from ..versions import version
from .average import Average
from .muon import Muon

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "muon": Muon}


class Stretch(NamedTuple):
    """A part of a training with a schedule of its own. Most have one; a finished training that goes on has one more."""

    number: int  # from 1
    begin: int  # steps done before it
    steps: int


def stretch_at(step: int, recipe: Recipe) -> Stretch:
    """The stretch in which a step counted from 0 lies."""
    ends = (0, *recipe.stretches, recipe.steps or 1)
    place = bisect(recipe.stretches, step)
    return Stretch(place + 1, ends[place], ends[place + 1] - ends[place])


def learning_rate(step: int, recipe: Recipe) -> float:
    """The learning rate of a step counted from 0: over each stretch it rises in the warm-up, then stays or falls to 0."""
    _, begin, total = stretch_at(step, recipe)
    step, warm = step - begin, recipe.warmup * total
    if step < warm:
        return recipe.lr * (step + 1) / (warm + 1)
    done = (step - warm) / max(total - warm, 1)
    fall = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}
    return recipe.lr * fall[recipe.schedule]


class State:
    """A family with its optimizers, the moving average of its network's parameters, and `step`, the number of steps done."""

    def __init__(self, spec: Spec, device: torch.device) -> None:
        self.spec, self.step = spec, 0
        self.origin: dict[str, Any] | None = None  # what is known of the weights that it began with; None: it began anew
        self.family = build(spec).train()
        self.family.place(device)
        self.ema = Average(self.family.net) if spec.recipe.ema else None
        self.optimizers = {phase: self._optimizer(list(owned.values())) for phase, owned in self.family.phases.items()}

    def _optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        recipe = self.spec.recipe
        settings: dict[str, Any] = {} if recipe.optimizer == "adam" else {"weight_decay": recipe.weight_decay}
        if recipe.optimizer != "muon":
            settings |= {"fused": True, "betas": recipe.betas}
        return OPTIMIZERS[recipe.optimizer](parameters, lr=recipe.lr, **settings)

    @property
    def sampled(self) -> nn.Module:
        """The network that samples: the average where there is one."""
        return self.ema.module if self.ema is not None else self.family.net

    def files(self, **more: object) -> dict[str, bytes]:
        """The state as the files of a checkpoint; `more` goes into state.json. Raises Diverged if a number is not finite."""
        slots = {
            f"{phase}/{name}/{slot}": value.detach().cpu().contiguous()
            for phase, owned in self.family.phases.items()
            for name, parameter in owned.items()
            for slot, value in self.optimizers[phase].state[parameter].items()
        }
        average = self.ema.module if self.ema is not None else nn.Module()
        more_nets = self.family.training_nets
        for tensors in (slots, *(net.state_dict() for net in (self.family.net, average, *more_nets.values()))):
            bad = first_not_finite(tensors)
            if bad:
                raise Diverged(f"weights stopped being finite numbers by step {self.step} ({bad})")
        packed = partial(pack, spec=self.spec, step=self.step, origin=self.origin)
        files = {"model.safetensors": packed(self.family.net, kind="live"), "optimizer.safetensors": save(slots)}
        for name, net in more_nets.items():
            files[f"{name}.safetensors"] = packed(net, kind=name)
        if self.ema is not None:
            files["ema.safetensors"] = packed(self.ema.module, kind="ema")
        about = {
            "step": self.step,
            "averaged": self.ema.seen if self.ema is not None else 0,
            **fingerprint(),
            **({"init": self.origin} if self.origin else {}),
            **more,
        }
        files["state.json"] = json.dumps(about, indent=1).encode()
        return files

    def load(self, files: dict[str, bytes], where: Path) -> dict[str, object]:
        """Takes over the files of a checkpoint and returns its state.json. Raises CheckpointError where they do not fit."""
        try:
            about: dict[str, object] = json.loads(files["state.json"])
            step, averaged = int(str(about["step"])), int(str(about["averaged"]))
            model, slots = files["model.safetensors"], load_tensors(files["optimizer.safetensors"])
        except (KeyError, TypeError, ValueError, RecursionError):
            raise CheckpointError(f"not the state of a training ({where}): start again in another --out") from None
        own = self.spec.own
        put(self.family.net, unpack(model, where / "model.safetensors", own)[0], where / "model.safetensors")
        put_training_nets(self.family, files, where)
        if self.ema is not None:
            if "ema.safetensors" not in files:
                raise CheckpointError(
                    f"the average of the weights is missing ({where / 'ema.safetensors'}): start again in another --out"
                )
            put(self.ema.module, unpack(files["ema.safetensors"], where / "ema.safetensors", own)[0], where / "ema.safetensors")
            self.ema.seen = averaged
        if self.spec.recipe.family != "diffusion":
            parts = ((name.partition("/"), slot) for name, slot in slots.items())
            slots = {f"{phase}/{renamed(rest)}": slot for (phase, _, rest), slot in parts}
        self._load_slots(slots, where / "optimizer.safetensors")
        self.step, origin = step, about.get("init")
        self.origin = origin if isinstance(origin, dict) else None
        return about

    def _load_slots(self, slots: dict[str, Tensor], where: Path) -> None:
        for phase, owned in self.family.phases.items():
            state = self.optimizers[phase].state
            for name, parameter in owned.items():
                prefix = f"{phase}/{name}/"
                mine = {key.removeprefix(prefix): value for key, value in slots.items() if key.startswith(prefix)}
                if any(value.dim() and value.shape != parameter.shape for value in mine.values()):
                    raise CheckpointError(
                        f"optimizer state does not fit the network ({where}, {name}): start again in another --out"
                    )
                state[parameter] = {slot: _like(parameter, value) for slot, value in mine.items()}


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """A slot on its parameter's device and in its memory layout: a resumed step computes what it would have computed."""
    if value.dim() == 0:
        return value.to(parameter.device)
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def fingerprint() -> dict[str, object]:
    """What may change the last bits of a result: versions, processor, threads."""
    return {
        "inkbloom": version("inkbloom"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
