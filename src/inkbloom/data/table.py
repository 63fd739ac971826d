"""Tables that lie beside pictures and say what they show: metadata.csv and metadata.jsonl as Hugging Face's imagefolder has
them, and any CSV of names and labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple
from unicodedata import normalize

from .messages import brief, cause, shown, unusable

METADATA = "metadata"
FILE, SPLIT = "file_name", "split"
LABELS = ("label", "labels", "class", "classes", "class_name", "label_name", "category", "target", "y")
SLICES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "holdout", "hold-out", "hold_out"), "holdout"),
}  # what people call the slices: what they are here
LARGEST = 2**28  # bytes of a table that is read
SUBMISSION = "submission"  # Kaggle's example of an answer: its labels are made up

Row = dict[str, str]


class Entry(NamedTuple):
    """What a table says of one picture: its label and its split, which may be the table's own name; '' where it says none."""

    label: str
    split: str


class Table(NamedTuple):
    """What a table says. labelled: whether it has a column of labels."""

    entries: dict[Path, Entry]
    labelled: bool
    notes: tuple[str, ...]


class Names:
    """Finds the pictures that a table means by its names: a path from the table's folder or the end of one, or a file's name
    that occurs once; with or without its suffix."""

    def __init__(self, here: Path, files: Iterable[Path]) -> None:
        self.paths: dict[str, Path] = {}
        alone: dict[str, set[Path]] = {}
        for file in files:
            path = normalize("NFC", file.relative_to(here).as_posix())
            for key in (path, path.removesuffix(file.suffix)):
                self.paths.setdefault(key, file)
                alone.setdefault(key.rpartition("/")[2], set()).add(file)
        self.alone = {name: found.pop() for name, found in alone.items() if len(found) == 1}

    def find(self, name: str) -> Path | None:
        """The picture, or None."""
        parts = [
            part for part in PureWindowsPath(normalize("NFC", name.strip())).as_posix().split("/") if part not in ("", ".")
        ]
        ends = ("/".join(parts[first:]) for first in range(len(parts)))
        return next((self.paths[end] for end in ends if end in self.paths), None) or self.alone.get((parts or [""])[-1])


def read_table(path: Path, files: Sequence[Path], here: Path, guess: bool = True) -> Table | None:
    """What a table says of the pictures `files`, named as seen from the folder `here`; None where it names none of them.

    guess: take a column for the labels that is not called so, where it alone can be. Raises DataError where the labels cannot
    be told, and where a metadata file cannot be read or names no picture.
    """
    metadata, where = path.stem.lower() == METADATA, shown(path.name, 40)
    names = Names(here, files)
    try:
        rows = _rows(path, names)
    except (OSError, ValueError, csv.Error) as problem:
        if metadata:
            raise unusable("cannot read the table", path, "", f"{cause(problem)}; save it as UTF-8 text") from None
        return Table({}, False, (f"{where} is not read: {cause(problem)}",))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    places = {column: [names.find(row.get(column, "")) for row in rows] for column in columns}
    named = next((name for name in columns if name.strip().lower() == FILE), None)
    column = named or max(columns, key=lambda name: len(set(places[name]) - {None}), default="")
    found = [(place, row) for place, row in zip(places.get(column, []), rows, strict=True) if place is not None]
    if not found:
        if metadata:
            what = "the table names no picture that is here" if named or not rows else f"no column {FILE} in the table"
            raise unusable(what, path, "", f"its column {FILE} needs paths from its own folder; mend it, or move it away")
        return None
    split = next((name for name in columns if name.strip().lower() == SPLIT), "")
    others = [name for name in columns if name not in (column, split)]
    labels, notes = _labels([row for _, row in found], others, path, guess)
    entries: dict[Path, Entry] = {}
    for (place, row), label in zip(found, labels, strict=True):
        entry = Entry(label, row.get(split, "").strip() or (path.stem if path.stem.lower() in SLICES else ""))
        if entries.setdefault(place, entry) != entry:
            said = f"'{shown(entries[place].label, 20)}' and '{shown(label, 20)}'"
            raise unusable(f"two rows for one picture, {said}", path, shown(place.name, 30), "leave one row for each picture")
    if gone := len(rows) - len(found):
        first = next(row.get(column, "") for place, row in zip(places[column], rows, strict=True) if place is None)
        notes.append(f"{where}: {gone:,} of {len(rows):,} rows name no picture that is here, first '{shown(first, 40)}'")
    if doubled := len(found) - len(entries):
        notes.append(f"{where}: {doubled:,} rows repeat an earlier one")
    return Table(entries, any(labels), tuple(notes))


