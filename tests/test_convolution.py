"""Convolution from its definition against torch.nn.functional, scipy.signal, closed forms, and what it says of itself."""

import json
import math
from itertools import islice, pairwise

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.stats
import torch
import torch.nn.functional as F
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from inkbloom.convolution import (
    KERNELS,
    MODES,
    PADDINGS,
    VIEWS,
    Axis,
    Field,
    axes_of,
    box,
    convolve,
    convolve_functions,
    correlate,
    flipped,
    gaussian,
    inserted,
    matrix_of,
    operands_of,
    overlaps,
    pad,
    parse_kernel,
    power,
    powers,
    receptive_fields,
    sliding_product,
    stamps,
    transposed_by_stamping,
    triangle,
    variances,
)
from inkbloom.errors import InkbloomError, UsageError

F64 = torch.float64
TORCH_MODES = {"zero": "constant", "reflect": "reflect", "circular": "circular"}
CORRELATE = {1: F.conv1d, 2: F.conv2d}
TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d}
views = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def same(a, b):
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert torch.equal(a, b) or (a - b).abs().max() <= 1e-12 * (1 + b.abs().max())


@st.composite
def forwards(draw, modes=tuple(MODES)):
    """(x, kernel, settings) of a convolution that fits: 1 or 2 axes, uneven padding, groups, all small."""
    dims = draw(st.integers(1, 2))
    groups, per_input, per_output = (draw(st.integers(1, top)) for top in (3, 2, 2))
    mode = draw(st.sampled_from(modes))
    stride, padding, dilation, size, taps = [], [], [], [], []
    for _ in range(dims):
        axis = Axis(draw(st.integers(1, 4)), draw(st.integers(1, 3)), (0, 0), draw(st.integers(1, 2)))
        pixels = draw(st.integers(1, 7))
        most = {"zero": 3, "reflect": pixels - 1, "circular": pixels}[mode]
        before, after = draw(st.integers(0, min(most, 3))), draw(st.integers(0, min(most, 3)))
        pixels += max(0, axis.reach - pixels - before - after)  # let the kernel fit
        for numbers, value in zip(
            (stride, padding, dilation, size, taps),
            (axis.stride, (before, after), axis.dilation, pixels, axis.taps),
            strict=True,
        ):
            numbers.append(value)
    seed = draw(st.integers(0, 9))
    x = random(draw(st.integers(1, 2)), groups * per_input, *size, seed=seed)
    kernel = random(groups * per_output, per_input, *taps, seed=seed + 100)
    return x, kernel, {"stride": stride, "padding": padding, "mode": mode, "dilation": dilation, "groups": groups}


def torch_pad(x, padding, mode):
    return F.pad(x, [side for pair in reversed(padding) for side in pair], mode=TORCH_MODES[mode])


def torch_correlate(x, kernel, stride, padding, mode, dilation, groups):
    x = torch_pad(x, padding, mode)
    return CORRELATE[x.dim() - 2](x, kernel, stride=stride, dilation=dilation, groups=groups)


# ---- the discrete sum


def test_the_sum_by_hand():
    """As polynomials (1, 2, 3) and (1, 10, 100) multiply to (1, 12, 123, 230, 300); correlation reads the kernel forwards."""
    x, kernel = torch.tensor([[[1, 2, 3]]]), torch.tensor([[[1, 10, 100]]])
    assert convolve(x, kernel, padding="full").tolist() == [[[1, 12, 123, 230, 300]]]
    assert correlate(x, kernel, padding="full").tolist() == [[[100, 210, 321, 32, 3]]]
    assert convolve(x, kernel).tolist() == [[[123]]]
    assert correlate(x, kernel).tolist() == [[[321]]]


@settings(max_examples=1000, deadline=None)
@given(forwards())
def test_correlate_and_convolve_equal_torch(case):
    x, kernel, how = case
    same(pad(x, how["padding"], how["mode"]), torch_pad(x, how["padding"], how["mode"]))
    same(correlate(x, kernel, **how), torch_correlate(x, kernel, **how))
    same(convolve(x, kernel, **how), torch_correlate(x, kernel.flip(list(range(2, kernel.dim()))), **how))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=100, deadline=None)
