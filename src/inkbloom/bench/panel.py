"""FD and KID of samples for the benchmark, by the source's own judge, against the reference slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..data import Data
from ..evaluation.distances import fd, kid, rms
from ..evaluation.judge import Judge, judge_for, load_judge

LARGEST = 5000  # images in a set


@dataclass(frozen=True, eq=False)
class Panel:
    """A judge and what it saw of the reference: features (N, d), divided by their root mean square `scale`."""

    judge: Judge
    reference: Tensor
    scale: float
    labels: tuple[int, ...]  # of the reference: samples of a conditional model are drawn in these classes
    floor: dict[str, float]  # real against real: the hold-out slice

    @property
    def count(self) -> int:
        """Images in a set."""
        return len(self.reference)

    def score(self, images: Tensor) -> dict[str, float]:
        """{'fd', 'kid'} of as many uint8 images (N, C, H, W) as the reference holds."""
        return _distances(self.judge.look(images).features / self.scale, self.reference)

    def about(self) -> dict[str, Any]:
        """What the figures depend on."""
        return {
            "judge": self.judge.name,
            "judge_sha256": self.judge.sha256,
            "d": self.judge.d,
            "n": self.count,
            "scale": self.scale,
            "floor": self.floor,
        }


def panel_for(data: Data) -> Panel | None:
    """The panel for a source, or None where no judge of it is shipped. Raises CheckpointError for a damaged one."""
    name = judge_for(data.source)
    if name is None:
        return None
    judge = load_judge(name)
    real, unseen = data.take("reference"), data.take("holdout")
    count = min(LARGEST, len(real.images), len(unseen.images))
    features = judge.look(real.images[:count]).features
    scale = rms(features)
    features = features / scale
    labels = () if real.labels is None else tuple(real.labels[:count].tolist())
    floor = _distances(judge.look(unseen.images[:count]).features / scale, features)
    return Panel(judge, features, scale, labels, floor)


def _distances(fake: Tensor, real: Tensor) -> dict[str, float]:
    return {"fd": fd(fake, real), "kid": kid(fake, real, size=1000 if len(real) >= 2000 else len(real) // 2)}
