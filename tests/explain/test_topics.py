"""The list of topics stands twice, since the command's help may not import any: both are the same."""

from inkbloom.explain.fonts import FAMILIES
from inkbloom.explain.options import Options
from inkbloom.explain.topics import TOPICS
from inkbloom.verbs import explain as verb


def test_the_command_knows_every_topic_and_language():
    assert list(verb.TOPICS) == list(TOPICS)
    assert set(verb.LANGUAGES) == set(FAMILIES)


def test_every_flag_is_taken_by_a_topic_and_reaches_it():
    taken = {flag for _, flags in verb.TOPICS.values() for flag in flags.split()}
    assert taken == set(verb.CHOOSING)
    assert taken - {"image", "digit"} <= set(Options.__dataclass_fields__)
