"""Every layer of a network in the order in which it works: kernel, shapes, parameters, multiply-adds, receptive field.

Nothing is derived from formulas: the real network runs, and what passes through it is noted down. That works for any network
whose layers are modules, diffusers' too; functions between the layers that resize or join pictures, or are activations, get a
line of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..errors import unknown
from .fields import receptive_fields
from .flops import UNKNOWN
from .watch import Call, watched

Inputs = tuple[Any, ...]
"""What a network is called with for one image: tensors of batch 1, numbers, None."""

FUNCTIONS = {
    "max_pool2d": "max_pool2d",
    "avg_pool2d": "avg_pool2d",
    "adaptive_avg_pool2d": "adaptive_avg_pool2d",
    "interpolate": "interpolate",
    "pixel_shuffle": "pixel_shuffle",
    "pixel_unshuffle": "pixel_unshuffle",
    "pad": "pad",
    "cat": "cat",
    "__getitem__": "crop",
    "scaled_dot_product_attention": "attention",
}
"""Functions between layers that may change a picture's shape, and what to call them."""

ACTIVATIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "softplus": "Softplus",
    "hardswish": "Hardswish",
    "hardtanh": "Hardtanh",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
}
"""Functions that act on each number by itself, and the class of the layer that does the same."""
NAMES = FUNCTIONS | ACTIVATIONS

SETTINGS = (("stride", 1), ("padding", 0), ("dilation", 1))


@dataclass(frozen=True)
class Layer:
    """A layer at work, or a function between layers that multiplies or changes the shape of a picture.

    Shapes are those of one image: (C, H, W) for pictures, (T, C) for tokens, (C,) for features. Settings of the kernel are
    (along the height, along the width), None where there is no kernel. `multiply_adds` are of one pass. `field` is
    the receptive field, see `fields.receptive_fields`; None where the network's input is not a picture.
    """

    name: str
    kind: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] | None = None
    dilation: tuple[int, int] | None = None
    groups: int = 1
    parameters: int = 0  # 0 at the second call of the same layer, so that they add up to those of the network
    multiply_adds: int = 0
    field: tuple[int, int] | None = None

    @property
    def pictures(self) -> bool:
        """Whether it turns pictures into pictures."""
        return len(self.before) == len(self.after) == 3 and self.kind != "attention"

    @property
    def convolves(self) -> bool:
        """Whether it is a convolution, transposed or not."""
        return self.kernel is not None and "Conv" in self.kind

    @property
    def works(self) -> bool:
        """Whether it does more than to act on each number by itself, as activations do."""
        return bool(self.parameters or self.multiply_adds or self.kernel or self.before != self.after or self.kind == "add")

    @property
    def activates(self) -> bool:
        """Whether it is an activation, a layer or a function."""
        return self.kind in ACTIVATIONS.values()


def layers_of(net: nn.Module, inputs: Inputs) -> list[Layer]:
    """The layers in the order in which they end their work, activations and the like included.

    The first of the inputs is the picture, (1, C, H, W); where it is something else, the fields are None.
    """
    layers: list[Layer] = []
    known: set[nn.Module] = set()
    with _still(net), FlopCounterMode(display=False, custom_mapping=UNKNOWN) as counter:
        counted = 0

        def see(call: Call) -> None:
            nonlocal counted
            before, counted = counted, int(counter.get_total_flops())
            layer = _layer(call, (counted - before) // 2, call.module not in known)
            if call.module is not None:
                known.add(call.module)
            if call.module is not None or layer.multiply_adds or layer.activates or _resizes(call) or _adds(call):
                layers.append(layer)

        with watched(net, see):
            net(*inputs)
    picture = inputs[0]
    if not isinstance(picture, Tensor) or picture.dim() != 4:
        return layers
    with _still(net):
        fields = receptive_fields(net, inputs, {layer.name for layer in layers})
    return [replace(layer, field=fields[layer.name]) for layer in layers]


def find(layers: list[Layer], name: str) -> Layer:
    """The layer of that name. Raises UsageError with the nearest."""
    for layer in layers:
        if layer.name == name:
            return layer
    raise unknown("layer", name, [layer.name for layer in layers])


def answers_of(net: nn.Module, inputs: Inputs, names: Collection[str]) -> dict[str, Tensor]:
    """What layers hand on, by their names in `layers_of`: the shape is their `after`. Before any activation that follows."""
    found: dict[str, Tensor] = {}

    def see(call: Call) -> None:
        if call.name in names:
            found[call.name] = call.answer[0].clone()

    with _still(net), watched(net, see):
        net(*inputs)
    return found


def kernels_of(net: nn.Module, name: str) -> Tensor | None:
    """The weights of a layer: of a convolution (outputs, inputs / groups, height, width), of a linear layer (outputs, inputs).

    Those of a transposed convolution, which torch keeps with inputs first, are turned. None where there are no such weights.
    """
    module = dict(net.named_modules()).get(name.partition(":")[0])
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.dim() not in (2, 4) or isinstance(module, nn.Embedding):
        return None
    return weight.detach().transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else weight.detach()


@contextmanager
def _still(net: nn.Module) -> Iterator[None]:
    """The network as in use: no dropout, no gradients; training resumes afterwards if that was its state."""
    training = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, was in training.items():
            module.training = was


def _resizes(call: Call) -> bool:
    if call.kind not in FUNCTIONS or call.answer.dim() != 4 or not call.given or call.given[0].dim() != 4:
        return False
    return call.answer.shape != call.given[0].shape


def _adds(call: Call) -> bool:
    """Whether it adds two pictures of one size; a learned picture is a bias."""
    pictures = [x for x in call.given if x.shape == call.answer.shape and not isinstance(x, nn.Parameter)]
    return call.kind == "add" and call.answer.dim() == 4 and len(pictures) > 1


def _layer(call: Call, multiply_adds: int, first: bool) -> Layer:
    module = call.module
    layer = Layer(
        name=call.name,
        kind=call.kind if module is not None else NAMES.get(call.kind, call.kind),
        before=tuple(call.given[0].shape[1:]) if call.given else (),
        after=tuple(call.answer.shape[1:]),
        parameters=sum(p.numel() for p in module.parameters()) if module is not None and first else 0,
        multiply_adds=multiply_adds,
    )
    kernel = getattr(module, "kernel_size", None)
    if kernel is None or call.answer.dim() != 4:
        return layer
    stride, padding, dilation = (_pair(getattr(module, name, default)) for name, default in SETTINGS)
    groups = int(getattr(module, "groups", 1))
    return replace(layer, kernel=_pair(kernel), stride=stride, padding=padding, dilation=dilation, groups=groups)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)
