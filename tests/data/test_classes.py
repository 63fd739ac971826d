"""Classes by name and by number, as they arrive: right, nearly right and wrong."""

import numpy as np
import pytest
import torch

from inkbloom.data import class_numbers, named
from inkbloom.errors import UsageError

CLASSES = ("cat", "Dog", "国旗", "3")


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ("cat", [0]),
        ("国旗", [2]),
        (1, [1]),
        ("1", [1]),
        (np.int64(2), [2]),
        (torch.tensor(2), [2]),
        (["cat", 1], [0, 1]),
        (("Dog", "0", 0, "Dog"), [1, 0, 0, 1]),
        (np.array([2, 0]), [2, 0]),
        (np.array(["Dog", "cat"]), [1, 0]),
        (torch.tensor([1, 1]), [1, 1]),
        ([np.str_("cat"), np.uint8(2)], [0, 2]),
        (range(3), [0, 1, 2]),
    ],
)
def test_a_class_is_named_or_numbered_alone_or_with_others(asked, numbers):
    assert list(class_numbers(asked, CLASSES)) == numbers


def test_a_name_that_looks_like_a_number_is_a_name_and_a_number_stays_one():
    """Folders called 0, 1, 10 and 2 are sorted as text: the class called 10 has the number 2."""
    folders = ("0", "1", "10", "2")
    assert class_numbers(["10", "2"], folders) == (2, 3)
    assert class_numbers([2, 3], folders) == (2, 3)
    assert class_numbers("3", folders) == (3,)  # no name, so a number
    assert not named(folders)
    assert named(CLASSES)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("dog", "unknown class 'dog': did you mean 'Dog'? known: cat, Dog, 国旗, 3"),
        ("bird", "unknown class 'bird': known: cat, Dog, 国旗, 3"),
        ("", "unknown class ''"),
        (-1, "label = -1: the model knows the classes 0 to 3"),
        ("-1", "label = -1: the model knows the classes 0 to 3"),
        (4, "label = 4: the model knows the classes 0 to 3"),
        ("99", "label = 99"),
        (10**50, "the model knows the classes 0 to 3"),
        (1.0, "label = 1.0: needs the name or the number of a class"),
        (float("nan"), "label = nan"),
        (True, "label = True"),
        (None, "label = None"),
        ([0, None], "label = None"),
        ([], "label = []: name one class or more"),
        (np.array([]), "label = []"),
        (np.array([[0, 1]]), "label = [0, 1]"),
        (np.array([0.5]), "label = 0.5"),
        ({"cat"}, "label = {'cat'}"),
        ({"cat": 1}, "label = {'cat': 1}"),
        (b"cat", "label = b'cat'"),
    ],
)
def test_what_is_no_class_is_told_in_one_line(asked, said):
    with pytest.raises(UsageError) as caught:
        class_numbers(asked, CLASSES)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
