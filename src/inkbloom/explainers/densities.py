"""Adding noise to a random number convolves its density with the noise's: counted on pixels, and computed."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from ..data.pixels import to_floats
from ..diffusion import Coef
from ..philox import Draw
from .canvas import IMAGE, KERNEL

EDGES = torch.linspace(-3.025, 3.025, 122, dtype=torch.float64)
"""Of the cells in which pixel values are counted. Black, -1, and white, 1, lie in the middle of a cell."""
PIXELS = 100_000  # counted, about: enough for smooth counts


class NoisedPixels(NamedTuple):
    """Pixels (N,) and noise for each (N,), float32; the values that occur among the pixels, and the share of each, float64.

    kind: of the noise, 'gaussian' with variance 1, or 'uniform' in [-1, 1).
    """

    pixels: Tensor
    noise: Tensor
    values: Tensor
    shares: Tensor
    kind: str = "gaussian"


def noise_of(kind: str, images: Tensor) -> Tensor:
    """Noise for each number of images (N, 1, H, W), the same each time."""
    draw = Draw(0, np.arange(len(images)))
    shape = images.shape[1:]
    return draw.normal("noise", *shape) if kind == "gaussian" else 2 * draw.uniform("noise", *shape) - 1


def noised_pixels_of(data: Tensor, kind: str = "gaussian") -> NoisedPixels:
    """The pixels of images `data`, uint8 (N, 1, H, W), taken so often or so few of them as PIXELS asks for."""
    wanted = math.ceil(PIXELS / data[0].numel())
    images = data.repeat(math.ceil(wanted / len(data)), 1, 1, 1)[:wanted]
    pixels = to_floats(images, "-1..1").flatten()
    values, counts = pixels.double().unique(return_counts=True)
    return NoisedPixels(pixels, noise_of(kind, images).flatten(), values, counts.double() / len(pixels), kind)


def counted(values: Tensor) -> Tensor:
    """(cells,) the density of values (N,): the share of them in each cell, by its width. float64."""
    return torch.histogram(values.double(), EDGES).hist / len(values) / EDGES.diff()


def computed(sample: NoisedPixels, c: Coef) -> Tensor:
    """(cells,) the density of  a x0 + s eps  in each cell, as a convolution: sum over pixel values v of p(v) g(x - a v).

    p(v) is the share of the pixels with the value v, and g the density of s eps, normal or a box, here its mean over the
    cell. float64.
    """
    away = (EDGES - float(c.a) * sample.values[:, None]) / float(c.s.clamp_min(1e-9))
    below = torch.erf(away / math.sqrt(2)) / 2 if sample.kind == "gaussian" else away.clamp(-1, 1) / 2
    return sample.shares @ below.diff() / EDGES.diff()  # below: (values, edges), the distribution, less 1/2


def draw_density(axis: Axes, sample: NoisedPixels, c: Coef) -> list[Artist]:
    """The counted density of the noised pixels as an area, and the convolution of the two densities as a line."""
    found = counted(float(c.a) * sample.pixels + float(c.s) * sample.noise)
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    area = axis.fill_between(EDGES, torch.cat([found, found[-1:]]), step="post", color=IMAGE, alpha=0.35, linewidth=0)
    return [area, *axis.plot(middle, computed(sample, c), color=KERNEL, linewidth=1.4)]
