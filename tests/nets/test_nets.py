"""The networks: the tutorial's two to the letter, and what every network promises."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from inkbloom.device import placed
from inkbloom.errors import UsageError
from inkbloom.nets import NETS, Basic, Ink, UNet2D

SMALL = {  # as small as they come
    "basic": {"widths": (2, 3, 3)},
    "unet2d": {"widths": (8, 16), "layers": 1},
    "ink": {"widths": (16, 16), "layers": 1},
}
nets = pytest.mark.parametrize("name", NETS)
conditioned_nets = pytest.mark.parametrize("name", ["unet2d", "ink"])


def small(name, **more):
    """A small network whose weights are all random: none is silent because it starts at zero."""
    torch.manual_seed(0)
    net = NETS[name](**SMALL[name] | more)
    return randomised(net)


def randomised(net):
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3 if parameter.dim() < 2 else parameter[0].numel() ** -0.5)
    return net


def inputs(batch=2, channels=1, height=16, width=16, classes=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, channels, height, width, generator=generator, dtype=dtype)
    t = torch.linspace(0.2, 0.9, batch, dtype=dtype)
    return x, t, torch.arange(batch) % classes if classes else None


# ---- the tutorial's two


@pytest.mark.parametrize(("net", "count"), [(Basic, 309_057), (UNet2D, 1_707_009)], ids=["basic", "unet2d"])
def test_parameters_of_the_tutorials_networks(net, count):
    assert sum(p.numel() for p in net().parameters()) == count


def test_basic_is_the_tutorials_mini_unet():
    """Its section 3.4 in functional form: SiLU everywhere, skips kept after the activation and added, last in first out."""
    torch.manual_seed(0)
    net = Basic()
    weights = [(layer.weight, layer.bias) for layer in (*net.down, *net.up)]
    assert [tuple(weight.shape) for weight, _ in weights] == [
        (32, 1, 5, 5),
        (64, 32, 5, 5),
        (64, 64, 5, 5),
        (64, 64, 5, 5),
        (32, 64, 5, 5),
        (1, 32, 5, 5),
    ]
    x, *_ = inputs(4, 1, 28, 28)
    h, kept = x, []
    for number, (weight, bias) in enumerate(weights):
        if number in (1, 2):
            kept.append(h)
            h = nn.MaxPool2d(2)(h)
        if number in (4, 5):
            h = nn.Upsample(scale_factor=2)(h) + kept.pop()
        h = nn.SiLU()(F.conv2d(h, weight, bias, padding=2))
    torch.testing.assert_close(net(x), h, rtol=0, atol=1e-6)
    assert net(x).min() >= -0.2785  # the least value of SiLU: the last layer has one too


def test_unet2d_is_diffusers_network_at_timestep_0():
    from diffusers import UNet2DModel

    torch.manual_seed(0)
    net = UNet2D().eval()
    other = UNet2DModel(
        sample_size=28,
        in_channels=1,
        out_channels=1,
        layers_per_block=2,
        block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
    ).eval()
    other.load_state_dict(net.unet.state_dict())
    x, *_ = inputs(2, 1, 28, 28)
    with torch.no_grad():
        assert torch.equal(net(x, torch.zeros(2)), other(x, 0).sample)
        for t, timestep in ((0.001, 0), (0.5, 499), (1.0, 999)):  # DDPM's step i stands at t = (i + 1) / 1000
            torch.testing.assert_close(net(x, torch.full((2,), t)), other(x, timestep).sample, rtol=1e-3, atol=1e-4)


# ---- any size


@nets
@given(height=st.integers(8, 64), width=st.integers(8, 64), channels=st.sampled_from([1, 3]), classes=st.sampled_from([0, 2]))
@settings(deadline=None, max_examples=12)
@torch.no_grad()
def test_any_size_comes_back_in_shape(name, height, width, channels, classes):
    net = small(name, channels=channels, size=(height, width), num_classes=classes)
    x, t, y = inputs(2, channels, height, width, classes)
    out = net(x, t, y)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert torch.isfinite(out).all()


def most_levels(name):
    return {"basic": (2, 3, 3), "ink": (16, 16, 16), "unet2d": (8, 8, 8, 8, 8)}[name]


@nets
@pytest.mark.parametrize("size", [8, 9, 15, 17])
@pytest.mark.parametrize("batch", [1, 2])
@torch.no_grad()
def test_the_deepest_network_takes_the_smallest_pictures(name, size, batch):
    """Whatever the constructor accepts works from 8 pixels up, for a single picture too."""
    try:
        net = NETS[name](size=size, widths=most_levels(name), layers=1)
    except UsageError:
        net = NETS[name](size=size, widths=most_levels(name)[:-1], layers=1)
    x, t, _ = inputs(batch, 1, size, size)
    assert net(x, t).shape == x.shape


@nets
@torch.no_grad()
def test_the_size_given_to_the_constructor_is_only_checked(name):
    """A network built for one size gives the same numbers as one built for another."""
    x, t, _ = inputs(2, 1, 16, 16)
    torch.testing.assert_close(small(name, size=16)(x, t), small(name, size=9)(x, t), rtol=0, atol=0)


# ---- what reaches what


@nets
@pytest.mark.parametrize("classes", [0, 3])
def test_a_gradient_reaches_every_parameter(name, classes):
    """In double precision, so that a true zero is told from a small number. Groups of norm hold three channels here."""
    net = small(name, num_classes=classes, **({"widths": (24, 48)} if name == "unet2d" else {})).double()
    x, t, y = inputs(5, 1, 16, 16, classes + 1 if classes else 0, torch.float64)  # the last class is "no class"
    (net(x, t, y) * torch.randn_like(x)).sum().backward()
    for key, parameter in net.named_parameters():
        if not key.endswith("to_k.bias"):  # shifts all scores of a query alike, which the softmax takes away again
            assert parameter.grad is not None, key
            assert parameter.grad.abs().max() > 1e-8, key
            if "label" in key or "class_embedding" in key:
                assert (parameter.grad.abs().amax(1) > 1e-8).all()


def test_ink_starts_silent_and_wakes_up():
    """Its zero weights at the start give zero, and two optimizer steps later every parameter takes part."""
    torch.manual_seed(0)
    net = Ink(num_classes=3, widths=(16, 32), layers=1)
    x, t, y = inputs(8, 1, 16, 16, 4)
    assert net(x, t, y).abs().max() == 0
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        F.mse_loss(net(x, t, y), torch.sin(3 * x) * t[:, None, None, None]).backward()
        optimizer.step()
    for key, parameter in net.named_parameters():
        assert parameter.grad.abs().max() > 0, key
    assert net(x, t, y).abs().max() > 0


@conditioned_nets
@torch.no_grad()
def test_time_and_class_change_the_answer(name):
    net = small(name, num_classes=3)
    x, _, _ = inputs(1)
    answers = [net(x, torch.tensor([t]), torch.tensor([y])) for t in (0.1, 0.5, 0.9) for y in range(4)]
    for i, one in enumerate(answers):
        for other in answers[:i]:
            assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize("widths", [(8, 8), (16, 16), (32, 32), (16, 16, 16)], ids=str)
@torch.no_grad()
def test_no_widths_make_unet2d_blind(widths):
    """A norm over one channel takes away whatever time and class have added to that channel."""
    net = randomised(UNet2D(widths=widths, layers=1, num_classes=3)).double()
    x, _, _ = inputs(1, dtype=torch.float64)
    call = lambda t, y: net(x, torch.tensor([t]).double(), torch.tensor([y]))
    assert (call(0.1, 0) - call(0.9, 0)).abs().max() > 1e-3
    assert (call(0.1, 0) - call(0.1, 2)).abs().max() > 1e-3


@torch.no_grad()
def test_basic_is_blind():
    net = Basic(num_classes=3)
    x, t, y = inputs(3, classes=3)
    assert net.num_classes == 0
    assert torch.equal(net(x, t, y), net(x, 1 - t, None))
    assert torch.equal(net(x, t, y), net(x))


@conditioned_nets
@torch.no_grad()
def test_no_class_is_the_class_after_the_last(name):
    net = small(name, num_classes=3)
    x, t, _ = inputs(4)
    assert net.num_classes == 3
    assert torch.equal(net(x, t), net(x, t, torch.full((4,), 3)))
    assert not torch.equal(net(x, t), net(x, t, torch.full((4,), 2)))


@nets
@torch.no_grad()
def test_without_classes_labels_change_nothing(name):
    """Data may have labels that the recipe makes no use of."""
    net = small(name)
    x, t, y = inputs(2, classes=2)
    assert net.num_classes == 0
    assert torch.equal(net(x, t, y), net(x, t))


@nets
@torch.no_grad()
def test_pictures_of_a_batch_do_not_see_each_other(name):
    net = small(name, num_classes=3)
    x, t, y = inputs(4, classes=3)
    for k in range(4):
        torch.testing.assert_close(net(x[k : k + 1], t[k : k + 1], y[k : k + 1])[0], net(x, t, y)[k], rtol=1e-4, atol=1e-5)


@nets
@torch.no_grad()
def test_the_input_is_left_alone(name):
    net = small(name, num_classes=3)
    given_, kept = inputs(2, classes=3), inputs(2, classes=3)
    net(*given_)
    assert all(torch.equal(one, other) for one, other in zip(given_, kept, strict=True))


# ---- layout and precision


@nets
@torch.no_grad()
def test_channels_last_gives_the_same_numbers(name):
    net = small(name, channels=3, num_classes=3)
    x, t, y = inputs(3, 3, 18, 22, classes=3)
    want = net(x, t, y)
    net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(net(x.to(memory_format=torch.channels_last), t, y), want, rtol=1e-4, atol=1e-5)


@nets
def test_placed_moves_the_network_itself_into_its_layout(name):
    net = NETS[name]()
    assert placed(net, torch.device("cpu")) is net
    kernels = [p for p in net.parameters() if p.dim() == 4 and min(p.shape) > 1]
    assert all(p.is_contiguous(memory_format=torch.channels_last) == net.channels_last for p in kernels)


def convolutions(net, x):
    """(layer, shape of its input) of each convolution of a forward pass, once for each kind."""
    seen = {}

    def note(layer, args):
        weight = layer.weight
        seen[(tuple(weight.shape), layer.stride, tuple(args[0].shape))] = (layer, args[0].shape)

    hooks = [m.register_forward_pre_hook(note) for m in net.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        net(x, torch.zeros(len(x)))
    for hook in hooks:
        hook.remove()
    return list(seen.values())


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32)])
def test_bf16_convolutions_of_ink_are_right(channels, size):
    """Forward and backward of every kind of convolution in ink, against float64 on the same rounded numbers: wrong kernels
    have been shipped before (pytorch #163347, #169688). bf16 keeps 8 bits: each rounding costs 2^-9 of the largest value, and
    processors without instructions for bf16 round a few times on the way.
    """
    torch.manual_seed(0)
    kinds = convolutions(Ink(channels=channels, size=size), torch.zeros(4, channels, size, size))
    assert len(kinds) == 7
    for layer, shape in kinds:
        x, weight, bias = (value.bfloat16() for value in (torch.randn(shape), torch.randn_like(layer.weight), layer.bias))
        results = []
        for dtype in (torch.bfloat16, torch.float64):
            layout = torch.channels_last if dtype == torch.bfloat16 else torch.contiguous_format
            a, w, b = (value.detach().to(dtype).requires_grad_() for value in (x, weight, bias))
            a_, w_ = a.to(memory_format=layout), w.to(memory_format=layout)
            out = F.conv2d(a_, w_, b, layer.stride, layer.padding)
            torch.manual_seed(1)
            out.backward(torch.randn(out.shape).bfloat16().to(dtype))
            results.append((out.detach(), a.grad, w.grad, b.grad))
        for what, got, want in zip(("out", "input", "weight", "bias"), *results, strict=True):
            error = (got.double() - want).abs().max() / want.abs().max()
            assert error < 2**-6, (what, tuple(shape), tuple(layer.weight.shape), layer.stride)


@pytest.mark.parametrize("classes", [0, 3])
def test_ink_in_bf16_is_ink(classes):
    """The whole network under autocast: the answer and the gradients of its weights, to a few percent of their size."""
    net = small("ink", num_classes=classes)
    x, t, y = inputs(8, 1, 16, 16, classes)
    found = []
    for enabled in (False, True):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            out = net(x, t, y)
        (out.float() ** 2).mean().backward()
        found.append((out.detach().float(), {name: p.grad.clone() for name, p in net.named_parameters()}))
    (want, gradients), (got, other) = found
    assert (got - want).norm() < 0.03 * want.norm()
    for name, gradient in gradients.items():
        assert (other[name] - gradient).norm() < 0.2 * gradient.norm(), name


# ---- of what ink is made


class Operations(TorchDispatchMode):
    """Notes every tensor operation that runs."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(function.overloadpacket.__name__)
        return function(*args, **kwargs or {})


def test_ink_is_made_of_a_few_simple_operations():
    """What a page in a browser can compute too. No attention, no sums over the image, no batch statistics, no dropout."""
    net = small("ink", num_classes=3, widths=(16, 32, 48))
    assert {type(module).__name__ for module in net.modules()} == {
        "Ink", "Level", "Block", "Condition", "ChannelNorm", "ModuleList", "Sequential",
        "Conv2d", "Linear", "Embedding", "SiLU", "Identity",
    }  # fmt: skip
    given_ = inputs(2, 1, 17, 18, 3)
    with Operations() as used, torch.no_grad():
        net(*given_)
    layout = {"permute", "slice", "select", "unsqueeze", "view", "_unsafe_view", "t", "cat", "split", "clone"}
    elementwise = {"add", "mul", "silu", "cos", "sin"}
    linear = {"convolution", "addmm", "mm", "embedding"}
    spatial = {"reflection_pad2d", "pixel_shuffle", "pixel_unshuffle", "upsample_nearest2d"}
    assert used.names <= layout | elementwise | linear | spatial | {"native_layer_norm"}


def test_widths_of_ink_are_where_they_belong():
    """Each level works at half the size of the one before it, at its own width; the first at half of the picture's."""
    found = {}
    for layer, shape in convolutions(Ink(widths=(16, 32, 48), layers=1), torch.zeros(1, 1, 32, 32)):
        if layer.kernel_size == (3, 3) and layer.in_channels == layer.out_channels and layer.stride == (1, 1):
            found.setdefault(shape[-1], layer.out_channels)
    assert found == {16: 16, 8: 32, 4: 48}


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("transposed", [False, True])
def test_kernels_and_doubling_of_ink(kernel, transposed):
    """Every layer that sees more than one pixel has that kernel; a picture comes out of any size; a pixel is felt so far."""
    net = Ink(widths=(16, 32), layers=1, kernel=kernel, transposed=transposed)
    sides = {
        layer.kernel_size for name, layer in net.named_modules() if isinstance(layer, torch.nn.Conv2d) and "skip" not in name
    }
    assert sides == {(kernel, kernel)}
    assert isinstance(net.body.grow, torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d)
    torch.nn.init.normal_(net.head.weight)
    for size in (8, 17, 28):
        assert net(torch.randn(2, 1, size, size), torch.rand(2)).shape == (2, 1, size, size)


def test_a_net_of_single_pixels_sees_no_neighbour():
    """With 1x1 kernels and one level, what is folded into a pixel of the first level, 2x2, stays there; with 3x3 it spreads."""
    for kernel, felt in ((1, 4), (3, 400)):
        net = Ink(widths=(16,), layers=1, kernel=kernel)
        for part in (net.head, *(block.conv2 for block in net.body.before)):
            torch.nn.init.normal_(part.weight)
        x, t = torch.randn(1, 1, 28, 28), torch.full((1,), 0.5)
        moved = x.clone()
        moved[0, 0, 14, 14] += 1
        changed = int((net(moved, t) != net(x, t)).sum())
        assert changed <= felt
        assert (changed > 4) == (kernel == 3)


# ---- what cannot be built


def refusal(name, **settings):
    with pytest.raises(UsageError) as caught:
        NETS[name](**settings)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) <= 200
    return message


