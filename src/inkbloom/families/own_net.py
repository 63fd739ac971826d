"""A network of one's own in the place of ours: made from a module or a factory, and tried once before any training."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ..data.augment import NUMBERS
from ..errors import InkbloomError, UsageError, brief, own_name
from .spec import Spec


def own_net(spec: Spec, num_conditions: int) -> nn.Module:
    """A copy of the module that stands for the net, or what its factory makes.

    A factory, a class for example, is called by name with `channels`, `size` and `num_classes`, as those of `nets.NETS` are,
    and with `augment` where the recipe augments.
    Raises UsageError where that fails, or what comes of it is no network of the contract `net(x, t, y)`.
    """
    given, name = spec.own["net"], own_name(spec.own["net"])
    settings = {"channels": spec.channels, "size": spec.size, "num_classes": num_conditions}
    if spec.recipe.augment:
        settings["augment"] = NUMBERS
    made_by = f"give a module, or a function of ({', '.join(settings)}) that makes one"
    if isinstance(given, nn.Module):
        net = copy.deepcopy(given)
    else:
        try:
            net = given(**settings)
        except InkbloomError:
            raise
        except Exception as problem:
            raise UsageError(f"the network {name} cannot be made ({described(problem)}): {made_by}") from problem
        if not isinstance(net, nn.Module):
            raise UsageError(f"the network {name} is a {type(net).__name__}, no torch.nn.Module: {made_by}")
    try_out(net, name, spec, num_conditions)
    return net


def described(problem: Exception) -> str:
    """The kind of an exception and what it says, in one line."""
    return f"{type(problem).__name__}: {brief(problem, 100)}"


@torch.no_grad()
def try_out(net: nn.Module, name: str, spec: Spec, num_conditions: int) -> None:
    """Raises UsageError unless the network has parameters, gives pictures of the shape of its input, and heeds its labels and
    what it is told of augmentation.
    """
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise UsageError(f"the network {name} has no parameters to train: give a torch.nn.Module with some")
    copied = randomised(net)
    x = torch.linspace(-1, 1, 2 * spec.channels * spec.size[0] * spec.size[1]).reshape(2, *spec.shape)
    t = torch.tensor([0.25, 0.75])
    labels = torch.tensor([0, num_conditions]) if num_conditions else None
    told = torch.ones(2, NUMBERS) if spec.recipe.augment else None
    try:
        out = copied(x, t, labels)
        other = out if labels is None else copied(x, t, labels.flip(0))
        augmented = None if told is None else copied(x, t, labels, told)
    except Exception as problem:
        also = "" if told is None else f", a: {tuple(told.shape)}"
        wanted = f"net(x: {tuple(x.shape)}, t: (2,), y: {'(2,)' if num_conditions else None}{also})"
        raise UsageError(f"the network {name} fails at {wanted} ({described(problem)}): it must take these") from problem
    shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    if shape != tuple(x.shape):
        raise UsageError(f"the network {name} gives {shape} for images of {tuple(x.shape)}: it must give their shape")
    if labels is not None and torch.equal(out, other):
        raise UsageError(f"the network {name} ignores its labels y: use them, or train with labels=False and clusters=0")
    if augmented is not None and torch.equal(out, augmented):
        raise UsageError(f"the network {name} ignores a, what it is told of augmentation: use it, or train with augment=0")


def randomised(net: nn.Module) -> nn.Module:
    """A copy in eval mode with random weights: first weights of zero would hide what depends on what."""
    copied = copy.deepcopy(net).cpu().eval()
    numbers = torch.Generator().manual_seed(0)
    for parameter in copied.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=numbers) * 0.1)
    return copied
