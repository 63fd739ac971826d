"""Zip and tar files of pictures, read as the folder that was packed into them, and WebDataset's tars.

Nothing is unpacked to the disk. Links, and names that lead out of the archive, are left out and said; no file takes more memory
than it may, whatever its header declares.
"""

from __future__ import annotations

import json
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .bounded import read_at_most
from .columns import Column, choose, chosen
from .find import Found
from .folder import Survey
from .layout import lay_out
from .look import InOrder
from .meant import ENDINGS
from .member import member, root
from .messages import cause, shown, unusable
from .picture import suffixes
from .rows import files_at, slice_in, survey_rows

LARGEST = 2**28  # bytes of one file in an archive that are read
AGAIN = "make or fetch it again"

Read = Callable[[], bytes]


class Packed(NamedTuple):
    """A file in an archive; `read` is None for links and devices, which hold nothing."""

    name: str
    read: Read | None


def survey_zip(path: Path, background: str = "auto") -> Survey:
    """The pictures in a zip file; background: as in a recipe. Raises DataError, UsageError."""
    try:
        archive = zipfile.ZipFile(path)
        found = list(_zipped(archive))
    except Exception as problem:  # zipfile raises a dozen kinds on damaged archives
        raise unusable("cannot read the zip file", path, "", f"{cause(problem)}; {AGAIN}") from None
    return _as_folder(path, *_usable(found, path), background)


def survey_tar(path: Path, background: str = "auto") -> Survey:
    """The pictures in a tar file, compressed or not, or in the shards of a WebDataset, a folder of tar files.

    Where files of one name but several endings say what a picture is, as in WebDataset, they are read so; else as the folder
    that was packed. background: as in a recipe. Raises DataError, UsageError.
    """
    place, choice = chosen(str(path))
    path, found = Path(place), list[Packed]()
    shards = files_at(path, ENDINGS["tar"])
    for shard in shards:
        try:
            found += _tarred(shard, "" if shard == path else f"{shard.name}/")
        except Exception as problem:  # as for zip
            raise unusable("cannot read the tar file", shard, "", f"{cause(problem)}; {AGAIN}") from None
    files, notes = _usable(found, path)
    if samples := _samples(files):
        return _as_samples(path, samples, choice, notes, background)
    if len(shards) > 1:
        raise unusable(f"{len(shards):,} tar files whose pictures have no .cls or .json", path, "", "give one of the files")
    return _as_folder(path, files, notes, background)


def _zipped(archive: zipfile.ZipFile) -> Iterator[Packed]:
    for info in sorted(archive.infolist(), key=lambda info: info.filename.split("/")):
        if not info.is_dir():
            is_link = stat.S_ISLNK(info.external_attr >> 16)
            yield Packed(info.filename, None if is_link else partial(_read, partial(archive.open, info)))


def _tarred(path: Path, front: str) -> list[Packed]:
    """The files in a tar file: sorted, but in the order in which they lie where it is compressed, and going back is slow."""
    try:
        archive, compressed = tarfile.open(path, "r:"), False  # noqa: SIM115 - it stays open while its members are read
    except tarfile.ReadError:
        archive, compressed = tarfile.open(path, "r:*"), True  # noqa: SIM115
    infos = [info for info in archive if not info.isdir()]
    if not compressed:
        infos.sort(key=lambda info: info.name.split("/"))
    reads = [partial(_read, partial(archive.extractfile, info)) if info.isreg() else None for info in infos]
    return [Packed(front + info.name, read) for info, read in zip(infos, reads, strict=True)]