@given(forwards(modes=["zero"]), st.sampled_from(["valid", "same"]))
def test_named_paddings_equal_torch(case, name):
    x, kernel, how = case
    how |= {"padding": name, "stride": 1}
    del how["mode"]
    if name == "valid":
        assume(
            all(axis.reach <= n for axis, n in zip(axes_of(kernel.shape[2:], 1, 0, how["dilation"]), x.shape[2:], strict=True))
        )
    same(correlate(x, kernel, **how), CORRELATE[x.dim() - 2](x, kernel, **how))


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=2),
    st.sampled_from(list(PADDINGS)),
    st.integers(0, 9),
)
def test_convolve_and_correlate_equal_scipy(numbers, name, seed):
    taps, size = [k for k, _ in numbers], [k + more for k, more in numbers]
    x, kernel = random(*size, seed=seed), random(*taps, seed=seed + 100)
    f, g = x[None, None], kernel[None, None]
    same(convolve(f, g, padding=name)[0, 0], torch.tensor(scipy.signal.convolve(x, kernel, name, "direct")))
    if name != "same" or all(k % 2 for k in taps):  # scipy centres an even kernel of a correlation one tap later
        same(correlate(f, g, padding=name)[0, 0], torch.tensor(scipy.signal.correlate(x, kernel, name, "direct")))
    if len(taps) == 2:
        same(convolve(f, g, padding=name)[0, 0], torch.tensor(scipy.signal.convolve2d(x, kernel, name)))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.sampled_from(list(PADDINGS)))
def test_dilation_is_a_kernel_with_zeros_between_its_taps(taps, dilation, name):
    x, kernel = random(1, 1, 17), random(1, 1, taps)
    wide = torch.zeros(dilation * (taps - 1) + 1, dtype=F64)
    wide[::dilation] = kernel[0, 0]
    expected = scipy.signal.convolve(x[0, 0], wide, name, "direct")
    same(convolve(x, kernel, padding=name, dilation=dilation)[0, 0], torch.tensor(expected))
    same(correlate(x, kernel, padding=name, dilation=dilation), correlate(x, wide[None, None], padding=name))


def test_three_axes_work_as_well():
    x, kernel = random(2, 4, 5, 6, 4), random(6, 2, 2, 3, 2)
    same(correlate(x, kernel, stride=2, padding=1, groups=2), F.conv3d(x, kernel, stride=2, padding=1, groups=2))
    y = random(2, 6, 2, 3, 2)
    same(transposed_by_stamping(y, kernel, stride=2, groups=2), F.conv_transpose3d(y, kernel, stride=2, groups=2))


@pytest.mark.parametrize("taps", [1, 2, 3, 4, 5, 6])
def test_a_kernel_is_centred_where_the_docs_say(taps):
    """Tap (taps - 1) // 2 meets the output's pixel: a kernel that is 1 there alone changes nothing, in both directions."""
    x, centre = random(1, 1, 9), (taps - 1) // 2
    kernel = torch.zeros(1, 1, taps, dtype=F64)
    kernel[..., centre] = 1
    same(correlate(x, kernel, padding="same"), x)
    same(convolve(x, kernel, padding="same"), x)
    if taps > 1:
        assert not torch.equal(correlate(x, kernel.roll(1, 2), padding="same"), x)


def test_images_of_bytes_do_not_overflow():
    x = torch.full((1, 1, 3, 3), 255, dtype=torch.uint8)
    y = correlate(x, torch.ones(1, 1, 3, 3, dtype=F64))
    assert y.item() == 9 * 255
    assert correlate(x.float(), torch.ones(1, 1, 3, 3)).dtype == torch.float32


def test_beyond_the_edge():
    x = torch.tensor([[[1, 2, 3, 4]]])
    assert pad(x, [(2, 1)], "zero").tolist() == [[[0, 0, 1, 2, 3, 4, 0]]]
    assert pad(x, [(2, 1)], "reflect").tolist() == [[[3, 2, 1, 2, 3, 4, 3]]]
    assert pad(x, [(2, 1)], "circular").tolist() == [[[3, 4, 1, 2, 3, 4, 1]]]
    assert pad(x, [(-1, -2)]).tolist() == [[[2]]]
    infinite = torch.tensor([[[math.inf, 1.0]]])
    assert pad(infinite, [(1, 0)]).tolist() == [[[0, math.inf, 1]]]


