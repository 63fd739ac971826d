"""The topic `continuous`: areas against scipy's quadrature, and what is drawn against those."""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.integrate import quad
from scipy.stats import norm

from inkbloom.convolution import SIGNALS, Signal
from inkbloom.errors import UsageError
from inkbloom.explainers import catalogue, continuous
from inkbloom.explainers.canvas import lettering
from inkbloom.explainers.continuous import (
    EXAMPLES,
    WORDS,
    area_at,
    draw_dot,
    draw_functions,
    draw_product,
    draw_result,
    draw_sliding,
    example_of,
    product_range,
    still,
)

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
    frames = [np.asarray(frame) for frame in continuous.moving(WORDS["en"], list(EXAMPLES.values()))]
    assert len(frames) == 3
    assert (frames[0] != frames[1]).any()
    assert (frames[1] != frames[2]).any()


# ---- functions by name

PLAIN = {
    "box": lambda t: float(abs(t) <= 1),
    "triangle": lambda t: max(0.0, 1 - abs(t)),
    "gaussian": lambda t: norm.pdf(t, scale=0.5),
    "decay": lambda t: math.exp(-t) if t >= 0 else 0.0,
    "ramp": lambda t: (t + 1) / 2 if abs(t) <= 1 else 0.0,
    "wave": lambda t: math.sin(math.pi * t) if abs(t) <= 1 else 0.0,
    "pulses": lambda t: float(abs(abs(t) - 1) <= 0.125),
}
"""What the names mean, written without the library."""
KINKS = [-1.125, -1, -0.875, 0, 0.875, 1, 1.125]


def test_the_names_in_the_help_are_those_of_the_library():
    assert set(PLAIN) == set(SIGNALS) == set(catalogue.SIGNALS)
    assert all(name in WORDS["zh"] for name in SIGNALS)


@pytest.mark.parametrize("f", PLAIN)
@pytest.mark.parametrize("g", PLAIN)
def test_any_two_of_them_are_convolved(f, g):
    """Their areas against scipy's quadrature, and nothing of any importance lies outside the interval of f."""
    example = example_of(f, g)
    for x in (-1.0, 0.5, 1.5):
        points = sorted({at for kink in KINKS for at in (kink, x - kink) if -3 < at < 8})
        exact = quad(lambda t, x=x: PLAIN[f](t) * PLAIN[g](x - t), -3, 8, points=points, limit=200)[0]
        assert area_at(example, x) == pytest.approx(exact, abs=4e-3)


@pytest.mark.parametrize("f", PLAIN)
def test_what_is_drawn_lies_in_the_chart(f):
    example = example_of(f, "wave")
    axis = Figure().add_subplot()
    draw_functions(axis, example)
    low, high = axis.get_ylim()
    for line in axis.lines:
        assert low <= line.get_ydata().min()
        assert line.get_ydata().max() <= high
    product = draw_product(axis, example, 0.5, WORDS["en"])[1].get_ydata()
    assert product_range(example)[0] <= product.min()
    assert product.max() <= product_range(example)[1]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_words_promise_what_is_there(lang, outside, chinese):
    """Dots where there is a formula; a word on areas below 0 where there are any; the names in the language."""
    words = WORDS[lang]
    with lettering(lang):
        for examples, dots, signed in (
            (list(EXAMPLES.values()), True, False),
            ([example_of("box", "triangle")], False, False),
            ([example_of("wave", "pulses")], False, True),
        ):
            figure = still(words, examples)
            about = figure.texts[1].get_text()
            drawn = [line for axis in figure.axes for line in axis.lines if line.get_label() == words["exact"]]
            assert (words["dots"] in about) == dots == bool(drawn)
            assert (words["signed"] in about) == signed
            assert outside(figure) == []
    title = figure.texts[2].get_text()
    assert words.get("wave", "wave") in title
    assert words.get("pulses", "pulses") in title


def test_a_function_of_ones_own_comes_with_its_interval():
    def hill(t):
        return (1 - t**2).clamp_min(0)

    example = example_of(Signal(hill, -1, 1), "box")
    assert area_at(example, 0.0) == pytest.approx(4 / 3, abs=1e-3)
    assert example.names == ("hill", "box")
    with pytest.raises(UsageError, match="Signal"):
        example_of(hill, "box")
    with pytest.raises(UsageError, match="did you mean 'gaussian'"):
        example_of("gausian", "box")
