"""The moving average of a network's parameters, with its buffers as they are: what samples in the network's place."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Average:
    """An exponential moving average; `module` holds it, `seen` counts what it has seen.

    In the beginning it reaches back less than it will, and so forgets the first weights quickly: the decay of step n is
    min(1 - 1/length, n/(9 + n)), n counted from 1, and the first weights are taken as they are.
    torch's AveragedModel does the same, but sorts all tensors by device and type anew at each step.
    """

    def __init__(self, net: nn.Module) -> None:
        self.module, self.seen = copy.deepcopy(net), 0
        self._means, self._now = tuple(self.module.parameters()), tuple(net.parameters())
        self._buffers = tuple(zip(self.module.buffers(), net.buffers(), strict=True))

    @torch.no_grad()
    def follow(self, length: float) -> None:
        """Takes in the network's parameters as they are now. Buffers, the shares of groups among them, are copied.

        length: how many steps it reaches back.
        """
        decay = min(1 - 1 / max(length, 1), (1 + self.seen) / (10 + self.seen)) if self.seen else 0.0
        torch._foreach_lerp_(self._means, self._now, 1 - decay)
        for kept, given in self._buffers:
            kept.copy_(given)
        self.seen += 1
