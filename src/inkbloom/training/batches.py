"""Which images a step sees: a pure function of (seed, step), so that a resumed run goes on exactly where it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..config import Recipe
from ..philox import words


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The numbers 0 .. count - 1 in the order of that epoch: sorted by 64 random bits each."""
    high, low = words(seed, "order", np.arange(count), 2, draw=epoch).T.astype(np.uint64)
    return np.argsort((high << np.uint64(32)) | low, kind="stable").astype(np.int64)


@dataclass(frozen=True)
class Plan:
    """How `count` images fill steps of `batch_size`.

    With `short_batches` an epoch ends with what is left, as a plain data loader's does. Without, every batch is full
    (a compiled network wants one shape) and epochs run into each other, so no image is left out and few images suffice.
    """

    seed: int
    count: int
    batch_size: int
    short_batches: bool

    @classmethod
    def of(cls, recipe: Recipe, count: int) -> Self:
        """The plan of a recipe for so many images."""
        return cls(recipe.seed, count, recipe.batch_size, recipe.short_batches)

    def steps_in(self, epochs: int) -> int:
        """Optimizer steps in that many epochs."""
        if self.short_batches:
            return epochs * -(-self.count // self.batch_size)
        return max(1, epochs * self.count // self.batch_size)

    def passes(self, steps: int) -> float:
        """How many epochs so many steps make."""
        return steps / self.steps_in(1) if self.short_batches else steps * self.batch_size / self.count

    def epoch_of(self, step: int) -> int:
        """The epoch, counted from 0, in which step (counted from 0) begins."""
        return step // self.steps_in(1) if self.short_batches else step * self.batch_size // self.count

    def images(self, step: int) -> NDArray[np.int64]:
        """The numbers of the images in the batch of that step, over all processes."""
        if self.short_batches:
            epoch, place = divmod(step, self.steps_in(1))
            return epoch_order(self.seed, epoch, self.count)[place * self.batch_size : (place + 1) * self.batch_size]
        places = step * self.batch_size + np.arange(self.batch_size)
        epochs = places // self.count
        return np.concatenate(
            [epoch_order(self.seed, int(e), self.count)[places[epochs == e] % self.count] for e in np.unique(epochs)]
        )


def share(count: int, rank: int, world: int) -> slice:
    """The places of a global batch of `count` that process `rank` of `world` works on."""
    return slice(rank * count // world, (rank + 1) * count // world)
