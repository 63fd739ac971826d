"""Clearer step by step: the measures on pictures whose clarity is known, and the rule both ways."""

import numpy as np
import pytest

from inkbloom.claims import clearer
from inkbloom.claims.clearer import CURVES, decide, gradient_energy, grey_share, straying


def test_grey_and_gradient_of_known_pictures():
    board = np.indices((4, 4)).sum(0) % 2 * 255
    half = np.where(np.arange(4) < 2, 0, 128) * np.ones((4, 1))
    pictures = np.stack([board, half]).astype(np.uint8)[:, None, None]  # two steps of one picture
    assert grey_share(pictures).tolist() == [0, 0.5]
    assert gradient_energy(pictures) == pytest.approx([2, (128 / 255) ** 2 / 3])


def test_steps_the_wrong_way_are_counted():
    assert straying(np.array([3, 2, 2.5, 1]), -1) == pytest.approx(1 / 3)
    assert straying(np.array([3, 2, 2.5, 1]), 1) == pytest.approx(2 / 3)


def curves(**changes):
    """Curves of 41 steps that get clearer all the way, where not changed."""
    falling = np.linspace(1, 0, 41)
    made = {name: falling if way <= 0 else -falling for name, (_, way, _) in CURVES.items()}
    return made | {name.replace("_", ", "): curve for name, curve in changes.items()}


def test_the_rule():
    falling = np.linspace(1, 0, 41)
    nearly, zigzag = falling.copy(), falling + np.arange(41) % 2 * 0.1
    nearly[5] += 0.1  # 1 step of 40 goes the wrong way
    assert decide(curves()) == "holds"
    assert decide(curves(x_distance=nearly)) == "holds"
    assert decide(curves(x_distance=zigzag)) == "holds partly"
    assert decide(curves(prediction_gradient=falling)) == "holds partly"  # the prediction gets more blurred
    assert decide(curves(x_grey=falling[::-1])) == "holds"  # decides nothing
    assert decide(curves(prediction_distance=falling[::-1])) == "does not hold"


def test_the_shipped_model_comes_nearer_to_its_picture(small, monkeypatch):
    monkeypatch.setattr(clearer, "STEPS", 6)
    monkeypatch.setattr(clearer, "SHOWN", (1, 6))
    found = clearer.measure(small)
    values = {(figure.name.en, figure.at): figure for figure in found.figures}
    first, last = (values["x: distance to the final picture", f"step={step}"] for step in (1, 6))
    assert first.value > 0.4 > last.value > 0
    assert first.spread > 0
    assert values["prediction: distance to it", "step=6"].value == pytest.approx(0, abs=1e-6)  # Euler's last step is all of it
    assert len(found.figures) == 2 * len(CURVES) + 4
