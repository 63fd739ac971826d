"""What the experiments share: the digits, the model that comes with inkbloom, two named networks, and how much is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch

from ..anatomy.layers import Layer, layers_of
from ..config import Recipe
from ..data import Data, load_data
from ..evaluation.baseline import Baseline, baseline
from ..evaluation.judge import Judge, load_judge
from ..families import Diffusion, Spec, build
from ..run import Run

SOURCE, JUDGE = "digits", "digits-v1"
NETS = ("basic", "unet2d")  # the tutorial's two
SIDE = 28  # pixels of its images


class Size(NamedTuple):
    """How much is measured. pictures: generated for a set; held: held-out images; seeds: repetitions; kernels: random ones."""

    pictures: int
    held: int
    seeds: int
    kernels: int


QUICK = Size(pictures=500, held=100, seeds=2, kernels=20)
FULL = Size(pictures=1000, held=300, seeds=5, kernels=200)


@dataclass(frozen=True, eq=False)
class Lab:
    """Each thing is made when an experiment first asks for it. Raises InkbloomError where something shipped is damaged."""

    size: Size

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of everything random: 0, 1, ..."""
        return tuple(range(self.size.seeds))

    @cached_property
    def data(self) -> Data:
        """All digits with their slices."""
        return load_data(SOURCE)

    @cached_property
    def held(self) -> Data:
        """So many held-out digits, which neither the model nor the judge was trained on."""
        part = self.data.take("holdout")
        assert part.labels is not None
        return replace(part, images=part.images[: self.size.held], labels=part.labels[: self.size.held])

    @cached_property
    def run(self) -> Run:
        """The shipped model."""
        return Run()

    @property
    def family(self) -> Diffusion:
        """The same, as what it is."""
        assert isinstance(self.run.family, Diffusion)
        return self.run.family

    @cached_property
    def judge(self) -> Judge:
        """The shipped judge of digits."""
        return load_judge(JUDGE)

    @cached_property
    def real(self) -> Baseline:
        """Real digits against real ones, in sets of `pictures` images."""
        return baseline(self.data, self.judge, self.size.pictures)

    @cached_property
    def layers(self) -> dict[str, list[Layer]]:
        """Every layer of the tutorial's two networks on one of its images; what their weights are does not matter."""
        given = (torch.zeros(1, 1, SIDE, SIDE), torch.full((1,), 0.5), None)
        nets = {name: build(Spec(Recipe().resolved(net=name, steps=1), 1, (SIDE, SIDE))) for name in NETS}
        return {name: layers_of(family.eval().net, given) for name, family in nets.items()}
