"""Every letter that is drawn is in a font, in both languages."""

import importlib
import warnings

import matplotlib
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from inkbloom.errors import UsageError
from inkbloom.explainers import fonts
from inkbloom.explainers.canvas import lettering, pixels
from inkbloom.explainers.example import digit_image
from inkbloom.explainers.fonts import FAMILIES, PLAIN, families
from inkbloom.explainers.noising import FORMULAS

TOPICS = ("convolution", "transposed", "continuous", "noising")
SYMBOLS = "0123456789−+×=().…→∞<"


def missing(text, names):
    """The letters of a text that none of these families has."""
    held = [FT2Font(font_manager.findfont(name, fallback_to_default=False)) for name in names]
    return {letter for letter in text if letter.isprintable() and not any(font.get_char_index(ord(letter)) for font in held)}


def words(lang):
    """All that the four topics write in a language."""
    tables = [importlib.import_module(f"inkbloom.explainers.{topic}").WORDS for topic in TOPICS]
    return "".join(
        [*FORMULAS.values(), SYMBOLS, digit_image().name[lang], *(text for table in tables for text in table[lang].values())]
    )


@pytest.mark.parametrize("lang", FAMILIES)
def test_every_letter_has_a_glyph(lang, chinese):
    assert missing(words(lang), families(lang)) == set()


def test_the_search_for_missing_letters_finds_them(chinese):
    assert missing(words("zh"), [PLAIN])
    assert "墨" in missing("墨", [PLAIN])


def test_a_chinese_name_of_an_image_can_be_written_in_english_too(chinese):
    assert not missing("墨", families("en"))
    assert families("en")[0] == PLAIN


@pytest.mark.parametrize("topic", TOPICS)
def test_both_languages_say_the_same_things(topic):
    table = importlib.import_module(f"inkbloom.explainers.{topic}").WORDS
    assert table.keys() == FAMILIES.keys()
    assert table["en"].keys() == table["zh"].keys()
    for key, text in table["zh"].items():
        assert set(holes(text)) == set(holes(table["en"][key])), key


def holes(text):
    import string

    return [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]


def drawn(lang, text):
    with lettering(lang):
        figure = Figure(figsize=(1, 1), dpi=20)
        figure.text(0, 0, text)
        return pixels(figure)


def test_chinese_is_drawn_with_a_chinese_font(chinese):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn("zh", "卷积 墨晕 −")
        drawn("en", "卷积")
    with matplotlib.rc_context({"font.family": [PLAIN]}):
        figure = Figure(figsize=(1, 1), dpi=20)
        figure.text(0, 0, "卷积")
    with pytest.warns(UserWarning, match="missing from font"):
        pixels(figure)


def test_lettering_leaves_the_settings_of_matplotlib_alone():

    def settings():
        return {name: value for name, value in matplotlib.rcParams.items() if name != "backend"}

    before = settings()
    with lettering("en"):
        assert settings() != before
    assert settings() == before


def test_without_a_chinese_font_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(FAMILIES, "zh", ["No Such Font"])
    with pytest.raises(UsageError, match="fonts-noto-cjk"):
        families("zh")


def test_a_font_that_came_after_matplotlibs_list_is_found(chinese, monkeypatch):
    entries = font_manager.fontManager.ttflist
    files = {entry.fname for entry in entries if entry.name in FAMILIES["zh"]}
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [entry for entry in entries if entry.fname not in files])
    assert not fonts._installed() & set(FAMILIES["zh"])
    assert families("zh") == chinese
