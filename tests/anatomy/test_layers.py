"""Every layer of a network, against closed forms, torch's own counts and the tutorial's numbers."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from inkbloom.anatomy import fields
from inkbloom.anatomy.entries import entries_of
from inkbloom.anatomy.facts import Kernel, channels_along, keeping_channels, keeping_size, kernels_in, sizes_along
from inkbloom.anatomy.layers import answers_of, find, kernels_of, layers_of
from inkbloom.anatomy.skips import skips_of
from inkbloom.anatomy.watch import watched
from inkbloom.convolution import Axis
from inkbloom.convolution import receptive_fields as closed_form
from inkbloom.errors import UsageError
from inkbloom.nets import NETS
from inkbloom.nets.encoder_decoder import Decoder, Encoder

PICTURE = (torch.zeros(1, 1, 28, 28), torch.zeros(1), None)


@pytest.fixture(scope="module")
def known():
    """Name -> (net, its layers), each made once."""
    nets = {name: net().eval() for name, net in NETS.items()}
    return {name: (net, layers_of(net, PICTURE)) for name, net in nets.items()}


class Stack(nn.Module):
    """Layers one after the other."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Functional(nn.Module):
    """All that is no module: pooling, folding, enlarging, joining, cropping, a product of matrices."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 2, 3, padding=1)
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        h = self.first(x)
        small = F.max_pool2d(h, 2)
        folded = F.pixel_shuffle(F.pixel_unshuffle(small, 2), 2)
        large = F.interpolate(folded, scale_factor=2)
        joined = torch.cat([h, large], 1)
        return self.last(F.pad(joined, (1, 1, 1, 1)))[..., 1:-1, 1:-1] @ torch.ones(8, 8)


# ---- parameters and multiply-adds


def test_the_tutorials_basic_net(known):
    """2.3's figure: six 5x5 convolutions; 25 x inputs x outputs x pixels multiply-adds each."""
    _, layers = known["basic"]
    expected = [(1, 32, 28), (32, 64, 14), (64, 64, 7), (64, 64, 7), (64, 32, 14), (32, 1, 28)]
    convolutions = [layer for layer in layers if layer.convolves]
    assert [(layer.before, layer.after) for layer in convolutions] == [
        ((inputs, side, side), (outputs, side, side)) for inputs, outputs, side in expected
    ]
    assert [layer.multiply_adds for layer in convolutions] == [25 * a * b * side**2 for a, b, side in expected]
    assert [layer.parameters for layer in convolutions] == [(25 * a + 1) * b for a, b, _ in expected]
    assert all((layer.kernel, layer.stride, layer.padding) == ((5, 5), (1, 1), (2, 2)) for layer in convolutions)
    assert sum(layer.parameters for layer in layers) == 309_057
    assert sum(layer.multiply_adds for layer in layers) == pytest.approx(31.4e6, rel=2e-3)


def test_the_tutorials_unet2d(known):
    """540.9 MFLOP of convolutions, 41.9 of the attentions' projections, 52.9 of their products; 2 FLOP a multiply-add."""
    _, layers = known["unet2d"]
    cost = {
        "convolutions": sum(layer.multiply_adds for layer in layers if layer.convolves),
        "products": sum(layer.multiply_adds for layer in layers if layer.kind == "attention"),
        "projections": sum(layer.multiply_adds for layer in layers if ".to_" in layer.name),
    }
    assert sum(layer.parameters for layer in layers) == 1_707_009
    assert cost["products"] == 2 * 64 * (5 * 196**2 + 6 * 49**2)  # 2 T^2 C: queries by keys, weights by values
    assert cost["projections"] == 4 * 64**2 * (5 * 196 + 6 * 49)
    assert 2 * cost["convolutions"] == pytest.approx(540.9e6, rel=1e-3)
    assert sum(layer.kind == "attention" for layer in layers) == 11


@pytest.mark.parametrize("name", NETS)
def test_parameters_add_up_to_those_of_the_network(known, name):
    net, layers = known[name]
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in net.parameters())


def test_a_layer_that_is_called_twice_counts_its_parameters_once_and_its_work_twice():
    shared = nn.Conv2d(2, 2, 3, padding=1)
    first, second = layers_of(Stack(shared, shared), (torch.zeros(1, 2, 8, 8),))
    assert (first.name, second.name) == ("layers.0", "layers.0:2")
    assert (first.parameters, second.parameters) == (38, 0)
    assert first.multiply_adds == second.multiply_adds == 9 * 2 * 2 * 64