# ---- operands


@settings(max_examples=100, deadline=None)
@given(forwards(), st.data())
def test_the_operands_make_the_output(case, data):
    x, kernel, how = case
    y = torch_correlate(x, kernel, **how)
    at = tuple(data.draw(st.integers(0, size - 1)) for size in y.shape)
    terms = list(operands_of(x, kernel, at, **how))
    assert len(terms) == kernel[0].numel()
    assert terms[-1].total == pytest.approx(y[at].item(), abs=1e-12)
    assert terms[0].total == terms[0].product
    for before, after in pairwise(terms):
        assert after.total == before.total + after.product
    padded = torch_pad(x, how["padding"], how["mode"])
    for term in terms:
        assert term.product == term.pixel * term.weight
        assert term.weight == kernel[(at[1], term.channel % kernel.shape[1], *term.tap)].item()
        seen = [place + before for place, (before, _) in zip(term.place, how["padding"], strict=True)]
        assert term.pixel == padded[(at[0], term.channel, *seen)].item()
        assert term.inside == all(0 <= place < size for place, size in zip(term.place, x.shape[2:], strict=True))
        if term.source is not None:
            assert term.pixel == x[(at[0], term.channel, *term.source)].item()
        else:
            assert (how["mode"], term.pixel) == ("zero", 0)


