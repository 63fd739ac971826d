"""Works take turns; spreads say what was measured."""

import torch
from timing import in_turn, spread

CPU = torch.device("cpu")


def test_works_take_turns_there_and_back_after_one_unseen_run_each():
    seen = []
    taken = in_turn({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, CPU, budget=0, least=4)
    assert "".join(seen) == "ab" + "ab" + "ba" + "ab" + "ba"
    assert {name: len(values) for name, values in taken.items()} == {"a": 4, "b": 4}


def test_spread_is_median_and_range():
    assert spread([5.0, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 5.0, "count": 3}
