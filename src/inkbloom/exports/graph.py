"""A network as a list of plain steps: what the web page computes, and a reader of no Python can follow.

`graph_of` traces a network once, with one picture, and writes down each operation with the names of its inputs and weights.
`play` computes such a list again: it is the meaning of every operation, in a line each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UsageError, brief

Step = dict[str, Any]
"""name, op, inputs and weights (names), shape (without the batch), layer (the module), and what the operation is told."""

OPS: dict[str, Callable[..., Tensor]] = {
    "conv2d": lambda x, w, b=None, *, stride, padding: F.conv2d(x, w, b, stride, padding),
    "conv_transpose2d": lambda x, w, b=None, *, stride, padding: F.conv_transpose2d(x, w, b, stride, padding),
    "linear": lambda x, w, b=None: F.linear(x, w, b),
    "embedding": lambda y, w: w[y],
    "channel_norm": lambda x, gain, shift, *, eps: (
        (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + eps).sqrt() * gain[:, None, None]
        + shift[:, None, None]
    ),
    "group_norm": lambda x, gain, shift, *, groups, eps: F.group_norm(x, groups, gain, shift, eps),
    "silu": F.silu,
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "cos": torch.cos,
    "sin": torch.sin,
    "add": lambda x, y=None, *, value=None: x + (y if value is None else value),
    "multiply": lambda x, y=None, *, value=None: x * (y if value is None else value),
    "concat": lambda *x, axis: torch.cat(x, axis + 1),
    "slice": lambda x, *, axis, start, end: x.narrow(axis + 1, start, end - start),
    "reshape": lambda x, *, to: x.reshape(len(x), *to),
    "max_pool": lambda x, *, size: F.max_pool2d(x, size),
    "upsample_nearest": lambda x, *, scale: F.interpolate(x, scale_factor=scale),
    "pixel_shuffle": lambda x, *, factor: F.pixel_shuffle(x, factor),
    "pixel_unshuffle": lambda x, *, factor: F.pixel_unshuffle(x, factor),
    "pad_reflect": lambda x, *, right, bottom: F.pad(x, (0, right, 0, bottom), mode="reflect"),
}
"""operation -> (inputs with the batch first, then weights; what it is told) -> output. Axes are counted without the batch."""


def play(steps: list[Step], weights: Mapping[str, Tensor], x: Tensor, t: Tensor, y: Tensor | None) -> dict[str, Tensor]:
    """The outputs of all steps by name, the last one the network's; x: (B, C, H, W), t: (B,), y: (B,) or None."""
    values = {"x": x, "t": t} | ({} if y is None else {"y": y})
    for step in steps:
        told = {name: value for name, value in step.items() if name not in ABOUT}
        inputs = [values[name] for name in step["inputs"]] + [weights[name] for name in step["weights"]]
        values[step["name"]] = OPS[step["op"]](*inputs, **told)
    return values


ABOUT = ("name", "op", "inputs", "weights", "shape", "layer")


def graph_of(net: nn.Module, example: tuple[Tensor, Tensor, Tensor | None]) -> tuple[list[Step], dict[str, Tensor]]:
    """The steps of `net(x, t, y)` for one picture, and the constants among their weights that are none of the net's state.

    Raises UsageError where the network does something that is not in OPS.
    """
    program = torch.export.export(net, example, strict=False)
    weights = {given.arg.name: given.target for given in program.graph_signature.input_specs if given.target is not None}
    buffers = {**program.constants, **dict(net.named_buffers())}
    constants = {name: buffers[name] for name in weights.values() if name not in net.state_dict()}
    tracer = _Tracer(weights)
    for node in program.graph.nodes:
        if node.op == "call_function":
            tracer.take(node)
    return tracer.steps, constants


class _Unknown(Exception):
    """An operation that is not in OPS, or is told what none of them is."""


Read = tuple[str, list[Any], dict[str, Any]]  # the operation, its inputs and weights, what it is told


def _plain(known: bool) -> None:
    if not known:
        raise _Unknown


def _convolution(op: str) -> Callable[..., Read]:
    def read(x: Any, w: Any, b: Any = None, stride: Any = (1, 1), padding: Any = (0, 0), *more: Any) -> Read:
        _plain(all(each in (1, [0, 0], [1, 1]) for each in more))  # no dilation, groups or output padding
        return op, [x, w, b], {"stride": list(stride), "padding": list(padding)}

    return read


def _with_number(op: str) -> Callable[[Any, Any], Read]:
    """For an operation on two values, the second of which may be a plain number."""

    def read(x: Any, y: Any) -> Read:
        return (op, [x, y], {}) if hasattr(y, "name") else (op, [x], {"value": y})

    return read


def _slice(x: Any, axis: int = 0, start: int | None = None, end: int | None = None) -> Read:
    size = x.meta["val"].shape[axis]
    start, end = start or 0, size if end is None else min(end, size)
    _plain(axis > 0 and start >= 0 and end >= 0)
    return "slice", [x], {"axis": axis - 1, "start": start, "end": end}