def test_operands_in_the_corner():
    x = torch.arange(1.0, 10).view(1, 1, 3, 3)
    terms = list(operands_of(x, torch.full((1, 1, 3, 3), 2.0), (0, 0, 0, 0), padding=1))
    assert [term.inside for term in terms] == [False] * 4 + [True, True, False, True, True]
    assert [term.place for term in terms[:4]] == [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    assert [term.total for term in terms] == [0, 0, 0, 0, 2, 6, 6, 14, 24]


@pytest.mark.parametrize("at", [(0, 0, 0), (0, 0, 3, 0), (0, 0, -1, 0), (0, 1, 0, 0), (1, 0, 0, 0)])
def test_operands_of_no_output(at):
    with pytest.raises(UsageError, match="no output number"):
        next(operands_of(random(1, 1, 3, 3), random(1, 1, 3, 3), at, padding=1))


# ---- matrix


@settings(max_examples=100, deadline=None)
@given(forwards())
def test_the_matrix_does_what_torch_does(case):
    x, kernel, how = case
    large = matrix_of(kernel, x.shape[2:], **how)
    y = torch_correlate(x, kernel, **how)
    assert large.shape == (y[0].numel(), x[0].numel())
    same(x.flatten(1) @ large.T, y.flatten(1))


def test_the_matrix_of_one_channel_is_a_toeplitz_matrix():
    kernel = random(1, 1, 3)
    toeplitz = scipy.linalg.convolution_matrix(kernel.flatten().numpy(), 6, "full")
    same(matrix_of(flipped(kernel), [6], padding="full"), torch.tensor(toeplitz))
    circulant = scipy.linalg.circulant([*kernel.flatten().tolist(), 0, 0, 0])
    same(matrix_of(flipped(kernel), [6], padding=[(2, 0)], mode="circular"), torch.tensor(circulant))


# ---- sizes: the cases drawn in the guide to convolution arithmetic

GUIDE = [  # i, k, s, p, output, unused at the end
    (4, 3, 1, 0, 2, 0),
    (5, 4, 1, 2, 6, 0),
    (5, 3, 1, 1, 5, 0),
    (5, 3, 1, 2, 7, 0),
    (5, 3, 2, 0, 2, 0),
    (5, 3, 2, 1, 3, 0),
    (6, 3, 2, 1, 3, 1),
]
guide = pytest.mark.parametrize(("i", "k", "s", "p", "o", "unused"), GUIDE)


@guide
def test_the_guide_forward(i, k, s, p, o, unused):
    axis = Axis(k, s, (p, p))
    assert (axis.output(i), axis.unused(i)) == (o, unused)
    x, kernel = random(1, 1, i, i), random(1, 1, k, k)
    y = correlate(x, kernel, stride=s, padding=p)
    assert y.shape == (1, 1, o, o)
    same(y, F.conv2d(x, kernel, stride=s, padding=p))


@views
@guide
def test_the_guide_transposed(i, k, s, p, o, unused, view):
    axis = Axis(k, s, (p, p))
    assert axis.transposed(o, unused) == i
    y, kernel = random(1, 1, o, o), random(1, 1, k, k)
    x = view(y, kernel, stride=s, padding=p, output_padding=unused)
    assert x.shape == (1, 1, i, i)
    same(x, F.conv_transpose2d(y, kernel, stride=s, padding=p, output_padding=unused))


def test_what_is_left_over_lies_at_the_bottom_and_the_right():
    """(6, 3, 2, 1): no output reads the padding's last row and column, and none would miss them."""
    x, kernel = random(1, 1, 6, 6), random(1, 1, 3, 3)
    both = correlate(x, kernel, stride=2, padding=1)
    same(both, correlate(x, kernel, stride=2, padding=[(1, 0), (1, 0)]))
    assert correlate(x, kernel, stride=2, padding=[(0, 1), (0, 1)]).shape == both.shape
    assert not torch.allclose(both, correlate(x, kernel, stride=2, padding=[(0, 1), (0, 1)]))
    frame = inserted(torch.ones(1, 1, 3, 3), kernel, stride=2, padding=1, output_padding=1)[0, 0]
    assert frame.shape == (8, 8)
    assert frame.nonzero().tolist() == [[row, column] for row in (1, 3, 5) for column in (1, 3, 5)]  # two zeros at the end


# ---- transposed


@st.composite
def backwards(draw):
    """(y, kernel, settings) of a transposed convolution with something left after its padding."""
    x, kernel, how = draw(forwards(modes=["zero"]))
    del how["mode"]
    how["output_padding"] = [draw(st.integers(0, stride - 1)) for stride in how["stride"]]
    small = [draw(st.integers(1, 4)) for _ in x.shape[2:]]
    axes = axes_of(kernel.shape[2:], how["stride"], 0, how["dilation"])
    bare = [axis.transposed(n, more) for axis, n, more in zip(axes, small, how["output_padding"], strict=True)]
    assume(all(n > sum(pair) for n, pair in zip(bare, how["padding"], strict=True)))
    return random(len(x), len(kernel), *small, seed=draw(st.integers(0, 9))), kernel, how


@settings(max_examples=1000, deadline=None)
@given(backwards())
def test_three_views_equal_torch(case):
    """torch knows no uneven padding here, so it makes everything and the test cuts."""
    y, kernel, how = case
    whole = TRANSPOSE[y.dim() - 2](y, kernel, **{name: value for name, value in how.items() if name != "padding"})
    cut = [slice(before, size - after) for size, (before, after) in zip(whole.shape[2:], how["padding"], strict=True)]
    for view in VIEWS.values():
        same(view(y, kernel, **how), whole[(..., *cut)])


@settings(max_examples=50, deadline=None)
@given(st.data(), st.integers(1, 2))
def test_views_equal_torch_with_its_own_padding(data, dims):
    numbers = lambda low, high: data.draw(st.lists(st.integers(low, high), min_size=dims, max_size=dims))
    taps, stride, dilation = numbers(1, 4), numbers(1, 3), numbers(1, 2)
    padding = [data.draw(st.integers(0, d * (k - 1))) for k, d in zip(taps, dilation, strict=True)]
    extra = [data.draw(st.integers(0, s - 1)) for s in stride]
    how = {"stride": stride, "padding": padding, "output_padding": extra, "dilation": dilation, "groups": 2}
    y, kernel = random(1, 4, *numbers(3, 5)), random(4, 2, *taps)
    axes = axes_of(taps, stride, padding, dilation)
    assume(all(sum(axis.padding) < axis.stride * (n - 1) + axis.reach for axis, n in zip(axes, y.shape[2:], strict=True)))
    for view in VIEWS.values():
        same(view(y, kernel, **how), TRANSPOSE[dims](y, kernel, **how))


@settings(max_examples=100, deadline=None)
@given(forwards(modes=["zero"]), st.sampled_from(list(VIEWS)))
def test_transposed_is_the_adjoint_and_restores_the_shape(case, view):
    """<correlate(x), y> = <x, transposed(y)>, with what is left over given as output_padding."""
    x, kernel, how = case
    z = correlate(x, kernel, **how)
    y = random(*z.shape, seed=5)
    del how["mode"]
    axes = axes_of(kernel.shape[2:], how["stride"], how["padding"], how["dilation"])
    how["output_padding"] = [axis.unused(n) for axis, n in zip(axes, x.shape[2:], strict=True)]
    back = VIEWS[view](y, kernel, **how)
    assert back.shape == x.shape
    assert (z * y).sum().item() == pytest.approx((x * back).sum().item(), rel=1e-10, abs=1e-10)


@settings(max_examples=50, deadline=None)
@given(forwards())
def test_the_transposed_matrix_is_the_adjoint_of_every_padding(case):
    """torch's autograd applies the adjoint, for reflect and circular as well."""
    x, kernel, how = case
    x.requires_grad_()
    z = torch_correlate(x, kernel, **how)
    y = random(*z.shape, seed=5)
    (gradient,) = torch.autograd.grad(z, x, y)
    same(y.flatten(1) @ matrix_of(kernel, x.shape[2:], **how), gradient.flatten(1))


def test_transposed_is_not_the_inverse():
    """It gives back the shape, not the values: the tutorial (section 2.1) calls it the inverse operation."""
    x, kernel = random(1, 1, 8, 8), random(1, 1, 3, 3)
    back = transposed_by_stamping(correlate(x, kernel), kernel)
    assert back.shape == x.shape
    assert not torch.allclose(back, x, atol=0.1)


def test_stamps_by_hand():
    y, kernel = torch.tensor([[[1, 2]]]), torch.tensor([[[1, 10, 100]]])
    first, second = stamps(y, kernel, stride=2, padding=1)
    assert (first.at, first.window, first.values.tolist()) == ((0,), (slice(0, 3, 1),), [[[1, 10, 100]]])
    assert (second.at, second.window, second.values.tolist()) == ((1,), (slice(2, 5, 1),), [[[2, 20, 200]]])
    assert transposed_by_stamping(y, kernel, stride=2, padding=1).tolist() == [[[10, 102, 20]]]
    assert inserted(y, kernel, stride=2).tolist() == [[[0, 0, 1, 0, 2, 0, 0]]]
    assert inserted(y, kernel, stride=2, padding=1).tolist() == [[[0, 1, 0, 2, 0]]]


def test_overlaps_show_the_checkerboard():
    assert overlaps([4], [3], stride=2).tolist() == [1, 1, 2, 1, 2, 1, 2, 1, 1]
    assert overlaps([3, 3], [3, 3], stride=2)[1:6, 1:6].tolist() == [
        [1, 2, 1, 2, 1],
        [2, 4, 2, 4, 2],
        [1, 2, 1, 2, 1],
        [2, 4, 2, 4, 2],
        [1, 2, 1, 2, 1],
    ]
    assert overlaps([4], [4], stride=2, padding=1)[1:-1].unique().tolist() == [2]  # the stride divides the taps: even
    ones = F.conv_transpose2d(torch.ones(1, 1, 4, 3), torch.ones(1, 1, 5, 3), stride=(3, 2), dilation=2)
    assert overlaps([4, 3], [5, 3], stride=[3, 2], dilation=2).tolist() == ones[0, 0].tolist()


# ---- receptive fields


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(*(st.integers(1, top) for top in (4, 3)), st.integers(0, 2), st.integers(1, 2)), max_size=4), st.data()
)
def test_receptive_fields_are_where_gradients_reach(numbers, data):
    """Sums of positive weights: the gradient of an output is above 0 on all that it sees, from the first pixel to the last."""
    layers = [Axis(taps, stride, (pad, pad), dilation) for taps, stride, pad, dilation in numbers]
    *_, field = [Field(), *receptive_fields(layers)]
    size = max(40, field.size + sum(layer.padding[0] for layer in layers))
    x = torch.rand(1, 1, size, dtype=F64, requires_grad=True)
    y = x
    for layer in layers:
        assume(y.shape[-1] + 2 * layer.padding[0] >= layer.reach)
        y = F.conv1d(y, torch.ones(1, 1, layer.taps, dtype=F64), None, layer.stride, layer.padding[0], layer.dilation)
    output = data.draw(st.integers(0, y.shape[-1] - 1))
    y[0, 0, output].backward()
    seen = x.grad.flatten().nonzero().flatten().tolist()
    pixels = field.pixels(output)
    whole = pixels.start >= 0 and pixels.stop <= size
    if whole:  # the padding clips none of it
        assert (min(seen), max(seen) + 1) == (pixels.start, pixels.stop)
    assert set(seen) <= set(pixels)


