"""Clusters as conditions: found before training, drawn by their shares in sampling, and no business of anyone else."""

import numpy as np
import pytest
import torch

from inkbloom.config import Recipe
from inkbloom.data.clusters import clustered
from inkbloom.errors import UsageError
from inkbloom.families import Diffusion, Spec, build
from inkbloom.nets import ClusterConditioned
from inkbloom.philox import Draw
from inkbloom.sampling import request
from inkbloom.store.weights import load_family, pack

RECIPE = Recipe().resolved(steps=3, clusters=4, widths=[16], layers=1, target="x0", loss_on="x0")
SHAPE = (1, 8, 8)


class Says(torch.nn.Module):
    """A network that paints its condition, in hundredths."""

    channels_last = False

    def __init__(self, num_classes):
        super().__init__()
        self.num_classes, self.some = num_classes, torch.nn.Parameter(torch.zeros(()))

    def forward(self, x, t, y):
        return y.to(t)[:, None, None, None].expand_as(x) / 100


def spec(recipe=RECIPE, classes=0):
    return Spec(recipe, 1, (8, 8), tuple("abc"[:classes]))


def saying(classes, shares, recipe=RECIPE):
    net = ClusterConditioned(Says(max(classes, 1) * len(shares[0])), classes, len(shares[0]))
    net.shares.copy_(torch.tensor(shares))
    return Diffusion(net, spec(recipe, classes))


def conditions(family, count, y=None, guidance=1.0):
    steps = {"steps": 2, "solver": "euler", "spacing": "uniform", "guidance": guidance}
    *_, (last, _) = family.sample(Draw(3, np.arange(count)), y, **steps)
    assert last.amax((1, 2, 3)).equal(last.amin((1, 2, 3)))
    return (last[:, 0, 0, 0] * 100).round().long()


def test_the_classes_outside_are_the_sources_own():
    for classes in (0, 3):
        family = build(spec(classes=classes))
        assert family.num_classes == classes
        assert family.num_conditions == family.net.net.num_classes == 4 * max(classes, 1)
        assert family.net.net.condition.label.num_embeddings == 4 * max(classes, 1) + 1  # and one for "none in particular"


def test_clusters_are_drawn_by_their_shares():
    family = saying(0, [[0.5, 0.0, 0.4, 0.1]])
    shares = torch.bincount(conditions(family, 4000), minlength=4) / 4000
    assert shares[1] == 0
    torch.testing.assert_close(shares, family.net.shares[0], atol=0.03, rtol=0)


def test_a_class_draws_from_its_own_clusters():
    family = saying(3, [[1.0, 0, 0, 0], [0, 0, 0.5, 0.5], [0, 1.0, 0, 0]])
    y = torch.tensor([0, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2])
    found = conditions(family, len(y), y)
    assert found[0] == 0
    assert set(found[y == 1].tolist()) == {6, 7}
    assert found[y == 2].tolist() == [9, 9]


def test_the_edges_of_the_shares():
    net = saying(0, [[0.25, 0.25, 0.5, 0.0]]).net
    u = torch.tensor([0.0, 0.2499999, 0.25, 0.4999, 0.5, 1 - 2**-24])
    assert net.condition(u, None).tolist() == [0, 0, 1, 1, 2, 2]


def test_an_image_draws_the_same_cluster_in_any_batch():
    family = saying(0, [[0.25] * 4])
    many = conditions(family, 64)
    assert many.unique().tolist() == [0, 1, 2, 3]
    ((x, _),) = family.sample(Draw(3, np.arange(40, 44)), steps=1, solver="euler", spacing="uniform")
    assert torch.equal((x[:, 0, 0, 0] * 100).round().long(), many[40:44])


def test_guidance_pulls_away_from_the_answer_without_a_cluster():
    family = saying(0, [[0.0, 0.0, 0.0, 1.0]])
    assert set(conditions(family, 5).tolist()) == {3}
    assert set(conditions(family, 5, guidance=2.0).tolist()) == {2}  # 4 + 2 (3 - 4): 4 is no cluster in particular


def test_training_is_conditioned_on_the_clusters_and_keeps_their_shares():
    images = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(50) % 2
    family = build(spec(RECIPE.resolved(seed=9), 2))
    found, shares = clustered(images, labels, 2, 4, 9)
    assert torch.equal(family.conditions_of(images, labels), found)
    assert torch.equal(family.net.shares, shares)
    plain = build(spec(RECIPE.resolved(clusters=0), 2))
    assert plain.conditions_of(images, labels) is labels


def test_a_label_that_is_dropped_is_no_cluster():
    family = saying(2, [[0.25] * 4, [0.25] * 4], RECIPE.resolved(label_drop=1.0))
    asked = []
    family.net.net.register_forward_hook(lambda net, inputs, out: asked.append(inputs[2]))
    family("denoise", torch.zeros(6, *SHAPE), torch.arange(6), Draw(0, np.arange(6)))
    assert asked[0].tolist() == [8] * 6


def test_the_hold_out_is_denoised_without_a_cluster():
    x, t = torch.zeros(2, *SHAPE), torch.tensor(0.5)
    assert (saying(3, [[0.25] * 4] * 3).denoiser(torch.tensor([0, 2]))(x, t) == 0.12).all()


def test_a_weights_file_holds_the_shares(tmp_path):
    net = build(spec(classes=2)).net
    net.shares.copy_(torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, 0, 0, 0]]))
    family, _ = load_family(pack(net, spec(classes=2), 0, "live"), tmp_path)
    assert torch.equal(family.net.shares, net.shares)


def test_requests():
    family = build(spec())
    assert request(family, 4, guidance=2.0).nfe == 2 * family.recipe.sample_steps
    with pytest.raises(UsageError, match="knows no classes"):
        request(family, 4, label=1)
    with pytest.raises(UsageError, match="it has no conditions; set --clusters 0"):
        build(spec(RECIPE.resolved(net="basic", widths=[16, 16, 16])))