def test_multihead_attention_is_one_layer_with_all_its_parameters_and_products():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2)
            return self.attention(tokens, tokens, tokens)[0]

    net = Attends()
    (layer,) = layers_of(net, (torch.randn(1, 8, 4, 4),))
    assert layer.parameters == sum(p.numel() for p in net.parameters())
    assert layer.multiply_adds >= 4 * 8 * 8 * 16  # its projections; whether torch counts the products depends on its path
    assert layer.field == (4, 4)


# ---- shapes, also of what is no module


def test_functions_between_layers_get_a_line_where_they_change_a_pictures_shape():
    layers = layers_of(Functional(), (torch.zeros(1, 1, 8, 8),))
    assert [(layer.kind, layer.before, layer.after) for layer in layers] == [
        ("Conv2d", (1, 8, 8), (2, 8, 8)),
        ("max_pool2d", (2, 8, 8), (2, 4, 4)),
        ("pixel_unshuffle", (2, 4, 4), (8, 2, 2)),
        ("pixel_shuffle", (8, 2, 2), (2, 4, 4)),
        ("interpolate", (2, 4, 4), (2, 8, 8)),
        ("cat", (2, 8, 8), (4, 8, 8)),
        ("pad", (4, 8, 8), (4, 10, 10)),
        ("Conv2d", (4, 10, 10), (1, 10, 10)),
        ("crop", (1, 10, 10), (1, 8, 8)),
        ("matmul", (1, 8, 8), (1, 8, 8)),
    ]
    assert layers[-1].multiply_adds == 8 * 8 * 8


def test_activations_are_there_whether_layers_or_functions():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.SiLU()

        def forward(self, x):
            return torch.tanh(F.leaky_relu(self.act(x)))

    layers = layers_of(Both(), (torch.zeros(1, 1, 8, 8),))
    assert [layer.kind for layer in layers] == ["SiLU", "LeakyReLU", "Tanh"]
    assert all(layer.activates and not layer.works for layer in layers)


def test_hooks_alone_would_miss_the_functions(known):
    """The negative control: what only modules tell does not hang together."""
    _, layers = known["basic"]
    modules = [layer for layer in layers if layer.kind == "Conv2d"]
    assert any(one.after != other.before for one, other in pairwise(modules))


@pytest.mark.parametrize("name", NETS)
def test_odd_sizes_are_padded_and_cropped(name):
    layers = layers_of(NETS[name]().eval(), (torch.zeros(1, 1, 13, 10), torch.zeros(1), None))
    kinds = [layer.kind for layer in layers]
    assert "pad" in kinds
    assert layers[-1].kind == "crop"
    assert layers[-1].after == (1, 13, 10)


def test_transposed_convolutions_and_a_generator():
    layers = layers_of(Decoder(1, 28, 16, 10), (torch.zeros(1, 16), None))
    up = [layer for layer in layers if layer.convolves]
    assert [(layer.kind, layer.before, layer.after, layer.stride) for layer in up] == [
        ("ConvTranspose2d", (128, 7, 7), (64, 14, 14), (2, 2)),
        ("ConvTranspose2d", (64, 14, 14), (1, 28, 28), (2, 2)),
    ]
    assert [layer.multiply_adds for layer in up] == [16 * 128 * 64 * 49, 16 * 64 * 196]  # 16 stamps for each pixel given
    assert all(layer.field is None for layer in layers)  # latents are no picture


def test_a_diffusers_network_called_as_diffusers_does(known):
    net, layers = known["unet2d"]
    direct = layers_of(net.unet, (torch.zeros(1, 1, 28, 28), 0))
    assert [layer.multiply_adds for layer in direct] == [layer.multiply_adds for layer in layers]
    assert [f"unet.{layer.name}" for layer in direct] == [layer.name for layer in layers]


def test_the_network_is_left_as_it_was():
    net = Stack(nn.Conv2d(1, 1, 3), nn.Dropout(0.5)).train()
    layers_of(net, (torch.zeros(1, 1, 8, 8),))
    assert net.training
    assert net.layers[1].training
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in net.modules())


def test_hooks_go_when_the_network_fails():
    net = Stack(nn.Conv2d(3, 1, 3))
    with pytest.raises(RuntimeError), watched(net, lambda call: None):
        net(torch.zeros(1, 1, 8, 8))
    assert not net.layers[0]._forward_hooks


def test_an_unknown_layer_is_refused_with_the_nearest(known):
    assert find(known["ink"][1], "body.grow").after == (32, 14, 14)
    with pytest.raises(UsageError, match=r"unknown layer 'body\.groww': did you mean 'body\.grow'\?"):
        find(known["ink"][1], "body.groww")


# ---- receptive fields

LAYERS = st.tuples(
    st.sampled_from([nn.Conv2d, nn.MaxPool2d]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),  # taps along both axes
    st.integers(1, 2),  # stride
    st.integers(1, 2),  # dilation
)


