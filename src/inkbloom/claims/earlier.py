"""GAN and VAE, which came before: what they reach with the arithmetic of diffusion, and is their upsampling to blame?"""

from __future__ import annotations

from ..evaluation.measures import COVERAGE, FD, KID, RECALL
from .claim import Claim, Finding, Text, judged
from .lab import Lab
from .results import Results
from .trials import BASE, Trial

BUDGETS = (1000, 2000, 10000)  # steps of `fast`: some 1, 2 and 10 minutes of two cores
OWN = 2000  # those of the recipe itself
AS_FAST = {"vae": 7.3075, "gan": 2.7089}  # steps that take as many multiply-adds as one of `fast`, all phases


def steps(family: str, budget: int) -> int:
    """How many steps of a family take the multiply-adds of so many of `fast`."""
    return round(budget * AS_FAST.get(family, 1.0))


def equal(family: str, budget: int) -> Trial:
    """The training of a family for a budget; three seeds, one for the longest."""
    if (family, budget) == ("fast", OWN):
        return BASE
    seeds = (0,) if budget == BUDGETS[-1] else (0, 1, 2)
    return Trial(f"{family}-{budget}", family, {"steps": steps(family, budget)}, seeds)


EQUAL = {(family, budget): equal(family, budget) for family in ("fast", "vae", "gan") for budget in BUDGETS}
RESIZED = {
    "fast": Trial("fast-transposed", "fast", {"upsampler": "transposed"}),  # which resizes as it is
    "vae": Trial("vae-resize", "vae", {"steps": steps("vae", OWN), "upsampler": "resize"}),
    "gan": Trial("gan-resize", "gan", {"steps": steps("gan", OWN), "upsampler": "resize"}),
}
BLAMED = (*RESIZED.values(), *(EQUAL[family, OWN] for family in RESIZED))


def measure_ideal(lab: Lab) -> Finding:
    """KID, FD, recall and coverage of the three families at each budget."""
    results = Results([*EQUAL.values()])
    if not results.complete:
        return Finding([], "not measured here")
    figures = [
        results.figure(trial.name, row, f"{family}-{budget}")
        for row in (KID, FD, RECALL, COVERAGE)
        for (family, budget), trial in EQUAL.items()
    ]
    worse = [
        results.worse(EQUAL[family, budget].name, EQUAL["fast", budget].name) for budget in BUDGETS for family in ("vae", "gan")
    ]
    return Finding(figures, judged(all(worse), any(worse)), results.seeds)


def measure_blame(lab: Lab) -> Finding:
    """KID and FD of three objectives, each with transposed convolutions and with resized pixels."""
    results = Results(BLAMED)
    if not results.complete:
        return Finding([], "not measured here")
    pairs = [
        (RESIZED[family], EQUAL[family, OWN]) if family == "fast" else (EQUAL[family, OWN], RESIZED[family])
        for family in RESIZED
    ]  # transposed, resized
    figures = [
        results.figure(trial.name, row, f"{family} {kind}")
        for row in (KID, FD)
        for family, pair in zip(RESIZED, pairs, strict=True)
        for kind, trial in zip(("transposed", "resized"), pair, strict=True)
    ]
    worse = [results.worse(transposed.name, resized.name) for transposed, resized in pairs]
    return Finding(figures, judged(all(worse), any(worse)), results.seeds)


IDEAL = Claim(
    Text("What GAN and VAE generate is not ideal.", "GAN 和 VAE 的生成结果并不理想。"),
    "2.1",
    Text(
        "The recipes vae and gan for as many multiply-adds in training, all phases counted, as fast takes in "
        "1,000, 2,000 and 10,000 "
        "steps (some 1, 2 and 10 minutes of two cores); cards of 1,000 pictures; three seeds, one for the longest.",
        "vae 与 gan 两个配方，训练的乘加次数（所有阶段合计）分别等于 fast 走 1,000、2,000、10,000 "
        "步（两个核上约 1、2、10 分钟）；"
        "每张评分卡 1,000 张图；三个种子，最长的一档一个。",
    ),
    Text(
        "Holds if each of the two has a worse KID than diffusion at each budget, by more than twice the largest "
        "spread; partly if one "
        "has at one. Without the trainings: not measured here.",
        "两者在每一档的 KID 都比扩散差，且差距超过最大散布的两倍，则成立；有一个在某一档如此，则部分成立；"
        "没有训练结果：此处未测。",
    ),
    measure_ideal,
    tuple(EQUAL.values()),
)
BLAME = Claim(
    Text("It is because they generate through transposed convolutions.", "这是因为它们用转置卷积来生成。"),
    "2.1",
    Text(
        "Diffusion, VAE and GAN, each doubling sizes by transposed convolutions and by nearest pixels with a "
        "3x3 kernel; steps as in "
        "the second budget of `ideal`; cards of 1,000 pictures, spread over seeds.",
        "扩散、VAE、GAN，各自用转置卷积和用最近邻加 3x3 核来加倍大小；步数同 ideal 的第二档；每张评分卡 1,000 张图，"
        "散布是各个种子之间的。",
    ),
    Text(
        "Holds if transposed convolutions have the worse KID in all three, by more than twice the largest "
        "spread; partly if in any. "
        "Without the trainings: not measured here.",
        "三者用转置卷积时 KID 都更差，且差距超过最大散布的两倍，则成立；有一个如此，则部分成立；没有训练结果：此处未测。",
    ),
    measure_blame,
    BLAMED,
)