def test_receptive_fields_by_hand():
    """Two 3x3 convolutions see 5 pixels; after a stride of 2 everything counts double."""
    three = Axis(3, 1, (1, 1))
    assert list(receptive_fields([three, three])) == [Field(3, 1, -1), Field(5, 1, -2)]
    assert list(receptive_fields([Axis(2, 2), Axis(3), Axis(3, dilation=2)])) == [
        Field(2, 2, 0),
        Field(6, 2, 0),
        Field(14, 2, 0),
    ]
    assert Field(5, 2, -2).pixels(3) == range(4, 9)


# ---- continuous, and many small ones


@settings(max_examples=50, deadline=None)
@given(st.floats(0.2, 2), st.floats(0.2, 2), st.floats(-1, 1), st.floats(-1, 1))
def test_a_gaussian_on_a_gaussian_is_a_gaussian(v, w, m, n):
    x = torch.linspace(-4, 4, 17, dtype=F64)
    f, g = lambda t: gaussian(t, v, m), lambda t: gaussian(t, w, n)
    made = convolve_functions(f, g, x, -16, 16)
    torch.testing.assert_close(made, gaussian(x, v + w, m + n), rtol=0, atol=1e-12)
    expected = scipy.stats.norm(m + n, math.sqrt(v + w)).pdf(x.numpy())
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("width", [1.0, 0.5, 3.0])
def test_a_box_on_a_box_is_a_triangle(width):
    x = torch.linspace(-4, 4, 33, dtype=F64)
    low, high, points = -5, 5, 4001
    made = convolve_functions(lambda t: box(t, width), lambda t: box(t, width), x, low, high, points)
    torch.testing.assert_close(made, triangle(x, width), rtol=0, atol=(high - low) / (points - 1) * 1.01)
    assert made.max().item() == pytest.approx(width, abs=0.01)


