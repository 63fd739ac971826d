import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkbloom.data.slices import split_slices


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 12), st.integers(0, 99))
def test_every_image_is_in_exactly_one_slice(n, classes, seed):
    labels = np.random.default_rng(seed).integers(0, classes, n)
    for given_labels in (None, labels):
        slices = split_slices(n, given_labels)
        assert list(slices) == ["train", "holdout", "reference"]
        together = np.concatenate([index.numpy() for index in slices.values()])
        assert np.array_equal(np.sort(together), np.arange(n))
        assert all(np.array_equal(index, np.sort(index)) for index in slices.values())
        assert abs(len(slices["holdout"]) - n / 10) < 1
        assert abs(len(slices["reference"]) - n / 10) < 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 80), min_size=1, max_size=8).filter(any), st.integers(0, 99))
def test_each_class_has_its_share_to_within_an_image(counts, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    slices = split_slices(len(labels), labels)
    for name, share in (("holdout", 0.1), ("reference", 0.1)):
        held = np.bincount(labels[slices[name].numpy()], minlength=len(counts))
        assert np.all(np.abs(held - np.array(counts) * share) < 1)


@pytest.mark.parametrize(("n", "sizes"), [(1, [1, 0, 0]), (4, [4, 0, 0]), (5, [4, 1, 0]), (10, [8, 1, 1])])
def test_tiny_sets(n, sizes):
    assert [len(index) for index in split_slices(n).values()] == sizes


def test_the_split_is_fixed_and_mixed():
    slices = split_slices(1000)
    assert all(np.array_equal(slices[name], split_slices(1000)[name]) for name in slices)
    held = slices["holdout"].numpy()
    assert 350 < held.mean() < 650  # not a block of the stored order
    assert len(set(np.diff(held))) > 10  # nor every tenth


def test_classes_in_sorted_order_are_still_all_held_out():
    labels = np.repeat(np.arange(10), 100)
    assert np.bincount(labels[split_slices(1000, labels)["holdout"].numpy()]).tolist() == [10] * 10
