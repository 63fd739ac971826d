"""GAN and VAE, which came before: what they reach with the arithmetic of diffusion, and is their upsampling to blame?"""

from __future__ import annotations

from ..evaluation.measures import COVERAGE, FD, KID, RECALL
from .claim import Claim, Finding, Text, Verdict, judged
from .lab import Lab
from .results import Results
from .trials import Trial

BUDGETS = (1000, 2000, 10000)  # steps of `fast`: some 1, 2 and 10 minutes of two cores
AS_FAST = {"vae": 2996.5 / 2871.7, "gan": 2996.5 / 7507.3}  # steps that take as many multiply-adds as one of `fast`, all phases


def steps(family: str, budget: int) -> int:
    """How many steps of a family take the multiply-adds of so many of `fast`."""
    return round(budget * AS_FAST.get(family, 1.0))


FAMILIES = ("fast", "vae", "gan")
EQUAL = tuple(
    Trial(f"{family}-{budget}", family, {"steps": steps(family, budget)}, (0,) if budget == BUDGETS[-1] else (0, 1, 2))
    for budget in BUDGETS
    for family in FAMILIES
)
RESIZED = (
    Trial("fast-transposed", "fast", {"transposed": True}),
    Trial("vae-resize", "vae", {"steps": steps("vae", 2000), "upsampler": "resize"}),
    Trial("gan-resize", "gan", {"steps": steps("gan", 2000), "upsampler": "resize"}),
)
UPSAMPLED = (("fast-transposed", "fast-2000"), ("vae-2000", "vae-resize"), ("gan-2000", "gan-resize"))  # transposed, resized


def decide_ideal(ratios: list[float]) -> Verdict:
    """ratios: excess of FD over the floor, of each earlier model by that of diffusion, at each budget."""
    return judged(min(ratios) >= 2, max(ratios) >= 2)


def measure_ideal(lab: Lab) -> Finding:
    """FD, KID, recall and coverage of the three families at each budget."""
    results = Results(EQUAL)
    if not results.complete:
        return Finding([], "not measured here")
    figures = [results.figure(trial.name, trial.name, row) for row in (FD, KID, RECALL, COVERAGE) for trial in EQUAL]
    ratios = [
        results.excess(f"{family}-{budget}") / max(results.excess(f"fast-{budget}"), 1e-9)
        for budget in BUDGETS
        for family in ("vae", "gan")
    ]
    return Finding(figures, decide_ideal(ratios), results.seeds)


def measure_blame(lab: Lab) -> Finding:
    """FD of three objectives, each with transposed convolutions and with resized pixels."""
    trials = [*RESIZED, *(trial for trial in EQUAL if trial.name.endswith("-2000"))]
    results = Results(trials)
    if not results.complete:
        return Finding([], "not measured here")
    figures = [results.figure(name, name) for pair in UPSAMPLED for name in pair]
    worse = [results.worse(transposed, resized) for transposed, resized in UPSAMPLED]
    return Finding(figures, judged(all(worse), any(worse)), results.seeds)


IDEAL = Claim(
    Text("What GAN and VAE generate is not ideal.", "GAN 和 VAE 的生成结果并不理想。"),
    "2.1",
    Text(
        "The recipes vae and gan, tuned as often as fast was, for as many multiply-adds in training, all phases "
        "counted, as fast takes in "
        "1,000, 2,000 and 10,000 steps (some 1, 2 and 10 minutes of two cores); cards of 1,000 pictures; three "
        "seeds, one for "
        "the longest.",
        "vae 与 gan 两个配方，调试次数与 fast 相同；训练的乘加次数（所有阶段合计）分别等于 fast 走 1,000、"
        "2,000、10,000 步（两个核上约 "
        "1、2、10 分钟）；每张评分卡 1,000 张图；三个种子，最长的一档一个。",
    ),
    Text(
        "Excess: FD above its floor. Holds if each of the two has at least twice the excess of diffusion at "
        "each budget; partly if "
        "one has at one. Without the trainings: not measured here.",
        "超出：FD 高出地板的部分。两者在每一档的超出都至少是扩散的两倍，则成立；有一个在某一档如此，则部分成立；"
        "没有训练结果：此处未测。",
    ),
    measure_ideal,
    EQUAL,
)
BLAME = Claim(
    Text("It is because they generate through transposed convolutions.", "这是因为它们用转置卷积来生成。"),
    "2.1",
    Text(
        "Diffusion, VAE and GAN, each doubling sizes by transposed convolutions and by nearest pixels with a "
        "3x3 kernel; steps as in the "
        "second budget of `ideal`; cards of 1,000 pictures, spread over seeds.",
        "扩散、VAE、GAN，各自用转置卷积和用最近邻加 3x3 核来加倍大小；步数同 ideal 的第二档；每张评分卡 1,000 "
        "张图，散布是各个种子之间的。",
    ),
    Text(
        "Holds if transposed convolutions have the worse FD in all three, by more than twice the spread over "
        "seeds; partly if in any. "
        "Without the trainings: not measured here.",
        "三者用转置卷积时 FD 都更差，且差距超过种子间散布的两倍，则成立；有一个如此，则部分成立；没有训练结果：此处未测。",
    ),
    measure_blame,
    (*RESIZED, *(trial for trial in EQUAL if trial.name.endswith("-2000"))),
)
