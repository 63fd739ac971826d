"""The training loop: a generator that yields after optimizer and average. It does not know which family it trains."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor

from ..data import Data
from ..data.pixels import to_floats
from ..device import compile_net
from ..philox import Draw
from .batches import Plan, share
from .state import State, learning_rate
from .teacher import take_teacher


class Step(NamedTuple):
    """One optimizer step that has been done. Losses stay on the device: reading one waits for it."""

    number: int  # steps done, this one included
    epoch: int  # counted from 0
    losses: dict[str, Tensor]  # phase -> this process's share of the mean loss over the global batch
    lr: float
    grad_norm: Tensor
    images: int  # in the global batch


def join(device: torch.device) -> None:
    """Meets the other processes of a torchrun, if there are any; before that, nothing can be told from one to another."""
    PartialState(cpu=device.type == "cpu")


def part() -> None:
    """Leaves the other processes of a torchrun, if there are any: an interpreter that ends while still joined may abort."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        time.sleep(0.2)  # its threads outlive it: one that lets go of its last tensor while the interpreter ends would abort it


def make_accelerator(device: torch.device, precision: str) -> Accelerator:
    """The accelerator for one process or, under torchrun, for one of many."""
    AcceleratorState._reset_state()  # one process may train more than once, each time with a precision of its own
    return Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")


def fit(state: State, data: Data, plan: Plan, accelerator: Accelerator, compiled: bool = False) -> Iterator[Step]:
    """Trains `state` in place from `state.step` to the recipe's steps, yielding after each.

    Every rank works on its share of each global batch; its loss is weighted so that the sum over ranks is the mean over
    the batch (DistributedDataParallel averages gradients, hence the factor `world`).
    """
    recipe, rank, world = state.spec.recipe, accelerator.process_index, accelerator.num_processes
    if not state.step:
        take_teacher(state)
    labels = state.family.told(data.images, data.labels)
    images, labels = data.images.to(accelerator.device), None if labels is None else labels.to(accelerator.device)
    layout = torch.channels_last if state.family.net.channels_last else torch.contiguous_format

    def batch(step: int) -> tuple[Tensor, Tensor | None, Draw, float, int]:
        picked = plan.images(step)
        numbers = step * recipe.batch_size + np.arange(len(picked))
        mine = share(len(picked), rank, world)
        weight = (mine.stop - mine.start) * world / len(picked)
        if not weight:  # fewer images than processes: take part with weight zero
            mine = slice(0, 1)
        index = torch.from_numpy(picked[mine]).to(accelerator.device)
        draw = Draw(recipe.seed, numbers[mine], accelerator.device)
        x = to_floats(images[index], recipe.pixels).to(memory_format=layout)
        if recipe.flip:
            x = torch.where(draw.uniform("flip", 1, 1, 1) < 0.5, x.flip(-1), x)
        return x, labels[index] if labels is not None else None, draw, weight, len(picked)

    if len(state.optimizers) > 1:  # each phase leaves the parameters of the others alone, and processes must know
        accelerator.ddp_handler = DistributedDataParallelKwargs(find_unused_parameters=True)
    family = accelerator.prepare_model(state.family)
    optimizers = {phase: accelerator.prepare_optimizer(optimizer) for phase, optimizer in state.optimizers.items()}
    if compiled:
        x, y, draw, *_ = batch(state.step)
        with accelerator.autocast():
            failed = compile_net(state.family, lambda: sum(state.family(phase, x, y, draw)[0] for phase in optimizers))
        if failed:
            accelerator.print(failed)

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
            state.ema.follow()
        epoch = plan.epoch_of(state.step)
        state.step += 1
        yield Step(state.step, epoch, losses, lr, torch.stack(norms).max(), count)


def _clip(parameters: list[torch.nn.Parameter], largest: float) -> Tensor:
    """The norm of the gradients, which are scaled down to `largest` where they exceed it (0: never)."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
    if largest:
        torch.nn.utils.clip_grads_with_norm_(parameters, largest, norm, foreach=True)
    return norm