@pytest.mark.parametrize(
    ("name", "settings", "rule", "nearest"),
    [
        ("ink", {"widths": (24,)}, "multiple of 16", "32"),
        ("ink", {"widths": (32, 70)}, "multiple of 16", "64"),
        ("ink", {"widths": (1,)}, "multiple of 16", "16"),
        ("ink", {"widths": (0,)}, "multiple of 16", "16"),
        ("ink", {"widths": (-16,)}, "multiple of 16", "16"),
        ("unet2d", {"widths": (8, 13)}, "multiple of 8", "16"),
        ("basic", {"widths": (8, 0, 0)}, "multiple of 1", "1"),
        ("basic", {"widths": (8, 16, 24)}, "last two must be equal", "16"),
        ("basic", {"layers": 2}, "1 convolution in each level", "1"),
        ("ink", {"layers": 0}, "at least 1", "1"),
        ("ink", {"layers": -3}, "at least 1", "1"),
        ("unet2d", {"layers": 0}, "at least 1", "1"),
        *((name, {"channels": channels}, "1 (grey) or 3 (colour)", near)
          for name in NETS for channels, near in ((0, "1"), (2, "3"), (4, "3"))),
        *((name, {"size": size}, "at least 8", "8") for name in NETS for size in (7, (7, 64), (64, 7), 0)),
        ("ink", {"widths": ()}, "1 to 3 levels", "1"),
        ("ink", {"widths": (16,) * 4}, "1 to 3 levels", "3"),
        ("unet2d", {"widths": (8,)}, "2 to", "2"),
        ("basic", {"widths": (8, 8)}, "3 levels", "3"),
    ],
)  # fmt: skip
def test_refusals_name_the_rule_and_the_nearest_value(name, settings, rule, nearest):
    message = refusal(name, **settings)
    assert rule in message, message
    assert nearest in message.split(":", 1)[1], message


@nets
def test_a_monstrous_list_of_widths_is_refused_in_one_line(name):
    refusal(name, widths=(16,) * 500)
