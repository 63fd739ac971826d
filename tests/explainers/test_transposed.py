"""The topic `transposed`: what is drawn is what torch computes."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.backends.backend_agg import FigureCanvasAgg

from inkbloom.convolution import parse_kernel
from inkbloom.errors import UsageError
from inkbloom.explainers.canvas import lettering
from inkbloom.explainers.example import digit_image
from inkbloom.explainers.film import finish
from inkbloom.explainers.matrices import rounded
from inkbloom.explainers.options import Options
from inkbloom.explainers.transposed import Sheet
from inkbloom.explainers.transposed_pair import pair_of
from inkbloom.explainers.transposed_text import WORDS, about_of, evenness_of

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
    assert numbers_in(sheet.x) == texts_of(F.pad(pair.x[0, 0], [settings.get("padding", 0)] * 4))
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


ALL = [(s, k, p) for s in (1, 2, 3) for k in (1, 2, 3, 4, 5) for p in (0, 1, 2, 3, "same", "full")]


@pytest.mark.parametrize(("stride", "taps", "padding"), ALL)
def test_the_captions_follow_the_numbers(tmp_path, stride, taps, padding):
    """Against torch and numpy, at every setting that can be drawn."""
    kernel = torch.arange(1.0, taps * taps + 1).reshape(taps, taps).double()
    options = Options(tmp_path, digit_image(7), stride=stride, padding=padding)
    side = {"same": taps - 1, "full": 2 * (taps - 1)}.get(padding) if isinstance(padding, str) else 2 * padding
    if 2 * stride + taps - side < 1:  # of three numbers nothing would be left
        with pytest.raises(UsageError, match="less padding"):
            pair_of(options, kernel)
        return
    pair = pair_of(options, kernel)
    words, about = WORDS["en"], about_of(pair, WORDS["en"])
    large = pair.x.shape[2]
    expected = "small matrix of a large" if large > 3 else "of the same size" if large == 3 else "a larger matrix"
    assert expected in about
    inserted = np.zeros((3 + 2 * (stride - 1),) * 2)  # by hand: y with zeros between, before border or cut
    inserted[::stride, ::stride] = 1
    before, after = (taps - 1 - side for side in pair.axes[0].padding)
    rows = np.arange(-before, len(inserted) + after)
    real = np.array([0 <= row < len(inserted) and row % stride == 0 for row in rows])
    assert ("cut off" in about) == (real.sum() < 3)
    first, last = np.flatnonzero(real)[[0, -1]]
    assert (re.search(r"put\s+between", about) is not None) == (not real[first : last + 1].all() or real.all())
    assert (re.search(r"put\s+between\s+or", about) is not None) == real.all()
    assert (re.search(r"(put|and)\s+around", about) is not None) == (first > 0 or last < len(real) - 1)
    factor = float((pair.back * pair.x).sum() / pair.back.square().sum())
    assert ("the values too" in about) == torch.allclose(factor * pair.back, pair.x)
    counts = F.conv_transpose2d(torch.ones(1, 1, 12, 12), torch.ones(1, 1, taps, taps), stride=stride)[0, 0]
    inner = counts[taps:-taps, taps:-taps]  # far from the edges of a larger one
    expected = "even" if inner.min() == inner.max() else "uneven" if inner.min() else "gaps"
    assert words[expected] in about
    assert (
        evenness_of((taps, taps), stride, words) == words[{"even": "evenly", "uneven": "unevenly", "gaps": "gappy"}[expected]]
    )


SAID = re.compile(
    r"Transposed convolution: (?:(.+) [=≈] (\S+?)|0, for .+)\.(?: In (\d+) of (\d+) products a zero was put in\.)?"
)


@pytest.mark.parametrize(("stride", "taps", "padding"), [(1, 3, 0), (1, 1, 0), (2, 1, 1), (2, 3, 0), (2, 2, 0), (3, 2, 1)])
def test_the_sum_below_counts_its_products(tmp_path, stride, taps, padding):
    """Places of the film: as many products as the kernel has weights, those with a zero counted, never 'the other 0'."""
    kernel = torch.arange(1.0, taps * taps + 1).reshape(taps, taps).double() - 2
    pair = pair_of(Options(tmp_path, digit_image(7), stride=stride, padding=padding), kernel)
    sheet = Sheet(pair, WORDS["en"], "", dpi=30)
    for place in np.ndindex(*pair.back.shape[2:]):
        terms, total, zeros, count = SAID.fullmatch(sheet._backward_sum(place).replace("\n", " ")).groups()
        met = int(pair.real[place[0] : place[0] + taps, place[1] : place[1] + taps].sum())
        assert (0 if terms is None else terms.count("×")) == met
        assert (zeros is None) == (met in (0, taps * taps))
        assert zeros is None or (int(zeros), int(count)) == (taps * taps - met, taps * taps)
        assert terms is None or total == rounded(float(pair.back[(0, 0, *place)]))


TIGHT = [("en", 1, (3, 3), 0), ("zh", 1, (5, 5), 2), ("en", 1, (1, 8), 0), ("en", 2, (4, 4), "same"), ("zh", 3, (8, 1), 0)]


@pytest.mark.parametrize(("lang", "stride", "shape", "padding"), TIGHT)
def test_arrows_titles_and_frames_do_not_overlap(tmp_path, lang, stride, shape, padding, outside, chinese):
    with lettering(lang):
        options = Options(tmp_path, digit_image(7), lang, stride=stride, padding=padding)
        sheet = Sheet(pair_of(options, torch.full(shape, -0.1234).double()), WORDS[lang], "a title", dpi=60)
        sheet._window_forward((0, 0))
        sheet._window_back((0, 0))
        sheet._say(sheet._backward_sum((1, 0)))
        assert outside(sheet.figure) == []
        renderer = FigureCanvasAgg(sheet.figure).get_renderer()
        boxes = [axis.get_window_extent(renderer) for axis in sheet.figure.axes]
        arrows = [text.get_window_extent(renderer) for text in sheet.figure.texts if text.get_text() == "→"]
        frames = [box.get_window_extent(renderer) for axis in sheet.figure.axes for box in axis.patches if not box.get_fill()]
        titles = [axis.title.get_window_extent(renderer) for axis in sheet.figure.axes]
    assert len(arrows) == 4
    assert not [1 for arrow in arrows for box in boxes if arrow.overlaps(box)]
    assert not [1 for frame in frames for title in titles if frame.overlaps(title)]


@pytest.mark.parametrize(
    ("stride", "taps", "other"), [(2, (3, 3), (4, 4)), (2, (4, 4), (5, 5)), (2, (3, 4), (4, 4)), (3, (1, 2), (3, 3))]
)
def test_the_comparison_is_even_where_the_kernel_is_not_and_the_other_way_round(tmp_path, stride, taps, other):
    options = Options(tmp_path, digit_image(3), stride=stride)
    sheet = Sheet(pair_of(options, torch.ones(taps).double()), WORDS["en"], "", dpi=30)
    (compared,) = [axis for axis in sheet.figure.axes if axis.get_title(loc="center").startswith("For comparison")]
    counts = F.conv_transpose2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, *other), stride=stride)
    assert numbers_in(compared) == texts_of(counts[0, 0])
    assert f"{other[0]} x {other[1]} taps" in compared.get_title(loc="center")


def test_with_stride_1_there_is_nothing_to_compare(tmp_path):
    sheet = Sheet(pair_of(Options(tmp_path, digit_image(3), stride=1), parse_kernel("box")), WORDS["en"], "", dpi=30)
    assert not [axis for axis in sheet.figure.axes if "comparison" in axis.get_title(loc="center")]


@pytest.mark.parametrize(("kernel", "told"), [("box", "uneven"), ("1 1; 1 1", "no checkerboard"), ("2", "with gaps")])
def test_the_title_of_the_counts_says_whether_they_are_even(tmp_path, kernel, told):
    sheet = Sheet(pair_of(Options(tmp_path, digit_image(3)), parse_kernel(kernel)), WORDS["en"], "", dpi=30)
    assert sheet.stamps.get_title(loc="center").endswith(", " + told)


def test_a_kernel_larger_than_the_image_is_refused(tmp_path):
    with pytest.raises(UsageError, match="does not fit on 28"):
        pair_of(Options(tmp_path, digit_image(3)), parse_kernel(" ".join("1" * 40)))
