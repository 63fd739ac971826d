"""What kind of source a path is, for whoever gave it without its kind or with another."""

from __future__ import annotations

import os
from pathlib import Path

from .picture import suffixes


def as_source(place: str) -> str:
    """The place as a source, such as 'folder:DIR'; '' where it is none that is there. A leading ~ is the home."""
    path = Path(os.path.expanduser(place))
    if not place or "\0" in place:
        return ""
    if os.path.isdir(path):  # which takes a name that no file can have
        return f"idx:{place}" if any(path.glob("*idx[13]-ubyte*")) else f"folder:{place}"
    if not os.path.isfile(path):
        return ""
    if path.suffix.lower() in suffixes():
        return f"folder:{os.path.dirname(place) or '.'}"
    return f"npz:{place}" if path.suffix == ".npz" else f"idx:{place}" if "ubyte" in path.name else ""


def within(folder: Path) -> str:
    """A source in the folder that is no picture, such as 'npz:DIR/x.npz'; '' where there is none."""
    files = sorted(folder.glob("*.npz")) + sorted(folder.glob("*images*ubyte*"))
    return as_source(str(files[0])) if files else ""
