"""Is transposed convolution the inverse of convolution? Forth with one, back with the other, and compare with the start."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..convolution import axes_of, correlate, transposed_by_inserting
from ..data.pixels import to_floats
from ..philox import Draw
from .claim import Claim, Figure, Finding, Text, Verdict, judged
from .lab import Lab

SETTINGS = ((3, 1, 0), (5, 1, 2), (3, 2, 1), (4, 2, 1))  # taps, stride, padding
EXACT, ADJOINT = 1e-6, 1e-12  # relative errors that rounding explains: of values, of a sum of products
TURNED = 4  # channels of the kernel that is inverted by its transpose
SEED = 0


class Trip:
    """Images x (N, C, H, W) through a convolution and back through its transpose, all in float64.

    small: the way between. back: what returns. error: |back - x| / |x|. rescaled: the same after the best single factor.
    """

    def __init__(self, x: Tensor, kernel: Tensor, stride: int = 1, padding: int = 0) -> None:
        axes = axes_of(kernel.shape[2:], stride, padding)
        self.x, self.kernel, self.how = x, kernel, {"stride": stride, "padding": padding}
        self.left = [axis.unused(size) for axis, size in zip(axes, x.shape[2:], strict=True)]
        self.small = correlate(x, kernel, stride=stride, padding=padding)
        self.back = self.transposed(self.small)
        scale = (self.back * x).sum() / self.back.square().sum()
        self.error, self.rescaled = (float((made - x).norm() / x.norm()) for made in (self.back, scale * self.back))

    def transposed(self, y: Tensor) -> Tensor:
        """The transposed convolution of y, as large as x."""
        return transposed_by_inserting(y, self.kernel, **self.how, output_padding=self.left)

    def mismatch(self, y: Tensor) -> float:
        """How far <A x, y> and <x, transposed y> are apart, relative to |A x| |y|: 0 for an adjoint."""
        apart = (self.small * y).sum() - (self.x * self.transposed(y)).sum()
        return float(apart.abs() / (self.small.norm() * y.norm()))


def random_kernels(count: int, *shape: int) -> Tensor:
    """(count, *shape) standard Gaussians, float64."""
    return Draw(SEED, np.arange(count)).normal("noise", *shape).double()


def orthogonal() -> Tensor:
    """A 1x1 kernel that turns the channels of each pixel: one whose transpose is its inverse."""
    return torch.linalg.qr(random_kernels(1, TURNED, TURNED)[0]).Q[:, :, None, None].contiguous()


def decide(restored: float, rescaled: float, mismatch: float) -> Verdict:
    """restored: share of shapes that return; rescaled, mismatch: the largest found."""
    return judged(restored == 1 and rescaled <= EXACT, restored == 1 and mismatch <= ADJOINT)


def measure(lab: Lab) -> Finding:
    """Random kernels in the settings of SETTINGS, on held-out digits."""
    x = to_floats(lab.held.images, "0..1", torch.float64)
    trips, mismatches = [], []
    for taps, stride, padding in SETTINGS:
        for kernel in random_kernels(lab.size.kernels, 1, 1, taps, taps):
            trip = Trip(x, kernel, stride, padding)
            y = Draw(SEED, np.arange(len(x))).normal("sample", *trip.small.shape[1:]).double()
            trips.append(trip)
            mismatches.append(trip.mismatch(y))
    restored = sum(trip.back.shape == x.shape for trip in trips) / len(trips)
    turned = Trip(x[: len(x) // TURNED * TURNED].reshape(-1, TURNED, *x.shape[2:]), orthogonal())
    values, scaled = (torch.tensor([getattr(trip, name) for trip in trips]) for name in ("error", "rescaled"))
    return Finding(
        [
            Figure(Text(f"shapes restored, of {len(trips)}", f"{len(trips)} 次里恢复了形状的"), 100 * restored, "%"),
            Figure(Text("values: relative error", "数值的相对误差"), float(values.mean()), spread=float(values.std())),
            Figure(Text("after the best rescaling", "最佳缩放之后"), float(scaled.mean()), spread=float(scaled.std())),
            Figure(Text("least of them", "其中最小"), float(scaled.min())),
            Figure(Text("adjoint: largest mismatch", "伴随关系的最大偏差"), max(mismatches)),
            Figure(Text("control: orthogonal 1x1, relative error", "对照：正交 1x1 核的相对误差"), turned.error),
        ],
        decide(restored, float(scaled.max()), max(mismatches)),
        (SEED,),
    )


INVERSE = Claim(
    Text(
        "Transposed convolution undoes convolution: it makes the large matrix out of the small one.",
        "转置卷积是卷积的逆操作：由小矩阵得到大矩阵。",
    ),
    "2.1",
    Text(
        "Held-out digits go through a random kernel and back through its transpose; kernel, stride and padding "
        f"{', '.join(map(str, SETTINGS))}; spread over kernels.",
        f"留出的数字图像经过一个随机核的卷积，再经过它的转置卷积回来；核、步幅、填充为 {'、'.join(map(str, SETTINGS))}；"
        "散布是各个核之间的。",
    ),
    Text(
        "Holds if every shape returns and every value too, up to rounding and one factor (1e-6); partly if every shape "
        "returns and the transpose is at least the adjoint (1e-12).",
        "形状全部恢复、数值除舍入和一个倍数外也全部恢复（1e-6），则成立；形状全部恢复、且至少是伴随算子（1e-12），则部分成立。",
    ),
    measure,
)
