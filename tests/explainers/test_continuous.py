"""The topic `continuous`: areas against scipy's quadrature, and what is drawn against those."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.integrate import quad

from inkbloom.explainers import continuous
from inkbloom.explainers.continuous import EXAMPLES, WORDS, area_at, draw_dot, draw_product, draw_result, draw_sliding

PLACES = (-2.5, -0.5, 0.25, 1.0, 2.0, 3.5)


def scalar(function):
    return lambda t: float(function(torch.tensor(t, dtype=torch.float64)))


def integral(example, x):
    f, g = scalar(example.f), scalar(example.g)
    return quad(lambda t: f(t) * g(x - t), *example.support, points=[-1, 1, x], limit=200)[0]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("x", PLACES)
def test_areas_and_closed_form_are_the_integral(name, x):
    example = EXAMPLES[name]
    assert area_at(example, x) == pytest.approx(integral(example, x), abs=2e-3)
    assert scalar(example.exact)(x) == pytest.approx(integral(example, x), abs=1e-7)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_curves_drawn_are_the_functions(name):
    example, axis = EXAMPLES[name], Figure().add_subplot()
    curve, line, told = draw_sliding(axis, example, 0.5, WORDS["en"])
    t = curve.get_xdata()
    assert np.allclose(curve.get_ydata(), [scalar(example.g)(0.5 - float(at)) for at in t])
    assert list(line.get_xdata()) == [0.5, 0.5]
    assert told.get_text().endswith("x = 0.5")
    _, product, area = draw_product(axis, example, 0.5, WORDS["en"])
    assert np.allclose(product.get_ydata(), [scalar(example.f)(float(at)) * scalar(example.g)(0.5 - float(at)) for at in t])
    assert area.get_text() == f"area {integral(example, 0.5):.2f}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_result_fills_up_to_x(name):
    example, axis = EXAMPLES[name], Figure().add_subplot()
    (curve,) = draw_result(axis, example, 0.75)
    assert curve.get_xdata()[0] == example.shown[0]
    assert curve.get_xdata()[-1] == 0.75
    assert np.allclose(curve.get_ydata()[::40], [integral(example, float(x)) for x in curve.get_xdata()[::40]], atol=2e-3)
    assert draw_dot(axis, example, 0.75)[1].get_text() == f"{integral(example, 0.75):.2f}"


def test_the_film_has_a_frame_for_each_x(monkeypatch):
    monkeypatch.setattr(continuous, "FRAMES", 3)
    frames = [np.asarray(frame) for frame in continuous.moving(WORDS["en"])]
    assert len(frames) == 3
    assert (frames[0] != frames[1]).any()
    assert (frames[1] != frames[2]).any()
