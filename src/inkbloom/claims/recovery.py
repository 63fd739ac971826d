"""Can the original be recovered from a noisy image? Held-out digits are noised to a level, and the model brings them back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.pixels import to_bytes, to_floats
from ..philox import Draw
from .claim import Claim, Figure, Finding, Text, Verdict, judged, over_seeds
from .lab import Lab

LEVELS = tuple(step / 10 for step in range(1, 11))
STEPS = 20  # back, of equal size
KEPT = 0.9  # of the share of originals whose class the judge sees


@torch.no_grad()
def walked_back(lab: Lab, t: float, seed: int) -> Tensor:
    """The held-out images, noised to t and brought back by the model, without their labels: uint8."""
    family, images = lab.family, lab.held.images
    device, pixels = next(family.parameters()).device, family.recipe.pixels
    start = to_floats(images, pixels).to(device), t
    draw = Draw(seed, np.arange(len(images)), device)
    for x, _ in family.sample(draw, steps=STEPS, solver="euler", spacing="uniform", start=start):
        last = x
    return to_bytes(last, pixels).cpu()


def psnr(images: Tensor, originals: Tensor) -> float:
    """Decibels, 10 log10(255^2 / mean squared error), the mean over uint8 images (N, C, H, W); 76 for one without error."""
    error = (images.double() - originals.double()).square().flatten(1).mean(1)
    return float((10 * torch.log10(255**2 / error.clamp_min(1 / originals[0].numel()))).mean())


def decide(decibels: Sequence[float], blind: float, kept: Sequence[float], ceiling: float) -> Verdict:
    """decibels, kept: at each level; blind: decibels of an answer that never looks; ceiling: of `kept`."""
    back = [nearness > blind and share >= KEPT * ceiling for nearness, share in zip(decibels, kept, strict=True)]
    return judged(all(back), any(back))


def measure(lab: Lab) -> Finding:
    """Each level of LEVELS with the same noise, on each seed."""
    images, labels = lab.held.images, lab.held.labels
    assert labels is not None
    back = {t: [walked_back(lab, t, seed) for seed in lab.seeds] for t in LEVELS}

    def same(seen: Tensor) -> float:
        return float((lab.judge.look(seen).probabilities.argmax(1) == labels).double().mean())

    mean = lab.data.take("train").images.double().mean(0, keepdim=True).round()
    blind, ceiling = psnr(mean.expand(images.shape), images), same(images)
    chance = float((labels.bincount().double() / len(labels)).square().sum())
    nearness, class_ = Text("PSNR to the original", "与原图的 PSNR"), Text("same class", "类别不变")
    near = [
        over_seeds(nearness, [psnr(seen, images) for seen in sets], "dB", f"t={t:g}", n=len(images)) for t, sets in back.items()
    ]
    kept = [over_seeds(class_, [100 * same(seen) for seen in sets], "%", f"t={t:g}", n=len(images)) for t, sets in back.items()]
    return Finding(
        [
            *near,
            Figure(Text("the mean image, without looking", "不看图，只给平均图像"), blind, "dB"),
            *kept,
            Figure(Text("same class, originals", "类别不变，原图"), 100 * ceiling, "%"),
            Figure(Text("same class, by chance", "类别不变，全凭运气"), 100 * chance, "%"),
        ],
        decide([figure.value for figure in near], blind, [figure.value / 100 for figure in kept], ceiling),
        lab.seeds,
    )


RECOVERY = Claim(
    Text(
        "Adding noise can be reversed: the original image is recovered from the noisy one.",
        "加噪声的过程可以反转：从嘈杂的图像恢复原始图像。",
    ),
    "2.2",
    Text(
        f"Held-out digits are noised to t, then denoised by the shipped model in {STEPS} equal solver steps, without a class "
        "label. PSNR is the mean over images; the judge sees the class; spread over seeds of the noise.",
        f"留出的数字图像加噪声到 t，再由自带的模型用 {STEPS} 个等距的求解器步去噪，不给类别标签。PSNR 取各图平均，"
        "类别由评委判断；散布是噪声各个种子之间的。",
    ),
    Text(
        "Recovered at a level: nearer to the original than the mean image is, and the class kept as often as 90 % of what "
        "the judge sees in originals. At all levels: holds; at some: partly.",
        "某一级算恢复：比平均图像更接近原图，且类别不变的比例达到评委对原图判断的 90 %。各级都恢复则成立，有的恢复则部分成立。",
    ),
    measure,
)
