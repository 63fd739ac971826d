"""Does adding noise lead to disorder? Two entropies of the noisy images: of a single pixel, and of all pixels together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..data.pixels import to_floats
from ..diffusion import Coef, lerp
from ..explainers.densities import EDGES, NoisedPixels, computed, noised_pixels_of
from .claim import Claim, Figure, Finding, Text, Verdict, judged
from .lab import Lab

LEVELS = tuple(step / 10 for step in range(11))
CELL = float(EDGES[1] - EDGES[0])  # of the pixel values, which run from -1 to 1


def pixel_entropy(sample: NoisedPixels, c: Coef) -> float:
    """Bits that tell in which cell the value of one noisy pixel lies: -sum p log2 p, with exact p.

    The cells are CELL wide; beyond EDGES, where 0.3 % of the noise lies, all is one.
    """
    inside = computed(sample, c) * CELL
    shares = torch.cat([inside, (1 - inside.sum()).clamp_min(0)[None]])
    return float(-torch.special.xlogy(shares, shares).sum()) / math.log(2)


def gaussian_bound(spreads: Tensor, c: Coef) -> float:
    """Bits a pixel, at most, of the differential entropy of whole noisy images; minus infinity where s = 0.

    Of all densities with one covariance the Gaussian has the most, 1/2 log2 det(2 pi e S) (Cover and Thomas, theorem 8.6.5).
    spreads: (D,) eigenvalues of the clean images' covariance; those of the noisy ones are a^2 times them plus s^2.
    """
    noisy = c.a**2 * spreads.clamp_min(0) + c.s**2
    return float((2 * math.pi * math.e * noisy).log2().mean()) / 2


def decide(pixel: Sequence[float], whole: Sequence[float]) -> Verdict:
    """Both entropies, with the noise level rising."""
    rising = all(later > earlier for bits in (pixel, whole) for earlier, later in pairwise(bits))
    return judged(rising, pixel[-1] > pixel[0] and whole[-1] > whole[0])


def measure(lab: Lab) -> Finding:
    """Gaussian noise on the training images, along the path `lerp`. Nothing is drawn: both entropies are computed."""
    images = lab.data.take("train").images
    sample = noised_pixels_of(images)
    spreads = torch.linalg.eigvalsh(to_floats(images, "-1..1", torch.float64).flatten(1).T.cov())
    along = {t: lerp(torch.tensor(t, dtype=torch.float64)) for t in LEVELS}
    pixel = {t: pixel_entropy(sample, c) for t, c in along.items()}
    whole = {t: gaussian_bound(spreads, c) for t, c in along.items() if t > 0}
    one = Text(f"entropy of a pixel, in cells of {CELL:.2g}", f"一个像素的熵，分格宽 {CELL:.2g}")
    all_ = Text("entropy of the image, at most", "整幅图像的熵，上界")
    return Finding(
        [
            *(Figure(one, bits, "bit", f"t={t:g}") for t, bits in pixel.items()),
            *(Figure(all_, bits, "bit/px", f"t={t:g}") for t, bits in whole.items()),
        ],
        decide([*pixel.values()], [*whole.values()]),
    )


DISORDER = Claim(
    Text("Matter tends to disorder, and so does an image that noise is added to.", "物质趋于无序，加入噪声的图像也变得混乱。"),
    "2.2",
    Text(
        "Training images with Gaussian noise on the path lerp, pixels from -1 to 1. Entropy of one pixel: of its exact "
        "density in cells. Entropy of the image: that of the Gaussian with the same covariance, which no other density "
        "exceeds; it has no lower end at t = 0, where pixels that are always black know no disorder.",
        "训练图像沿路径 lerp 加高斯噪声，像素取值 -1 到 1。一个像素的熵：由精确的密度按格计算。整幅图像的熵："
        "协方差相同的高斯分布的熵，别的密度都不会更高；t = 0 时有些像素恒为黑，它没有下限，因此从 t = 0.1 算起。",
    ),
    Text(
        "Holds if both rise from each noise level to the next; partly if both end higher than they began.",
        "噪声每升一级两者都上升，则成立；两者终点都高于起点，则部分成立。",
    ),
    measure,
)
