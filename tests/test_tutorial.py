"""`inkbloom.tutorial`: under the tutorial's names stands what the tutorial defines under them."""

import itertools

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch.nn import functional as F
from torch.utils.data import DataLoader

from inkbloom import tutorial
from inkbloom.data import load_data
from inkbloom.diffusion import vp
from inkbloom.errors import DataError, UsageError
from inkbloom.nets import NETS
from inkbloom.solvers import ancestral


def test_corrupt_is_the_tutorials_mixture_bit_for_bit():
    x, amount = torch.rand(5, 1, 28, 28), torch.tensor([0, 0.25, 0.5, 0.75, 1])
    torch.manual_seed(3)
    mixed = tutorial.corrupt(x, amount)
    torch.manual_seed(3)
    noise = torch.rand_like(x)
    share = amount[:, None, None, None]
    assert torch.equal(mixed, x * (1 - share) + noise * share)
    assert torch.equal(mixed[0], x[0])
    assert torch.equal(mixed[4], noise[4])


@pytest.mark.parametrize("channels", [1, 3])
def test_the_mini_unet_is_the_tutorials(channels):
    net, x = tutorial.BasicUNet(channels, channels), torch.rand(2, channels, 28, 28)
    first, second, third, fourth, fifth, sixth = (layer for part in (net.down, net.up) for layer in part)
    large = F.silu(first(x))
    small = F.silu(second(F.max_pool2d(large, 2)))
    h = F.silu(fourth(F.silu(third(F.max_pool2d(small, 2)))))
    h = F.silu(fifth(F.interpolate(h, scale_factor=2) + small))
    assert torch.equal(net(x), F.silu(sixth(F.interpolate(h, scale_factor=2) + large)))
    kernels = [layer.weight.shape for layer in (first, second, third, fourth, fifth, sixth)]
    widths = [channels, 32, 64, 64, 64, 32, channels]
    assert kernels == [(o, i, 5, 5) for i, o in itertools.pairwise(widths)]


def test_diffusers_classes_are_diffusers_own():
    assert tutorial.UNet2DModel is UNet2DModel
    assert tutorial.DDPMScheduler is DDPMScheduler
    settings = NETS["unet2d"]().unet.config
    assert settings["block_out_channels"] == (32, 64, 64)
    assert settings["down_block_types"] == ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D")


def test_the_scheduler_that_the_tutorial_imports_is_vp_and_ancestral():
    scheduler = tutorial.DDPMScheduler()
    x0, eps, i = torch.randn(3, 1, 8, 8), torch.randn(3, 1, 8, 8), torch.tensor([0, 499, 999])
    c = vp((i.double() + 1).div(1000).view(-1, 1, 1, 1))
    torch.testing.assert_close(scheduler.add_noise(x0, eps, i), (c.a * x0 + c.s * eps).float(), rtol=1e-4, atol=1e-4)

    scheduler = tutorial.DDPMScheduler(clip_sample=False)
    x, guess = torch.randn(1, 1, 8, 8), torch.randn(1, 1, 8, 8)
    torch.manual_seed(0)
    theirs = scheduler.step(guess, 500, x).prev_sample
    torch.manual_seed(0)
    new, times = torch.randn(1, 1, 8, 8), torch.tensor([501, 500], dtype=torch.float64) / 1000
    c = vp(times[0])
    ((ours, _),) = ancestral(lambda x, t: (x - c.s * guess) / c.a, x, times, vp, lambda k: new)
    torch.testing.assert_close(ours.float(), theirs, rtol=1e-4, atol=1e-4)


def test_digits_come_in_batches():
    data = load_data("digits")
    x, y = next(iter(DataLoader(tutorial.MNIST(), batch_size=8)))
    assert x.shape == (8, 1, 28, 28)
    assert np.array_equal((x * 255).round().numpy(), data.images[:8].numpy())
    assert torch.equal(y, data.labels[:8])
    assert len(tutorial.MNIST()) == 8000


def test_forty_steps_by_the_tutorials_rule():
    torch.manual_seed(0)
    net, start = tutorial.BasicUNet(), torch.rand(2, 1, 28, 28)
    inputs, predictions = tutorial.sample(net, start)
    assert (len(inputs), len(predictions)) == (41, 40)
    x = start
    with torch.no_grad():
        for i in range(40):
            torch.testing.assert_close(inputs[i], x)
            torch.testing.assert_close(predictions[i], net(x))
            x = x + (net(x) - x) / (40 - i)
    torch.testing.assert_close(inputs[40], x)
    torch.testing.assert_close(inputs[40], predictions[39])


def test_what_cannot_be_is_said(source):
    with pytest.raises(UsageError, match="out_channels = 3: must be in_channels, here 1"):
        tutorial.BasicUNet(1, 3)
    with pytest.raises(UsageError, match="n_steps = 0"):
        tutorial.sample(tutorial.BasicUNet(), torch.rand(1, 1, 8, 8), 0)
    with pytest.raises(DataError, match="no labels"):
        tutorial.MNIST(source(classes=0))
