"""Does the tutorial's result look impressive, and is its mini UNet good? Cards of full trainings tell; they come with inkbloom.

Beside the mini UNet stand the standard one, the network of fast-uncond, and what needs no network: the best linear denoiser,
whose sampling draws from the Gaussian with the mean and the covariance of the training images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..evaluation.baseline import baseline, labels_in_turn
from ..evaluation.card_file import check_comparable
from ..evaluation.measures import COVERAGE, FD, RECALL, Card, measured
from ..evaluation.published import published_card
from ..evaluation.scores import Scores
from .claim import Claim, Figure, Finding, Text, Verdict, judged, over_seeds
from .lab import Lab
from .rows import called
from .trials import CHANGED

FULL = ("t30", "t30-seed1", "t30-seed2")  # cards of the tutorial's 30 epochs, by seed
MINI = ("t30-basic",)  # the same with the mini UNet, one seed
GOOD, FAIR = 0.8, 0.5  # recall and coverage
BALANCED = 0.05  # total variation of the classes
TOLD = ("fd", "kid", "recall", "coverage", "tv")
BESIDE = (FD, RECALL, COVERAGE)  # rows of what stands beside
SHORTER = Text(
    "This training is shorter than the tutorial's own: the 8,000 embedded training digits make 1,890 steps, the tutorial's "
    "60,000 make 14,070.",
    "这里的训练比教程自己的短：自带的 8,000 个训练数字，30 轮是 1,890 步；教程的 60,000 个是 14,070 步。",
)


def decide(recall: float | None, coverage: float | None, tv: float | None) -> Verdict:
    """Three rows of a card."""
    if recall is None or coverage is None or tv is None:
        return "not measured here"
    least = min(recall, coverage)
    return judged(least >= GOOD and tv <= BALANCED, least >= FAIR)


def figures_of(cards: Sequence[Card]) -> dict[str, Figure]:
    """The rows of TOLD with their floors, as far as all cards have them: the mean over the cards, one for each seed."""
    found: dict[str, Figure] = {}
    for row in measured(cards):
        first = cards[0]
        values = [value for card in cards if (value := row.value(card)) is not None]
        if row.name in TOLD and len(values) == len(cards):
            title = called(row, first if row is FD else None)
            found[row.name] = over_seeds(title, values, floor=row.floor(first), n=first["header"]["n"])
    return found


def reading(names: Sequence[str]) -> Callable[[Lab], Finding]:
    """The experiment that reads the published cards of these names, of the training seeds 0, 1, ...; it raises CheckpointError
    for a file that is none.
    """

    def measure(lab: Lab) -> Finding:
        cards = {name: card for name in names if (card := published_card(name)) is not None}
        if len(cards) < len(names):
            return Finding([], "not measured here")
        check_comparable([*cards], [*cards.values()])
        rows = figures_of([*cards.values()])
        verdict = decide(*(rows[name].value if name in rows else None for name in ("recall", "coverage", "tv")))
        return Finding([*rows.values()], verdict, tuple(range(len(names))))

    return measure


def gaussian(train: Tensor, count: int) -> Tensor:
    """uint8 pictures (count, C, H, W) from the Gaussian with the mean and the covariance of uint8 images (N, C, H, W)."""
    flat = train.flatten(1).double()
    values, vectors = torch.linalg.eigh(flat.T.cov(correction=0))
    z = torch.randn(count, len(values), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pictures = flat.mean(0) + (z * values.clamp_min(0).sqrt()) @ vectors.T
    return pictures.clamp(0, 255).round().to(torch.uint8).unflatten(1, train.shape[1:])


def linear(lab: Lab, n: int) -> list[Figure]:
    """The rows of n pictures from the training images' Gaussian."""
    real = baseline(lab.data, lab.judge, n)
    pictures = gaussian(lab.data.take("train").images, n)
    sample, _ = real.extractor.extract(pictures, labels_in_turn(lab.data, real.n))
    rows = real.scores(sample)
    return beside("linear", rows, real.floor, real.n)


def beside(name: str, rows: Scores, floor: Scores, n: int) -> list[Figure]:
    """Three rows of what something else reaches."""
    return [
        Figure(called(row), value, at=name, floor=floor[row.name], n=n)
        for row in BESIDE
        if (value := rows[row.name]) is not None
    ]


def measure_mini(lab: Lab) -> Finding:
    """The mini UNet's card beside the rows of the standard one, of the recipe fast-uncond and of the linear denoiser."""
    found = reading(MINI)(lab)
    if not found.figures:
        return found
    others: dict[str, list[Card | None]] = {
        "unet2d": [published_card(name) for name in FULL],
        "ink": [*CHANGED.cards().values()],
    }
    figures = []
    for name, there in others.items():
        rows = figures_of([card for card in there if card is not None])
        figures += [replace(rows[row.name], name=called(row), at=name) for row in BESIDE if row.name in rows]
    return found._replace(figures=[*found.figures, *figures, *linear(lab, found.figures[0].n or 0)])


RULE = Text(
    f"Holds if recall and coverage reach {GOOD} and the classes are as balanced as the real ones to within {BALANCED}; "
    f"partly if recall and coverage reach {FAIR}; without the card: not measured here.",
    f"召回率和覆盖率都达到 {GOOD}，且类别分布与真图相差不超过 {BALANCED}，则成立；召回率和覆盖率都达到 {FAIR}，"
    "则部分成立；没有评分卡：此处未测。",
)
IMPRESSIVE = Claim(
    Text("The final result looks impressive.", "最终结果看起来令人印象深刻。"),
    "3.6",
    Text(
        "The cards that `inkbloom evaluate` made of the tutorial's own recipe after its 30 epochs, three seeds; "
        f"they come with inkbloom. {SHORTER.en}",
        f"教程自己的配方（30 轮，三个种子）由 `inkbloom evaluate` 得到的评分卡，随墨晕一起安装。{SHORTER.zh}",
    ),
    RULE,
    reading(FULL),
)
MINI_UNET = Claim(
    Text("The mini UNet, though not a standard one, still gives good results.", "迷你 UNet 虽不标准，仍能取得不错的结果。"),
    "3.4",
    Text(
        "The card that `inkbloom evaluate` made of the same training with the mini UNet, basic, one seed; "
        "beside it the cards of the standard one, unet2d, and of fast-uncond, whose network is ink, and pictures that the "
        f"best linear denoiser would lead to, the Gaussian of the training images. {SHORTER.en}",
        "同样的训练换成迷你 UNet（basic，一个种子）后，由 `inkbloom evaluate` 得到的评分卡；"
        "旁边是标准的 unet2d 和 fast-uncond（它的网络是 ink）的评分卡，以及用最佳线性去噪器采样得到的图，"
        f"即训练图像的高斯分布。{SHORTER.zh}",
    ),
    RULE,
    measure_mini,
)
