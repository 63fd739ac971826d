"""What a topic is asked to draw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..convolution import Signal
from ..convolution.sizes import Padding
from ..run import Run
from ..sampling import Classes
from .example import Example


class Line(NamedTuple):
    """A line that a topic tells; where it is about a file that was written, its name and path."""

    text: str
    name: str = ""
    path: Path | None = None


def wrote(name: str, path: Path, note: str = "") -> Line:
    """'picture: explain/convolution.png', as a line."""
    return Line(f"{name}: {path}{note}", name, path)


@dataclass(frozen=True, eq=False)
class Options:
    """One call of `inkbloom explain`. None means that the topic chooses.

    out: folder of the files, `out/TOPIC.png` and `out/TOPIC.gif`. lang: 'en' or 'zh', see fonts.FAMILIES.
    run: a run's folder, a weights file, or an open run. net: a name in nets.NETS. layer: a module's name.
    t: noise level, 0 image, 1 noise.
    f, g: names in convolution.SIGNALS, or signals.
    kernel: as written by the user, for `convolution.parse_kernel`. stride, padding: as in `convolution.correlate`.
    label: the classes to draw, as in `sampling.request`.
    """

    out: Path
    example: Example
    lang: str = "en"
    run: Path | Run | None = None
    net: str | None = None
    layer: str | None = None
    t: float | None = None
    kernel: str | None = None
    stride: int | None = None
    padding: Padding | None = None
    f: str | Signal | None = None
    g: str | Signal | None = None
    label: Classes | None = None
