"""Does gradually beat all at once? One network, the same noise, and more and more steps from it to the picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from ..evaluation.baseline import labels_in_turn
from ..evaluation.card import header_of
from ..evaluation.measures import AGREEMENT, FD, KID, RECALL, Measure
from ..evaluation.scores import Scores, mean_and_sd
from ..sampling import pictures
from .claim import Claim, Figure, Finding, Text, Verdict, judged
from .lab import Lab
from .rows import called

STEPS = (1, 2, 4, 8, 40)
CERTAIN = 2  # standard deviations of the floor: smaller differences are luck
MEASURED = (FD, KID, RECALL, AGREEMENT)


def rows_at(lab: Lab, steps: int, seed: int) -> dict[str, float | None]:
    """The rows of a card for one set of pictures, drawn by the tutorial's rule: equal steps, no guidance."""
    real = lab.real
    labels = labels_in_turn(lab.data, real.n)
    assert labels is not None
    asked = {"steps": steps, "solver": "euler", "spacing": "uniform", "guidance": 1.0, "labels": labels.tolist()}
    request = lab.run.request(real.n, seed=seed, **asked)
    images = torch.cat([batch for batch, _ in pictures(lab.family, request)])
    sample, _ = real.extractor.extract(images, labels)
    return real.scores(sample)


def decide(kid: Sequence[float], recall: Sequence[float], kid_sd: float, recall_sd: float) -> Verdict:
    """kid, recall: at each number of steps, rising; sd: of their floors."""
    worse = ([*kid], CERTAIN * kid_sd), ([-share for share in recall], CERTAIN * recall_sd)
    gained = all(values[-1] < values[0] - luck for values, luck in worse)
    steadily = all(later <= earlier + luck for values, luck in worse for earlier, later in pairwise(values))
    return judged(gained and steadily, gained)


def measure(lab: Lab) -> Finding:
    """The shipped model at each number of STEPS, on each seed the same noise and classes."""
    real = lab.real
    rows = {steps: mean_and_sd([rows_at(lab, steps, seed) for seed in lab.seeds]) for steps in STEPS}
    card = {"header": header_of(real)}
    figures = [
        Figure(
            called(measured, card if measured is FD else None),
            known(mean, measured),
            at=f"steps={steps}",
            spread=sd[measured.name],
            floor=real.floor[measured.name],
            n=real.n,
        )
        for measured in MEASURED
        for steps, (mean, sd) in rows.items()
    ]
    kid, recall = ([known(mean, measured) for mean, _ in rows.values()] for measured in (KID, RECALL))
    return Finding(figures, decide(kid, recall, known(real.floor_sd, KID), known(real.floor_sd, RECALL)), lab.seeds)


def known(row: Scores, measured: Measure) -> float:
    """A number that a judge of the same classes always gives."""
    value = row[measured.name]
    assert value is not None
    return value


GRADUAL = Claim(
    Text("Making an image gradually beats making it all at once.", "循序渐进地生成图像，胜过一步到位。"),
    "2.2",
    Text(
        f"The shipped model at {', '.join(map(str, STEPS))} equal steps of the tutorial's mixing rule, without guidance, "
        "from the same noise; against the reference slice; spread over seeds.",
        f"自带的模型，从同样的噪声出发，用教程的混合规则等距走 {'、'.join(map(str, STEPS))} 步，不加引导；与参考集比较；"
        "散布是各个种子之间的。",
    ),
    Text(
        "Holds if the most steps beat one step in KID and in recall, and no number of steps is worse than a smaller one; "
        "partly if only the first is true. Differences count from two standard deviations of the floor on.",
        "步数最多时 KID 和召回率都胜过一步，且步数增加时从不变差，则成立；只有前一半为真，则部分成立。"
        "超过底线两个标准差的差别才算数。",
    ),
    measure,
)
