"""What the README says first: the quick recipes soon draw better than the tutorial's own run does after its 30 epochs."""

from pathlib import Path

import pytest
import torch

from inkbloom.bench.panel import load_t30, panel_for
from inkbloom.bench.quality import average_of, samples, training
from inkbloom.config import load_recipe
from inkbloom.data import load_data

T30 = Path(__file__).parents[2] / "benchmarks/results/t30.json"


@pytest.mark.parametrize("name", ["fast", "fast-uncond"])
def test_a_fifth_of_the_steps_beats_the_tutorials_thirty_epochs_by_half(name):
    recipe = load_recipe(name).resolved(steps=400)
    data = load_data(recipe.data)
    panel = panel_for(data)
    *_, last = training(recipe, data.take(recipe.split), torch.device("cpu"))
    family = average_of(last.state)
    drawn = panel.score(samples(family, data, panel))["fd"]
    assert drawn < load_t30(T30, panel.real)["fd"] / 2
    if recipe.groups > 1:  # the control: every group drawn equally often
        family.net.shares.fill_(1 / recipe.groups)
        assert panel.score(samples(family, data, panel))["fd"] > drawn + 0.5
