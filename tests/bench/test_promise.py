"""What the README says first: `fast-uncond` soon draws better than the tutorial's own run does after its 30 epochs."""

from pathlib import Path

import torch

from inkbloom.bench.panel import load_t30, panel_for
from inkbloom.bench.quality import average_of, samples, training
from inkbloom.config import load_recipe
from inkbloom.data import load_data

T30 = Path(__file__).parents[2] / "benchmarks/results/t30.json"


def test_a_quarter_of_the_steps_halves_the_distance_of_the_tutorials_thirty_epochs():
    recipe = load_recipe("fast-uncond")
    data = load_data(recipe.data)
    panel = panel_for(data)
    moment = next(moment for moment in training(recipe, data.take(recipe.split), torch.device("cpu")) if moment.step >= 500)
    family = average_of(moment.state)
    drawn = panel.score(samples(family, data, panel))["fd"]
    assert drawn < load_t30(T30, panel.real)["fd"] / 2
    family.net.shares.fill_(1 / recipe.groups)  # the control: as if every group were of one size
    assert panel.score(samples(family, data, panel))["fd"] > drawn + 0.3
