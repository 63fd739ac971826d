"""The training loop: a generator that yields after optimizer and average. It does not know which family it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor

from ..data.pixels import to_floats
from ..device import compile_net, layout
from ..environment import unswayed
from ..philox import Draw
from ..printing import say
from .batches import share
from .prepare import Training
from .state import learning_rate, stretch_at


class Step(NamedTuple):
    """One optimizer step that has been done. Losses stay on the device: reading one waits for it."""

    number: int  # steps done, this one included
    epoch: int  # counted from 0
    losses: dict[str, Tensor]  # phase -> this process's share of the mean loss over the global batch
    lr: float
    grad_norm: Tensor
    images: int  # in the global batch


class Batch(NamedTuple):
    """What a process works on in one step."""

    x: Tensor  # (B, C, H, W) floats in the recipe's pixel range
    y: Tensor | None  # (B,) conditions
    draw: Draw
    weight: float  # of its mean loss, so that the mean over processes is the mean over the global batch
    images: int  # in the global batch


def fit(training: Training) -> Iterator[Step]:
    """Trains `training.state` in place from its step to the recipe's last, yielding after each.

    Every process works on its share of each global batch; its loss is weighted so that the sum over processes is the mean over
    the batch (DistributedDataParallel averages gradients, hence the factor `world`).
    """
    recipe, state, plan, accelerator = training.recipe, training.state, training.plan, training.accelerator
    world = accelerator.num_processes
    batch = batches_of(training)
    if len(state.optimizers) > 1:  # each phase leaves the parameters of the others alone, and processes must know
        accelerator.ddp_handler = DistributedDataParallelKwargs(find_unused_parameters=True)
    with unswayed():
        family = accelerator.prepare_model(state.family)
        optimizers = {phase: accelerator.prepare_optimizer(optimizer) for phase, optimizer in state.optimizers.items()}
    if recipe.compile == "on":
        first = batch(state.step)
        with accelerator.autocast():
            failed = compile_net(
                state.family, lambda: sum(state.family(phase, first.x, first.y, first.draw)[0] for phase in optimizers)
            )
        if failed and accelerator.is_main_process:
            say(failed)

    while state.step < (recipe.steps or 0):
        x, y, draw, weight, count = batch(state.step)
        lr = learning_rate(state.step, recipe)
        losses, norms = {}, []
        for phase, optimizer in optimizers.items():
            for group in state.optimizers[phase].param_groups:
                group["lr"] = lr
            optimizer.zero_grad()
            loss, values = family(phase, x, y, draw)
            accelerator.backward(loss * weight)
            norms.append(_clip(list(state.family.phases[phase].values()), recipe.clip))
            optimizer.step()
            losses.update({name: value.detach() * weight / world for name, value in {phase: loss, **values}.items()})
        if state.ema is not None:
            state.ema.follow(recipe.ema * stretch_at(state.step, recipe).steps)
        epoch = plan.epoch_of(state.step)
        state.step += 1
        yield Step(state.step, epoch, losses, lr, torch.stack(norms).max(), count)


def batches_of(training: Training) -> Callable[[int], Batch]:
    """step -> this process's share of its batch: a function of the step alone, so a resumed run goes on as it would have."""
    recipe, accelerator = training.recipe, training.accelerator
    rank, world, device = accelerator.process_index, accelerator.num_processes, accelerator.device
    images = training.train.images.to(device)
    conditions = None if training.conditions is None else training.conditions.to(device)
    memory_format = layout(training.state.family.net)

    def batch(step: int) -> Batch:
        picked = training.plan.images(step)
        numbers = step * recipe.batch_size + np.arange(len(picked))
        mine = share(len(picked), rank, world)
        weight = (mine.stop - mine.start) * world / len(picked)
        if not weight:  # fewer images than processes: take part with weight zero
            mine = slice(0, 1)
        index = torch.from_numpy(picked[mine]).to(device)
        draw = Draw(recipe.seed, numbers[mine], device)
        x = to_floats(images[index], recipe.pixels).to(memory_format=memory_format)
        if recipe.flip:
            x = torch.where(draw.uniform("flip", 1, 1, 1) < 0.5, x.flip(-1), x)
        return Batch(x, None if conditions is None else conditions[index], draw, weight, len(picked))

    return batch


def _clip(parameters: list[torch.nn.Parameter], largest: float) -> Tensor:
    """The norm of the gradients, which are scaled down to `largest` where they exceed it (0: never)."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
    if largest:
        torch.nn.utils.clip_grads_with_norm_(parameters, largest, norm, foreach=True)
    return norm
