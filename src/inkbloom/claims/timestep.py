"""Does a network have to be told the timestep? The tutorial explains it, and then always passes 0."""

from __future__ import annotations

from ..evaluation.measures import FD, KID
from .claim import Claim, Finding, Text, Verdict, judged
from .lab import Lab
from .results import Results
from .trials import Trial

PLAIN = {"labels": False, "guidance": 1.0, "sample_steps": 20}  # as the tutorial, which is told no labels
UNIFORM = {
    **PLAIN, "pixels": "0..1", "noise": "uniform", "times": "uniform", "loss_on": "x0", "solver": "euler", "spacing": "uniform",
    "sample_steps": 40,
}  # fmt: skip
TRIALS = (
    Trial("gaussian-told", "fast", PLAIN),
    Trial("gaussian-blind", "fast", {**PLAIN, "timed": False}),
    Trial("uniform-told", "fast", UNIFORM),
    Trial("uniform-blind", "fast", {**UNIFORM, "timed": False}),
)
PAIRS = (("gaussian-blind", "gaussian-told"), ("uniform-blind", "uniform-told"))


def decide(matters: list[bool]) -> Verdict:
    """matters: for each kind of noise, whether the blind network is the worse one."""
    return judged(all(matters), any(matters))


def measure(lab: Lab) -> Finding:
    """The cards of the four trainings."""
    results = Results(TRIALS)
    if not results.complete:
        return Finding([], "not measured here")
    figures = [results.figure(trial.name, row) for row in (KID, FD) for trial in TRIALS]
    return Finding(figures, decide([results.worse(blind, told) for blind, told in PAIRS]), results.seeds)


TIMESTEP = Claim(
    Text("The network is told the timestep, the level of the noise.", "要把时间步长，即噪声水平，告诉网络。"),
    "2.3",
    Text(
        "The recipe fast without labels, given the noise level or always 0, with Gaussian noise, and with the tutorial's "
        "uniform noise on its pixels from 0 to 1; each with the noise levels and the solver steps that suit it; cards of "
        "1,000 pictures, spread over seeds.",
        "不带标签的 fast 配方，传入噪声水平或始终传入 0；高斯噪声，以及教程的均匀噪声（像素从 0 到 1）；"
        "训练的噪声水平与求解器步各按自己的设置；每张评分卡 1,000 张图，散布是各个种子之间的。",
    ),
    Text(
        "Holds if the network that always gets 0 has the worse KID for both kinds of noise, by more than twice the largest "
        "spread; partly if for one. Without the trainings: not measured here.",
        "两种噪声下，始终得到 0 的网络 KID 都更差，且差距超过最大散布的两倍，则成立；只有一种如此，则部分成立；"
        "没有训练结果：此处未测。",
    ),
    measure,
    TRIALS,
)
