"""Does it get better when one changes the UNet and the parameters, as the tutorial invites its readers to do?"""

from __future__ import annotations

from ..evaluation.card_file import check_comparable
from ..evaluation.measures import COVERAGE, FD, KID, RECALL
from ..evaluation.published import published_card
from .cards import FULL, SHORTER
from .claim import Claim, Figure, Finding, Text, judged, over_seeds
from .lab import Lab
from .results import Results
from .trials import CHANGED


def measure(lab: Lab) -> Finding:
    """The cards of the tutorial's own runs beside those of what the search led to."""
    before = [card for name in FULL if (card := published_card(name)) is not None]
    results = Results([CHANGED])
    if len(before) < len(FULL) or not results.complete:
        return Finding([], "not measured here")
    check_comparable(["t30", CHANGED.name], [before[0], next(iter(results.cards[CHANGED.name].values()))])
    figures: list[Figure] = []
    for row in (KID, FD, RECALL, COVERAGE):
        changed = results.figure(CHANGED.name, row)
        own = [value for card in before if (value := row.value(card)) is not None]
        figures += [over_seeds(changed.name, own, at="tutorial", floor=changed.floor, n=changed.n), changed]
    tutorial = [value for card in before if (value := KID.value(card)) is not None]
    excess = figures[0].value - (figures[0].floor or 0.0), results.excess(CHANGED.name)
    apart = max(results.values(CHANGED.name)) < min(tutorial)
    return Finding(figures, judged(apart and excess[1] <= excess[0] / 2, excess[1] < excess[0]), results.seeds)


TUNING = Claim(
    Text("Change the UNet or the parameters, and it may get better.", "修改 UNet 或调整参数，也许能得到更好的结果。"),
    "3.6",
    Text(
        "The tutorial's own recipe after its 30 epochs beside fast-uncond, which the search of the lab notes led to and which "
        "gets no labels either, after its 2,000 steps on the same images; three seeds each. "
        f"{SHORTER.en}",
        "教程自己的配方跑完 30 轮，与 fast-uncond 并列：它来自实验笔记里的搜索，同样没有标签，在同样的图像上训练 2,000 步；"
        f"各三个种子。{SHORTER.zh}",
    ),
    Text(
        "Excess: mean KID above its floor. Holds if it falls to half or less, and every seed of the one is better "
        "than every seed of the other; partly if it falls. Without the trainings: not measured here.",
        "超出：平均 KID 高出底线的部分。降到一半以下，且一方的每个种子都好过另一方的每个种子，则成立；有所下降，则部分成立；"
        "没有训练结果：此处未测。",
    ),
    measure,
    (CHANGED,),
)