def _read(opened: Callable[[], Any]) -> bytes:
    """All of one packed file. Raises ValueError where it is too large."""
    with opened() as file:
        body = read_at_most(file, LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError("over 256 MiB")
    return bytes(body)


def _usable(found: Iterable[Packed], path: Path) -> tuple[dict[str, Read], list[str]]:
    """The files by their names, without hidden ones, links and names that lead elsewhere, and notes on these."""
    files: dict[str, Read] = {}
    links, outside = [], []
    for name, read in found:
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if name.startswith(("/", "\\")) or ".." in parts or re.match("[A-Za-z]:", name):
            outside.append(name)
        elif read is None:
            links.append(name)
        elif not any(part.startswith(".") or part == "__MACOSX" for part in parts):
            files["/".join(parts)] = read
    notes = [
        f"left out {len(names):,} {what}, first {shown(names[0], 60)}"
        for what, names in (("links or devices", links), ("files whose names lead out of the archive", outside))
        if names
    ]
    if not files:
        raise unusable("no files in the archive", path, "", notes[0] if notes else "give one with PNG or JPEG files")
    return files, notes


def _as_folder(path: Path, files: dict[str, Read], notes: list[str], background: str) -> Survey:
    """The survey of the folder that was packed; where all lies in one folder, of that one."""
    while len({name.partition("/")[0] for name in files}) == 1 and all("/" in name for name in files):
        files = {name.partition("/")[2]: read for name, read in files.items()}
    found = Found(root(path), notes=notes)
    for name, read in files.items():
        found.add(member(path, name, read))
    if not found.files:
        others = ", ".join(f"{count:,} {shown(suffix, 12)}" for suffix, count in found.ignored.most_common(3))
        raise unusable("no images in the archive", path, f"only {others}" if others else "", "give one with PNG or JPEG files")
    found.folders += sorted(
        {parent for file in found.files for parent in file.parents if found.folder in (parent, *parent.parents)}
    )
    layout = lay_out(found)
    return Survey(found, layout, InOrder(list(layout.places), background))


def _samples(files: dict[str, Read]) -> dict[str, dict[str, Read]]:
    """The files of each sample by ending, where some sample has a picture and a file of labels beside it; else nothing."""
    samples: dict[str, dict[str, Read]] = {}
    for name, read in files.items():
        folder, slash, last = name.rpartition("/")
        key, _, ending = last.partition(".")
        samples.setdefault(f"{folder}{slash}{key}", {})[ending.lower()] = read
    labelled = any(_pictures(sample) and sample.keys() & {"cls", "json"} for sample in samples.values())
    return {key: sample for key, sample in samples.items() if _pictures(sample)} if labelled else {}


def _as_samples(
    path: Path, samples: dict[str, dict[str, Read]], choice: dict[str, str], notes: list[str], background: str
) -> Survey:
    where, told = shown(path, 60), [_told(sample, path, key) for key, sample in samples.items()]
    endings = {ending for sample in samples.values() for ending in _pictures(sample)}
    several = "image" in choice or any(len(_pictures(sample)) > 1 for sample in samples.values())
    kinds = {name: "class" if name == "cls" else "value" for each in told[:100] for name in each}
    pictures = [Column(ending, "image") for ending in sorted(endings if several else {min(endings)})]
    image, label, more = choose([*pictures, *(Column(name, kind) for name, kind in kinds.items())], choice, where)
    files, values = [], []
    for (key, sample), says in zip(samples.items(), told, strict=True):
        if (ending := image.name if several else _pictures(sample)[0]) in sample:
            files.append(member(path, f"{key}.{ending}", sample[ending]))
            values.append(says.get(label.name) if label else None)
    slices = slice_in([str(file.relative_to(root(path)).parent) for file in files])
    return survey_rows(path, files, slices, values, label, [*notes, *more], background)


def _pictures(sample: Iterable[str]) -> list[str]:
    """The endings of a sample's pictures, such as 'jpg' or 'seg.png'."""
    return [ending for ending in sample if f".{ending.rpartition('.')[2]}" in suffixes()]


def _told(sample: dict[str, Read], path: Path, key: str) -> dict[str, Any]:
    """What the files beside a picture say: its class, and the fields of its JSON."""
    said: dict[str, Any] = {}
    try:
        if "json" in sample:
            said |= {name: value for name, value in json.loads(sample["json"]()).items() if not isinstance(value, list | dict)}
        if "cls" in sample:
            text = sample["cls"]().decode().strip()
            said["cls"] = int(text) if text.lstrip("-").isdigit() else text
    except Exception as problem:  # whatever the archive and the decoders raise
        raise unusable("cannot read what is said of a picture", path, shown(key, 40), cause(problem)) from None
    return said
