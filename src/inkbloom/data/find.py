"""The files of a folder and its sub-folders: pictures, tables that may name their labels, and what is neither."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .meant import within
from .messages import cause, shown, unusable
from .picture import Broken, suffixes

TABLES = (".csv", ".tsv", ".jsonl")


@dataclass
class Found:
    """Picture files in sorted order, all folders, tables, sub-folders that cannot be opened, how often other suffixes occur,
    and what became of links to folders, one sentence each."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        """Takes a file by its suffix: a picture, a table, or neither."""
        suffix = path.suffix.lower()
        if suffix in suffixes():
            self.files.append(path)
        elif suffix in TABLES:
            self.tables.append(path)
        else:
            self.ignored[suffix or path.name] += 1


def find(folder: Path) -> Found:
    """Looks through a folder and its sub-folders, and through those that links lead to, each once; hidden names are left out.

    Raises DataError.
    """
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise unusable(what, folder, "", "give the folder that holds the images")
    found = Found(folder)
    seen: set[str] = set()
    links = _walk(folder, found, seen)
    while links:  # after all real folders, so that a picture keeps its real place where it has one
        link = links.pop(0)
        to, name = os.path.realpath(link), shown(link.relative_to(folder), 40)
        if to in seen or os.path.commonpath([to, os.path.realpath(link.parent)]) == to:
            found.notes.append(f"link '{name}' is not followed: it leads to a folder that is read already, or to one above")
        else:
            found.notes.append(f"link '{name}' is followed to {shown(to, 60)}")
            links += _walk(link, found, seen)
    if not found.files and not found.broken:
        others = ", ".join(f"{count:,} {shown(suffix, 12)}" for suffix, count in found.ignored.most_common(3))
        fix = f"did you mean '{shown(meant)}'?" if (meant := within(folder)) else "give one with PNG or JPEG files"
        if found.ignored[".npy"] > 1:
            fix = "stack the arrays and save them as one .npy file"
        raise unusable("no images in the folder", folder, f"only {others}" if others else "", fix)
    found.files.sort()
    found.tables.sort()
    found.broken.sort(key=lambda item: item.path)
    return found


def _walk(start: Path, found: Found, seen: set[str]) -> list[Path]:
    """Adds what lies below `start` to `found`, but for the folders in `seen`; returns the links to folders on the way."""
    links: list[Path] = []

    def closed(problem: OSError) -> None:
        found.broken.append(Broken(Path(problem.filename), f"folder: {cause(problem)}"))

    for place, folders, names in os.walk(start, onerror=closed):
        here = Path(place)
        seen.add(os.path.realpath(place))
        found.folders.append(here)
        inner = sorted(name for name in folders if not name.startswith("."))
        links += [here / name for name in inner if (here / name).is_symlink()]
        folders[:] = [name for name in inner if os.path.realpath(here / name) not in seen and not (here / name).is_symlink()]
        for path in (here / name for name in names if not name.startswith(".")):
            found.add(path)
    return links
