"""A network taken apart: every layer in a table, a diagram and a film, and the kernels and feature maps of one of them."""

from __future__ import annotations

from collections.abc import Iterator

from ..anatomy.entries import entries_of
from ..anatomy.layers import Layer, answers_of, find, kernels_of, layers_of
from ..anatomy.skips import skips_of
from ..figures.images import save_png
from .canvas import lettering
from .film import save_film
from .options import Line, Options, wrote
from .probe import probe_of
from .unet_diagram import diagram_sheet
from .unet_film import film_of
from .unet_maps import kernels_sheet, maps_of, maps_sheet
from .unet_plan import plan_of
from .unet_table import lines_of, table_sheet
from .unet_text import WORDS, facts_of, title_of, told_of

__all__ = ["WORDS", "explain_unet"]


def explain_unet(options: Options) -> Iterator[Line]:
    """Writes unet.png (the diagram), unet-table.png, unet.gif, unet-kernels.png, unet-maps.png; yields the table in words too.

    Kernels and feature maps are those of `options.layer`, else of the first convolution. Raises InkbloomError.
    """
    probe = probe_of(options)
    layers = layers_of(probe.net, probe.inputs)
    layer = find(layers, options.layer) if options.layer else _first(layers)
    entries = [] if probe.t is None else entries_of(probe.net, probe.inputs, {each.name for each in layers})
    plan = plan_of(layers, skips_of(probe.net, probe.inputs, layers), entries)
    answers = answers_of(probe.net, probe.inputs, {layer.name, *(each.name for each in plan.drawn)})
    maps = {name: maps_of(answer, layers) for name, answer in answers.items()}
    kernels = kernels_of(probe.net, layer.name)

    facts = [*facts_of(layers, "en"), *told_of(probe, plan.entries, "en")]
    for text in (title_of(probe.title, layers, "en"), *facts, "", *lines_of(layers), ""):
        yield Line(text)
    note = "" if probe.trained else "\n" + WORDS[options.lang]["untrained"]
    with lettering(options.lang):
        sheets = {
            "": diagram_sheet(probe, layers, plan, options.lang),
            "-table": table_sheet(probe.title, layers, options.lang),
            "-kernels": None if kernels is None else kernels_sheet(layer, kernels, options.lang, note),
            "-maps": maps_sheet(layer, maps[layer.name], options.lang, note),
        }
        frames = film_of(probe, plan, maps, options.lang)
    for name, sheet in sheets.items():
        path = options.out / f"unet{name}.png"
        if sheet is not None:
            save_png(sheet, path)
            note = f" (of the layer {layer.name})" if name in ("-kernels", "-maps") else ""
            yield wrote(name.lstrip("-") or "picture", path, note)
    save_film(frames, options.out / "unet.gif", milliseconds=max(120, min(800, 16_000 // len(frames))))
    yield wrote("film", options.out / "unet.gif")


def _first(layers: list[Layer]) -> Layer:
    """The first convolution, or the first layer of all."""
    return next((layer for layer in layers if layer.convolves), layers[0])