def test_a_finer_grid_is_closer():
    f, g = lambda t: torch.where(t > 0, torch.exp(-t), 0.0), lambda t: gaussian(t, 0.5)
    x = torch.tensor([0.3, 1.0], dtype=F64)
    exact = scipy.stats.exponnorm(1 / math.sqrt(0.5), scale=math.sqrt(0.5)).pdf(x.numpy())
    errors = [np.abs(convolve_functions(f, g, x, 0, 40, points).numpy() - exact).max() for points in (201, 801, 3201)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_the_sliding_product_is_the_integrand():
    x, t = torch.tensor([0.0, 1.0], dtype=F64), torch.linspace(-2, 3, 7, dtype=F64)
    table = sliding_product(box, lambda u: u, x, t)
    assert table.shape == (2, 7)
    assert table[1, 3].item() == pytest.approx(0.5 * 1)  # t = 0.5: box 1, g(1 - 0.5)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 40])
def test_powers_of_121_are_binomial(n):
    kernel = torch.tensor([1.0, 2.0, 1.0], dtype=F64) / 4
    expected = torch.tensor([math.comb(2 * n, k) / 4**n for k in range(2 * n + 1)], dtype=F64)
    same(power(kernel, n), expected)
    assert variances(power(kernel, n)).item() == pytest.approx(n / 2, abs=1e-12)


def test_powers_grow_into_a_gaussian():
    """The distance to the Gaussian of the same variance falls; in two dimensions, with a kernel that is not symmetric, too."""
    kernel = torch.tensor([[0.0, 0.2, 0.0], [0.3, 0.1, 0.1], [0.0, 0.2, 0.1]], dtype=F64)
    mean = [float(kernel.sum(1) @ torch.arange(3.0, dtype=F64)), float(kernel.sum(0) @ torch.arange(3.0, dtype=F64))]
    place = torch.stack(torch.meshgrid(torch.arange(3.0), torch.arange(3.0), indexing="ij")).double().flatten(1)
    off = place - torch.tensor(mean, dtype=F64)[:, None]
    covariance = (off * kernel.flatten()) @ off.T
    same(variances(kernel), covariance.diagonal())
    distances = []
    for n in (2, 8, 32):
        made = power(kernel, n)
        at = np.stack(np.meshgrid(*map(np.arange, made.shape), indexing="ij"), -1)
        normal = scipy.stats.multivariate_normal([n * m for m in mean], n * covariance.numpy()).pdf(at)
        distances.append(np.abs(made.numpy() - normal).sum() / 2)  # total variation
    assert distances[0] > 1.5 * distances[1] > 2 * distances[2]
    assert distances[2] < 0.03


def test_one_wide_kernel_is_many_small_ones():
    x, kernel = random(1, 1, 6, 6), random(3, 3)
    many = x
    for _ in range(3):
        many = convolve(many, kernel[None, None], padding="full")
    same(convolve(x, power(kernel, 3)[None, None], padding="full"), many)
    assert [tuple(each.shape) for each in islice(powers(kernel), 4)] == [(1, 1), (3, 3), (5, 5), (7, 7)]


# ---- kernels


@pytest.mark.parametrize("name", KERNELS)
def test_named_kernels(name):
    kernel = parse_kernel(name)
    assert (kernel.shape, kernel.dtype) == ((3, 3), F64)
    total = 0 if name in {"laplace", "edge", "sobel-x", "sobel-y"} else 1  # kept brightness, or none on a flat image
    assert kernel.sum().item() == pytest.approx(total, abs=1e-15)


def test_named_kernels_do_what_their_names_say():
    ramp = torch.arange(5.0, dtype=F64).expand(5, 5)[None, None]  # brighter to the right
    value = lambda name, x: correlate(x, parse_kernel(name)[None, None]).unique().tolist()
    assert value("sobel-x", ramp) == [8]
    assert value("sobel-y", ramp) == [0]
    assert value("sobel-y", ramp.mT) == [8]
    assert value("laplace", ramp) == [0]
    assert value("laplace", ramp**2) == [2]  # the second derivative
    same(correlate(ramp, parse_kernel("identity")[None, None], padding="same"), ramp)
    same(parse_kernel("gaussian"), torch.outer(power(parse_kernel("1 1")[0] / 2, 2), power(parse_kernel("1 1")[0] / 2, 2)))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1 0 -1; 2 0 -2; 1 0 -1", [[1, 0, -1], [2, 0, -2], [1, 0, -1]]),
        ("[[1,0],[0,1]]", [[1, 0], [0, 1]]),
        ("1,2;3,4;", [[1, 2], [3, 4]]),
        ("1 2\n3 4\n", [[1, 2], [3, 4]]),
        ("1，2；3，4", [[1, 2], [3, 4]]),
        ("-.5 1e-3", [[-0.5, 0.001]]),
        ("[1, 2, 3]", [[1, 2, 3]]),
        ("7", [[7]]),
        (" Sobel-X ", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    ],
)
def test_kernels_can_be_written(text, rows):
    assert parse_kernel(text).tolist() == rows


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sobel_x", "unknown kernel 'sobel_x': did you mean 'sobel-x'?"),
        ("gausian", "did you mean 'gaussian'?"),
        ("模糊", "unknown kernel '模糊'"),
        ("", "empty"),
        (" ; ", "empty"),
        ("[]", "empty"),
        ("[[]]", "empty"),
        ("1 2; 3", "rows of 2, 1 numbers"),
        ("1 2;; 3 4", "rows of 2, 0, 2 numbers"),
        ("[[1,2],3]", "rows of 2, 1 numbers"),
        ("nan", "'nan' is not a finite number"),
        ("1 inf", "'inf' is not a finite number"),
        ("1e999", "not a finite number"),
        ("[[NaN]]", "'nan' is not a finite number"),
        ("[[1, true]]", "'True' is not a finite number"),
        ("[[1, null]]", "'None' is not a finite number"),
        ("[[[1]]]", "a nested value is not a finite number"),
        ("1 x; 2 3", "'x' is not a finite number"),
        ("[[1, 2]", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1" + "0" * 400 + "]", "not a finite number"),
        ("[1" + "0" * 9000 + "]", "not valid JSON"),
    ],
)
def test_kernels_written_wrong(text, says):
    with pytest.raises(UsageError) as problem:
        parse_kernel(text)
    line = str(problem.value)
    assert says in line
    assert "\n" not in line
    assert len(line) < 300


