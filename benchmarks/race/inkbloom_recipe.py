"""inkbloom by one of its recipes (--recipe), as `inkbloom train` runs it: log and checkpoints included, previews left out.

A recipe has a fixed number of steps; where they are done before the time is up, the race ends there. Best effort is as shipped.
"""

from common import Job, race, size_of  # isort: skip

import torch

from inkbloom.bench.quality import average_of, training
from inkbloom.data import load_data
from inkbloom.data.pixels import RANGES
from inkbloom.device import best_device
from inkbloom.recipe_files import load_recipe
from inkbloom.sampling import final, request


class Racer:
    """The package's training, moment by moment."""

    def __init__(self, job: Job) -> None:
        recipe = load_recipe(job.recipe).resolved(data=f"npz:{job.file}", split="all", seed=job.seed)
        data = load_data(recipe.data)
        self.device = best_device()
        self.moments = training(recipe, data.take("all"), self.device)
        self.steps, self.drawn, self.state = 0, 0, None
        self.about = f"recipe {job.recipe}: {recipe.net} {recipe.widths or ''}, {recipe.steps or recipe.epochs} steps or epochs"
        self.about += f" of {recipe.batch_size}, {recipe.sample_steps} steps of {recipe.solver}"
        self.setting, self.nfe, self.parameters = self.about, 0, 0

    def step(self) -> int:
        """On to the next moment: ten steps, or what is left."""
        moment = next(self.moments, None)
        if moment is None:
            return 0
        self.state, before, self.steps = moment.state, self.steps, moment.step
        self.parameters = size_of(self.state.family)
        self.setting = f"{self.about}, {self.state.spec.recipe.precision}"  # the one that the probe chose
        return (self.steps - before) * self.state.spec.recipe.batch_size

    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Picture k comes from (seed, k); where the recipe knows classes, it is of class k mod 10."""
        family = average_of(self.state)
        asked = request(family, self.drawn + count, seed=family.recipe.seed)
        last = final(family, asked, self.drawn, self.drawn + count)
        low, high = RANGES[family.recipe.pixels]
        labels = torch.arange(self.drawn, self.drawn + count) % family.num_classes if family.num_classes else None
        self.drawn, self.nfe = self.drawn + count, asked.nfe
        return ((last - low) / (high - low)).cpu(), labels


if __name__ == "__main__":
    race(Racer)
