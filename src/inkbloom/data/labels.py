"""Labels as people keep them, read as class numbers and class names; and what is odd about the classes of a set."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, plain
from .classes import class_numbers
from .dataset import Data
from .messages import brief, shown

MOST_CLASSES = 10_000


class Labels(NamedTuple):
    """numbers: (N,) int64, indices into `names`. notes: what was decided, one sentence each."""

    numbers: Tensor
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_labels(given: Any, count: int, names: Sequence[str] | None = None, where: str = "") -> Labels:
    """The labels of `count` images from an array or a list of numbers or text, (N,), (N, 1) or one-hot (N, K).

    Whole numbers from 0 are the numbers of the classes, gaps included, and their names where `names` does not give them. Text
    is the name of a class; the classes stand in natural order, 2 before 10. where: the file, for errors. Raises DataError.
    """
    array, notes = _one_each(_as_array(given, where), count, where)
    if array.dtype.kind in "OSU":
        return _from_text(array, names, where, notes)
    numbers, own, more = _from_numbers(array, where)
    found = own if names is None else tuple(tidy(name) for name in names)
    highest = int(numbers.max())
    if len(found) <= highest or len(set(found)) < len(found):
        raise _wrong(f"{len(set(found))} different class names for the labels 0 to {highest}", where, "give one each")
    return Labels(torch.from_numpy(numbers), found, (*notes, *more))


def tidy(name: object) -> str:
    """A class name on one line, without spaces around it, each letter in its usual Unicode form (NFC)."""
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return shown(unicodedata.normalize("NFC", text).strip())


def natural(names: Iterable[str]) -> list[str]:
    """The names in the order in which people count: 2 before 10, and '2' before '02'."""
    return sorted(names, key=lambda name: ([int(p) if p.isdigit() else p for p in re.split("([0-9]+)", name)], len(name), name))


def oddities(data: Data) -> Iterator[str]:
    """What a person should know of the classes of a set before training on it, one sentence each."""
    if data.labels is None:
        return
    counts = data.labels.bincount(minlength=len(data.classes)).tolist()
    if len(data.classes) > 20 and 2 * len(data.classes) > len(data.labels):
        yield f"{len(data.classes):,} classes for {len(data.labels):,} images: are the labels classes at all?"
    if empty := [name for name, count in zip(data.classes, counts, strict=True) if not count]:
        yield f"no image of {listed(empty)}: never drawn"
    if "train" in data.slices:
        missing = set(untrained(data.classes, data.take("train").labels))
        unseen = [name for k, name in enumerate(data.classes) if k in missing and counts[k]]
        if unseen:
            yield f"no image of {listed(unseen)} in the slice train: not trained, and never drawn"
    if single := [name for name, count in zip(data.classes, counts, strict=True) if count == 1]:
        yield f"one image only of {listed(single)}: too few to learn from"
    alike = Counter(name.casefold() for name in data.classes)
    if doubles := [name for name in data.classes if alike[name.casefold()] > 1]:
        yield f"{listed(doubles)} differ in capital letters alone, and are taken for classes of their own"


def untrained(classes: Sequence[str], labels: Tensor | None) -> tuple[int, ...]:
    """The numbers of the classes that no training image has; labels: of the training images."""
    seen = set() if labels is None else set(labels.tolist())
    return tuple(number for number in range(len(classes)) if number not in seen)


def listed(names: Sequence[str], most: int = 5) -> str:
    """class 'a', or classes 'a', 'b' and 3 more."""
    some = ", ".join(f"'{shown(name, 40)}'" for name in names[:most])
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"class{'es' * (len(names) > 1)} {some}{more}"


def _as_array(given: Any, where: str) -> NDArray[Any]:
    if isinstance(given, Tensor):
        given = given.detach().cpu().float() if given.dtype is torch.bfloat16 else given.detach().cpu()
    try:
        array = np.asarray(given)
    except Exception as problem:  # whatever an object raises that pretends to be an array
        raise _wrong(f"labels that are no array ({brief(problem)})", where, "give one label an image") from None
    if array.dtype.kind == "O" and all(isinstance(each, int | float | np.number) for each in array.flat):
        array = array.astype(np.float64)
    if array.dtype.kind not in "buifOSU":
        raise _wrong(f"labels of {array.dtype} {array.shape}", where, "give whole numbers from 0, or names")
    return array


def _one_each(array: NDArray[Any], count: int, where: str) -> tuple[NDArray[Any], list[str]]:
    """The labels (N,), and a note where they were one-hot."""
    what = f"labels of {array.dtype} {array.shape}"
    if array.size == 0 and count:
        raise _wrong("0 labels", where, f"give {count:,}, one an image, or none at all")
    if array.ndim == 2 and 1 in array.shape and array.size == count:
        array = array.reshape(-1)
    if array.ndim == 2 and len(array) == count and array.dtype.kind in "buif":
        if not (((array == 0) | (array == 1)).all() and (array.sum(1, dtype=np.float64) == 1).all()):
            raise _wrong(what, where, "give one class an image; rows of several or of parts of classes cannot be used")
        return array.argmax(1), [f"labels: one-hot rows of {array.shape[1]:,}"]
    if array.shape != (count,):
        raise _wrong(f"{what} for {count:,} images", where, "give one label an image")
    return array, []


def _from_numbers(array: NDArray[Any], where: str) -> tuple[NDArray[np.int64], tuple[str, ...], list[str]]:
    """Class numbers, the names that they give, and notes."""
    if array.dtype.kind == "f":
        if bad := int((~np.isfinite(array)).sum()):
            raise _unlabelled("NaN", bad, len(array), where)
        if (broken := array[array != np.floor(array)]).size or np.abs(array).max() >= 2**53:
            value = plain(float(broken[0] if broken.size else np.abs(array).max()))
            raise _wrong(f"label {value}", where, "give whole numbers from 0, or names")
    values = np.unique(array)
    low, high = int(values[0]), int(values[-1])
    if low >= 0 and high < MOST_CLASSES:
        return array.astype(np.int64), tuple(map(str, range(high + 1))), []
    if low == -1 and values.tolist() != [-1, 1]:
        raise _unlabelled("-1", int((array == -1).sum()), len(array), where)
    if len(values) > MOST_CLASSES or (low < 0 and values.tolist() != [-1, 1]):
        fix = f"number the classes from 0, at most {MOST_CLASSES:,} of them"
        raise _wrong(f"label {low if low < 0 else high}", where, fix)
    names = tuple(str(int(value)) for value in values)
    note = f"labels {names[0]} to {names[-1]}: the {len(names):,} that occur are the classes, in their order"
    return np.searchsorted(values, array).astype(np.int64), names, [note]


def _from_text(array: NDArray[Any], names: Sequence[str] | None, where: str, notes: Sequence[str]) -> Labels:
    """Labels from names; each as it is written is made tidy once."""
    given = array.tolist()
    clean = {each: tidy(each) for each in set(given) if isinstance(each, str | bytes)}
    clean |= {each: tidy(each) for each in set(given) - clean.keys() if each is not None and each == each}
    if missing := [each for each in given if not clean.get(each)]:
        raise _unlabelled("empty", len(missing), len(given), where)
    told = list(notes)
    if doubled := [name for name, times in Counter(clean.values()).items() if times > 1]:
        told.append(f"{listed(doubled)}: spelled in several ways (spaces, Unicode forms), taken for one")
    if names is None:
        classes = tuple(natural(set(clean.values())))
        if len(classes) > MOST_CLASSES:
            raise _wrong(f"{len(classes):,} different labels", where, f"name at most {MOST_CLASSES:,} classes")
        number = {name: place for place, name in enumerate(classes)}
        numbers = [number[clean[each]] for each in given]
    else:
        classes = tuple(tidy(name) for name in names)
        if len(set(classes)) < len(classes):
            raise _wrong(f"{len(set(classes))} different class names of {len(classes)}", where, "give one each")
        numbers = list(class_numbers([clean[each] for each in given], classes))
    return Labels(torch.tensor(numbers), classes, tuple(told))


def _unlabelled(value: str, missing: int, count: int, where: str) -> DataError:
    fix = "leave those images out, or give them a class of their own"
    return _wrong(f"label {value}, as of images without a class, at {missing:,} of {count:,}", where, fix)


def _wrong(what: str, where: str, fix: str) -> DataError:
    return DataError(f"{what}{f' ({where})' if where else ''}: {fix}")
