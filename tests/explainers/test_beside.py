"""Names beside the rows of a sheet: each beside its own, the pictures untouched."""

import numpy as np
import pytest

from inkbloom.explainers.beside import LETTERS, beside, rows_of
from inkbloom.figures.images import tile

WHITE = 250


def ink(picture, rows, row):
    """How many dark pixels stand beside a row, in a margin as wide as the sheet left it."""
    grey = np.asarray(picture.convert("L"))
    band = grey[row * grey.shape[0] // rows : (row + 1) * grey.shape[0] // rows]
    return int((band < WHITE).sum())


def margin(whole, sheet):
    return whole.crop((0, 0, whole.width - sheet.width, whole.height))


@pytest.fixture
def sheet():
    return tile(np.random.default_rng(0).integers(0, 256, (9, 3, 12, 12), np.uint8), columns=3, scale=2)


def test_the_pictures_stay_as_they_are_and_each_name_stands_beside_its_row(sheet):
    made = beside(sheet, ["cat", "", "a dog"])
    assert made.height == sheet.height
    assert np.array_equal(np.asarray(made)[:, -sheet.width :], np.asarray(sheet))
    left = margin(made, sheet)
    assert [ink(left, 3, row) > 0 for row in range(3)] == [True, False, True]


@pytest.mark.parametrize("name", ["国旗", "$x^2$ and $", "a\\b_{c", "Ω ñ", "🐈", "x" * 500])
def test_any_name_can_be_written_and_none_takes_all_the_room(sheet, name, recwarn):
    left = margin(beside(sheet, [name, "b", "c"]), sheet)
    assert ink(left, 3, 0) > 0
    assert left.width < 500
    assert len(recwarn) == 0


def test_a_long_name_is_cut(sheet):
    long, cut = (margin(beside(sheet, [name, "", ""]), sheet) for name in ("m" * 200, "m" * (LETTERS - 1) + "…"))
    assert np.array_equal(np.asarray(long), np.asarray(cut))


def test_a_chinese_name_is_no_row_of_boxes(sheet):
    """Without a font for it every letter would be the same box."""
    from inkbloom.errors import UsageError
    from inkbloom.explainers.fonts import families

    try:
        families("zh")
    except UsageError:
        pytest.skip("no font with Chinese letters")
    one, other = (np.asarray(margin(beside(sheet, [name, "", ""]), sheet)) for name in ("国国", "国旗"))
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_every_name_has_a_row_with_its_own_pictures_in_their_order():
    images = np.arange(7, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 10, 10), np.uint8) * 10
    names = ["b", "a", "b", "c", "a", "b", "b"]
    made = np.asarray(rows_of(images, names).convert("L"))
    right = made[:, -(4 * 11 + 1) :]
    rows = [[int(right[5 + 11 * row, 5 + 11 * column]) for column in range(4)] for row in range(3)]
    assert rows == [[0, 20, 50, 60], [10, 40, 128, 128], [30, 128, 128, 128]]


def test_a_long_row_goes_on_below():
    images = np.zeros((50, 1, 10, 10), np.uint8)
    made = rows_of(images, ["a", "b"] * 25)
    assert made.height == 2 * 2 * 11 + 1
    assert made.width < 20 * 11 + 1 + 60
