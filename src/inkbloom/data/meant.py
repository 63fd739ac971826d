"""What kind of source a path is, for whoever gave it without its kind or with another."""

from __future__ import annotations

import os
from pathlib import Path

from .columns import chosen
from .picture import suffixes

ENDINGS = {
    "npz": (".npz",),
    "npy": (".npy",),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "zip": (".zip",),
    "tar": (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"),
}
"""kind of source -> how its files end, in small letters."""
WITHIN = {
    "idx": ("*idx[13]-ubyte*",),
    "arrow": ("dataset_dict.json", "state.json"),
    "parquet": ("*.parquet", "*/*.parquet"),
    "tar": ("*.tar",),
}
"""kind of source -> the files by which a folder is one."""


def kind_at(place: str) -> str:
    """The kind of source that is plain from what lies at a path, '' where nothing does. A leading ~ is the home."""
    path = Path(os.path.expanduser(chosen(place)[0]))
    if not place or "\0" in place:
        return ""
    if os.path.isdir(path):  # which takes a name that no file can have
        return next((kind for kind, names in WITHIN.items() if any(any(path.glob(name)) for name in names)), "folder")
    return named_like(place) if os.path.isfile(path) else ""


def named_like(place: str) -> str:
    """The kind of source that has files of such a name, '' for none."""
    name = os.path.basename(chosen(place)[0])
    found = next((kind for kind, endings in ENDINGS.items() if name.lower().endswith(endings)), "")
    return found or ("idx" if "ubyte" in name else "")


def as_source(place: str) -> str:
    """The place as a source, such as 'folder:DIR', for a picture that of its folder; '' where it is none that is there."""
    if kind := kind_at(place):
        return f"{kind}:{place}"
    path = os.path.expanduser(place)
    is_picture = "\0" not in place and os.path.isfile(path) and Path(path).suffix.lower() in suffixes()
    return f"folder:{os.path.dirname(place) or '.'}" if is_picture else ""


def within(folder: Path) -> str:
    """A source in the folder that is no picture, such as 'npz:DIR/x.npz'; '' where there is none."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and named_like(path.name)]
    return as_source(str(files[0])) if files else ""
