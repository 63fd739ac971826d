"""Matrices on paper: numbers, colours, sizes."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from inkbloom.explainers.matrices import fill_all, is_exact, lattice, place, precise, rounded, show, tone_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-0.0, "0"), (1e-16, "0"), (0.001, "0.001"), (-0.001, "−0.001"), (1, "1"),
        (-1, "−1"), (1 / 9, "0.11"), (-0.25, "−0.25"),
        (0.5, "0.5"), (4.889, "4.89"), (10, "10"), (63.25, "63.2"), (-100.4, "−100"), (1016, "1016"), (99.999, "100"),
        (20, "20"), (5e6, "5×10⁶"), (-2.5e8, "−2×10⁸"), (0.00001, "0.00001"),
    ],
)  # fmt: skip
def test_a_number_in_few_letters(value, text):
    assert rounded(value) == text


def test_a_weight_has_four_digits():
    told = ["0.0625", "0.1111", "−2", "0.003906", "10000", "1000000"]
    assert [precise(value) for value in (1 / 16, 1 / 9, -2, 1 / 256, 1e4, 1e6)] == told


def test_what_is_rounded_is_told():
    assert is_exact(1 / 16, precise)
    assert not is_exact(1 / 16, rounded)
    assert not is_exact(1 / 9, precise)
    assert is_exact(-253, rounded)
    assert is_exact(5e6, rounded)
    assert is_exact(-1e4, precise)
    assert not is_exact(5_100_000, rounded)


def test_brightness_is_the_value():
    tone = tone_of([0, 100], white=255)
    assert np.allclose(tone([0, 255])[:, :3], [[0] * 3, [1] * 3])
    assert np.allclose(tone(128)[:3], 128 / 255, atol=0.01)
    assert np.allclose(tone_of([0, 100])(100)[:3], 1)


def test_signs_have_colours_and_zero_is_white():
    tone = tone_of([-2, 1])
    assert np.allclose(tone(0)[:3], 1, atol=0.01)
    (red, _, blue, _), (other_red, _, other_blue, _) = tone(2), tone(-2)
    assert red > blue
    assert other_red < other_blue
    assert np.array_equal(tone(1), tone_of([-2, 2])(1))


def test_a_matrix_without_any_size_is_white_or_black_but_no_error():
    assert np.allclose(tone_of([0, 0])(0)[:3], 0)


@pytest.mark.parametrize(("shape", "axes"), [((10, 30), (1, 1)), ((30, 10), (1, 1)), ((8, 8), (2, 1)), ((4, 16, 3), (1, 3))])
def test_a_picture_keeps_its_shape_and_fills_one_side(shape, axes):
    """A pixel is as wide as it is high, by the limits and by the size of the axes."""
    axis = place(Figure(figsize=(4, 4)), 0, 0, *axes)
    show(axis, np.zeros(shape, np.uint8))
    wide, high = np.abs(np.subtract(*axis.get_xlim())), np.abs(np.subtract(*axis.get_ylim()))
    assert axis.bbox.width / wide == pytest.approx(axis.bbox.height / high)
    assert wide == pytest.approx(shape[1]) or high == pytest.approx(shape[0])
    assert np.add(*axis.get_xlim()) == pytest.approx(shape[1])  # in the middle
    assert np.add(*axis.get_ylim()) == pytest.approx(shape[0])


def test_numbers_too_small_to_read_are_left_out():
    figure = Figure(figsize=(2, 2))
    small, large = lattice(figure, 0, 0, 1, (30, 30)), lattice(figure, 1, 1, 1, (3, 3))
    fill_all(small, np.full((30, 30), 255), tone_of([0, 255]))
    fill_all(large, np.full((3, 3), 255), tone_of([0, 255]))
    assert len(small.texts) == 0
    assert len(large.texts) == 9
    assert len({text.get_fontsize() for text in large.texts}) == 1
