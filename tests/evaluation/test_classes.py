"""Shares of classes and labels."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inkbloom.errors import UsageError
from inkbloom.evaluation.classes import agreement, total_variation

counts = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any).map(torch.tensor)


def test_known_values():
    assert total_variation(torch.tensor([5, 5]), torch.tensor([1, 1])) == 0
    assert total_variation(torch.tensor([3, 0]), torch.tensor([0, 9])) == 1
    assert total_variation(torch.tensor([10] * 9 + [0]), torch.tensor([7] * 10)) == pytest.approx(0.1)
    assert agreement(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 2, 0])) == 0.75


@given(counts, counts, counts)
def test_it_is_a_distance(a, b, c):
    assert total_variation(a, a) == 0
    assert total_variation(a, b) == total_variation(b, a)
    assert 0 <= total_variation(a, c) <= total_variation(a, b) + total_variation(b, c) + 1e-12
    assert total_variation(7 * a.flip(0), b.flip(0)) == pytest.approx(total_variation(a, b))


def test_no_images_are_told():
    with pytest.raises(UsageError, match="no images"):
        total_variation(torch.tensor([0, 0]), torch.tensor([1, 2]))
