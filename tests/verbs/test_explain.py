"""`inkbloom explain` from outside: the files, what it says, and what it refuses."""

import os
import re
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

import inkbloom
from inkbloom.errors import UsageError
from inkbloom.explainers import continuous, noising
from inkbloom.explainers.catalogue import ABOUT
from inkbloom.explainers.fonts import FAMILIES, families

FRAMES = {"convolution": 36, "transposed": 68, "continuous": 4, "noising": 4}


@pytest.fixture
def few_frames(monkeypatch):
    monkeypatch.setattr(continuous, "FRAMES", 4)
    monkeypatch.setattr(noising, "FRAMES", 4)


@pytest.mark.parametrize("lang", FAMILIES)
@pytest.mark.parametrize("topic", FRAMES)
def test_a_topic_becomes_a_picture_and_a_film(command, few_frames, tmp_path, topic, lang):
    try:
        families(lang)
    except UsageError as problem:
        pytest.skip(str(problem))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a letter without a glyph is a warning
        ended = command("explain", topic, "--lang", lang, "--out", tmp_path)
    picture, film = tmp_path / f"{topic}.png", tmp_path / f"{topic}.gif"
    assert ended == (0, f"picture: {picture}\nfilm: {film}\n", "")
    assert sorted(tmp_path.iterdir()) == [film, picture]
    with Image.open(film) as frames:
        assert frames.n_frames == FRAMES[topic]
        assert frames.width <= 1100
        assert len(np.unique(np.asarray(frames.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    with Image.open(picture) as still:
        assert 1400 <= still.width <= 1600
    assert picture.stat().st_size < 400_000
    assert film.stat().st_size < 3_000_000 * FRAMES[topic] / 60


def test_your_own_image_is_brought_to_grey_and_says_so(command, tmp_path):
    Image.effect_noise((200, 100), 60).convert("RGB").save(tmp_path / "own.png")
    ended = command(
        "explain", "convolution", "--image", tmp_path / "own.png", "--stride", 2, "--kernel", "1 1; 1 1", "--out", tmp_path
    )
    assert ended.code == 0
    assert ended.out.startswith("image: reduced from 200 x 100 to 48 x 24 pixels and turned grey\n")


def test_the_digit_and_the_kernel_are_those_asked_for(command, tmp_path):
    for name, flags in {
        "a": [],
        "b": ["--digit", 7, "--kernel", "sobel-x"],
        "c": ["--digit", 1],
        "d": ["--kernel", "box"],
    }.items():
        assert command("explain", "convolution", "--stride", 6, "--out", tmp_path / name, *flags).code == 0
    pictures = {name: (tmp_path / name / "convolution.png").read_bytes() for name in "abcd"}
    assert pictures["a"] == pictures["b"]
    assert len(set(pictures.values())) == 3


REFUSED = {
    "an unknown topic": (["convolutions"], 2, "unknown topic 'convolutions': did you mean 'convolution'?"),
    "an unknown language": (["noising", "--lang", "de"], 2, "unknown language 'de'"),
    "a kernel larger than the image": (["convolution", "--kernel", " ".join("1" * 30)], 2, "does not fit on 28"),
    "a large kernel there too": (["transposed", "--kernel", " ".join("1" * 30)], 2, "does not fit on 28"),
    "a ragged matrix": (["convolution", "--kernel", "1 2; 3"], 2, "rows of 2, 1 numbers"),
    "not a number": (["convolution", "--kernel", "1 nan"], 2, "'nan' is not a finite number"),
    "words": (["transposed", "--kernel", "1 x"], 2, "'x' is not a finite number"),
    "an unknown kernel": (["convolution", "--kernel", "sobelx"], 2, "unknown kernel 'sobelx': did you mean 'sobel-x'?"),
    "an empty kernel": (["convolution", "--kernel", ""], 2, "the kernel is empty"),
    "a stride of 0": (["convolution", "--stride", "0"], 2, "stride = 0"),
    "a stride of 0 there too": (["transposed", "--stride", "0"], 2, "stride = 0"),
    "an unknown padding": (["convolution", "--padding", "some"], 2, "unknown padding 'some'"),
    "a negative padding": (["convolution", "--padding=-1"], 2, "padding = -1"),
    "padding that leaves nothing": (["transposed", "--padding", "9"], 2, "padding"),
    "padding with two signs": (["convolution", "--padding=--5"], 2, "unknown padding '--5'"),
    "padding of thirty digits": (["convolution", "--padding", "9" * 30], 2, "unknown padding '9999"),
    "more padding than can be drawn": (["convolution", "--padding", "3000"], 2, "--padding 3000: at most 100 pixels"),
    "a stride of thirty digits": (["convolution", "--stride", "9" * 30], 2, "at most 100 pixels"),
    "a stride that makes a wall": (["transposed", "--stride", "50"], 2, "40 can be drawn"),
    "a weight beyond all measure": (["convolution", "--kernel", "1 1e300"], 2, "1e300 in the kernel"),
    "no such digit": (["noising", "--digit", "12"], 2, "--digit 12: must be from 0 to 9"),
    "no such image": (["noising", "--image", "none.png"], 3, "no such image (none.png)"),
    "no image at all": (["noising", "--image", "words.txt"], 3, "cannot read the image (words.txt)"),
    "two images": (["noising", "--image", "a.png", "--digit", "1"], 2, "not allowed with"),
    "two networks": (["unet", "--run", "a", "--net", "ink"], 2, "not allowed with"),
    "a flag of another topic": (["continuous", "--kernel", "box"], 2, "the topic continuous: it takes --f, --g; leave it out"),
    "no such function": (["continuous", "--f", "boxx"], 2, "unknown function 'boxx': did you mean 'box'?"),
    "a file for a folder": (["convolution", "--stride", "6", "--out", "words.txt"], 5, "a file stands where a folder"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(command, tmp_path, monkeypatch, case):
    words, code, said = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("no image")
    ended = command("explain", *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.error
    assert [path.name for path in tmp_path.iterdir()] == ["words.txt"]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(command, tmp_path):
    tmp_path.chmod(0o500)
    assert command("explain", "convolution", "--stride", 6, "--out", tmp_path).code == 5


def test_without_a_chinese_font_it_says_so_before_it_draws(command, tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILIES, "zh", ["No Such Font"])
    ended = command("explain", "continuous", "--lang", "zh", "--out", tmp_path / "new")
    assert ended.code == 2
    assert "fonts-noto-cjk" in ended.error
    assert not (tmp_path / "new").exists()


def test_the_api_draws_the_same_says_nothing_and_returns_where_the_files_are(command, few_frames, tmp_path, capsys):
    assert command("explain", "noising", "--digit", 4, "--out", tmp_path / "command").code == 0
    for folder in ("once", "again"):
        files = inkbloom.explain("noising", digit=4, out=tmp_path / folder)
        assert files == {"picture": tmp_path / folder / "noising.png", "film": tmp_path / folder / "noising.gif"}
        assert all(path.read_bytes() == (tmp_path / "command" / path.name).read_bytes() for path in files.values())
    assert capsys.readouterr() == ("", "")


def test_help_names_every_topic(command):
    help = command("explain", "--help").out
    assert all(re.search(rf"\n  {topic} +{re.escape(about)}\n", help) for topic, about in ABOUT.items())
