"""The watch books time where it belongs, and leaves nothing behind."""

import re
from itertools import pairwise

import pytest
import step as module
import torch
from step import OPERATORS, PARTS, REST, Enough, Watch, draw, drawing_watched, operator_shares, step, watched_steps

from inkbloom.data import load_data
from inkbloom.philox import Draw
from inkbloom.recipe_files import load_recipe

CPU = torch.device("cpu")


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self, monkeypatch):
        self.time = 0.0
        monkeypatch.setattr(module, "now", lambda device: self.time)

    def pass_(self, seconds):
        self.time += seconds


def test_time_goes_to_the_part_that_ends_and_drawn_numbers_are_taken_out(monkeypatch):
    clock = Clock(monkeypatch)
    watch = Watch(CPU, lambda done, spent: False)
    clock.pass_(100)  # before the first step: nobody's
    watch.begin()
    for part, seconds in {"data": 1, "forward": 10, "backward": 20, "optimizer": 3, "average": 2}.items():
        clock.pass_(seconds)
        watch.drawn = 4 if part == "forward" else 0
        watch.mark(part)
    clock.pass_(5)
    watch.begin()
    assert watch.steps == [
        {"data": 1, "random numbers": 4, "forward": 6, "backward": 20, "optimizer": 3, "average": 2, "logging": 5}
    ]


def test_the_clock_counts_what_draws_take(monkeypatch):
    clock = Clock(monkeypatch)
    watch = Watch(CPU, lambda done, spent: False)
    monkeypatch.setattr(Draw, "normal", lambda *arguments, **named: clock.pass_(7))
    inner = Draw.normal
    with drawing_watched(watch):
        Draw(0, None).normal("noise", 2)
        assert Draw.normal is not inner
    assert watch.drawn == 7
    assert Draw.normal is inner


def test_watching_ends_where_the_block_fails():
    kept = Draw.uniform, Draw.normal
    with pytest.raises(Enough), drawing_watched(Watch(CPU, lambda done, spent: False)):
        raise Enough
    assert (Draw.uniform, Draw.normal) == kept


def test_enough_is_asked_before_each_step():
    watch = Watch(CPU, lambda done, spent: done >= 2)
    watch.begin()
    watch.begin()
    with pytest.raises(Enough):
        watch.begin()
    assert len(watch.steps) == 2


@pytest.fixture
def tiny(recipe):
    made = load_recipe(str(recipe()))
    return made, load_data(made.data).take("train")


def test_every_part_of_a_real_step_is_seen(tiny, tmp_path):
    recipe, data = tiny
    steps = watched_steps(recipe, data, CPU, most=5, budget=60, folder=tmp_path)
    assert len(steps) == 5
    assert all(tuple(each) == PARTS and all(value > 0 for value in each.values()) for each in steps)


def test_a_spent_budget_leaves_three_steps(tiny, tmp_path):
    recipe, data = tiny
    assert len(watched_steps(recipe, data, CPU, most=50, budget=0, folder=tmp_path)) == 3


def test_the_rows_of_a_step(tiny):
    recipe, data = tiny
    rows = list(step(recipe, data, CPU, True, {"fp32": 100.0}))
    (figures,) = [row.figures for row in rows if "parts" in row.figures]
    assert figures["outside"] == pytest.approx(
        1 - (figures["parts"]["forward"] + figures["parts"]["backward"]) / sum(figures["parts"].values())
    )
    rate = recipe.batch_size / sum(figures["parts"].values())
    assert figures["mfu"] == pytest.approx(3 * figures["forward_mflop"] * 1e6 * rate / 100e9)


def test_the_shares_of_operators_add_up(tiny):
    recipe, data = tiny
    shares = operator_shares(recipe, data, CPU)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["convolution"] > 0
    assert shares["norm"] > 0
    assert shares["activation"] > 0


@pytest.mark.parametrize(
    ("operator", "group"),
    [
        ("aten::mkldnn_convolution", "convolution"),
        ("aten::convolution_backward", "convolution"),
        ("aten::native_layer_norm_backward", "norm"),
        ("aten::native_group_norm", "norm"),
        ("aten::silu_backward", "activation"),
        ("aten::addmm", "matrix product"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "matrix product"),
        ("aten::linalg_vector_norm", REST),
        ("aten::_fused_adamw_", REST),
        ("aten::_foreach_lerp_", REST),
        ("cpp_fused_add_native_layer_norm_silu_3", "fused"),
    ],
)
def test_operators_find_their_group(operator, group):
    assert next((name for name, pattern in OPERATORS.items() if re.search(pattern, operator)), REST) == group


def test_the_bars_of_a_recipe_add_up_to_all_of_its_step():
    rows = [
        {"recipe": "even", "parts": dict.fromkeys(PARTS, 0.1)},
        {"recipe": "even", "operators": {}},
        {"recipe": "odd", "parts": {part: number for number, part in enumerate(PARTS)}},
    ]
    (axes,) = draw(rows).axes
    bars = {container.get_label(): [(bar.get_x(), bar.get_width()) for bar in container] for container in axes.containers}
    assert tuple(bars) == PARTS
    assert [bars[part][0][1] for part in PARTS] == [pytest.approx(100 / len(PARTS))] * len(PARTS)
    assert [bars[part][1][1] for part in PARTS] == [pytest.approx(100 * k / 21) for k in range(len(PARTS))]
    for before, after in pairwise(bars.values()):
        assert [x for x, _ in after] == [pytest.approx(x + width) for x, width in before]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["even", "odd"]
