"""The topic `convolution`: what is drawn is what torch computes."""

import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from matplotlib.backends.backend_agg import FigureCanvasAgg

from inkbloom.convolution import operands_of, parse_kernel
from inkbloom.errors import UsageError
from inkbloom.explainers.canvas import lettering
from inkbloom.explainers.convolution import WORDS, Sheet, spelled
from inkbloom.explainers.convolution_example import example_of, strongest
from inkbloom.explainers.example import digit_image
from inkbloom.explainers.film import finish
from inkbloom.explainers.matrices import rounded
from inkbloom.explainers.options import Options


def example(tmp_path, kernel="sobel-x", **settings):
    return example_of(Options(tmp_path, digit_image(4), **settings), parse_kernel(kernel))


def numbers_in(axis):
    """{(row, column): what is written there}."""
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axis.texts}


@pytest.mark.parametrize("padding", [0, 1, "same", "full"])
def test_a_drawing_on_white_paper_is_looked_at_where_it_is_drawn(tmp_path, padding):
    """Zeros around white paper make an edge all along the rim, which is not the picture's."""
    drawing = torch.full((1, 1, 30, 30), 255.0)
    drawing[..., 4:25, 12:18] = 20
    shown = replace(digit_image(4), image=drawing)
    made = example_of(Options(tmp_path, shown, padding=padding), parse_kernel("sobel-x"))
    rows, columns = (range(max(0, span.start), min(30, span.stop)) for span in made.read)
    assert drawing[0, 0, rows.start : rows.stop, columns.start : columns.stop].unique().numel() == 2
    reaches = any(span.start < 0 or span.stop > 30 for span in made.read)
    assert reaches == (padding != 0)


