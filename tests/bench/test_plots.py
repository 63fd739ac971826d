"""Plots: what stands in the figures is what was measured, and a part without figures has no plot."""

import pytest
from PIL import Image

from inkbloom.bench.plots import draw_quality, draw_sampling, save

QUALITY = [
    {"judge": "digits-v1", "floor": {"fd": 0.1}},
    {"seed": 0, "seconds": 5.0, "fd": 9.0},
    {"seed": 0, "seconds": 50.0, "fd": 2.0},
    {"seed": 1, "seconds": 6.0, "fd": 8.0},
    {"rung": 0.5, "goal": 4.0},
    {"cold_start": 5.0},
]
SAMPLING = [
    {"solver": "euler", "nfe": 2, "rmse": 0.2},
    {"solver": "heun", "nfe": 2, "rmse": 0.4},
    {"solver": "euler", "nfe": 4, "rmse": 0.1},
    {"solver": "euler", "nfe": 2, "fd": 3.0},
]


def curves(axes):
    """Label of a line -> its points."""
    return {line.get_label(): [*zip(*line.get_data(), strict=True)] for line in axes.lines}


def test_the_curve_of_each_seed_with_rungs_and_floor():
    (axes,) = draw_quality(QUALITY).axes
    lines = curves(axes)
    assert lines["seed 0"] == [(5, 9), (50, 2)]
    assert lines["seed 1"] == [(6, 8)]
    assert {y for _, y in lines["real against real"]} == {0.1}
    (rung,) = [points for label, points in lines.items() if label.startswith("_")]
    assert {y for _, y in rung} == {4}
    assert [text.get_text() for text in axes.texts] == ["T30 x 0.5"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_curve_for_each_solver_of_each_measure():
    distance, judged = draw_sampling(SAMPLING).axes
    assert curves(distance) == {"euler": [(2, 0.2), (4, 0.1)], "heun": [(2, 0.4)]}
    assert curves(judged) == {"euler": [(2, 3)]}
    assert (distance.get_ylabel(), judged.get_ylabel()) == ("RMSE to the fine solution", "FD")


def test_what_was_not_judged_has_no_axes_and_what_was_not_measured_no_plot():
    assert len(draw_sampling(SAMPLING[:3]).axes) == 1
    assert draw_sampling([{"judge": None}]) is None
    assert draw_quality([{"judge": None}]) is None


def test_a_plot_is_saved_twice_with_plain_numbers_on_its_axes(tmp_path):
    png, svg = save(draw_quality(QUALITY), tmp_path / "out" / "b-quality")
    assert (png.name, svg.name) == ("b-quality.png", "b-quality.svg")
    with Image.open(png) as picture:
        assert picture.size == (1050, 630)
        assert len(picture.convert("RGB").getcolors(10**6)) > 50  # curves of several colours, not a blank
    text = svg.read_text(encoding="utf-8")
    assert "<!-- 10 -->" in text
    assert "<!-- training clock, s -->" in text


@pytest.mark.parametrize("draw", [draw_quality, draw_sampling])
def test_no_rows_no_plot(draw):
    assert draw([]) is None
