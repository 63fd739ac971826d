"""The proof of an export: the same questions to inkbloom and to what was written, and how far the answers are apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.pixels import RANGES
from ..errors import InkbloomError
from ..families import Diffusion, Family, Latent
from ..philox import Draw
from ..solvers import SOLVERS
from .made import Made, Walk
from .model import Model

COUNT = 20
TOLERANCE = 1e-4  # between two float32 programs with the same weights
SEED = 0


@dataclass(frozen=True)
class Parity:
    """Worst differences over `inputs` inputs, of values as the network sees pixels.

    one: of one answer (x0 of a denoising step, or a picture drawn at once); pictures: of whole pictures, drawn step by step
    from the same noise, None where the target does not draw; both with the weights as written. rounding: what writing them in
    half precision changed of one answer; 0 in full precision. tolerance: what `one` and `pictures` must not exceed.
    """

    inputs: int
    one: float
    pictures: float | None
    rounding: float
    tolerance: float = TOLERANCE

    def as_table(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def __str__(self) -> str:
        drawn = "" if self.pictures is None else f", of whole pictures {self.pictures:.1e}"
        rounded = f"; rounding the weights to half precision changed {self.rounding:.1e}" if self.rounding else ""
        allowed = f"(at most {self.tolerance:.0e} is allowed)"
        return f"worst difference on {self.inputs} inputs {self.one:.1e}{drawn} {allowed}{rounded}"


def question(family: Family) -> dict[str, Tensor]:
    """20 inputs: x (20, C, H, W), t (20,) in (0, 1] and, where the network has conditions, y (20,), the null one included.

    t are thousandths, which every program can write. For a family that draws at once: z (20, latent) and y, its classes.
    """
    draw, classes = Draw(SEED, np.arange(COUNT)), family.num_conditions
    if isinstance(family, Latent):
        return {"z": draw.normal("sample", family.recipe.latent)} | ({"y": torch.arange(COUNT) % classes} if classes else {})
    assert isinstance(family, Diffusion)
    t = ((draw.uniform("time", 1)[:, 0] * 1000).floor() + 1) / 1000
    t = t.clamp(max=family.last_time)
    low, high = RANGES[family.recipe.pixels]
    c = family.path(t[:, None, None, None])
    x0 = low + (high - low) * draw.uniform("sample", *family.spec.shape)
    x = c.a * x0 + c.s * family.noise(draw, "noise", *family.spec.shape)
    spread = torch.arange(COUNT) if classes < COUNT else torch.linspace(0, classes, COUNT).round().long()
    return {"x": x, "t": t} | ({"y": spread % (classes + 1)} if classes else {})


@torch.no_grad()
def answer(family: Family, asked: dict[str, Tensor]) -> Tensor:
    """inkbloom's own: x0 (20, C, H, W) of one step without guidance, or the pictures of a family that draws at once."""
    if isinstance(family, Latent):
        return family.decode(asked["z"], asked.get("y"))
    assert isinstance(family, Diffusion)
    return family.conditioned(asked.get("y"))(asked["x"], asked["t"])


@torch.no_grad()
def pictures(family: Diffusion, walk: Walk, y: Tensor | None) -> Tensor:
    """inkbloom's own pictures of a walk: (20, C, H, W)."""
    numbers = torch.Generator().manual_seed(SEED)
    shape = (COUNT, *family.spec.shape)
    kind = torch.rand if family.recipe.noise == "uniform" else torch.randn
    times = walk.times.double()
    x = kind(shape, generator=numbers) * (family.path(times[0]).s if walk.strength is None else walk.strength)

    def noise(step: int) -> Tensor:
        return torch.randn(shape, generator=numbers)

    *_, (drawn, _) = SOLVERS[walk.solver](family.conditioned(y, walk.guidance), x, times, family.path, noise)
    return drawn


def prove(model: Model, made: Made) -> Parity:
    """Asks both. Raises InkbloomError where they differ by more than the tolerance."""
    family, asked = model.family, question(model.family)
    expected = answer(family, asked)
    parity = Parity(
        COUNT,
        _apart(family, asked, expected, made.answer(**asked)),
        _drawn_apart(family, made.walk, asked.get("y")) if made.walk else None,
        _apart(family, asked, expected, answer(model.exact, asked)) if model.exact is not family else 0.0,
    )
    for difference, of in ((parity.one, "a single step"), (parity.pictures, "whole pictures")):
        if difference is not None and not difference <= parity.tolerance:  # NaN neither
            raise InkbloomError(
                f"the export does not draw the same: {of} differ by {difference:.1e}, allowed is {parity.tolerance:.0e}; "
                "nothing was kept (a bug: please report it)"
            )
    return parity


def _apart(family: Family, asked: dict[str, Tensor], one: Tensor, other: Tensor) -> float:
    """The worst difference of two answers; of what the network gives, where x0 magnifies that, as x0 from eps near t = 1."""
    difference = (one - other).abs()
    if isinstance(family, Diffusion):
        c = family.path(asked["t"][:, None, None, None])
        p, q = family.target(c)
        difference = difference / (c.s / (q * c.a - p * c.s)).abs().clamp_min(1)
    return float(difference.max())


def _drawn_apart(family: Family, walk: Walk, y: Tensor | None) -> float:
    assert isinstance(family, Diffusion)
    low, high = RANGES[family.recipe.pixels]
    found = walk.draw(torch.Generator().manual_seed(SEED), y)
    return float((pictures(family, walk, y).clamp(low, high) - found.clamp(low, high)).abs().max())