def _rows(path: Path, names: Names) -> list[Row]:
    """The rows of a table by column; without a heading the columns are called 1, 2 ..."""
    with path.open("rb") as file:
        body = file.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError("over 256 MiB")
    text = body.decode("utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    if path.suffix.lower() == ".jsonl":
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not all(isinstance(line, dict) for line in lines):
            raise ValueError("a line that is no object")
        return [{str(name): _plain(value) for name, value in line.items()} for line in lines]
    mark = max(",;\t", key=text.partition("\n")[0].count)
    read = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    lines = [line for line in read if any(map(str.strip, line))]
    if not lines:
        return []
    headless = any(names.find(cell) for cell in lines[0])
    heading = [str(place) for place in range(1, len(lines[0]) + 1)] if headless else [name.strip() for name in lines[0]]
    return [dict(zip(heading, line, strict=False)) for line in lines[not headless :]]


def _plain(value: Any) -> str:
    """A value of JSON as text; '' for one that is no plain value."""
    return str(value) if isinstance(value, str | int | float) else ""


def _labels(rows: Sequence[Row], columns: Sequence[str], path: Path, guess: bool) -> tuple[list[str], list[str]]:
    """Each row's label, '' where there is none, and a note. Raises DataError where several columns may hold the labels."""
    where, values = shown(path.name, 40), {name: [row.get(name, "").strip() for row in rows] for name in columns}
    known = [name for word in LABELS for name in columns if name.lower() == word]
    repeating = [name for name in columns if 2 <= len(set(values[name])) <= len(rows) / 2]
    repeating = repeating if guess else []
    if not known and len(repeating) > 1 and (one_hot := _one_hot(values, columns)):
        return one_hot, [f"{where}: its columns {brief(', '.join(columns), 60)} are the classes, one marked in each row"]
    candidates = known or repeating
    if not candidates:
        why = f": each row of '{shown(columns[0], 30)}' says something else" if len(columns) == 1 else ""
        return [""] * len(rows), [f"{where}: no column of labels{why}"]
    if len({_partition(values[name]) for name in candidates}) > 1 and LABELS[0] not in [name.lower() for name in known]:
        listed = brief(", ".join(candidates), 60)
        raise unusable(
            f"several columns may be the label: {listed}", path, "", "call the right one 'label', or move the file away"
        )
    alike = [name for name in candidates if _partition(values[name]) == _partition(values[candidates[0]])]
    chosen = next((name for name in alike if not all(map(_is_number, values[name]))), alike[0])
    return values[chosen], [f"labels: the column '{shown(chosen, 30)}' of {where}"]


def _one_hot(values: Mapping[str, Sequence[str]], columns: Sequence[str]) -> list[str]:
    """The column that is marked in each row, where exactly one is; else nothing."""
    marks = [
        [_is_number(cell) and float(cell) for cell in row] for row in zip(*(values[name] for name in columns), strict=True)
    ]
    if not all(sorted(row) == [0.0] * (len(columns) - 1) + [1.0] and not any(mark is False for mark in row) for row in marks):
        return []
    return [columns[row.index(1.0)] for row in marks]


def _partition(values: Sequence[str]) -> tuple[int, ...]:
    """Which rows say the same, whatever they say."""
    first: dict[str, int] = {}
    return tuple(first.setdefault(value, place) for place, value in enumerate(values))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def told_twice(tables: Sequence[Table]) -> Path | None:
    """A picture that two tables give different labels; None where they agree."""
    said: dict[Path, str] = {}
    pairs = ((place, entry.label) for table in tables for place, entry in table.entries.items() if entry.label)
    return next((place for place, label in pairs if said.setdefault(place, label) != label), None)
