"""The topic `unet`: what stands in the table, the diagram and the pictures of weights and feature maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from PIL import Image
from safetensors.torch import load_file

from inkbloom import Run, train
from inkbloom.anatomy.entries import entries_of
from inkbloom.anatomy.layers import kernels_of, layers_of
from inkbloom.anatomy.skips import skips_of
from inkbloom.diffusion import PATHS
from inkbloom.errors import UsageError
from inkbloom.explainers import unet_maps
from inkbloom.explainers.canvas import IMAGE, KERNEL
from inkbloom.explainers.example import digit_image
from inkbloom.explainers.fonts import FAMILIES, families
from inkbloom.explainers.options import Options
from inkbloom.explainers.probe import probe_of
from inkbloom.explainers.unet import explain_unet
from inkbloom.explainers.unet_diagram import ACTIVATION, draw_blocks
from inkbloom.explainers.unet_film import film_of
from inkbloom.explainers.unet_maps import kernels_sheet, maps_of, maps_sheet, montage, strongest
from inkbloom.explainers.unet_plan import ROLES, plan_of, role_of, shapes_of, short_names
from inkbloom.explainers.unet_table import COLUMNS, lines_of, rows_of
from inkbloom.explainers.unet_text import WORDS, facts_of, large, title_of, told_of
from inkbloom.families import Spec, build
from inkbloom.recipe_files import load_recipe
from inkbloom.store.weights import pack

LETTERS = tuple("0123456789")


def asked(out=Path(), **more):
    return Options(out, digit_image(7), **more)


@pytest.fixture(scope="module")
def basic():
    probe = probe_of(asked(net="basic"))
    return probe, layers_of(probe.net, probe.inputs)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """family -> a weights file of it, untrained."""
    folder = tmp_path_factory.mktemp("weights")

    def make(family):
        spec = Spec(load_recipe(family).resolved(steps=1), 1, (28, 28), LETTERS)
        path = folder / f"{family}.safetensors"
        path.write_bytes(pack(build(spec).net, spec, 0, "live"))
        return path

    return make


def skip_without_letters(lang):
    try:
        families(lang)
    except UsageError as problem:
        pytest.skip(str(problem))


def rgb(colour):
    return tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))


# ---- what is probed


def test_the_picture_is_the_digit_noised_along_the_models_path():
    """Whose noise, worked out backwards from what the network is given, is a standard Gaussian; at t = 0 there is none."""
    x0, path = digit_image(7).image / 127.5 - 1, PATHS[Run().recipe.path]
    probe = probe_of(asked(t=0.25))
    x, time, label = probe.inputs
    c = path(torch.tensor(0.25))
    noise = (x - c.a * x0) / c.s
    assert (float(time), probe.t) == (0.25, 0.25)
    assert label.tolist() == [Run().family.num_conditions]  # no class in particular
    assert probe_of(asked(net="basic")).inputs[2] is None  # a network that knows none
    assert float(noise.mean()) == pytest.approx(0, abs=0.15)
    assert float(noise.std()) == pytest.approx(1, abs=0.1)
    assert torch.equal(probe_of(asked(t=0.0)).seen, digit_image(7).image[0])


def test_a_vae_is_given_the_picture_and_a_gan_latents(weights):
    probe = probe_of(asked(run=weights("vae")))
    assert probe.t is None
    assert torch.equal(probe.seen, digit_image(7).image[0])
    probe = probe_of(asked(run=weights("gan")))
    assert probe.seen is None
    assert probe.inputs[0].dim() == 2


def test_of_a_gan_run_the_discriminator_follows_the_generator(tmp_path, source):
    run = train("gan", data=str(source()), out=tmp_path / "run", steps=1, quiet=True)
    probe = probe_of(asked(run=run.path))
    names = [layer.name for layer in layers_of(probe.net, probe.inputs)]
    parts = [name.split(".")[0] for name in names if "." in name]
    assert parts == sorted(parts, reverse=True)
    assert set(parts) == {"generator", "discriminator"}
    kept = load_file(next(run.path.glob("checkpoints/*/discriminator.safetensors")))
    assert all(torch.equal(weight, kept[name]) for name, weight in probe.net.discriminator.named_parameters())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"net": "bassic"}, "did you mean 'basic'"),
        ({"t": 1.5}, "--t 1.5: the noise level"),
        ({"t": float("nan")}, "noise level"),
    ],
)
def test_wrong_settings_are_told(wrong, told):
    with pytest.raises(UsageError, match=told):
        probe_of(asked(**wrong))


def test_a_gan_knows_no_noise_level(weights):
    with pytest.raises(UsageError, match="--t with a gan"):
        probe_of(asked(run=weights("gan"), t=0.5))


# ---- words and table


def test_the_title_and_the_facts(basic):
    _, layers = basic
    assert title_of("basic", layers, "en") == "basic: 309,057 parameters, 31.4 million multiply-adds a picture"
    assert title_of("basic", layers, "zh") == "basic：309,057 个参数，每幅图 3,136 万次乘加"

    assert facts_of(layers, "en") == [
        "height and width: 28 → 14 → 7 → 14 → 28",
        "6 of 6 convolutions keep height and width, 2 of 6 keep the number of channels",
        "kernels: 6 of 5x5, stride 1, padding 2",
    ]


@pytest.mark.parametrize(
    ("count", "english", "chinese"),
    [
        (9408, "9,408", "9,408 "),
        (250_000, "250,000", "25 万"),
        (31_362_432, "31.4 million", "3,136 万"),
        (317_840_000, "317.8 million", "3.18 亿"),
        (123_400_000_000, "123,400.0 million", "1,234 亿"),
    ],
)
def test_a_large_count_is_said_as_people_say_it(count, english, chinese):
    assert (large(count, "en"), large(count, "zh")) == (english, chinese)


def test_the_table_has_a_row_for_each_layer_that_does_something(basic):
    _, layers = basic
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in rows_of(layers)]
    assert [row["name"] for row in rows[:3]] == ["down.0", "max_pool2d", "down.1"]
    assert rows[2] == {
        "name": "down.1", "kind": "Conv2d", "kernel": "5x5", "stride": "1", "padding": "2", "before": "32x14x14",
        "after": "64x14x14", "parameters": "51,264", "multiply_adds": "10,035,200", "field": "14x14",
    }  # fmt: skip
    header, *lines = lines_of(layers)
    assert len(lines) == len(rows) == 12
    assert header.index(" in ") + len(" in") == lines[2].index("32x14x14") + len("32x14x14")


def test_activations_have_no_row():
    layers = layers_of(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.SiLU()), (torch.zeros(1, 1, 8, 8),))
    assert len(layers) == 2
    assert len(rows_of(layers)) == 1


# ---- diagram


@pytest.fixture(scope="module")
def plans():
    """Network -> its probe, its layers and the plan of its diagram."""
    made = {}
    for net in ("basic", "ink", "unet2d"):
        probe = probe_of(asked(net=net))
        layers = layers_of(probe.net, probe.inputs)
        skips = skips_of(probe.net, probe.inputs, layers)
        entries = entries_of(probe.net, probe.inputs, {layer.name for layer in layers})
        made[net] = probe, layers, plan_of(layers, skips, entries)
    return made


def drawing_of(plan):
    """The axes with the blocks of a plan."""
    axis = Figure().add_subplot()
    draw_blocks(axis, plan, "en")
    return axis


@pytest.mark.parametrize(("net", "skips"), [("basic", 2), ("ink", 1), ("unet2d", 9)])
def test_an_arrow_ends_on_every_join_and_its_line_starts_on_what_was_kept(plans, net, skips):
    """unet2d: diffusers has 3 concatenations on each of 3 levels up."""
    _, _, plan = plans[net]
    axis = drawing_of(plan)
    heads = [note.xy for note in axis.texts if isinstance(note, Annotation) and note.xy[1] > 0]
    assert len(heads) == skips
    for across, down in heads:
        assert plan.drawn[int(across)].kind in ("add", "cat")
        assert down == plan.drawn[int(across)].after[1] / 2  # the block's upper edge
    starts = [line.get_xydata()[0] for line in axis.lines if len(line.get_xdata()) == 3]
    assert sorted(down for _, down in starts) == sorted(down for _, down in heads)  # of the same size


def test_the_structure_of_the_tutorials_net(plans):
    """Its forward (section 3.4), line by line: SiLU behind each convolution, pooling, enlarging, and two additions."""
    _, _, plan = plans["basic"]
    silu = {place for place, kind in plan.activations if kind == "SiLU"}
    written = [kind for place, layer in enumerate(plan.drawn) for kind in [layer.kind, *["SiLU"] * (place in silu)]]
    down = ["Conv2d", "SiLU", "max_pool2d", "Conv2d", "SiLU", "max_pool2d", "Conv2d", "SiLU"]
    up = ["Conv2d", "SiLU", "interpolate", "add", "Conv2d", "SiLU", "interpolate", "add", "Conv2d", "SiLU"]
    assert written == down + up
    bars = [patch for patch in drawing_of(plan).patches if to_hex(patch.get_facecolor()) == ACTIVATION]
    assert len(bars) == 6


@pytest.mark.parametrize(("net", "places"), [("basic", 0), ("ink", 6), ("unet2d", 17)])
def test_the_noise_level_is_in_the_diagram_or_said_to_be_absent(plans, net, places):
    probe, _, plan = plans[net]
    arrows = [note for note in drawing_of(plan).texts if isinstance(note, Annotation) and note.xy[1] < 0]
    assert len(arrows) == places
    for lang in FAMILIES:
        untrained, told = told_of(probe, plan.entries, lang)
        assert untrained == WORDS[lang]["untrained"]
        assert (str(places) in told) == bool(places)
        assert (told == WORDS[lang]["untold"]) == (not places)
        assert told_of(replace(probe, timed=False, trained=True), plan.entries, lang) == [
            WORDS[lang]["always" if places else "untold"]
        ]


def test_no_noise_no_word_of_it(weights):
    assert told_of(probe_of(asked(run=weights("vae"))), [], "en") == []


def test_what_is_not_drawn_is_said(plans):
    assert plans["basic"][2].aside == []
    assert plans["ink"][2].aside == ["norms", "additions"]
    assert plans["unet2d"][2].aside == ["norms", "additions", "tokens"]


def test_the_film_keeps_the_shape_of_maps(plans):
    """Four maps of 14 x 14, squares of one blue each, so that their edges can be measured in the frame."""
    probe, layers, plan = plans["ink"]
    first = replace(
        plan, drawn=[layer for layer in layers if layer.name == "pixel_unshuffle"], skips=[], entries=[], activations=[]
    )
    for shape in ((4, 14, 14), (4, 10, 20), (1, 7, 21)):
        (frame,) = film_of(probe, first, {"pixel_unshuffle": -np.ones(shape)}, "en")
        blue = (np.abs(np.asarray(frame)[150:, 450:].astype(int) - rgb(IMAGE)) < 12).all(-1)
        down, across = (np.ptp(np.flatnonzero(blue.any(axis))) + 1 for axis in (1, 0))
        assert across / down == pytest.approx(shape[2] / shape[1], rel=0.05)


def test_the_diagram_shows_what_the_picture_passes_through(plans):
    drawn = plans["ink"][2].drawn
    assert {role_of(layer) for layer in drawn} <= ROLES.keys()
    assert not any("condition" in layer.name or "norm" in layer.name for layer in drawn)
    assert [height for _, height in shapes_of(drawn)][-2:] == [14, 28]


def test_names_lose_only_what_all_share(basic):
    layers = layers_of(torch.nn.ModuleDict({"net": basic[0].net})["net"], basic[0].inputs)
    assert short_names(plan_of(layers, []).drawn)[0] == "down.0"

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unet = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.Conv2d(1, 1, 3))

        def forward(self, x):
            return self.unet(x)

    assert short_names(plan_of(layers_of(Wrapped(), (torch.zeros(1, 1, 8, 8),)), []).drawn) == ["0", "1"]


def test_a_network_without_convolutions_has_no_line_about_them():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.Unflatten(1, (1, 8, 8)))
    assert facts_of(layers_of(net, (torch.zeros(1, 1, 8, 8),)), "en") == []


# ---- weights and maps as pictures


def test_a_montage_shows_the_sign_as_colour():
    sheet = montage(np.array([[[-2.0]], [[0.0]], [[2.0]]]), columns=3, most=2, width=300)
    side = sheet.shape[0]
    assert sheet.shape[1] <= 300
    centres = [tuple(int(part) for part in sheet[side // 2, across]) for across in (side // 2, 150, sheet.shape[1] - side // 2)]
    for found, wanted in zip(centres, (rgb(IMAGE), (255, 255, 255), rgb(KERNEL)), strict=True):
        assert np.allclose(found, wanted, atol=3)


def test_a_single_number_does_not_fade_the_rest():
    values = np.ones(1000)
    values[0] = 1e6
    assert strongest(values) == 1
    assert strongest(np.zeros(4)) == 1


def test_tokens_are_laid_out_as_the_picture_they_come_from(basic):
    """Token k of a row-by-row picture is its pixel (k // width, k mod width)."""
    _, layers = basic
    picture = torch.arange(3 * 14 * 14.0).reshape(3, 14, 14)
    tokens = picture.flatten(1).T
    assert np.array_equal(maps_of(tokens, layers), picture.numpy())
    heads = torch.stack([tokens, tokens + 1])
    assert np.array_equal(maps_of(heads, layers)[3:], picture.numpy() + 1)
    assert maps_of(torch.arange(10.0), layers).shape == (1, 4, 4)


def said(monkeypatch, draw, *args):
    """The words that a sheet is given."""
    found = []
    monkeypatch.setattr(unet_maps, "heading", lambda figure, title, about: found.extend([title, about]))
    draw(*args)
    return found


def test_the_words_on_kernels_follow_the_groups(monkeypatch):
    """A depthwise convolution has many input channels, whatever its weights' second side says."""
    net = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, groups=8), torch.nn.Conv2d(8, 4, 1, groups=2))
    apart, paired = layers_of(net, (torch.zeros(1, 8, 9, 9),))
    title, about = said(monkeypatch, kernels_sheet, apart, kernels_of(net, "0"), "en")
    assert "from 8 to 8 channels" in title
    assert "reads one input channel only" in about
    title, about = said(monkeypatch, kernels_sheet, paired, kernels_of(net, "1"), "en")
    assert "from 8 to 4 channels" in title
    assert "of one group" in about