def layer_of(kind, taps, stride, dilation):
    """A convolution that starts at zero, as the last ones of residual branches do, or a pooling."""
    if kind is nn.MaxPool2d:
        return nn.MaxPool2d(taps, stride, dilation=dilation)
    layer = nn.Conv2d(1, 1, taps, stride, dilation=dilation)
    nn.init.zeros_(layer.weight)
    return layer


@settings(max_examples=60, deadline=None)
@given(st.lists(LAYERS, min_size=1, max_size=4))
def test_fields_of_stacks_are_the_closed_form(stack):
    """Araujo et al. 2019, along both axes. Without padding every field lies in the picture."""
    size = 48
    expected = [
        [field.size for field in closed_form(Axis(taps[axis], stride, (0, 0), dilation) for _, taps, stride, dilation in stack)]
        for axis in (0, 1)
    ]
    assume(max(expected[0][-1], expected[1][-1]) <= size)
    layers = layers_of(Stack(*(layer_of(*one) for one in stack)), (torch.randn(1, 1, size, size),))
    assert [layer.field for layer in layers] == list(zip(*expected, strict=True))


def test_fields_of_the_tutorials_net(known):
    """5; pooling adds 1; 5x5 at half the size adds 4 x 2; pooling adds 2; 5x5 at a quarter adds 4 x 4: 32, over 28."""
    sizes = [layer.field[0] for layer in known["basic"][1] if not layer.activates and layer.kind != "add"]
    assert sizes == [5, 6, 14, 16, 28, 28, 28, 28, 28, 28]


def test_fields_through_folding_skips_and_strides(known):
    """ink folds 2x2 pixels into one, so each 3x3 adds 2 x 2 pixels, and 2 x 4 after its stride of 2."""
    fields_of = {layer.name: layer.field for layer in known["ink"][1]}
    assert fields_of["pixel_unshuffle"] == (1, 1)  # each number is still one pixel
    assert fields_of["stem"] == (6, 6)
    convolutions = [f"body.before.{block}.conv{number}" for block in (0, 1) for number in (1, 2)]
    assert [fields_of[name][0] for name in (*convolutions, "body.shrink")] == [10, 14, 18, 22, 26]
    assert fields_of["condition.time.0"] == (0, 0)  # knows the time, not the picture


def test_norms_over_the_picture_are_set_aside_and_attention_sees_all(known, monkeypatch):
    net, layers = known["unet2d"]
    fields_of = {layer.name: layer.field for layer in layers}
    first = "unet.down_blocks.0.resnets.0"
    assert [fields_of[f"{first}.{name}"][0] for name in ("norm1", "conv1", "norm2", "conv2")] == [3, 5, 5, 7]
    attention = "unet.down_blocks.1.attentions.0"
    assert fields_of[f"{attention}.to_q"] == (21, 21)  # a token knows what the pixel knew that it comes from
    assert fields_of[f"{attention}.scaled_dot_product_attention"] == (28, 28)
    monkeypatch.setattr(fields, "SET_ASIDE", ())
    strict = fields.receptive_fields(net, PICTURE, [f"{first}.norm1", f"{first}.conv1"])
    assert set(strict.values()) == {(28, 28)}


def test_fields_of_a_recognition_network_and_of_other_shapes():
    layers = layers_of(Encoder(1, (28, 16)), (torch.zeros(1, 1, 28, 16),))
    names = {layer.name: layer.field for layer in layers if layer.works}
    assert names == {"down.0": (4, 4), "down.1": (10, 10), "last": (28, 16)}


def test_a_field_along_one_axis_only():
    (layer,) = layers_of(Stack(nn.Conv2d(1, 1, (5, 1))), (torch.zeros(1, 1, 9, 12),))
    assert layer.field == (5, 1)


# ---- the tutorial's claims


def test_width_and_height_do_change_and_kernels_hardly(known):
    _, layers = known["basic"]
    assert sizes_along(layers) == [(28, 28), (14, 14), (7, 7), (14, 14), (28, 28)]
    assert channels_along(layers) == [1, 32, 64, 32, 1]
    assert kernels_in(layers) == {Kernel((5, 5), (1, 1), (2, 2), False): 6}
    assert keeping_size(layers) == (6, 6)  # it is pooling and enlarging that change it
    assert keeping_channels(layers) == (2, 6)


def test_facts_of_unet2d(known):
    """2 blocks a level, 3 on the way up: 1x1 where the channels change, stride 2 between the levels."""
    _, layers = known["unet2d"]
    three, one, two = ((3, 3), (1, 1), (1, 1)), ((1, 1), (1, 1), (0, 0)), ((3, 3), (2, 2), (1, 1))
    assert kernels_in(layers) == {Kernel(*three, False): 38, Kernel(*one, False): 10, Kernel(*two, False): 2}
    assert keeping_size(layers) == (48, 50)
    assert sizes_along(layers)[2] == (7, 7)


