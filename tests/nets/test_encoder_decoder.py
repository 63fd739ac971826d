"""Encoder and decoder: any size, the same way there and back, and no checkerboard from where their stamps overlap."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from inkbloom.errors import UsageError
from inkbloom.nets.encoder_decoder import UPSAMPLERS, Decoder, Encoder, with_class

ups = pytest.mark.parametrize("upsampler", UPSAMPLERS)


@ups
@given(
    height=st.integers(8, 64),
    width=st.integers(8, 64),
    channels=st.sampled_from([1, 3]),
    classes=st.sampled_from([0, 2]),
    widths=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
)
@settings(deadline=None, max_examples=15)
@torch.no_grad()
def test_any_size_there_and_back(upsampler, height, width, channels, classes, widths):
    size, y = (height, width), torch.arange(2) if classes else None
    features = Encoder(channels, size, 7, widths)(torch.randn(2, channels, height, width))
    assert features.shape == (2, 7)
    pictures = Decoder(channels, size, 7, classes, widths, upsampler)(features, y)
    assert pictures.shape == (2, channels, height, width)
    assert torch.isfinite(pictures).all()


@ups
def test_the_one_is_the_mirror_image_of_the_other(upsampler):
    """28 -> 14 -> 7 and 7 -> 14 -> 28, through the same widths: what goes into a layer of one comes out of one of the other."""
    encoder, decoder = Encoder(1, 28, 10, (4, 6)), Decoder(1, 28, 10, 0, (4, 6), upsampler)
    down = [tuple(h.shape[1:]) for h in encoder.layers(torch.zeros(1, 1, 28, 28))]
    up = [tuple(h.shape[1:]) for h in decoder.layers(torch.zeros(1, 10))]
    assert down == [(4, 14, 14), (6, 7, 7), (10,)]
    assert up == [(6, 7, 7), (4, 14, 14), (1, 28, 28)]
    *_, last = decoder.layers(torch.ones(1, 10))
    assert torch.equal(last, decoder(torch.ones(1, 10)))


def stamped(kernel, stride, padding, upsampler=None):
    """How strongly each output pixel is reached from a field of ones by weights of one, borders left out."""
    layer = upsampler or nn.ConvTranspose2d(1, 1, kernel, stride, padding)
    for parameter in layer.parameters():
        nn.init.constant_(parameter, float(parameter.dim() > 1))
    return layer(torch.ones(1, 1, 9, 9))[0, 0, 4:-4, 4:-4]


@ups
def test_no_checkerboard_where_the_stride_divides_the_kernel(upsampler):
    assert stamped(4, 2, 1, UPSAMPLERS[upsampler](1, 1)).unique().numel() == 1
    assert stamped(3, 2, 1).unique().tolist() == [1, 2, 4]  # the usual culprit: a kernel of 3


def test_transposed_convolution_is_the_adjoint_of_the_strided_one():
    """<down x, y> = <x, up y> for one weight: the layers are each other's transpose, not each other's inverse."""
    torch.manual_seed(0)
    weight = torch.randn(5, 3, 4, 4, dtype=torch.float64)
    x, y = torch.randn(2, 3, 12, 10, dtype=torch.float64), torch.randn(2, 5, 6, 5, dtype=torch.float64)
    down, up = F.conv2d(x, weight, stride=2, padding=1), F.conv_transpose2d(y, weight, stride=2, padding=1)
    torch.testing.assert_close((down * y).sum(), (x * up).sum())
    assert (F.conv_transpose2d(down, weight, stride=2, padding=1) - x).abs().max() > 1


def test_transposed_is_more_than_resize():
    """Each resize layer is a transposed one (kernel 4 holds the sums of a 3x3 over doubled pixels), and not the other way."""
    torch.manual_seed(0)
    resize, transposed = (UPSAMPLERS[name](2, 3).double() for name in ("resize", "transposed"))
    kernel, bias = resize[1].weight, resize[1].bias
    full = F.conv2d(
        F.pad(kernel.flatten(0, 1)[:, None], (1, 1, 1, 1)), torch.ones(1, 1, 2, 2, dtype=torch.float64)
    )  # a 3x3 kernel over pixels of 2x2 equal ones: 4x4
    with torch.no_grad():
        transposed.weight.copy_(full.unflatten(0, (3, 2))[:, :, 0].flip(2, 3).transpose(0, 1))
        transposed.bias.copy_(bias)
    x = torch.randn(2, 2, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(resize(x), transposed(x))


def test_classes_are_appended():
    z = torch.randn(3, 2)
    assert with_class(z, torch.tensor([1, 0, 2]), 0) is z
    both = with_class(z, torch.tensor([1, 0, 2]), 4)
    assert torch.equal(both[:, :2], z)
    assert both[:, 2:].tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    shares = torch.tensor([[0.5, 0.5, 0, 0]]).expand(3, 4)
    assert torch.equal(with_class(z, shares, 4)[:, 2:], shares)
    assert torch.equal(with_class(z, None, 4)[:, 2:], torch.full((3, 4), 0.25))


def test_every_class_draws_its_own_picture():
    torch.manual_seed(0)
    decoder = Decoder(1, 8, 3, 4, (5,))
    pictures = decoder(torch.ones(4, 3), torch.arange(4))
    assert all((pictures[0] - other).abs().max() > 1e-3 for other in pictures[1:])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((2, 8, 3), "channels = 2"),
        ((1, 7, 3), "at least 8"),
        ((1, (8, 5), 3), "at least 8"),
        ((1, 8, 3, (1, 2, 3, 4)), "1 to 3 levels"),
        ((1, 8, 3, ()), "1 to 3 levels"),
    ],
)
def test_shapes_that_cannot_be(arguments, words):
    channels, size, latent, *widths = arguments
    for make in (lambda: Encoder(channels, size, latent, *widths), lambda: Decoder(channels, size, latent, 0, *widths)):
        with pytest.raises(UsageError, match=words):
            make()
