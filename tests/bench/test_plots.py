"""Plots: two files for each part that has figures, none for the others."""

from inkbloom.bench.plots import plots
from inkbloom.bench.step import PARTS

SPREAD = {"median": 0.1, "low": 0.1, "high": 0.2, "count": 3}
ROWS = {
    "peaks": [{"what": "copy", "best": 10.0}],
    "step": [{"recipe": "fast", "parts": dict.fromkeys(PARTS, 0.1)}, {"operators": {}}],
    "quality": [
        {"judge": "digits-v1", "floor": {"fd": 0.1}},
        {"seed": 0, "seconds": 5.0, "fd": 9.0},
        {"seed": 0, "seconds": 50.0, "fd": 2.0},
        {"rung": 0.5, "goal": 4.0},
    ],
    "sampling": [{"solver": "euler", "nfe": 2, "rmse": 0.2}, {"solver": "euler", "nfe": 2, "fd": 3.0}],
    "growth": [{"of": "batch", "value": 16, "step": SPREAD}, {"of": "batch", "value": 32, "step": SPREAD}, {"of": "batch"}],
}


def test_each_part_with_a_curve_is_drawn_twice(tmp_path):
    made = list(plots(ROWS, tmp_path / "bench"))
    names = [f"bench-{part}.{kind}" for part in ("step", "quality", "sampling", "growth") for kind in ("png", "svg")]
    assert [path.name for path in made] == names
    assert all(path.stat().st_size > 1000 for path in made)


def test_parts_that_were_not_measured_are_not_drawn(tmp_path):
    made = list(plots({"growth": ROWS["growth"], "step": []}, tmp_path / "b"))
    assert [path.name for path in made] == ["b-growth.png", "b-growth.svg"]


def test_a_part_without_judge_is_drawn_too(tmp_path):
    made = list(plots({"sampling": ROWS["sampling"][:1], "quality": [{"judge": None}]}, tmp_path / "b"))
    assert [path.name for path in made] == ["b-sampling.png", "b-sampling.svg"]
