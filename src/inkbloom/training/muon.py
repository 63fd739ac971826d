"""Muon (Jordan et al. 2024): momentum whose direction is made orthogonal before each step; AdamW where that has no meaning.

A weight with two or more dimensions is read as a matrix (outputs x inputs of one output). Replacing the momentum matrix by
the nearest orthogonal one gives every direction the same length of step, however seldom the gradient points there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: singular values end between about .7 and 1.2
TURNS = 5


def orthogonal(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Each (M, N) matrix with all its singular values near 1; a matrix of zeros stays one.

    Newton and Schulz's iteration multiplies X from the left with a polynomial of X X' alone, so it runs on these small Gram
    matrices, all of one size at once, and touches the long side twice only.
    """
    wide = [x.mT if len(x) > x.shape[1] else x for x in matrices]
    made = list(wide)
    for side in {len(x) for x in wide}:
        places = [place for place, x in enumerate(wide) if len(x) == side]
        grams = torch.stack([wide[place] @ wide[place].mT for place in places])
        for place, factor in zip(places, inverse_root(grams), strict=True):
            made[place] = factor @ wide[place]
    return [x.mT if len(x) != len(given) else x for x, given in zip(made, matrices, strict=True)]


def inverse_root(grams: Tensor) -> Tensor:
    """(K, M, M) symmetric, no negative eigenvalue -> about their inverse square roots, by TURNS of the quintic."""
    lengths = grams.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-24)[:, None, None]
    gram = grams / lengths
    made = turn = _quintic(gram)
    for _ in range(TURNS - 1):
        gram = turn @ gram @ turn
        turn = _quintic(gram)
        made = turn @ made
    return made / lengths.sqrt()


def _quintic(gram: Tensor) -> Tensor:
    a, b, c = QUINTIC
    return torch.baddbmm(a * torch.eye(gram.shape[1], device=gram.device) + b * gram, gram, gram, alpha=c)


class Muon(torch.optim.Optimizer):
    """Muon for convolutions and inner linear layers; AdamW for biases, gains and whatever has under 16 rows or columns.

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
            self._orthogonal_step([p for p in given if is_matrix(p)], group)
            self._adam_step([p for p in given if not is_matrix(p)], group)

    def _orthogonal_step(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        if not parameters:
            return
        beta, lr = group["momentum"], group["lr"]
        for p in parameters:
            if not self.state[p]:
                self.state[p] = {"momentum": torch.zeros_like(p)}
        moments = [self.state[p]["momentum"] for p in parameters]
        gradients = [p.grad for p in parameters if p.grad is not None]
        torch._foreach_lerp_(moments, gradients, 1 - beta)
        ahead = torch._foreach_lerp(gradients, moments, beta)
        updates = orthogonal([update.flatten(1) for update in ahead])
        torch._foreach_mul_(parameters, 1 - lr * group["weight_decay"])
        for p, update in zip(parameters, updates, strict=True):
            p.sub_(update.view_as(p), alpha=lr * 0.2 * max(update.shape) ** 0.5)

    def _adam_step(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """AdamW (Loshchilov and Hutter 2019, Algorithm 2), torch's own."""
        for p in parameters:
            if not self.state[p]:
                count = torch.zeros((), device=p.device)
                self.state[p] = {"mean": torch.zeros_like(p), "square": torch.zeros_like(p), "step": count}
        means, squares, steps = ([self.state[p][slot] for p in parameters] for slot in ("mean", "square", "step"))
        gradients = [p.grad for p in parameters if p.grad is not None]
        slow, slower = group["betas"]
        settings = {"lr": group["lr"], "beta1": slow, "beta2": slower, "weight_decay": group["weight_decay"], "eps": 1e-8}
        adamw(parameters, gradients, means, squares, [], steps, fused=True, amsgrad=False, maximize=False, **settings)


def is_matrix(p: Tensor) -> bool:
    """Whether Muon steps this parameter: at least 2 dimensions, and both sides of the matrix 16 or more."""
    return p.dim() >= 2 and min(len(p), p[0].numel()) >= 16