@settings(max_examples=500, deadline=None)
@given(
    st.text(max_size=40)
    | st.text(alphabet="0123456789.+-eE ,;[]\nnaif_，；", max_size=30)
    | st.recursive(st.floats() | st.integers() | st.text(max_size=3) | st.none(), st.lists, max_leaves=8).map(json.dumps)
)
@example("\x00")
@example("1\u20282")
def test_any_text_is_a_kernel_or_one_line(text):
    problem = kernel = None
    try:
        kernel = parse_kernel(text)
    except InkbloomError as error:
        problem = str(error)
    if problem is not None:
        assert problem.isprintable()  # so it is one line
    else:
        assert kernel.dim() == 2
        assert kernel.numel() > 0
        assert kernel.isfinite().all()


# ---- settings that cannot be


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"stride": 0}, "stride = 0"),
        ({"stride": 1.5}, "stride = 1.5"),
        ({"stride": [1, 2, 3]}, "each of the 2 axes"),
        ({"dilation": 0}, "dilation = 0"),
        ({"dilation": 3}, "reaches over 7 pixels does not fit on 4 with 0 of padding"),
        ({"padding": -1}, "padding = -1"),
        ({"padding": [(1, 2, 3), 1]}, "padding = (1, 2, 3) along an axis: give one number"),
        ({"padding": "smae"}, "did you mean 'same'?"),
        ({"padding": 1, "mode": "reflects"}, "did you mean 'reflect'?"),
        ({"padding": 4, "mode": "reflect"}, "reflect padding of 4 on 4 pixels: at most 3"),
        ({"padding": 5, "mode": "circular"}, "circular padding of 5 on 4 pixels: at most 4"),
        ({"groups": 0}, "groups = 0"),
        ({"groups": 3}, "groups = 3"),
        ({"groups": 2}, "an image of 2 channels"),
    ],
)
def test_settings_that_cannot_be(how, says):
    x, kernel = random(1, 2, 4, 4), random(4, 2, 3, 3)
    for use in (correlate, convolve, lambda *a, **k: list(operands_of(*a, (0, 0, 0, 0), **k))):
        with pytest.raises(UsageError) as problem:
            use(x, kernel, **how)
        assert says in str(problem.value)
        assert len(str(problem.value).splitlines()) == 1


