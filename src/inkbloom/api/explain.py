"""Pictures and films that show how it works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..convolution import Signal
from ..errors import UsageError, brief, unknown
from ..explainers.catalogue import LANGUAGES, TAKES
from ..explainers.example import DIGIT, digit_image, own_image
from ..explainers.options import Options
from ..explainers.topics import TOPICS
from ..given import native, number, place, whole
from ..run import Run
from .progress import console_for, progress
from .written import Written

LARGEST = 100  # pixels of stride and padding


def explain(
    topic: str,
    *,
    run: str | Path | Run | None = None,
    net: str | None = None,
    image: Any = None,
    digit: int | None = None,
    kernel: Any = None,
    stride: int | None = None,
    padding: Any = None,
    f: str | Signal | None = None,
    g: str | Signal | None = None,
    layer: str | None = None,
    t: float | None = None,
    label: Any = None,
    lang: str = "en",
    out: str | Path = "explain",
    quiet: bool | None = None,
) -> Written:
    """Draws a topic (convolution, transposed, continuous, noising, sampling, unet) into files and returns where they are.

    The result has 'picture' and 'film' at least: name -> path in the folder `out`; a notebook shows the picture. A run may be
    given open, an image as a PIL image or an array, a kernel as an array, functions as `inkbloom.convolution.Signal`. The
    other arguments are those of `inkbloom explain`, and a topic takes some of them only (`explainers.catalogue.TAKES`).
    quiet: as everywhere, see docs/python.md.
    Raises UsageError for a topic or a setting that is none, InkbloomError.
    """
    if topic not in TOPICS:
        raise unknown("topic", topic, TOPICS)
    if lang not in LANGUAGES:
        raise unknown("language", lang, LANGUAGES)
    given = {
        "run": run, "net": net, "image": image, "digit": digit, "kernel": kernel, "stride": stride, "padding": padding,
        "f": f, "g": g, "layer": layer, "t": t, "label": label,
    }  # fmt: skip
    for name, value in given.items():
        if value is not None and name not in TAKES[topic]:
            taken = ", ".join(f"--{each}" for each in TAKES[topic]) or "none of these flags"
            raise UsageError(f"--{name} with the topic {topic}: it takes {taken}; leave it out")
    kernel = kernel if kernel is None or isinstance(kernel, str) else str(native(kernel))
    stride, padding, t = native(stride), native(padding), None if t is None else number("t", t)
    if isinstance(padding, str) and re.fullmatch(r"-?\d{1,9}", padding):
        padding = int(padding)
    for name, value in (("stride", stride), ("padding", padding)):
        if isinstance(value, int) and value > LARGEST:
            raise UsageError(f"--{name} {brief(value)}: at most {LARGEST} pixels can be drawn")
    shown = digit_image(DIGIT if digit is None else whole("digit", digit)) if image is None else own_image(image)
    console, files = console_for(quiet), Written()
    if shown.note:
        console.print(f"image: {shown.note}")
    where = run if run is None or isinstance(run, Run) else place("run", run)
    options = Options(place("out", out), shown, lang, where, net, layer, t, kernel, stride, padding, f, g, label)
    with progress(console, None, "drawing"):
        for line in TOPICS[topic](options):
            console.print(line.text)
            if line.path:
                files[line.name] = line.path
    return files
