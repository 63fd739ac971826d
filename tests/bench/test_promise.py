"""What the README says first: `fast-uncond` soon draws better than the tutorial's own run does after its 30 epochs."""

import pytest
import torch

from inkbloom.bench.quality import average_of, samples, training
from inkbloom.bench.scoring import scorer_for
from inkbloom.data import load_data
from inkbloom.recipe_files import load_recipe


@pytest.mark.slow
def test_a_quarter_of_the_steps_halves_the_distance_of_the_tutorials_thirty_epochs():
    recipe = load_recipe("fast-uncond")
    data = load_data(recipe.data)
    scorer = scorer_for(data)
    moment = next(moment for moment in training(recipe, data.take(recipe.split), torch.device("cpu")) if moment.step >= 500)
    family = average_of(moment.state)
    drawn = scorer.score(samples(family, scorer))["fd"]
    assert drawn < scorer.t30["fd"] / 2
    family.net.shares.fill_(1 / recipe.clusters)  # the control: as if every cluster were of one size
    assert scorer.score(samples(family, scorer))["fd"] > drawn + 0.3
