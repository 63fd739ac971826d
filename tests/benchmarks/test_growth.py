"""Power laws that are found again, and the trainings behind a number of processes."""

import json
import shutil
import statistics
import subprocess
from types import SimpleNamespace

import growth as module
import pytest
import torch
from growth import BATCHES, SIDES, doublings, draw, exponent, grey, growth, images_per_second

from inkbloom.data import load_data
from inkbloom.recipe_files import load_recipe

CPU = torch.device("cpu")


def test_the_exponent_of_a_power_law():
    values = [16, 32, 64]
    assert exponent(values, [3 * v**1.7 for v in values]) == pytest.approx(1.7)


@pytest.mark.parametrize(("most", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_doublings(most, expected):
    assert doublings(most) == expected


def by_a_law(recipe, data, device, budget):
    """Seconds of a step that grows with each quantity by a power of its own."""
    threads = torch.get_num_threads()
    return [recipe.batch_size**0.8 * recipe.widths[0] ** 1.5 * data.size[0] ** 2 / threads] * 3


def test_growth_finds_the_powers_of_a_known_law(recipe, monkeypatch):
    made, threads = load_recipe(str(recipe(widths=[32]))), torch.get_num_threads()
    monkeypatch.setattr(module, "step_seconds", by_a_law)
    monkeypatch.setattr(module, "doublings", lambda most: [1, 2])
    rows = [row.figures for row in growth(made, load_data(made.data), CPU, quick=True)]
    powers = {row["of"]: row["exponent"] for row in rows if "exponent" in row}
    assert powers == {"batch": pytest.approx(0.8), "width": pytest.approx(1.5), "side": pytest.approx(2)}
    values = {name: [row["value"] for row in rows if row["of"] == name and "step" in row] for name in (*powers, "threads")}
    assert values == {"batch": [*BATCHES[:3]], "width": [16, 32, 64], "side": [*SIDES[:3]], "threads": [1, 2]}
    assert [row["speedup"] for row in rows if row["of"] == "threads"] == [1, pytest.approx(2)]
    assert torch.get_num_threads() == threads


def test_images_of_any_size_come_with_their_labels(source):
    data = load_data(source(channels=3)).take("train")
    made = grey(data, 20)
    assert made.images.shape == (len(data.images), 3, 20, 20)
    assert torch.equal(made.labels, data.labels)


def test_the_rate_of_a_training_is_the_median_of_the_later_half_of_its_log(recipe, monkeypatch, tmp_path):
    made, log = load_recipe(str(recipe())), tmp_path / "log.jsonl"

    def run(command, **options):
        done = subprocess.run(command, **options)
        shutil.copy(f"{command[command.index('--out') + 1]}/log.jsonl", log)
        return done

    monkeypatch.setattr(module, "subprocess", SimpleNamespace(run=run))
    rate = images_per_second(made, made.data, processes=1, threads=1)
    rates = [json.loads(line)["images_per_second"] for line in log.read_text().splitlines()]
    assert len(rates) == module.STEPS
    assert rate == statistics.median(rates[module.STEPS // 2 :])


def test_each_process_of_a_training_has_its_threads(recipe, monkeypatch):
    started = []

    def run(command, env, **options):
        started.append((" ".join(command[1:6]), env["OMP_NUM_THREADS"]))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "subprocess", SimpleNamespace(run=run))
    made = load_recipe(str(recipe()))
    for processes in (1, 4):
        with pytest.raises(KeyboardInterrupt):
            images_per_second(made, made.data, processes, threads=3)
    assert started[0][0].startswith("-m inkbloom train")
    assert started[1] == ("-m torch.distributed.run --standalone --nproc-per-node 4", "3")


def test_the_plot_shows_each_quantity_as_multiples_of_its_first():
    rows = [{"of": name, "value": value, "step": {"median": median}} for name, value, median in (
        ("batch", 16, 0.1), ("batch", 64, 0.3), ("side", 8, 2.0), ("side", 16, 8.0))]  # fmt: skip
    (axes,) = draw([*rows, {"of": "batch", "exponent": 0.8}]).axes
    lines = {line.get_label(): [*zip(*line.get_data(), strict=True)] for line in axes.lines}
    assert lines == {"batch, from 16": [(1, 1), (4, pytest.approx(3))], "side, from 8": [(1, 1), (2, 4)]}
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
