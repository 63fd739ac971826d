"""Pictures that lie one by one in a table or an archive, each with a label and a slice of its own, where it has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .columns import Column, class_texts
from .find import Found
from .folder import Survey
from .layout import Layout, Place
from .look import InOrder
from .member import root
from .messages import shown, unusable
from .table import SLICES


def survey_rows(
    path: Path,
    files: Sequence[Path],
    slices: Sequence[str],
    values: Sequence[Any],
    label: Column | None,
    notes: Sequence[str],
    background: str,
) -> Survey:
    """The survey of pictures that are members of `path`. slices, values: of each its slice or '', and its label or None.

    label: the column of the labels, None where there is none. Pictures without a label among labelled ones are left out.
    Raises DataError where no label can be read.
    """
    told, classes = list(notes), tuple[str, ...]()
    texts = [""] * len(files)
    if label:
        where = f"{shown(path, 60)}, {shown(label.name, 30)}"
        texts, classes = class_texts(values, label.classes, where)
        told.append(f"labels: taken from '{shown(label.name, 30)}'")
    places = {file: Place(part, text) for file, part, text in zip(files, slices, texts, strict=True)}
    if any(texts) and not all(texts):
        told.append(f"left out {texts.count(''):,} of {len(files):,} pictures, which have no label")
        places = {file: place for file, place in places.items() if place.label}
    elif label and not any(texts):
        told.append(f"no labels: none of {len(files):,} pictures has one")
        classes = ()
    found = Found(root(path), list(places))
    return Survey(found, Layout(places, tuple(told), classes), InOrder(list(places), background))


def files_at(path: Path, endings: tuple[str, ...]) -> list[Path]:
    """The file at `path`, or those with such endings in the folder at `path` and below, sorted. Raises DataError."""
    if not path.is_dir():
        if not path.is_file():
            raise unusable("no such file", path, "", "give the file, or the folder that holds the files")
        return [path]
    found = sorted(file for file in path.rglob("*") if file.name.lower().endswith(endings) and file.is_file())
    found = [file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    if not found:
        raise unusable(f"no {' or '.join(endings[:2])} files in the folder", path, "", "give another")
    return found


def slice_in(names: Sequence[str]) -> list[str]:
    """The slices that the names of files speak of, as in train-00000-of-00002.parquet: '' for all where none is to train on."""
    said = [next((SLICES[word] for word in re.split(r"[^a-z]+", name.lower()) if word in SLICES), "") for name in names]
    return said if "train" in said and "" not in said and len(set(said)) > 1 else [""] * len(said)
