"""GAN and VAE are said to invert recognition. What comes of it when a recognition model is inverted as it stands?"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.pixels import to_bytes
from ..evaluation.baseline import labels_in_turn
from ..evaluation.judge import JudgeNet
from ..evaluation.measures import COVERAGE, KID, RECALL
from ..evaluation.scores import mean_and_sd
from .claim import Claim, Figure, Finding, Text, judged
from .lab import Lab
from .rows import called

STEPS, RATE = 200, 0.05
SURE, GOOD = 0.9, 0.5  # label agreement; recall and coverage


def inverted(net: JudgeNet, labels: Tensor, side: int, seed: int, steps: int = STEPS) -> Tensor:
    """uint8 (N, 1, side, side): from uniform noise, the pixels climb until the network is sure of the labels (N,)."""
    dice = torch.Generator().manual_seed(seed)
    logits = torch.logit(torch.rand(len(labels), 1, side, side, generator=dice), 1e-3).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=RATE)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(logits.sigmoid())[1], labels, reduction="sum").backward()
        optimizer.step()
    return to_bytes(logits.detach().sigmoid(), "0..1")


def measure(lab: Lab) -> Finding:
    """Pictures climbed from noise, for each seed; the judge is the recognition model, so its agreement is its own success."""
    real = lab.real
    labels = labels_in_turn(lab.data, real.n)
    assert labels is not None
    found = []
    for seed in lab.seeds:
        pictures = inverted(lab.judge.net, labels, lab.data.size[0], seed)
        sample, _ = real.extractor.extract(pictures, labels)
        found.append(real.scores(sample))
    mean, sd = mean_and_sd(found)
    agreement, recall, coverage = (mean[name] or 0.0 for name in ("agreement", "recall", "coverage"))
    figures = [
        Figure(
            Text("recognised as asked, %", "识别为所要类别，%"), 100 * agreement, spread=_percent(sd["agreement"]), n=real.n
        ),
        *(
            Figure(called(row), mean[row.name] or 0.0, spread=sd[row.name], floor=real.floor[row.name], n=real.n)
            for row in (KID, RECALL, COVERAGE)
        ),
    ]
    good = [agreement >= SURE and row >= GOOD for row in (recall, coverage)]
    return Finding(figures, judged(all(good), any(good)), lab.seeds)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


INVERTED = Claim(
    Text("To generate is to invert the recognition model.", "生成就是把识别模型反过来。"),
    "2.1",
    Text(
        f"The judge, a network that recognises digits, is inverted as it stands: {STEPS} steps of Adam on the "
        "pixels, from uniform "
        "noise, towards its certainty of a class. That it then recognises them was the aim; recall and coverage "
        "say whether they "
        "are among the pictures of digits. Spread over seeds.",
        f"评委是一个识别数字的网络，直接把它反过来：从均匀噪声出发，用 Adam 对像素走 {STEPS} 步，"
        "朝着“它对所要的类别有把握”的方向。"
        "它随后能认出来，本来就是目标；这些图在不在数字图像之中，由召回率和覆盖率来说。散布是各个种子之间的。",
    ),
    Text(
        f"Holds if {SURE:.0%} are recognised as asked and both recall and coverage reach {GOOD}: what satisfies "
        "recognition are "
        "pictures of digits; partly if one of the two does.",
        f"{SURE:.0%} 被识别为所要的类别，且召回率和覆盖率都达到 {GOOD}，说明让识别模型满意的正是数字的图像，则成立；"
        "两者之一达到，则部分成立。",
    ),
    measure,
)