SETTINGS = [
    {},
    {"kernel": "1 2; 3 4"},
    {"kernel": "1 0 0 -1"},
    {"kernel": "gaussian", "stride": 2, "padding": 1},
    {"kernel": "[[1],[2],[3]]", "padding": 2, "stride": 3},
    {"kernel": "edge", "padding": "full"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_numbers_drawn_are_those_of_torch(tmp_path, settings):
    made = example(tmp_path, **settings)
    rows, columns = made.kernel.shape[2:]
    padding = (rows - 1, columns - 1) if settings.get("padding") == "full" else settings.get("padding", 0)
    expected = F.conv2d(digit_image(4).image.double(), made.kernel, stride=settings.get("stride", 1), padding=padding)
    assert torch.allclose(made.y, expected)
    sheet = Sheet(made, WORDS["en"], "a title", dpi=30)
    finish(sheet.steps())
    drawn = numbers_in(sheet.map)
    assert drawn == {
        (row, column): rounded(float(expected[0, 0, above, left]))
        for row, above in enumerate(made.part[0])
        for column, left in enumerate(made.part[1])
    }
    wide = F.pad(digit_image(4).image.double(), [axis.padding[0] for axis in reversed(made.axes) for _ in (0, 1)])[0, 0]
    first = [span[0] + axis.padding[0] for span, axis in zip(made.read, made.axes, strict=True)]
    for (row, column), text in numbers_in(sheet.pixels).items():
        assert text == rounded(float(wide[first[0] + row, first[1] + column]))


def test_another_kernel_draws_other_numbers(tmp_path):
    """A negative control: the kernel flipped, as the textbook's convolution has it, is told apart."""
    plain, turned = (
        Sheet(example(tmp_path, kernel), WORDS["en"], "", dpi=30) for kernel in ("sobel-x", "1 0 -1; 2 0 -2; 1 0 -1")
    )
    for sheet in (plain, turned):
        finish(sheet.steps())
    assert numbers_in(plain.map) != numbers_in(turned.map)


def test_there_is_a_step_for_each_place_and_it_starts_at_the_top_left(tmp_path):
    made = example(tmp_path)
    sheet = Sheet(made, WORDS["en"], "", dpi=30)
    filled = [numbers_in(sheet.map).keys() for _ in sheet.steps()]
    assert [len(cells) for cells in filled] == list(range(1, 37))
    assert filled[0] == {(0, 0)}
    assert filled[6] == {(0, column) for column in range(6)} | {(1, 0)}


def test_padding_is_seen_and_dashed(tmp_path):
    made = example(tmp_path, padding=1)
    assert -1 in made.read[0] or -1 in made.read[1] or 28 in made.read[0] or 28 in made.read[1]
    sheet = Sheet(made, WORDS["en"], "", dpi=30)
    outside = (made.under(torch.ones_like(made.x)) == 0).sum()
    dashed = [box for box in sheet.pixels.patches if box.get_linestyle() not in ("solid", "-")]
    assert len(dashed) == outside > 0


def test_the_sum_spelled_out_is_right(tmp_path):
    made = example(tmp_path)
    place = strongest(made)
    terms = list(operands_of(made.x, made.kernel, (0, 0, *place)))
    left, total = spelled(terms, "").replace("\n", " ").replace("−", "-").split(" = ")
    assert eval(left.replace("×", "*")) == float(total) == float(made.y[(0, 0, *place)])
    assert left.count("×") == 9


def test_large_kernels_are_counted_instead(tmp_path):
    made = example(tmp_path, "; ".join([" ".join("1" * 9)] * 9))
    place = strongest(made)
    terms = list(operands_of(made.x, made.kernel, (0, 0, *place)))
    window = digit_image(4).image[0, 0, place[0] : place[0] + 9, place[1] : place[1] + 9]
    assert spelled(terms, "{count}, {equals} {total}") == f"81, = {int(window.sum())}"


@pytest.mark.parametrize("kernel", ["gaussian", "box", "0.3 0.7; -0.2 0.1", "1 2; 3 4"])
def test_what_is_printed_adds_up(tmp_path, kernel):
    """As printed, to the last digit of the sum; = only where nothing was rounded, and there always."""
    made = example(tmp_path, kernel)
    for place in [strongest(made), (20, 9)]:
        terms = list(operands_of(made.x, made.kernel, (0, 0, *place)))
        left, sign, total = re.split(r" (=|≈) ", spelled(terms, "").replace("\n", " ").replace("−", "-"))
        assert abs(eval(left.replace("×", "*")) - float(total)) <= 0.51
        assert sign == "=" or kernel != "1 2; 3 4"
        assert sign == "≈" or eval(left.replace("×", "*")) == pytest.approx(float(total))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("settings", [{"padding": 1, "stride": 2}, {"kernel": "1 2 3 4 5; 1 2 3 4 5; 0.25 0 0 0 0"}], ids=str)
def test_all_words_lie_on_the_paper(tmp_path, lang, settings, outside, chinese):
    made = example(tmp_path, **settings)
    with lettering(lang):
        sheet = Sheet(made, WORDS[lang], "a title", dpi=60)
        sheet.spell(strongest(made))
        assert outside(sheet.figure) == []


def test_a_kernel_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(UsageError, match="reaches over 29 pixels does not fit on 28"):
        example(tmp_path, " ".join("1" * 29))


WIDE = " ".join(["0.1234 -0.5678"] * 3 + ["0.9876"])


@pytest.mark.parametrize("kernel", [WIDE, WIDE.replace(" ", "; "), "; ".join([WIDE] * 7), "5"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_sum_stays_between_the_small_pictures(tmp_path, lang, kernel, outside, chinese):
    made = example(tmp_path, kernel, padding="same", stride=3)
    with lettering(lang):
        sheet = Sheet(made, WORDS[lang], "a title", dpi=60)
        sheet.spell(strongest(made))
        renderer = FigureCanvasAgg(sheet.figure).get_renderer()
        told = sheet.figure.texts[-1].get_window_extent(renderer)
        assert not [1 for axis in sheet.figure.axes if told.overlaps(axis.get_window_extent(renderer))]
        assert outside(sheet.figure) == []


def test_the_words_on_padding_have_its_numbers(tmp_path):
    """Of a 2 x 4 kernel, `same` adds 1 in height and 3 in width; no "1 rows"."""
    sheet = Sheet(example(tmp_path, "1 2 3 4; 5 6 7 8", padding="same"), WORDS["en"], "", dpi=30)
    about = sheet.figure.texts[1].get_text()
    assert "1 in height, 3 in width" in about
    assert not re.search(r"\b1 (rows|columns)", about)
