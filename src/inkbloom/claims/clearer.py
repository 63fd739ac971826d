"""Does the picture get clearer from step to step? What the network sees and predicts along forty of the tutorial's steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explainers.trajectory import Trajectory, trajectory_of
from .claim import Claim, Figure, Finding, Text, Verdict, judged, over_seeds
from .lab import Lab

STEPS = 40
SHOWN = (1, 10, 20, 30, 40)  # steps whose figures are told
GREY = (0.1, 0.9)  # neither black nor white: between these, where black is 0 and white 1
STRAYING = 0.05  # share of the steps that may go the wrong way
DISTANCES = ("x, distance", "prediction, distance")

Curve = NDArray[np.floating[Any]]


def grey_share(pictures: NDArray[np.uint8]) -> Curve:
    """(S,) the share of grey pixels in uint8 pictures (S, N, C, H, W)."""
    values = pictures / 255
    share: Curve = ((values > GREY[0]) & (values < GREY[1])).reshape(len(pictures), -1).mean(1)
    return share


def gradient_energy(pictures: NDArray[np.uint8]) -> Curve:
    """(S,) the mean squared difference between neighbours, to the right plus downwards; black is 0 and white 1."""
    values = pictures / 255
    energy: Curve = sum(np.square(np.diff(values, axis=axis)).reshape(len(values), -1).mean(1) for axis in (-1, -2))
    return energy


CURVES: dict[str, tuple[Text, int, Callable[[Trajectory], Curve]]] = {
    "x, distance": (Text("x: distance to the final picture", "x 到最终图像的距离"), -1, lambda trajectory: trajectory.left),
    "prediction, distance": (Text("prediction: distance to it", "预测到它的距离"), -1, lambda trajectory: trajectory.wrong),
    "prediction, grey": (
        Text("prediction: grey pixels", "预测的灰色像素"), -1, lambda trajectory: grey_share(trajectory.predictions)
    ),
    "prediction, gradient": (
        Text("prediction: gradient energy", "预测的梯度能量"), 1, lambda trajectory: gradient_energy(trajectory.predictions)
    ),
    "x, grey": (Text("x: grey pixels", "x 的灰色像素"), 0, lambda trajectory: grey_share(trajectory.inputs[:-1])),
    "x, gradient": (Text("x: gradient energy", "x 的梯度能量"), 0, lambda trajectory: gradient_energy(trajectory.inputs[:-1])),
}  # fmt: skip
"""Name -> how it is called, which way is clearer, and the curve along the steps. Noise is sharp too, so that the sharpness of x
has no way: it is told, and decides nothing."""


def straying(curve: Curve, way: int) -> float:
    """The share of steps along which a curve goes the wrong way."""
    return float((np.diff(curve) * way < 0).mean())


def decide(curves: Mapping[str, Curve]) -> Verdict:
    """The curves of CURVES."""
    ways = {name: way for name, (_, way, _) in CURVES.items() if way}
    better = {name: bool((curves[name][-1] - curves[name][0]) * way > 0) for name, way in ways.items()}
    steady = all(straying(curves[name], way) <= STRAYING for name, way in ways.items())
    return judged(all(better.values()) and steady, all(better[name] for name in DISTANCES))


def measure(lab: Lab) -> Finding:
    """As many pictures as there are held-out images, on each seed."""
    asked = {"steps": STEPS, "solver": "euler", "spacing": "uniform", "guidance": 1.0}
    trajectories = [trajectory_of(lab.run, lab.run.request(lab.size.held, seed=seed, **asked)) for seed in lab.seeds]
    wrong = Text("steps the wrong way", "走错方向的步")
    figures, strayed, means = [], [], {}
    for key, (name, way, curve_of) in CURVES.items():
        curves = np.stack([curve_of(trajectory) for trajectory in trajectories])
        means[key] = curves.mean(0)
        figures += [over_seeds(name, curves[:, step - 1].tolist(), at=f"step={step}", n=lab.size.held) for step in SHOWN]
        if way:
            strayed.append(Figure(wrong, 100 * straying(means[key], way), "%", key.replace(", ", "-")))
    return Finding([*figures, *strayed], decide(means), lab.seeds)


CLEARER = Claim(
    Text("Step by step the image becomes clearer, and the noise in it less.", "图像一步步变得更清晰，噪声的影响越来越小。"),
    "3.3",
    Text(
        "What the shipped model sees (x) and predicts along 40 equal steps of the tutorial's rule. Distance: root mean "
        "square to the final picture, from black to white is 1. Grey: between 10 and 90 % of white. Gradient energy: mean "
        "squared difference between neighbours.",
        "自带的模型按教程的规则等距走 40 步，每一步看到的（x）和预测的。距离：到最终图像的均方根，黑到白为 1。灰色：亮度在 "
        "10 % 到 90 % 之间。梯度能量：相邻像素之差的平方的平均。",
    ),
    Text(
        "Holds if both distances and the prediction's grey end lower and its gradient energy higher than they begin, and at "
        "most 5 % of the steps go the wrong way; partly if at least both distances end lower. The sharpness of x decides "
        "nothing, for noise is sharp too.",
        "两个距离和预测的灰色都变低、预测的梯度能量变高，且走错方向的步不超过 5 %，则成立；至少两个距离都变低，则部分成立。"
        "x 的锐利程度不参与判断，因为噪声也是锐利的。",
    ),
    measure,
)
