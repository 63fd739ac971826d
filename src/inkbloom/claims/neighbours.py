"""What of a UNet's convolutions makes pictures: kernels that see neighbours, and the lower resolutions that spread them?"""

from __future__ import annotations

from ..evaluation.measures import FD, KID
from .claim import Claim, Finding, Text, Verdict, judged
from .lab import Lab
from .results import Results
from .trials import BASE, Trial

TRIALS = (
    Trial("kernel-1", "fast", {"kernel": 1}),
    BASE,
    Trial("kernel-5", "fast", {"kernel": 5}),
    Trial("one-resolution", "fast", {"widths": [32], "layers": 8}),
)
NAMES = {BASE.name: "kernel-3"}  # what it is among these


def decide(alone: bool, flat: bool) -> Verdict:
    """Whether single pixels are worse than 3x3, and one resolution than two."""
    return judged(alone and flat, alone or flat)


def measure(lab: Lab) -> Finding:
    """The cards of the four trainings."""
    results = Results(TRIALS)
    if not results.complete:
        return Finding([], "not measured here")
    figures = [results.figure(trial.name, row, NAMES.get(trial.name, "")) for row in (KID, FD) for trial in TRIALS]
    verdict = decide(results.worse("kernel-1", BASE.name), results.worse("one-resolution", BASE.name))
    return Finding(figures, verdict, results.seeds)


NEIGHBOURS = Claim(
    Text(
        "Diffusion relies on convolution: its kernels, and the UNet's lower resolutions.",
        "扩散依赖卷积：卷积核，以及 UNet 的低分辨率。",
    ),
    "2.3",
    Text(
        "The recipe fast with kernels of side 1, 3 (its own) and 5, and at one resolution with as many "
        "multiply-adds as it has at "
        "two (8 blocks at one size instead of 6 at two); the same steps; cards of 1,000 pictures, spread over seeds.",
        "fast 配方，卷积核边长 1、3（它自己的）和 5；以及只用一种分辨率，乘加次数与两种分辨率相当（一种大小上 8 "
        "个块，而不是两种大小上 "
        "6 个）；步数相同；每张评分卡 1,000 张图，散布是各个种子之间的。",
    ),
    Text(
        "Holds if kernels of side 1, and one resolution, each have a worse KID than the recipe by more than "
        "twice the largest "
        "spread; partly if one of the two. Without the trainings: not measured here.",
        "边长为 1 的核和单一分辨率的 KID 都比配方本身差，且差距超过最大散布的两倍，则成立；只有其一，"
        "则部分成立；没有训练结果：此处未测。",
    ),
    measure,
    TRIALS,
)
