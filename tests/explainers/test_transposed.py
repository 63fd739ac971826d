"""The topic `transposed`: what is drawn is what torch computes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inkbloom.convolution import parse_kernel
from inkbloom.errors import UsageError
from inkbloom.explainers.canvas import lettering
from inkbloom.explainers.example import digit_image
from inkbloom.explainers.film import finish
from inkbloom.explainers.matrices import rounded
from inkbloom.explainers.options import Options
from inkbloom.explainers.transposed import WORDS, Sheet
from inkbloom.explainers.transposed_pair import pair_of

SETTINGS = [("box", {}), ("sobel-x", {"stride": 1}), ("1 2; 3 4", {"stride": 2}), ("1 2 3 4 5", {"stride": 3, "padding": 1})]


def numbers_in(axis):
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axis.texts}


def texts_of(values):
    return {at: rounded(float(value)) for at, value in np.ndenumerate(values)}


@pytest.mark.parametrize(("kernel", "settings"), SETTINGS, ids=str)
def test_the_numbers_drawn_are_those_of_torch(tmp_path, kernel, settings):
    if "padding" in settings:
        kernel = "; ".join([kernel] * 5)
    pair = pair_of(Options(tmp_path, digit_image(3), **settings), parse_kernel(kernel))
    torch_settings = {"stride": settings.get("stride", 2), "padding": settings.get("padding", 0)}
    small = F.conv2d(pair.x, pair.kernel, **torch_settings)
    large = F.conv_transpose2d(small, pair.kernel, **torch_settings)
    counts = F.conv_transpose2d(torch.ones_like(small), torch.ones_like(pair.kernel), **torch_settings)
    assert small.shape[2:] == (3, 3)
    assert large.shape == pair.x.shape
    assert torch.allclose(pair.back, large)
    sheet = Sheet(pair, WORDS["en"], "", dpi=30)
    finish(sheet.steps())
    assert numbers_in(sheet.y) == texts_of(small[0, 0])
    assert numbers_in(sheet.back) == texts_of(large[0, 0])
    assert numbers_in(sheet.stamps) == texts_of(counts[0, 0])
    assert numbers_in(sheet.x) == texts_of(pair.x[0, 0])
    dashed = [box for box in sheet.wide.patches if box.get_linestyle() not in ("solid", "-")]
    assert len(dashed) == pair.wide.numel() - 9


def test_the_inserted_zeros_lie_between_and_around(tmp_path):
    pair = pair_of(Options(tmp_path, digit_image(3)), parse_kernel("box"))
    real = np.zeros((9, 9), bool)
    real[2:7:2, 2:7:2] = True
    assert (pair.real.numpy() == real).all()
    assert torch.equal(pair.wide[0, 0][2:7:2, 2:7:2], pair.y[0, 0])


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("kernel", ["box", "; ".join(["0.25 -1 0.125 2 0.5"] * 5)], ids=["3x3", "5x5"])
def test_all_words_lie_on_the_paper_and_numbers_can_be_read(tmp_path, lang, kernel, outside, chinese):
    with lettering(lang):
        sheet = Sheet(pair_of(Options(tmp_path, digit_image(3)), parse_kernel(kernel)), WORDS[lang], "a title", dpi=60)
        sheet.still()
        assert outside(sheet.figure) == []
        assert len(sheet.y.texts) == 9


def test_the_error_is_the_least_that_a_factor_leaves(tmp_path):
    pair = pair_of(Options(tmp_path, digit_image(3)), parse_kernel("box"))
    factor, *_ = np.linalg.lstsq(pair.back.reshape(-1, 1).numpy(), pair.x.flatten().numpy(), rcond=None)
    assert pair.error == pytest.approx(np.abs(factor[0] * pair.back.numpy() - pair.x.numpy()).mean())
    ten = pair_of(Options(tmp_path, digit_image(3)), 10 * parse_kernel("box"))
    assert ten.error == pytest.approx(pair.error)


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(UsageError, match="40 can be drawn"):
        pair_of(Options(tmp_path, digit_image(3), stride=20), parse_kernel("box"))


def test_the_film_goes_forward_back_and_stamps(tmp_path):
    sheet = Sheet(pair_of(Options(tmp_path, digit_image(3)), parse_kernel("box")), WORDS["en"], "", dpi=30)
    assert len(list(sheet.steps())) == 9 + 49 + 9 + 1


def test_a_large_matrix_takes_no_more_frames(tmp_path):
    kernel = parse_kernel("; ".join([" ".join("1" * 9)] * 9))
    sheet = Sheet(pair_of(Options(tmp_path, digit_image(3)), kernel), WORDS["en"], "", dpi=30)
    assert len(list(sheet.steps())) <= 9 + 60 + 9 + 1
    assert sum(box.get_fill() for box in sheet.back.patches) == 13 * 13


@pytest.mark.parametrize(("kernel", "told"), [("box", "uneven"), ("1 1; 1 1", "even inside")])
def test_the_title_of_the_counts_says_whether_they_are_even(tmp_path, kernel, told):
    sheet = Sheet(pair_of(Options(tmp_path, digit_image(3)), parse_kernel(kernel)), WORDS["en"], "", dpi=30)
    assert sheet.stamps.get_title(loc="center").endswith(", " + told)


def test_a_kernel_larger_than_the_image_is_refused(tmp_path):
    with pytest.raises(UsageError, match="does not fit on 28"):
        pair_of(Options(tmp_path, digit_image(3)), parse_kernel(" ".join("1" * 40)))
