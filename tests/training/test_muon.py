"""Muon against the singular value decomposition, AdamW's part against torch's own."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from inkbloom.training.muon import QUINTIC, TURNS, Muon, is_matrix, orthogonal


def by_decomposition(matrix):
    """What the iteration does to a matrix, told by its singular values: u f(f(f(s))) v' with f the quintic."""
    u, s, v = torch.linalg.svd(matrix.double() / matrix.double().norm(), full_matrices=False)
    a, b, c = QUINTIC
    for _ in range(TURNS):
        s = a * s + b * s**3 + c * s**5
    return u @ s.diag() @ v


@given(st.lists(st.tuples(st.integers(2, 40), st.integers(2, 40)), min_size=1, max_size=4), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_orthogonal_is_the_quintic_of_the_singular_values(shapes, seed):
    draws = torch.Generator().manual_seed(seed)
    sides = [shape for rows, columns in shapes for shape in ((rows, columns), (columns + 1, rows))]  # some of one smaller side
    matrices = [torch.randn(shape, generator=draws) for shape in sides]
    for matrix, one in zip(matrices, orthogonal(matrices), strict=True):
        assert one.shape == matrix.shape
        torch.testing.assert_close(one.double(), by_decomposition(matrix), atol=2e-3, rtol=0)


def test_an_orthogonal_step_has_singular_values_near_one():
    matrices = torch.randn(4, 64, 288, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(torch.stack(orthogonal(list(matrices))))
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert torch.linalg.svdvals(matrices[0] / matrices[0].norm()).max() < 0.3  # and had not before


def test_nothing_comes_of_nothing():
    assert orthogonal([torch.zeros(20, 30)])[0].abs().max() == 0


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_vectors_and_small_tables_are_stepped_as_by_adamw(decay):
    theirs = nn.ParameterList([nn.Parameter(torch.randn(5)), nn.Parameter(torch.randn(3, 40)), nn.Parameter(torch.randn(()))])
    ours = copy.deepcopy(theirs)
    adamw = torch.optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.99), weight_decay=decay)
    muon = Muon(ours, lr=0.01, weight_decay=decay)
    for step in range(5):
        for parameters, optimizer in ((theirs, adamw), (ours, muon)):
            optimizer.zero_grad()
            sum(((p - step) ** 4).sum() for p in parameters).backward()
            optimizer.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def test_a_first_step_moves_a_convolution_along_the_orthogonal_gradient():
    layer = nn.Conv2d(16, 32, 3)
    before, optimizer = layer.weight.detach().clone(), Muon([layer.weight], lr=0.1, weight_decay=0.5)
    layer(torch.randn(2, 16, 8, 8)).square().mean().backward()
    optimizer.step()
    direction = orthogonal([layer.weight.grad.flatten(1)])[0].reshape(32, 16, 3, 3)
    torch.testing.assert_close(layer.weight, before * (1 - 0.1 * 0.5) - 0.1 * 0.2 * 12 * direction)


def test_what_is_a_matrix():
    assert is_matrix(torch.empty(32, 16, 3, 3))
    assert is_matrix(torch.empty(64, 32))
    assert not is_matrix(torch.empty(64))
    assert not is_matrix(torch.empty(11, 128))  # the vectors of ten classes and of none
    assert not is_matrix(torch.empty(4, 32, 3, 3))


def test_it_goes_downhill_where_adamw_does():
    torch.manual_seed(0)
    x, w = torch.randn(256, 32), torch.randn(32, 32)
    layer = nn.Linear(32, 32, bias=False)
    optimizer = Muon(layer.parameters(), lr=0.1)
    losses = []
    for _ in range(200):
        loss = (layer(x) - x @ w).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 100
