"""Counting the floating-point operations of a network: convolutions, linear layers and both products of attention."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def _attention(query: Any, key: Any, value: Any, *rest: Any, **more: Any) -> int:
    """2 FLOP a multiply-add of both products: queries by keys, weights by values. Shapes (B, heads, T, width)."""
    batch, heads, queries, width = query
    return int(2 * batch * heads * queries * key[2] * (width + value[3]))


# the counter of torch 2.13 does not know the attention that the CPU uses
UNKNOWN = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}


def forward_flops(net: nn.Module, shape: tuple[int, int, int]) -> int:
    """FLOP of `net(x, t, y)` for one image of (C, H, W), norms, activations and additions left out.

    A training step takes 3 times that.
    """
    x, t = torch.zeros(1, *shape), torch.zeros(1)
    y = torch.zeros(1, dtype=torch.long) if getattr(net, "num_classes", 0) else None
    with FlopCounterMode(display=False, custom_mapping=UNKNOWN) as counter, torch.no_grad():
        net(x, t, y)
    return int(counter.get_total_flops())
