"""Watching a network at work: every layer that it calls, and every torch function that it calls between its layers.

A UNet resizes, folds and joins pictures with plain functions (`F.interpolate`, `F.max_pool2d`, `torch.cat`) as readily as with
modules, so hooks on the modules alone would miss half of what happens to a picture's size. A `TorchFunctionMode` sees the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Call:
    """One call of a layer, or of a torch function outside all layers.

    `name` is where it stands, as in `body.grow` or `body.interpolate`; a second call of the same name ends in `:2`, and so on.
    """

    name: str
    kind: str  # the layer's class, or the function's name
    module: nn.Module | None  # None: a function
    given: tuple[Tensor, ...]  # all tensors among the arguments
    answer: Tensor


ONE_NAME = dict.fromkeys(("__add__", "__radd__", "__iadd__", "add_"), "add") | {"concat": "cat", "concatenate": "cat"}
"""Other names of one function."""

See = Callable[[Call], Tensor | None]
"""Told of a call after it; a tensor that it returns takes the place of a layer's answer."""


def is_layer(module: nn.Module) -> bool:
    """Whether a module does its work itself rather than by calling others."""
    return isinstance(module, nn.MultiheadAttention) or not any(module.children())


class _Watch(TorchFunctionMode):
    def __init__(self, see: See) -> None:
        super().__init__()
        self.see = see
        self.path: list[str] = []  # the modules that are running, outermost first
        self.in_layer = False
        self.calls: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        if not self.in_layer and isinstance(answer, Tensor):
            kind = getattr(func, "__name__", str(func))
            kind = ONE_NAME.get(kind, kind)
            inside = self.path[-1] if self.path else ""
            self._tell(f"{inside}.{kind}".lstrip("."), kind, None, (args, kwargs), answer)
        return answer

    def enter(self, name: str, module: nn.Module) -> None:
        self.path.append(name)
        self.in_layer = self.in_layer or is_layer(module)

    def leave(self, name: str, module: nn.Module, given: Any, answer: Any) -> Any:
        instead = None
        if is_layer(module):
            first = next((leaf for leaf in tree_leaves(answer) if isinstance(leaf, Tensor)), None)
            if first is not None:
                instead = self._tell(name, type(module).__name__, module, given, first)
            self.in_layer = False
        self.path.pop()
        return instead

    def _tell(self, name: str, kind: str, module: nn.Module | None, given: Any, answer: Tensor) -> Tensor | None:
        self.calls[name] += 1
        unique = name if self.calls[name] == 1 else f"{name}:{self.calls[name]}"
        tensors = tuple(leaf for leaf in tree_leaves(given) if isinstance(leaf, Tensor))
        return self.see(Call(unique, kind, module, tensors, answer))


@contextmanager
def watched(net: nn.Module, see: See) -> Iterator[None]:
    """While the block lasts, `see` is told of every call that `net` makes, in the order in which they end."""
    watch, handles = _Watch(see), []
    for name, module in net.named_modules():

        def enter(module: nn.Module, args: Any, kwargs: Any, name: str = name) -> None:
            watch.enter(name, module)

        def leave(module: nn.Module, args: Any, kwargs: Any, answer: Any, name: str = name) -> Any:
            return watch.leave(name, module, (args, kwargs), answer)

        handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(module.register_forward_hook(leave, with_kwargs=True))
    try:
        with watch:
            yield
    finally:
        for handle in handles:
            handle.remove()
