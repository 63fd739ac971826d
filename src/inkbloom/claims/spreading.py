"""Convolution is said to work on local features, and diffusion to spread them: how far does one pixel's influence reach?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..anatomy.layers import Layer
from ..convolution import gaussian, power, variances
from ..convolution.kernels import KERNELS
from ..data.pixels import to_bytes, to_floats
from ..diffusion import NOISES
from ..philox import Draw
from ..solvers import SOLVERS, step_times
from .claim import Claim, Figure, Finding, Text, Verdict, judged, over_seeds
from .lab import SIDE, Lab

LOCAL = SIDE // 2  # pixels: what sees no more is local
TIMES = (1, 4, 16, 64)  # a kernel is repeated
EXACT = 1e-9
STEPS, LEVEL = 10, 0.5  # of the walk; noise level at which an image is noised
PIXEL = (..., SIDE // 2, SIDE // 2)


def fields_along(layers: Sequence[Layer]) -> list[int]:
    """The longer side, in pixels, of what a number sees after each convolution."""
    return [max(layer.field) for layer in layers if layer.convolves and layer.field]


def widest_kernel(layers: Sequence[Layer]) -> int:
    """The longest side of the kernels, in pixels of what they slide over."""
    return max(max(layer.kernel) for layer in layers if layer.convolves and layer.kernel)


def decide_local(kernel: int, field: int) -> Verdict:
    """The widest kernel and the widest field, in pixels."""
    return judged(field <= LOCAL, kernel <= LOCAL)


def measure_local(lab: Lab) -> Finding:
    """Kernels and receptive fields of both networks."""
    kernels = {net: widest_kernel(layers) for net, layers in lab.layers.items()}
    fields = {net: fields_along(layers) for net, layers in lab.layers.items()}
    named = {
        Text("widest kernel", "最大的卷积核"): kernels,
        Text("a number sees, after the first convolution", "第一个卷积之后，一个数能看到"): {
            n: f[0] for n, f in fields.items()
        },
        Text("at most, in the whole network", "整个网络里，最多看到"): {net: max(seen) for net, seen in fields.items()},
    }
    figures = [Figure(name, value, "px", net) for name, values in named.items() for net, value in values.items()]
    return Finding(figures, decide_local(max(kernels.values()), max(map(max, fields.values()))))


class Drop(NamedTuple):
    """A kernel convolved with itself.

    width: standard deviation, px. sums: how far its variance is from the sum of the single ones, relative. apart: the largest
    difference to the Gaussian of that variance, relative to its peak.
    """

    width: float
    sums: float
    apart: float


def drop_of(kernel: Tensor, times: int) -> Drop:
    """A kernel (height, width), float64, repeated so many times."""
    repeated, expected = power(kernel, times), times * variances(kernel)
    found = variances(repeated)
    rows, columns = (
        gaussian(torch.arange(size, dtype=torch.float64) - (size - 1) / 2, float(variance))
        for size, variance in zip(repeated.shape, expected, strict=True)
    )
    bell = rows[:, None] * columns
    apart = (repeated - bell).abs().max() / bell.max()
    return Drop(math.sqrt(float(found.mean())), float((found / expected - 1).abs().max()), float(apart))


def touched(first: Tensor, second: Tensor) -> float:
    """Pixels, on average, in which images (N, C, H, W) differ."""
    return float((first != second).flatten(1).double().sum(1).mean())


def noised_reach(lab: Lab, seed: int) -> float:
    """Pixels of a noisy image that change with one pixel of the image, the noise being the same."""
    x0 = to_floats(lab.held.images, lab.family.recipe.pixels)
    other = x0.clone()
    other[PIXEL] += 1
    draw = Draw(seed, np.arange(len(x0)))
    return touched(*(lab.family.begin(draw, (image, LEVEL))[0] for image in (x0, other)))


@torch.no_grad()
def sampled_reach(lab: Lab, seed: int) -> float:
    """Pixels of a picture that change, by a grey level or more, with one pixel of the noise that it grows from."""
    family, count = lab.family, lab.size.held
    device = next(family.parameters()).device
    x = NOISES["gaussian"](Draw(seed, np.arange(count)), "sample", *lab.run.shape)
    other = x.clone()
    other[PIXEL] += 1
    denoise = family.denoiser(torch.arange(count, device=device) % family.num_classes)
    times = step_times(STEPS, "uniform", family.path)
    ends = [[*SOLVERS["euler"](denoise, noise.to(device), times, family.path, None)][-1][0] for noise in (x, other)]
    return touched(*(to_bytes(end, family.recipe.pixels) for end in ends))


def decide_spreads(sums: float, noised: float, sampled: float) -> Verdict:
    """sums: of the drops, the largest; noised, sampled: pixels."""
    adds = sums <= EXACT
    return judged(adds and noised > 1 and sampled > 1, adds and max(noised, sampled) > 1)


def measure_spreads(lab: Lab) -> Finding:
    """A small kernel over and over; an image noised; a picture sampled."""
    kernel = torch.tensor(KERNELS["gaussian"], dtype=torch.float64)
    drops = {times: drop_of(kernel, times) for times in TIMES}
    sums = max(drop.sums for drop in drops.values())
    noised, sampled = ([reach(lab, seed) for seed in lab.seeds] for reach in (noised_reach, sampled_reach))
    width, apart = (
        Text("a drop, blurred so often: width", "墨滴模糊多次后的宽度"),
        Text("its distance from a Gaussian", "与高斯的差距"),
    )
    figures = [
        *(Figure(width, drop.width, "px", f"times={times}") for times, drop in drops.items()),
        Figure(Text("variances add up, to within", "方差相加，相对误差"), sums),
        *(Figure(apart, 100 * drop.apart, "%", f"times={times}") for times, drop in drops.items()),
        over_seeds(Text("adding noise: a pixel reaches", "加噪声时，一个像素影响到"), noised, "px", n=lab.size.held),
        over_seeds(Text("sampling: a pixel reaches", "采样时，一个像素影响到"), sampled, "px", n=lab.size.held),
    ]
    return Finding(figures, decide_spreads(sums, max(noised), min(sampled)), lab.seeds)


LOCALLY = Claim(
    Text("What convolution works on is local.", "卷积作用的是局部特征。"),
    "2.3",
    Text(
        "Kernels of basic and unet2d, and how much of a 28 x 28 image one number sees after each convolution, measured by "
        "poisoning rows and columns. Norms over the whole picture are set aside.",
        "basic 和 unet2d 的卷积核，以及每个卷积之后一个数能看到 28 x 28 图像中的多少，逐行逐列“下毒”测得。"
        "遍及整幅图的归一化不计。",
    ),
    Text(
        f"Local means {LOCAL} pixels at most, half the image. Holds if nothing in either network sees more; partly if at "
        "least every kernel is local.",
        f"局部指不超过 {LOCAL} 个像素，即图像的一半。两个网络里没有哪个数看得更远，则成立；至少每个卷积核都是局部的，"
        "则部分成立。",
    ),
    measure_local,
)
SPREADS = Claim(
    Text("Diffusion relies on convolution to spread local features.", "扩散依靠卷积来扩散局部特征。"),
    "2.3",
    Text(
        "A 3x3 kernel over and over, as ink spreads. Then one pixel is changed: of an image that is noised to t = 0.5 with "
        f"the same noise, and of the noise that the shipped model makes a picture from in {STEPS} steps; the changed pixels "
        "are counted.",
        "3x3 的核反复卷积，像墨水散开。再改动一个像素：一次在图像里，用同样的噪声加到 t = 0.5；一次在噪声里，由自带的模型走 "
        f"{STEPS} 步成图；数一数有多少像素变了。",
    ),
    Text(
        "Holds if variances add up under repeated convolution (1e-9), and one pixel reaches others both as noise is added "
        "and as a picture is sampled; partly if in one of the two.",
        "反复卷积时方差相加（1e-9），且加噪声和采样时一个像素都影响到别的像素，则成立；两者只有其一，则部分成立。",
    ),
    measure_spreads,
)
