"""What the names of sub-folders and the tables beside the pictures say: which slice and which class each picture belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from .find import Found
from .labels import listed
from .messages import shown, unusable
from .table import METADATA, SLICES, SUBMISSION, Entry, Table, read_table, told_twice


class Place(NamedTuple):
    """Where a picture belongs: its slice, '' if that is to be chosen, and its class, '' for none."""

    slice: str = ""
    label: str = ""


class Layout(NamedTuple):
    """The place of each picture that is taken, in the order of their paths, and what was decided, one sentence each.

    classes: the names of the classes in their order; empty: those that occur, in natural order.
    """

    places: dict[Path, Place]
    notes: tuple[str, ...]
    classes: tuple[str, ...] = ()


def lay_out(found: Found) -> Layout:
    """The places of the pictures in a folder. Raises DataError where they cannot be told."""
    found = _inside(found)
    folder = found.folder
    slices, notes = _slice_folders(found)
    files = [path for path in found.files if not slices or _top(path, folder) in slices]
    if left := len(found.files) - len(files):
        notes.append(f"left out {left:,} pictures that lie beside the slices {_quoted(slices)}")
    within = {} if slices else _slices_in_classes(files, folder)
    split = within or {path: slices.get(_top(path, folder), "") for path in files}
    notes += [f"slices, no classes: the sub-folders {_quoted(sorted({*within.values()}))} of each class"] if within else []
    labels, of_folders = _class_folders(found, files, slices, split)
    tables = _tables(found, files, guess=not any(labels.values()))
    if place := told_twice(tables):
        raise unusable("two tables give a picture different labels", place, "", "leave one of them")
    notes += dict.fromkeys(note for table in tables for note in table.notes)
    entries = {path: entry for table in tables for path, entry in table.entries.items()}
    if listing := any(table.labelled for table in tables):
        labels = {path: entries[path].label if path in entries else "" for path in files}
    notes += [] if listing else of_folders
    if not slices and not within:
        split, more = _split_column(entries, [path for path in files if labels[path] or not listing], folder)
        notes += more
    return _only_labelled({path: Place(split.get(path, ""), labels[path]) for path in files}, listing, notes)


def _inside(found: Found) -> Found:
    """The same seen from the only sub-folder, where that holds the slices."""
    tops = {_top(path, found.folder) for path in found.files}
    if len(tops) != 1 or (top := tops.pop()).strip().lower() in {"", *SLICES}:
        return found
    folder = found.folder / top
    inner = {_top(path, folder).strip().lower() for path in found.files}
    if not (inner <= SLICES.keys() and "train" in map(SLICES.get, inner)):
        return found
    return replace(found, folder=folder, folders=[path for path in found.folders if folder in (path, *path.parents)])


def _slices_in_classes(files: Sequence[Path], folder: Path) -> dict[Path, str]:
    """Each picture's slice where every one lies in a sub-folder of a class that is called so, as in cat/train; else nothing."""
    second = {path: (*path.relative_to(folder).parts[:-1], "", "")[1].strip().lower() for path in files}
    split = {path: SLICES.get(name, "") for path, name in second.items()}
    return split if "train" in split.values() and "" not in split.values() else {}


def _slice_folders(found: Found) -> tuple[dict[str, str], list[str]]:
    """The sub-folders that are slices, by name, and notes. Raises DataError where others than `train` stand alone."""
    folder = found.folder
    tops = sorted({top for path in found.files if (top := _top(path, folder))})
    slices = {name: SLICES[name.strip().lower()] for name in tops if name.strip().lower() in SLICES}
    others = [name for name in tops if name not in slices]
    if not slices:
        return {}, []
    if others and not _classes_below(slices, found):
        taken = f"{_quoted(slices)} taken for {'a class' if len(slices) == 1 else 'classes'}, no slice{'s' * (len(slices) > 1)}"
        return {}, [f"{taken}, as {_quoted(others)} stand beside: move these away if that is wrong"]
    if "train" not in slices.values():
        if len(slices) == 1 and not any(SLICES.get(path.name.strip().lower()) == "train" for path in _children(found)):
            return {}, []
        fix = "add those to train on, or name one folder alone"
        raise unusable(f"pictures in {_quoted(slices)}, none in 'train'", folder, "", fix)
    return slices, [f"slices, no classes: the sub-folders {_quoted(slices)}"]


