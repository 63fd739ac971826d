"""A picture on its way through a network, as a film: the layer at work is framed, and what it hands on stands beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from .canvas import GREY, INK, heading, write
from .film import Frame, filmed
from .matrices import place, show
from .probe import Probe
from .unet_diagram import draw_blocks, draw_input
from .unet_maps import Floats, montage, strongest
from .unet_plan import Plan, shapes_of, short_names
from .unet_text import WORDS

SHOWN = 16  # maps of a layer, at most


def film_of(probe: Probe, plan: Plan, maps: Mapping[str, Floats], lang: str) -> list[Image.Image]:
    """One frame for each layer of the diagram; `maps`: what each of them hands on, (N, h, w), by name."""
    words, drawn = WORDS[lang], plan.drawn
    names, heights = short_names(drawn), [height for _, height in shapes_of(drawn)]
    figure = Figure(figsize=(10, 6), dpi=80)
    start = words["film_latents" if probe.seen is None else "film_picture"]
    heading(figure, probe.title, start + words["film_about"].format(shown=SHOWN))
    draw_input(figure, probe, 8.7, 0.1, 1.0)
    blocks = figure.add_axes((0.02, 0.05, 0.52, 0.68))
    draw_blocks(blocks, plan, lang)
    blocks.set_xticks([])
    margin = 0.03 * max(heights)
    sheet = place(figure, 5.8, 1.95, 3.9, 3.9)

    def steps() -> Iterator[Frame]:
        for number, (layer, name) in enumerate(zip(drawn, names, strict=True)):
            high = heights[number] + margin
            frame = Rectangle((number - 0.5, -high / 2), 1, high, fill=False, edgecolor=INK, linewidth=2.2)
            blocks.add_patch(frame)
            shown = maps[layer.name][:SHOWN]
            columns = math.ceil(math.sqrt(len(shown)))
            image = show(sheet, montage(shown, columns, strongest(shown), width=312))
            counted = words["film"].format(place=number + 1, count=len(drawn))
            shape = " → ".join("x".join(map(str, side)) for side in (layer.before, layer.after))
            about = write(figure, 5.8, 1.2, f"{counted}   {layer.kind}  {shape}", 10, GREY)
            yield [], [frame, image, about, write(figure, 5.8, 1.5, name, 10, INK)]

    return list(filmed(figure, steps()))
