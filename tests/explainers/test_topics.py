"""Topics stand twice, since the command's help may not import any, and so do their settings: all say the same."""

import inspect

import inkbloom
from inkbloom.explainers.catalogue import ABOUT, LANGUAGES, TAKES
from inkbloom.explainers.fonts import FAMILIES
from inkbloom.explainers.options import Options
from inkbloom.explainers.topics import TOPICS


def test_every_topic_and_language_stands_in_the_catalogue():
    assert list(ABOUT) == list(TAKES) == list(TOPICS)
    assert set(LANGUAGES) == set(FAMILIES)


def test_every_setting_is_taken_by_a_topic_and_reaches_it():
    taken = {name for names in TAKES.values() for name in names}
    assert taken == set(inspect.signature(inkbloom.explain).parameters) - {"topic", "lang", "out", "quiet"}
    assert taken - {"image", "digit"} <= set(Options.__dataclass_fields__)
