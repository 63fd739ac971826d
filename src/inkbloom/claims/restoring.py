"""Does convolution scramble or restore local features? Digits are damaged, and the best single kernel tries to mend them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..convolution import correlate, power
from ..convolution.kernels import KERNELS
from ..data.pixels import to_bytes, to_floats
from ..philox import Draw
from .claim import Claim, Finding, Text, Verdict, judged, over_seeds
from .inverse import random_kernels
from .lab import Lab
from .recovery import psnr

TAPS = 5  # of the kernels that damage and mend
FITTED = 200  # training images that the mending kernel is fitted on
NOISE = 0.5  # as much noise as image: t on the path lerp
GAIN, SCRAMBLED = 1.0, 20.0  # decibels: gained by mending, and below which an image is scrambled


def best_kernel(seen: Tensor, wanted: Tensor, taps: int) -> Tensor:
    """(1, 1, taps, taps) the kernel that makes `wanted` from `seen`, both (N, 1, H, W), with the least squared error."""
    patches = F.unfold(seen, taps, padding=taps // 2).transpose(1, 2).flatten(0, 1)
    weights = torch.linalg.lstsq(patches.T @ patches, patches.T @ wanted.flatten()[:, None]).solution
    return weights.view(1, 1, taps, taps)


def noised(x: Tensor, seed: int) -> Tensor:
    """x (N, 1, H, W), half of which is noise."""
    return (1 - NOISE) * x + NOISE * Draw(seed, np.arange(len(x))).normal("noise", *x.shape[1:])


def blurred(x: Tensor, seed: int) -> Tensor:
    """x (N, 1, H, W) through the 3x3 Gaussian twice, which is one kernel of 5x5."""
    kernel = power(torch.tensor(KERNELS["gaussian"], dtype=x.dtype), 2)
    return correlate(x, kernel[None, None], padding="same")


def scrambled(x: Tensor, seed: int) -> Tensor:
    """x (N, 1, H, W) through a random kernel."""
    return correlate(x, random_kernels(seed + 1, 1, 1, TAPS, TAPS)[seed], padding="same")


DAMAGES: dict[str, Callable[[Tensor, int], Tensor]] = {"random-kernel": scrambled, "blur": blurred, "noise": noised}


def mended(damage: Callable[[Tensor, int], Tensor], fit: Tensor, held: Tensor, seed: int, taps: int) -> float:
    """PSNR of uint8 images `held` after the damage and the kernel that mends `fit` best; taps = 1: only rescaled."""
    whole = to_floats(torch.cat([fit, held]), "0..1", torch.float64)
    broken = damage(whole, seed)
    kernel = best_kernel(broken[: len(fit)], whole[: len(fit)], taps)
    return psnr(to_bytes(correlate(broken[len(fit) :], kernel, padding="same"), "0..1"), held)


def decide(before: Mapping[str, float], after: Mapping[str, float]) -> Verdict:
    """Decibels by damage, rescaled and mended."""
    scrambles = before["random-kernel"] < SCRAMBLED
    restores = all(after[name] >= before[name] + GAIN for name in before)
    return judged(scrambles and restores, scrambles or restores)


def measure(lab: Lab) -> Finding:
    """Each damage, on each seed."""
    fit, held = lab.data.take("train").images[:FITTED], lab.held.images
    found = {
        taps: {name: [mended(damage, fit, held, seed, taps) for seed in lab.seeds] for name, damage in DAMAGES.items()}
        for taps in (1, TAPS)
    }
    names = {1: Text("damaged, PSNR", "破坏之后的 PSNR"), TAPS: Text("mended by one kernel, PSNR", "用一个卷积核修复后的 PSNR")}
    rows = {
        taps: {name: over_seeds(names[taps], values, "dB", name, n=len(held)) for name, values in by_damage.items()}
        for taps, by_damage in found.items()
    }
    before, after = ({name: row.value for name, row in rows[taps].items()} for taps in (1, TAPS))
    return Finding([row for by_damage in rows.values() for row in by_damage.values()], decide(before, after), lab.seeds)


RESTORES = Claim(
    Text("Convolution scrambles or restores local features.", "卷积扰乱或恢复局部特征。"),
    "2.3",
    Text(
        f"Held-out digits go through a random {TAPS}x{TAPS} kernel, a blur, or get as much noise as image; then through the "
        f"one {TAPS}x{TAPS} kernel that mends {FITTED} training images with the least squared error. Before: only the best "
        "factor.",
        f"留出的数字图像经过一个随机的 {TAPS}x{TAPS} 核，或被模糊，或掺进一半噪声；再经过一个 {TAPS}x{TAPS} 核，它修复 "
        f"{FITTED} 张训练图像的平方误差最小。修复之前只取最佳倍数。",
    ),
    Text(
        f"Scrambles: random kernels leave less than {SCRAMBLED:g} dB. Restores: one kernel gains {GAIN:g} dB or more on "
        "every damage. Both: holds; one: partly.",
        f"扰乱：随机核之后不到 {SCRAMBLED:g} dB。恢复：对每一种破坏，一个核都至少挽回 {GAIN:g} dB。两者都真则成立，"
        "只有其一则部分成立。",
    ),
    measure,
)