def test_a_list_of_numbers_is_not_called_channels(monkeypatch):
    (layer,) = layers_of(torch.nn.Linear(4, 9), (torch.zeros(1, 4),))
    _, about = said(monkeypatch, maps_sheet, layer, np.ones((1, 3, 3)), "en")
    assert "list of numbers" in about
    assert "channel" not in about


# ---- the whole topic


@pytest.mark.parametrize("lang", FAMILIES)
def test_all_files_are_written(tmp_path, lang):
    skip_without_letters(lang)
    lines = list(explain_unet(asked(tmp_path, net="basic", layer="down.1", lang=lang)))
    names = {"picture": "unet.png", "table": "unet-table.png", "kernels": "unet-kernels.png", "maps": "unet-maps.png"}
    for kind, name in names.items():
        assert any(line.text.startswith(f"{kind}: {tmp_path / name}") and line.path == tmp_path / name for line in lines)
        assert min(Image.open(tmp_path / name).size) > 200
    film = Image.open(tmp_path / "unet.gif")
    assert film.n_frames >= 10
    assert (tmp_path / "unet.gif").stat().st_size < 3e6
    assert "down.1" in lines[-2].text


def test_a_layer_without_kernels_has_maps_only(tmp_path):
    lines = list(explain_unet(asked(tmp_path, net="basic", layer="interpolate")))
    assert not (tmp_path / "unet-kernels.png").exists()
    assert any(line.name == "maps" for line in lines)


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_networks_with_transposed_convolutions(tmp_path, weights, family):
    lines = list(explain_unet(asked(tmp_path, run=weights(family))))
    assert any("transposed 4x4, stride 2" in line.text for line in lines)
    assert (tmp_path / "unet.gif").exists()


def test_an_unknown_layer_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'stem'"):
        list(explain_unet(asked(tmp_path, layer="stemm")))
    assert not list(tmp_path.iterdir())
