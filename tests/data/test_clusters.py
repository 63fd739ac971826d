"""Clusters of like images: found where they stand apart, whole where there is little to split, the same for the same seed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.vq import kmeans2

from inkbloom.data import load_data
from inkbloom.data.clusters import clustered, kmeans
from inkbloom.philox import uniform


def blobs(count, each, seed=0, apart=50.0):
    """Points around `count` corners that stand apart, in random order, and the corner of each."""
    draws = torch.Generator().manual_seed(seed)
    corner = torch.arange(count).repeat_interleave(each)[torch.randperm(count * each, generator=draws)]
    return torch.randn(count * each, 5, generator=draws) + apart * torch.nn.functional.one_hot(corner, 5), corner


def chance(count, seed=0):
    return torch.from_numpy(uniform(seed, "clusters", [0], count)[0]).double()


@pytest.mark.parametrize("seed", range(5))
def test_clusters_that_stand_apart_are_found(seed):
    points, corner = blobs(5, 30, seed)
    cluster = kmeans(points, chance(5, seed))
    assert len({(int(a), int(b)) for a, b in zip(cluster, corner, strict=True)}) == 5


def test_the_clusters_are_those_of_scipy_from_the_same_centres():
    """Overlapping points: both settle, so the centres that ours ends with do not move under scipy's steps."""
    points = torch.randn(60, 2, generator=torch.Generator().manual_seed(3))
    cluster = kmeans(points, chance(4))
    centres = np.stack([points[cluster == k].numpy().mean(0) for k in range(4)])
    moved, theirs = kmeans2(points.numpy(), centres, iter=5, minit="matrix")
    np.testing.assert_allclose(moved, centres, atol=1e-5)
    assert (theirs == cluster.numpy()).all()


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 3), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_any_images_fall_into_clusters_of_their_own_class(count, clusters, classes, seed):
    draws = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 1, 9, 8), dtype=torch.uint8, generator=draws)
    labels = torch.randint(0, classes, (count,), generator=draws) if classes else None
    found, shares = clustered(images, labels, classes, clusters, seed)
    assert shares.shape == (max(classes, 1), clusters)
    assert torch.equal(found // clusters, torch.zeros_like(found) if labels is None else labels)
    for y in range(max(classes, 1)):
        mine = found[found // clusters == y] % clusters
        assert torch.equal(torch.bincount(mine, minlength=clusters) / max(len(mine), 1), shares[y])


def test_images_all_alike_make_one_cluster():
    found, shares = clustered(torch.full((30, 1, 8, 8), 7, dtype=torch.uint8), None, 0, 4, 0)
    assert len(found.unique()) == 1
    assert shares.max() == 1


def test_the_seed_decides():
    images = load_data("digits").take("holdout").images[:300]
    first, again, other = (clustered(images, None, 0, 10, seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_clusters_of_digits_know_much_of_the_class():
    """What makes them worth conditioning on: most images of a cluster are of one class, far more than by chance."""
    data = load_data("digits").take("holdout")
    found, _ = clustered(data.images, None, 0, 40, 0)
    pure = sum(int(torch.bincount(data.labels[found == k]).max()) for k in found.unique()) / len(found)
    by_chance = found[torch.randperm(len(found), generator=torch.Generator().manual_seed(0))]
    mixed = sum(int(torch.bincount(data.labels[by_chance == k]).max()) for k in found.unique()) / len(found)
    assert pure > 0.7 > 0.4 > mixed
