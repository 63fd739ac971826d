"""Sizes: counted on a network whose layers are known, and on the tutorial's two."""

import pytest
import torch
from torch import nn

from inkbloom.anatomy.layers import layers_of
from inkbloom.claims import sizes
from inkbloom.claims.sizes import decide_keeps, decide_shrinks, shrinking, shrinking_bare


def layers(*modules):
    return layers_of(nn.Sequential(*modules), (torch.zeros(1, 1, 12, 12),))


def test_convolutions_that_shrink_are_counted():
    found = layers(nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 3), nn.Conv2d(2, 1, 4, 2, 1))
    assert shrinking(found) == 2 / 4  # the last two
    assert shrinking_bare(found) == 3 / 4  # all but the 1x1


def test_a_network_that_does_all_that_is_said_is_told_so(small, monkeypatch):
    """The negative control of the verdict on the real ones: convolutions alone, all alike, only the channels change."""
    plain = layers(nn.Conv2d(1, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, 1, 3, padding=1))
    monkeypatch.setitem(small.__dict__, "layers", {"plain": plain})
    assert sizes.measure_keeps(small).verdict == "holds"
    assert sizes.measure_shrinks(small).verdict == "holds partly"  # only without padding
    pooled = layers(nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 1, 3, padding=1))
    monkeypatch.setitem(small.__dict__, "layers", {"plain": plain, "pooled": pooled})
    found = sizes.measure_keeps(small)
    assert found.verdict == "holds partly"
    assert [figure.value for figure in found.figures if figure.name.en.startswith("sizes")] == [1, 2]


def test_the_rules():
    assert decide_shrinks([1.0, 1.0]) == "holds"
    assert decide_shrinks([0.0, 0.1]) == "holds partly"
    assert decide_shrinks([0.0, 0.0]) == "does not hold"
    assert decide_keeps(0.9, 1, 0.5) == "holds"
    assert decide_keeps(0.89, 1, 0.5) == "holds partly"
    assert decide_keeps(1.0, 2, 0.5) == "holds partly"
    assert decide_keeps(0.5, 3, 1.0) == "does not hold"


def test_the_mini_unet_as_the_tutorial_writes_it(monkeypatch):
    """Six 5x5 convolutions with padding 2: none shrinks, all are alike; 28, 14, 7; the sixty-fours keep their channels."""
    from inkbloom.claims.lab import Lab, Size

    monkeypatch.setattr("inkbloom.claims.lab.NETS", ("basic",))
    lab = Lab(Size(20, 8, 1, 1))
    values = {figure.name.en: figure.value for figure in sizes.measure_keeps(lab).figures}
    assert values == {
        "convolutions with the commonest kernel": 100,
        "convolutions that keep height and width": 100,
        "sizes of the picture on its way": 3,
        "convolutions that keep the channels": pytest.approx(100 * 2 / 6),
    }
    shrink = {figure.name.en: figure.value for figure in sizes.measure_shrinks(lab).figures}
    assert list(shrink.values()) == [0, 100]