def test_skips_end_where_they_join_at_every_size(known):
    """The tutorial's net adds what SiLU made of its first two layers; of unet2d's nine skips, three lie within 7 x 7."""
    net, layers = known["basic"]
    assert skips_of(net, PICTURE, layers) == [("silu:2", "add"), ("silu", "add:2")]
    net, layers = known["unet2d"]
    skips = skips_of(net, PICTURE, layers)
    joins = [f"unet.up_blocks.{block}.cat{nth}" for block in (0, 1, 2) for nth in ("", ":2", ":3")]
    assert [join for _, join in skips] == joins
    assert len({kept for kept, _ in skips}) == 9
    assert skips[-1] == ("unet.conv_in", joins[-1])
    sizes = {layer.name: layer.after[1] for layer in layers if layer.pictures}
    assert [sizes[join] for join in joins] == [sizes[kept] for kept, _ in skips] == [7] * 3 + [14] * 3 + [28] * 3
    assert skips_of(Stack(nn.Conv2d(1, 1, 3)), (torch.zeros(1, 1, 8, 8),), []) == []


class Whole(nn.Module):
    """Adds its input to what comes the long way, in place, and its first layer to the second, at one size."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x, t=None, y=None):
        h = self.first(x)
        h = h + self.second(h)
        h = F.interpolate(F.max_pool2d(h, 2), scale_factor=2)
        h += x
        return h


def test_the_input_too_may_be_kept_and_blocks_of_one_size_are_no_skips():
    net, given = Whole(), (torch.zeros(1, 1, 8, 8),)
    layers = layers_of(net, given)
    assert [layer.name for layer in layers if layer.kind == "add"] == ["add", "add:2"]
    assert skips_of(net, given, layers) == [("", "add:2")]


# ---- the noise level


def entered(net, t=0.5):
    given = (torch.rand(1, 1, 28, 28), torch.full((1,), t), None)
    return entries_of(net, given, {layer.name for layer in layers_of(net, given)})


class Told(nn.Module):
    """Told the noise level once: by a table, so that it must be a whole number, by a plane of its own, or not at all."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.table, self.first = nn.Embedding(10, 2), nn.Conv2d(1, 2, 1)
        self.joined = nn.Conv2d(2, 1, 1)

    def forward(self, x, t, y):
        if self.how == "plane":
            return self.joined(torch.cat([x, t.view(-1, 1, 1, 1).expand(x.shape)], 1))
        h = self.first(x)
        return self.joined(h + self.table((t * 9).long())[:, :, None, None] if self.how == "table" else h)


@pytest.mark.parametrize(("how", "places"), [("table", ["table"]), ("plane", ["cat"]), ("never", [])])
def test_where_the_noise_level_enters(how, places):
    assert entered(Told(how)) == places


def test_the_networks_are_told_in_every_residual_block_or_not_at_all(known):
    """ink: a pair of blocks before, within and after; unet2d: 2 on each of 3 levels down, 3 up, 2 in the middle."""
    assert entered(known["basic"][0]) == []
    assert len(entered(known["ink"][0])) == 3 * 2
    assert len(entered(known["unet2d"][0])) == 3 * 2 + 3 * 3 + 2


# ---- what is inside


def test_answers_are_what_the_layers_hand_on(known):
    net, layers = known["basic"]
    x = torch.randn(1, 1, 28, 28)
    answers = answers_of(net, (x, None, None), {"down.0", "max_pool2d", "up.2"})
    first = F.conv2d(x, net.down[0].weight, net.down[0].bias, padding=2)
    assert torch.allclose(answers["down.0"], first[0], atol=1e-5)
    assert torch.allclose(answers["max_pool2d"], F.max_pool2d(F.silu(first), 2)[0], atol=1e-5)
    with torch.no_grad():
        assert torch.allclose(F.silu(answers["up.2"]), net(x)[0], atol=1e-5)
    assert all(tuple(answers[layer.name].shape) == layer.after for layer in layers if layer.name in answers)


def test_kernels_stand_with_outputs_first():
    net = Decoder(1, 28, 16, 10)
    assert kernels_of(net, "up.0").shape == (64, 128, 4, 4)
    assert torch.equal(kernels_of(net, "up.0")[3, 5], net.up[0].weight[5, 3])
    assert kernels_of(net, "first").shape == (6272, 26)
    assert kernels_of(net, "norm.0") is None
    shared = nn.Conv2d(2, 2, 3)
    assert kernels_of(Stack(shared, shared), "layers.0:2").shape == (2, 2, 3, 3)
    assert kernels_of(Told("table"), "table") is None  # a table has rows, no outputs
