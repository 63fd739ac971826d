"""Muon (Jordan et al. 2024): momentum whose direction is made orthogonal before each step; AdamW where that has no meaning.

A weight with two or more dimensions is read as a matrix (outputs x inputs of one output). Replacing the momentum matrix by
the nearest orthogonal one gives every direction the same length of step, however seldom the gradient points there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: singular values end between about .7 and 1.2
TURNS = 5


def orthogonal(matrices: Tensor) -> Tensor:
    """(K, M, N) -> the same with all singular values near 1, by Newton and Schulz's iteration on the small Gram matrix.

    X_k = M_k X_0 throughout, so the iteration runs on M_k and A_k = X_k X_k' (both of the smaller side) and touches the
    long side twice only.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.flatten(1).norm(dim=1)[:, None, None].clamp_min(1e-12)
    a, b, c = QUINTIC
    one = torch.eye(x.shape[-2], device=x.device).expand(len(x), -1, -1)
    gram, made = x @ x.mT, one
    for _ in range(TURNS):
        turn = a * one + b * gram + c * gram @ gram
        made = turn @ made
        gram = turn @ gram @ turn.mT
    x = made @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for convolutions and inner linear layers; AdamW for biases, gains, embeddings and whatever has under 2 dimensions.

    `lr` serves both: an orthogonal step is scaled to the size that AdamW's usually has (Liu et al. 2025, section 2.2).
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            given = [p for p in group["params"] if p.grad is not None]
            alike: dict[tuple[int, int], list[Tensor]] = {}
            for p in given:
                if is_matrix(p):
                    alike.setdefault((len(p), p[0].numel()), []).append(p)
            for shape, matrices in alike.items():
                self._orthogonal_step(matrices, shape, group)
            self._adam_step([p for p in given if not is_matrix(p)], group)

    def _orthogonal_step(self, parameters: list[Tensor], shape: tuple[int, int], group: dict[str, Any]) -> None:
        beta, lr = group["momentum"], group["lr"]
        ahead = []
        for p in parameters:
            assert p.grad is not None
            moment = self.state[p].setdefault("momentum", torch.zeros_like(p))
            moment.lerp_(p.grad, 1 - beta)
            ahead.append(p.grad.lerp(moment, beta).reshape(shape))
        size = 0.2 * max(shape) ** 0.5
        for p, update in zip(parameters, orthogonal(torch.stack(ahead)), strict=True):
            p.mul_(1 - lr * group["weight_decay"]).sub_(update.reshape(p.shape), alpha=lr * size)

    def _adam_step(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """AdamW (Loshchilov and Hutter 2019, Algorithm 2)."""
        if not parameters:
            return
        for p in parameters:
            slots = self.state[p]
            slots.setdefault("mean", torch.zeros_like(p))
            slots.setdefault("square", torch.zeros_like(p))
            slots.setdefault("step", torch.zeros(())).add_(1)
        means, squares = ([self.state[p][slot] for p in parameters] for slot in ("mean", "square"))
        gradients = [p.grad for p in parameters if p.grad is not None]
        lr, (slow, slower), step = group["lr"], group["betas"], float(self.state[parameters[0]]["step"])
        torch._foreach_lerp_(means, gradients, 1 - slow)
        torch._foreach_mul_(squares, slower)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - slower)
        sizes = torch._foreach_sqrt(squares)
        torch._foreach_div_(sizes, (1 - slower**step) ** 0.5)
        torch._foreach_add_(sizes, 1e-8)
        torch._foreach_mul_(parameters, 1 - lr * group["weight_decay"])
        torch._foreach_addcdiv_(parameters, means, sizes, -lr / (1 - slow**step))


def is_matrix(p: Tensor) -> bool:
    """Whether Muon steps this parameter: at least 2 dimensions, and both sides of the matrix 16 or more."""
    return p.dim() >= 2 and min(len(p), p[0].numel()) >= 16
