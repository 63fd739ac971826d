"""Labels as they arrive: right, nearly right and wrong. Each is taken, and said, or refused in one line."""

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
import torch

import inkbloom
from inkbloom.data.dataset import Data
from inkbloom.data.labels import listed, natural, oddities, read_labels, untrained
from inkbloom.errors import DataError, UsageError

NFD = unicodedata.normalize("NFD", "café")


@pytest.mark.parametrize(
    ("given", "numbers", "names"),
    [
        ([0, 2, 1, 0], [0, 2, 1, 0], "0 1 2"),
        (np.array([[0], [2], [1], [0]], np.uint8), [0, 2, 1, 0], "0 1 2"),  # MedMNIST's shape
        (torch.tensor([[0, 2, 1, 0]]), [0, 2, 1, 0], "0 1 2"),
        (np.array([0.0, 2.0, 1.0, 0.0], np.float32), [0, 2, 1, 0], "0 1 2"),
        (torch.tensor([0.0, 2.0, 1.0, 0.0], dtype=torch.bfloat16), [0, 2, 1, 0], "0 1 2"),
        (np.array([True, False, True, True]), [1, 0, 1, 1], "0 1"),
        (np.array([0, 2, 1, 0], object), [0, 2, 1, 0], "0 1 2"),  # a column of pandas that once had holes
        ([3, 3, 1, 3], [3, 3, 1, 3], "0 1 2 3"),  # gaps stay: a label is the number of its class
        (np.eye(3)[[2, 0, 1, 0]], [2, 0, 1, 0], "0 1 2"),
        ([-1, 1, 1, -1], [0, 1, 1, 0], "-1 1"),  # two classes as statisticians write them
        ([2**40, 7, 7, 10**5], [2, 0, 0, 1], f"7 100000 {2**40}"),
        (["10", "9", "2", "10"], [2, 1, 0, 2], "2 9 10"),
        (["cat", "Dog", " cat ", "cat"], [1, 0, 1, 1], "Dog cat"),
        ([b"cat", "café".encode(), b"cat", b"cat"], [1, 0, 1, 1], "café cat"),
        (["café", NFD, NFD, "a"], [1, 1, 1, 0], "a café"),
        (["a", 1, "a", 2.5], [2, 0, 2, 1], "1 2.5 a"),
    ],
)
def test_labels_in_many_forms(given, numbers, names):
    found = read_labels(given, 4)
    assert found.numbers.tolist() == numbers
    assert found.numbers.dtype == torch.int64
    assert found.names == tuple(names.split())


def test_names_may_be_given():
    assert read_labels([1, 0], 2, ["cat", "dog", "bird"]).names == ("cat", "dog", "bird")
    assert read_labels(["dog", " cat"], 2, ["cat", "dog"]).numbers.tolist() == [1, 0]
    assert read_labels([NFD], 1, ["café"]).numbers.tolist() == [0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "0 labels (x.npz): give 4, one an image, or none at all"),
        ([0, 1, 2], "labels of int64 (3,) for 4 images (x.npz): give one label an image"),
        (np.zeros((4, 2, 2), int), "give one label an image"),
        (np.array([[1, 1, 0]] * 4), "rows of several or of parts of classes cannot be used"),
        (np.full((4, 2), 0.5), "rows of several or of parts of classes cannot be used"),
        (np.zeros((4, 3), int), "rows of several or of parts of classes cannot be used"),
        ([0.5, 1, 2, 3], "label 0.5 (x.npz): give whole numbers from 0, or names"),
        ([0, 1, np.nan, 3], "label NaN, as of images without a class, at 1 of 4 (x.npz): leave those images out"),
        ([0, 1, np.inf, 3], "label NaN, as of images without a class"),
        ([1e300, 0, 0, 0], "give whole numbers from 0"),
        ([0, 1, -1, -1], "label -1, as of images without a class, at 2 of 4 (x.npz): leave those images out"),
        ([-7, 1, 2, 3], "label -7 (x.npz): number the classes from 0, at most 10,000 of them"),
        (["cat", "", "dog", "  "], "label empty, as of images without a class, at 2 of 4"),
        (["cat", None, "dog", float("nan")], "label empty, as of images without a class, at 2 of 4"),
        (np.array([1j] * 4), "labels of complex128 (4,) (x.npz): give whole numbers from 0, or names"),
        ([[0], [1, 2], [3], [4]], "labels that are no array"),
    ],
)
def test_what_cannot_be_labels_is_told_in_one_line(given, said, refused):
    assert said in refused(read_labels, given, 4, None, "x.npz")


def test_names_that_do_not_fit(refused):
    assert "1 different class names for the labels 0 to 1" in refused(read_labels, [0, 1], 2, ["a"])
    assert "different class names" in refused(read_labels, [0, 1], 2, ["café", NFD])
    assert "unknown class 'bird'" in refused(read_labels, ["bird"], 1, ["cat"], error=UsageError)
    many = np.arange(10_001)
    assert "at most 10,000" in refused(read_labels, many, len(many))
    assert "10,001 different labels: name at most 10,000" in refused(read_labels, [f"c{n}" for n in many], len(many))


def test_what_was_decided_is_said():
    assert read_labels(np.eye(2), 2).notes == ("labels: one-hot rows of 2",)
    assert "labels -1 to 1: the 2 that occur are the classes" in read_labels([-1, 1], 2).notes[0]
    assert "class 'café': spelled in several ways" in read_labels(["café", NFD], 2).notes[0]
    assert read_labels([0, 1], 2).notes == read_labels(["a", "b"], 2).notes == ()


def test_people_count_two_before_ten():
    assert natural(["10", "2", "1", "x10", "x9", "02", "X", ""]) == ["", "1", "2", "02", "10", "X", "x9", "x10"]


def data(labels, classes, **slices):
    images = torch.zeros(len(labels), 1, 8, 8, dtype=torch.uint8)
    return Data(images, torch.tensor(labels), classes, {name: torch.tensor(index) for name, index in slices.items()}, "x")


def test_odd_classes_are_told():
    odd = data([0, 0, 2, 2, 3], ("a", "b", "A", "c"), train=[0, 1, 2], holdout=[3], reference=[4])
    assert list(oddities(odd)) == [
        "no image of class 'b': never drawn",
        "no image of class 'c' in the slice train: not trained, and never drawn",
        "one image only of class 'c': too few to learn from",
        "classes 'a', 'A' differ in capital letters alone, and are taken for classes of their own",
    ]
    assert untrained(odd.classes, odd.take("train").labels) == (1, 3)
    assert list(oddities(data([0, 0, 1, 1], ("a", "b"), train=[0, 2], holdout=[1], reference=[3]))) == []
    assert list(oddities(replace(odd, labels=None, classes=()))) == []
    ids = data(list(range(30)), tuple(map(str, range(30))), train=list(range(30)))
    assert "30 classes for 30 images: are the labels classes at all?" in next(oddities(ids))
    assert listed(list("abcdefgh")) == "classes 'a', 'b', 'c', 'd', 'e' and 3 more"


def test_arrays_take_labels_in_the_same_forms():
    pictures = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    plain = inkbloom.images(pictures, labels=np.arange(40) % 2)
    for labels in (np.eye(2)[np.arange(40) % 2], (np.arange(40) % 2)[:, None], ["0", "1"] * 20):
        found = inkbloom.images(pictures, labels=labels)
        assert torch.equal(found.labels, plain.labels)
        assert found.classes == ("0", "1")
    with pytest.raises(DataError, match="0 labels"):
        inkbloom.images(pictures, labels=[])
