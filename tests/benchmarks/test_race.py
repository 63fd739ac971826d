"""The race: its clock, the table that it ends in, and how a script's lines are counted."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

RACE = Path(__file__).parents[2] / "benchmarks" / "race"


@pytest.fixture
def common(monkeypatch):
    monkeypatch.syspath_prepend(RACE)
    import common

    return common


@pytest.fixture
def results(common):
    import run

    return run


class Clock:
    """Seconds that pass only where a test says so."""

    def __init__(self, monkeypatch, module):
        self.now = 0.0
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: self.now))


def start(common, racer, monkeypatch, tmp_path, *words):
    np.savez(
        tmp_path / "digits.npz", images=np.arange(20 * 784).astype(np.uint8).reshape(20, 28, 28), labels=np.arange(20) % 10
    )
    files = ["--data", str(tmp_path / "digits.npz"), "--out", str(tmp_path / "out" / "s.npz")]
    monkeypatch.setattr(sys, "argv", ["racer", *files, "--count", "250", *words])
    common.race(racer)
    return json.loads((tmp_path / "out" / "s.json").read_text())


def test_the_clock_stops_for_drawing_and_runs_for_the_rest(common, monkeypatch, tmp_path):
    clock = Clock(monkeypatch, common)

    class Racer:
        setting, parameters, nfe = "a test", 7, 4

        def __init__(self, job):
            assert job.images.shape == (20, 28, 28)
            clock.now += 6  # setting up counts

        def step(self):
            clock.now += 12
            return 5

        def draw(self, count):
            clock.now += 1000  # drawing does not
            return torch.full((count, 1, 28, 28), 1.7), torch.arange(count) % 10

    told = start(common, Racer, monkeypatch, tmp_path, "--minutes", "1", "--ladder", "0.25", "0.5")
    assert [(m["rung"], m["minutes"], m["steps"], m["images"]) for m in told["moments"]] == [
        (0.25, 0.3, 1, 5),
        (0.5, 0.5, 2, 10),
        (1.0, 1.1, 5, 25),
    ]
    assert told["images_per_second"] == round(25 / 66, 2)
    for moment in told["moments"]:
        with np.load(tmp_path / "out" / moment["file"]) as file:
            assert file["images"].shape == (250, 28, 28)
            assert (file["images"] == 255).all()  # clamped
            assert len(file["labels"]) == 250


def test_a_racer_that_has_finished_ends_early_and_keeps_its_last_look(common, results, monkeypatch, tmp_path):
    clock = Clock(monkeypatch, common)

    class Racer:
        setting, parameters, nfe = "a test", 7, 4

        def __init__(self, job):
            self.left = 2

        def step(self):
            clock.now += 30
            self.left -= 1
            return 5 if self.left >= 0 else 0

        def draw(self, count):
            return torch.zeros(count, 1, 28, 28), None

    told = start(common, Racer, monkeypatch, tmp_path, "--minutes", "10", "--ladder", "1", "3")
    moments = told["moments"]
    assert [(m["rung"], m["minutes"], m["images"]) for m in moments] == [(1, 1.0, 10), (None, 1.5, 10)]
    assert told["finished"]
    assert [results._at(moments, minutes)["minutes"] for minutes in (1, 3, 10)] == [1.0, 1.5, 1.5]


def test_a_step_that_passes_a_rung_leaves_its_cell_empty(results):
    moments = [{"rung": 2, "minutes": 2.4}, {"rung": 3, "minutes": 3.6}]
    assert [results._at(moments, minutes) for minutes in (1, 2, 3)] == [None, *moments]


def test_time_to_t30_is_the_first_look_at_or_below(results):
    moments = [{"minutes": 1, "fd": 9.0}, {"minutes": 2, "fd": 5.0}, {"minutes": 3, "fd": 1.0}]
    assert results.time_to(5.0, moments) == 2
    assert results.time_to(0.5, moments) is None


def test_the_table_has_a_row_for_every_racer_and_says_what_failed(results):
    looks = [
        {"rung": 1, "minutes": 1.0, "fd": 6.0, "kid": 20.0, "nfe": 40},
        {"rung": 3, "minutes": 3.9, "fd": 3.0, "kid": 9.0, "nfe": 40},
    ]
    run = {
        "moments": looks,
        "images_per_second": 41.6,
        "parameters": 1707009,
        "versions": {"diffusers": "0.42"},
        "peak_mib": 900.0,
    }
    result = {
        "minutes": 3, "ladder": [1, 3], "best": False, "seeds": 1, "judge": "digits-v1", "n": 1000,
        "floor": {"fd": 1.0, "kid": 0.5}, "t30": {"fd": 4.0, "floor": 1.0},
        "racers": [
            {"name": "diffusers", "racer": "diffusers", "code_lines": 70, "runs": [run]},
            {"name": "torchcfm", "racer": "torchcfm", "code_lines": 60, "runs": [{"failed": "exit code 1"}]},
        ],
    }  # fmt: skip
    rows = [line for line in results.table(result).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    assert rows[2] == ("| diffusers | 0.42 | 1,707,009 | 42 | 5.00 / 20.00 | 2.00 / 9.00 (at 3.9) | 3.90 min | 40 | 70 | 900 |")
    assert "exit code 1" in rows[3]


def test_lines_of_code_leave_out_comments_docstrings_and_blanks(results, tmp_path):
    script = tmp_path / "script.py"
    words = '"""Words.\n\nMore.\n"""\n\n# a comment\n'
    code = 'import os  # why\n\n\ndef f(\n    a,\n):\n    """Words."""\n    return """two\nlines"""\n'
    script.write_text(words + code)
    assert results.code_lines(script) == 1 + 3 + 2


def test_every_racer_has_a_script_and_those_with_an_environment_are_known(results):
    import environments

    assert all((RACE / script).exists() for script in results.RACERS.values())
    assert set(environments.ENVIRONMENTS) < set(results.RACERS)
    assert environments.python_of("tutorial", Path("anywhere")) == Path(sys.executable)
    assert environments.is_ready("tutorial", Path("anywhere"))
    assert not environments.is_ready("torchcfm", Path("anywhere"))