@views
@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"stride": 0}, "stride = 0"),
        ({"output_padding": 1}, "output_padding = 1: must be from 0 to 0"),
        ({"stride": 2, "output_padding": 2}, "must be from 0 to 1"),
        ({"stride": 2, "output_padding": -1}, "must be from 0 to 1"),
        ({"padding": 3}, "leaves nothing of 4 pixels"),
        ({"groups": 3}, "groups = 3"),
    ],
)
def test_transposed_settings_that_cannot_be(view, how, says):
    with pytest.raises(UsageError) as problem:
        view(random(1, 4, 2, 2), random(4, 2, 3, 3), **how)
    assert says in str(problem.value)


@pytest.mark.parametrize(
    ("x", "kernel", "says"),
    [
        ((3, 3), (3, 3), "need (N, C, *space)"),
        ((1, 1, 3), (1, 1, 3, 3), "equally many axes"),
        ((1, 1, 3, 3), (1, 1, 4, 2), "does not fit on 3"),
        ((1, 1, 0, 3), (1, 1, 1, 1), "an image of 0 pixels"),
        ((1, 1, 3, 3), (1, 1, 0, 1), "kernel size = 0"),
        ((1, 3, 3, 3), (1, 1, 3, 3), "an image of 3 channels"),
    ],
)
def test_shapes_that_do_not_go_together(x, kernel, says):
    with pytest.raises(UsageError) as problem:
        correlate(torch.ones(x), torch.ones(kernel))
    assert says in str(problem.value)


def test_other_questions_without_an_answer():
    for ask in (
        lambda: convolve_functions(box, box, torch.zeros(1), 1, 1),
        lambda: convolve_functions(box, box, torch.zeros(1), 0, math.inf),
        lambda: convolve_functions(box, box, torch.zeros(1), 0, 1, points=1),
        lambda: power(torch.ones(3), -1),
    ):
        with pytest.raises(UsageError):
            ask()