def _classes_below(slices: dict[str, str], found: Found) -> bool:
    """Whether several slices, `train` among them, have sub-folders of the same names: so they are slices for certain."""
    inner = [
        {path.name for path in found.folders if path.parent.name == name and path.parent.parent == found.folder}
        for name in slices
    ]
    return "train" in slices.values() and len(inner) > 1 and len(set.intersection(*inner)) > 1


def _tables(found: Found, files: Sequence[Path], guess: bool) -> list[Table]:
    """The tables that say something of the pictures: the metadata of a folder, else whatever names them."""
    read = []
    for path in (path for path in found.tables if SUBMISSION not in path.name.lower()):
        beside = [other for other in found.tables if other.parent == path.parent and other.stem.lower() == METADATA]
        if path in beside or not beside:
            below = [file for file in files if path.parent in file.parents]
            read.append(read_table(path, below or files, path.parent if below else found.folder, guess))
    return [table for table in read if table is not None]


def _split_column(entries: dict[Path, Entry], files: Sequence[Path], folder: Path) -> tuple[dict[Path, str], list[str]]:
    """The slices by what tables say, where they say any and the words are known."""
    said = {path: entries[path].split if path in entries else "" for path in files}
    words = sorted({word for word in said.values() if word})
    if strange := [word for word in words if word.lower() not in SLICES]:
        return {}, [f"the splits {_quoted(strange)} of the table are not known, and not heeded"]
    split = {path: SLICES[word.lower()] if word else "" for path, word in said.items()}
    if words and ("train" not in split.values() or "" in split.values()):
        missing = "all of 'train'" if "train" not in split.values() else f"{list(split.values()).count(''):,} pictures"
        raise unusable(f"the table's splits {_quoted(words)} leave out {missing}", folder, "", "give each picture its split")
    return (split, [f"slices: by the table, {_quoted(words)}"]) if words else ({}, [])


def _class_folders(
    found: Found, files: Sequence[Path], slices: dict[str, str], split: dict[Path, str]
) -> tuple[dict[Path, str], list[str]]:
    """Each picture's class by the name of its sub-folder, '' for none, and notes."""
    depth = 1 if slices else 0
    inner = {path: path.relative_to(found.folder).parts[depth:-1] for path in files}
    labels = {path: parts[0] if parts else "" for path, parts in inner.items()}
    names = {name for name in labels.values() if name}
    none = dict.fromkeys(files, "")
    level = [path for path in found.folders if len(path.relative_to(found.folder).parts) == depth + 1]
    pictured = {parent for path in files for parent in path.parents}
    empty = sorted({path.name for path in level if path not in pictured and path.name.lower() not in SLICES})
    notes = [f"no pictures in the sub-folder{'s' * (len(empty) > 1)} {_quoted(empty)}"] if empty and names else []
    if len(names) < 2:
        if (
            all(labels.values())
            and not slices
            and (deeper := sorted({parts[1] for parts in inner.values() if len(parts) > 1}))
            and len(deeper) > 1
        ):
            only = shown(min(names), 40)
            notes.append(f"no labels: all pictures lie in '{only}'; give that folder, for the classes {_quoted(deeper)}")
        return none, notes
    loose = sum(not labels[path] for path in files if split[path] in ("", "train"))
    if loose:
        return none, [*notes, f"no labels: {loose:,} images lie beside the sub-folders, not in them"]
    return labels, notes


def _only_labelled(places: dict[Path, Place], listing: bool, notes: list[str]) -> Layout:
    """Without the pictures that have no label, where others have one. Raises DataError."""
    named = {place.label for place in places.values() if place.label}
    if len(named) < 2:
        if named:
            notes.append(f"no labels: all pictures are of {listed(sorted(named))}")
        return Layout({path: Place(place.slice) for path, place in places.items()}, tuple(notes))
    kept = {path: place for path, place in places.items() if place.label}
    if left := len(places) - len(kept):
        first = shown(next(path for path in places if path not in kept), 60)
        why = "that no table gives a label" if listing else "of a slice without class folders, for train has them"
        notes.append(f"left out {left:,} pictures {why}, first {first}")
    return Layout(kept, tuple(notes))


def _top(path: Path, folder: Path) -> str:
    """The sub-folder of `folder` that a picture lies in; '' for none."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else ""


def _children(found: Found) -> list[Path]:
    return [path for path in found.folders if path.parent == found.folder]


def _quoted(names: Iterable[str]) -> str:
    some = [f"'{shown(name, 30)}'" for name in names]
    return ", ".join(some[:4]) + (f" and {len(some) - 4:,} more" if len(some) > 4 else "")
