"""A network taken apart: every layer in a table, a diagram and a film, and the kernels and feature maps of one of them."""

from __future__ import annotations

from collections.abc import Iterator

from ..anatomy.layers import Layer, answers_of, find, kernels_of, layers_of
from ..anatomy.skips import skips_of
from ..figures.images import save_png
from .asked import Asked
from .canvas import lettering
from .film import save_film
from .studied import studied
from .unet_diagram import diagram_sheet, drawn_of
from .unet_film import film_of
from .unet_maps import kernels_sheet, maps_of, maps_sheet
from .unet_table import lines_of, table_sheet
from .unet_words import WORDS, facts_of, title_of

__all__ = ["WORDS", "explain_unet"]


def explain_unet(asked: Asked) -> Iterator[str]:
    """Writes unet.png (the diagram), unet-table.png, unet.gif, unet-kernels.png, unet-maps.png; yields the table in words too.

    Kernels and feature maps are those of `asked.layer`, else of the first convolution. Raises InkbloomError.
    """
    study = studied(asked)
    layers = layers_of(study.net, study.inputs)
    layer = find(layers, asked.layer) if asked.layer else _first(layers)
    skips = skips_of(study.net, study.inputs, layers)
    answers = answers_of(study.net, study.inputs, {layer.name, *(each.name for each in drawn_of(layers))})
    maps = {name: maps_of(answer, layers) for name, answer in answers.items()}
    kernels = kernels_of(study.net, layer.name)

    yield title_of(study.title, layers, "en")
    yield from facts_of(layers, "en")
    yield ""
    yield from lines_of(layers)
    yield ""
    with lettering(asked.lang):
        sheets = {
            "": diagram_sheet(study, layers, skips, asked.lang),
            "-table": table_sheet(study.title, layers, asked.lang),
            "-kernels": None if kernels is None else kernels_sheet(layer, kernels, asked.lang),
            "-maps": maps_sheet(layer, maps[layer.name], asked.lang),
        }
        frames = film_of(study, layers, skips, maps, asked.lang)
    for name, sheet in sheets.items():
        path = asked.out / f"unet{name}.png"
        if sheet is not None:
            save_png(sheet, path)
            yield f"{name.lstrip('-') or 'picture'}: {path}" + (
                f" (of the layer {layer.name})" if name in ("-kernels", "-maps") else ""
            )
    save_film(frames, asked.out / "unet.gif", milliseconds=max(120, min(800, 16_000 // len(frames))))
    yield f"film: {asked.out / 'unet.gif'}"


def _first(layers: list[Layer]) -> Layer:
    """The first convolution, or the first layer of all."""
    return next((layer for layer in layers if layer.convolves), layers[0])
