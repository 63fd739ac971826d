"""Does the tutorial's result look impressive, and is its mini UNet good? Cards of full trainings tell, where there are any.

Beside the mini UNet stand the standard one, the network of fast-uncond, and what needs no network: the best linear denoiser,
whose sampling draws from the Gaussian with the mean and the covariance of the training images.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..evaluation.card_file import read_card
from ..evaluation.floor import labels_in_turn, standard
from ..evaluation.measures import Card, conditions, measured
from ..evaluation.rows import Row, quick_rows, slow_rows
from .claim import Claim, Figure, Finding, Text, Verdict, judged
from .lab import Lab
from .trials import CHANGED

FOLDER = Path("benchmarks/results")
FULL, MINI = FOLDER / "t30.json", FOLDER / "t30-basic.json"
GOOD, FAIR = 0.8, 0.5  # recall and coverage
BALANCED = 0.05  # total variation of the classes
TOLD = ("fd", "kid", "recall", "coverage", "tv")


def decide(recall: float | None, coverage: float | None, tv: float | None) -> Verdict:
    """Three rows of a card."""
    if recall is None or coverage is None or tv is None:
        return "not measured here"
    least = min(recall, coverage)
    return judged(least >= GOOD and tv <= BALANCED, least >= FAIR)


def figures_of(card: Card) -> list[Figure]:
    """The rows of TOLD with their floors, as far as the card has them."""
    head = card["header"]
    return [
        Figure(
            Text(*[row.title + (f" ({conditions(card)})" if row.name == "fd" else "")] * 2),
            value,
            spread=(card.get("sd") or {}).get(row.name),
            floor=row.floor(card),
            n=head["n"],
        )
        for row in measured([card])
        if row.name in TOLD and (value := row.value(card)) is not None
    ]


def reading(path: Path) -> Callable[[Lab], Finding]:
    """The experiment that reads the card at `path`; it raises CheckpointError for a file that is none."""

    def measure(lab: Lab) -> Finding:
        card = read_card(path)
        if card is None:
            return Finding([], "not measured here")
        rows = {row.name: row.value(card) for row in measured([card])}
        seed = card["made"].get("seed")
        verdict = decide(rows.get("recall"), rows.get("coverage"), rows.get("tv"))
        return Finding(figures_of(card), verdict, () if seed is None else (seed,))

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
    real = standard(lab.data, lab.judge, n)
    pictures = gaussian(lab.data.take("train").images, n)
    sample, _ = real.eye.see(pictures, labels_in_turn(lab.data, real.n))
    rows = quick_rows(sample, real.reference, real.holdout.distances, real.eye.kinds) | slow_rows(sample, real.reference)
    return beside("linear", rows, real.floor, real.n)


def beside(name: str, rows: Row, floor: Row, n: int) -> list[Figure]:
    """Three rows of what something else reaches."""
    return [
        Figure(Text(row, row), value, at=name, floor=floor[row], n=n)
        for row in ("fd", "recall", "coverage")
        if (value := rows[row]) is not None
    ]


def measure_mini(lab: Lab) -> Finding:
    """The mini UNet's card beside the rows of the standard one, of the recipe fast-uncond and of the linear denoiser."""
    found = reading(MINI)(lab)
    if not found.figures:
        return found
    others = {"unet2d": read_card(FULL), "ink": CHANGED.cards().get(0)}
    figures = [
        figure
        for name, card in others.items()
        if card is not None
        for figure in beside(name, {row.name: row.value(card) for row in measured([card])}, card["floor"], card["header"]["n"])
    ]
    return found._replace(figures=[*found.figures, *figures, *linear(lab, found.figures[0].n or 0)])


RULE = Text(
    f"Holds if recall and coverage reach {GOOD} and the classes are as balanced as the real ones to within {BALANCED}; "
    f"partly if recall and coverage reach {FAIR}; without the card: not measured here.",
    f"recall 和 coverage 都达到 {GOOD}，且类别分布与真图相差不超过 {BALANCED}，则成立；recall 和 coverage 都达到 {FAIR}，"
    "则部分成立；没有评分卡：此处未测。",
)
IMPRESSIVE = Claim(
    Text("The final result looks impressive.", "最终结果看起来令人印象深刻。"),
    "3.6",
    Text(
        f"The card that `inkbloom evaluate` made of the tutorial's own run, 30 epochs: {FULL}.",
        f"教程自己的训练（30 个 epoch）由 `inkbloom evaluate` 得到的评分卡：{FULL}。",
    ),
    RULE,
    reading(FULL),
)
MINI_UNET = Claim(
    Text("The mini UNet, though not a standard one, still gives good results.", "迷你 UNet 虽不标准，仍能取得不错的结果。"),
    "3.4",
    Text(
        f"The card that `inkbloom evaluate` made of the same training with the mini UNet, basic: {MINI}; beside it the "
        "cards of the standard one, unet2d, and of fast-uncond, whose network is ink, and pictures that the best linear "
        "denoiser would lead to, the Gaussian of the training images.",
        f"同样的训练换成迷你 UNet（basic）后，由 `inkbloom evaluate` 得到的评分卡：{MINI}；"
        "旁边是标准的 unet2d 和 fast-uncond（它的网络是 ink）的评分卡，以及用最佳线性去噪器采样得到的图，"
        "即训练图像的高斯分布。",
    ),
    RULE,
    measure_mini,
)