def _max_pool(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Read:
    _plain(stride in (None, [], size) and padding in (0, [0, 0]))
    return "max_pool", [x], {"size": list(size)}


def _upsample(x: Any, size: Any, scale: Any = None) -> Read:
    _plain(bool(scale) and all(float(each).is_integer() for each in scale))
    return "upsample_nearest", [x], {"scale": [int(each) for each in scale]}


def _pad(x: Any, sides: Any, mode: str = "constant", value: Any = None) -> Read:
    _plain(mode == "reflect" and len(sides) == 4 and sides[0] == sides[2] == 0)
    return "pad_reflect", [x], {"right": sides[1], "bottom": sides[3]}


READ: dict[str, Callable[..., Read]] = {  # torch's name -> its arguments, as torch gives them, in our words
    **{name: _convolution(name) for name in ("conv2d", "conv_transpose2d")},
    "linear": lambda x, w, b=None: ("linear", [x, w, b], {}),
    "embedding": lambda w, y: ("embedding", [y, w], {}),
    "group_norm": lambda x, n, gain, shift, eps=1e-5, *_: ("group_norm", [x, gain, shift], {"groups": n, "eps": eps}),
    "add": _with_number("add"),
    "mul": _with_number("multiply"),
    "cat": lambda parts, axis=0: ("concat", list(parts), {"axis": axis - 1}),
    "slice": _slice,
    "max_pool2d": _max_pool,
    "upsample_nearest2d": _upsample,
    "pad": _pad,
    **{name: lambda x, factor, name=name: (name, [x], {"factor": factor}) for name in ("pixel_shuffle", "pixel_unshuffle")},
    **{name: lambda x, *_: ("reshape", [x], {"to": ()}) for name in ("unsqueeze", "squeeze", "view", "reshape", "flatten")},
    **{name: lambda x, name=name: (name, [x], {}) for name in ("silu", "relu", "sigmoid", "cos", "sin")},
}
NOTHING = {"alias", "to", "contiguous", "clone", "detach", "dropout", "_assert_tensor_metadata"}  # in a net that draws
LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]  # permutations: channels last, and back


class _Tracer:
    """Goes through a traced network node by node. A layer norm between two permutations is one step, a norm of the channels."""

    def __init__(self, weights: dict[str, str]) -> None:
        self.weights = weights  # torch's name of a weight -> the network's own
        self.same: dict[str, str] = {}  # what passes a value on unchanged: node -> the step that made it
        self.last: dict[str, str] = {}  # what has the channels last: node -> the step that has them first
        self.cut: dict[str, tuple[Any, int, list[int]]] = {}  # what cuts a value: node -> (value, axis, where the parts begin)
        self.steps: list[Step] = []

    def take(self, node: Any) -> None:
        """Adds a node's step, or notes what it passes on. Raises UsageError."""
        name, args = str(node.target).removeprefix("aten.").split(".")[0], list(node.args)
        x = args[0] if args and hasattr(args[0], "name") else None
        if name in NOTHING and x is not None:
            self.same[node.name] = self._origin(x)
        elif name == "permute" and list(args[1]) == LAST:
            self.last[node.name] = self._origin(args[0])
        elif name == "permute" and list(args[1]) == FIRST and args[0].name in self.last:
            self.same[node.name] = self.last[args[0].name]
        elif name in ("chunk", "split"):
            axis = args[2] if len(args) > 2 else 0
            self.cut[node.name] = (x, axis, list(accumulate((part.shape[axis] for part in node.meta["val"]), initial=0)))
        elif "getitem" in name and x is not None and x.name in self.cut:
            whole, axis, begins = self.cut[x.name]
            self._put(node, "slice", [whole], {"axis": axis - 1, "start": begins[args[1]], "end": begins[args[1] + 1]})
        elif name == "layer_norm" and x is not None and x.name in self.last and len(args[1]) == 1:
            self.same[x.name] = self.last[x.name]
            self._put(node, "channel_norm", [x, *args[2:4]], {"eps": args[4] if len(args) > 4 else 1e-5})
            self.last[node.name] = node.name
        else:
            try:
                op, operands, told = READ[name](*args, **node.kwargs)
            except (_Unknown, KeyError, TypeError):
                what = f"the page cannot compute the operation {brief(name, 40)}{_where(node)}"
                raise UsageError(f"{what}: it takes ink, basic and the like; --to onnx takes any network") from None
            self._put(node, op, [each for each in operands if each is not None], told)

    def _put(self, node: Any, op: str, operands: list[Any], told: dict[str, Any]) -> None:
        inputs = [self._origin(each) for each in operands if each.name not in self.weights]
        weights = [self.weights[each.name] for each in operands if each.name in self.weights]
        shape = list(node.meta["val"].shape[1:])
        shape = [shape[-1], *shape[:-1]] if op == "channel_norm" else shape
        told = {**told, "to": shape} if op == "reshape" else told
        about = (node.name, op, inputs, weights, shape, _layer(node))
        self.steps.append({**dict(zip(ABOUT, about, strict=True)), **told})

    def _origin(self, node: Any) -> str:
        """The name of the step that made a value, or of the input that it is."""
        return self.same.get(node.name, node.name)


def _layer(node: Any) -> str:
    """The module that a node belongs to, such as 'body.before.0.conv1'."""
    modules = list(node.meta.get("nn_module_stack", {}).values())
    return modules[-1][0] if modules else ""


def _where(node: Any) -> str:
    return f" in {_layer(node)}" if _layer(node) else ""
