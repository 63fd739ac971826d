"""Files that were written, and where."""

from __future__ import annotations

from pathlib import Path


class Written(dict[str, Path]):
    """What was written: name -> path. In a notebook it shows the first picture of them."""

    def _repr_png_(self) -> bytes | None:
        first = next((path for path in self.values() if path.suffix == ".png"), None)
        return first.read_bytes() if first and first.exists() else None
