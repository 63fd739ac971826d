"""A picture on its way through a network, as a film: the layer at work is framed, and what it hands on stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from ..anatomy.layers import Layer
from .canvas import GREY, INK, heading, write
from .film import Frame, filmed
from .matrices import place
from .probe import Probe
from .unet_diagram import Skips, draw_blocks, draw_input, drawn_of, shapes_of, short_names
from .unet_maps import Floats, montage, strongest
from .unet_text import WORDS

SHOWN, COLUMNS = 16, 4  # maps of a layer


def film_of(probe: Probe, layers: Sequence[Layer], skips: Skips, maps: Mapping[str, Floats], lang: str) -> list[Image.Image]:
    """One frame for each layer of the diagram; `maps`: what each of them hands on, (N, h, w), by name."""
    words, drawn = WORDS[lang], drawn_of(layers)
    names, heights = short_names(drawn), [height for _, height in shapes_of(drawn)]
    figure = Figure(figsize=(10, 6), dpi=80)
    heading(figure, probe.title, words["film_about"].format(shown=SHOWN))
    draw_input(figure, probe, 8.7, 0.1, 1.0)
    blocks = figure.add_axes((0.02, 0.05, 0.52, 0.68))
    draw_blocks(blocks, drawn, skips, lang)
    blocks.set_xticks([])
    sheet = place(figure, 5.8, 1.95, 3.9, 3.9)

    def steps() -> Iterator[Frame]:
        for number, (layer, name) in enumerate(zip(drawn, names, strict=True)):
            frame = Rectangle(
                (number - 0.5, -heights[number] / 2 - 0.6), 1, heights[number] + 1.2, fill=False, edgecolor=INK, linewidth=2.2
            )
            blocks.add_patch(frame)
            shown = maps[layer.name][:SHOWN]
            columns = COLUMNS if len(shown) > 1 else 1
            image = sheet.imshow(montage(shown, columns, strongest(shown), width=312), interpolation="nearest")
            counted = words["film"].format(place=number + 1, count=len(drawn))
            shape = " → ".join("x".join(map(str, side)) for side in (layer.before, layer.after))
            about = write(figure, 5.8, 1.2, f"{counted}   {layer.kind}  {shape}", 10, GREY)
            yield [], [frame, image, about, write(figure, 5.8, 1.5, name, 10, INK)]

    return list(filmed(figure, steps()))
