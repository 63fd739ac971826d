"""The image that a topic works on."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from inkbloom.data import load_data
from inkbloom.errors import DataError, UsageError
from inkbloom.explainers.example import LARGEST, digit_image, own_image


@pytest.fixture
def saved(tmp_path):
    """saved(width, height, mode) -> a file with a picture that is dark left and bright right."""

    def write(width, height, mode="RGB"):
        grey = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
        Image.fromarray(grey).convert(mode).save(tmp_path / "own.png")
        return tmp_path / "own.png"

    return write


def test_a_digit_is_the_first_of_its_class_and_brings_the_others():
    digits = load_data("digits").take("train")
    for number in range(10):
        same = digits.images[digits.labels == number]
        assert torch.equal(digit_image(number).image, same[:1])
        assert torch.equal(digit_image(number).data, same)
    assert digit_image().name == {"en": "digit 7", "zh": "数字 7"}


@pytest.mark.parametrize("number", [-1, 10])
def test_there_are_ten_digits(number):
    with pytest.raises(UsageError, match="must be from 0 to 9"):
        digit_image(number)


def test_a_large_colour_image_becomes_small_and_grey_and_says_so(saved):
    example = own_image(saved(640, 320))
    assert example.image.shape == (1, 1, LARGEST // 2, LARGEST)
    assert example.image.dtype == torch.uint8
    assert example.note == f"reduced from 640 x 320 to {LARGEST} x {LARGEST // 2} pixels and turned grey"
    columns = example.image[0, 0].float().mean(0)
    assert (columns.diff() >= 0).all()
    assert columns[0] < 5
    assert columns[-1] > 250


def test_a_small_grey_image_stays_as_it_is(saved):
    example = own_image(saved(20, 9, "L"))
    assert example.note is None
    assert np.array_equal(example.image[0, 0], np.asarray(Image.open(saved(20, 9, "L"))))
    assert torch.equal(example.data, example.image)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (4000, 1), (1, 300)])
def test_any_shape_has_a_pixel_at_least(saved, width, height):
    assert min(own_image(saved(width, height, "L")).image.shape) >= 1


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "words.txt").write_text("no image")
    for name, said in (("none.png", "no such image"), ("words.txt", "cannot read the image"), (".", "cannot read the image")):
        with pytest.raises(DataError, match=said):
            own_image(tmp_path / name)


def test_a_name_with_dollars_is_written_as_it_is(saved):
    """Not set as a formula, which matplotlib would do between two of them, or fail at."""
    odd = saved(8, 8).rename(saved(8, 8).with_name("a$_$b.png"))
    figure = Figure()
    plain, written = (figure.text(0, 0, text) for text in ("a$_$b.png", own_image(odd).name["en"]))
    assert written._preprocess_math(written.get_text()) == ("a$_$b.png", False)
    assert plain._preprocess_math(plain.get_text())[1]  # a negative control
