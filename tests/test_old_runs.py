"""Runs that inkbloom 0.1 left behind go on: `fixtures/run-0.1` holds one that was stopped half-way, and a single weights file.

The files are as that version wrote them. What it drew and lost is kept beside them, and compared within what another machine's
last bits may change.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import inkbloom
from inkbloom.config import Recipe
from inkbloom.data import labels

OLD = Path(__file__).parent / "fixtures" / "run-0.1"
LEVELS = 2  # of 255 that a pixel may differ


@pytest.fixture
def old(tmp_path, monkeypatch):
    """A copy of the fixture as the current folder: its recipe names its images by a relative path."""
    shutil.copytree(OLD, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


def kept(name, array="pictures"):
    return np.load(OLD / name)[array].astype(int)


def apart(pictures, others):
    return int(np.abs(pictures.astype(int) - others).max())


def test_a_run_of_version_0_1_samples(old):
    run = inkbloom.Run("run")
    assert run.step == 10
    assert apart(run.sample(8, seed=3), kept("expected.npz", "halfway")) <= LEVELS
    assert apart(run.sample(8, seed=4), kept("expected.npz", "halfway")) > LEVELS  # the comparison can fail


def test_a_run_of_version_0_1_resumes_and_ends_as_it_would_have(old, command):
    ended = command("train", "basic.toml", "--out", "run")
    assert ended.code == 0, ended.err
    assert "resuming after step 10" in ended.out
    records = [json.loads(line) for line in (old / "run" / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == list(range(1, 21))
    losses = [float.fromhex(record["losses"]["denoise"]) for record in records]
    np.testing.assert_allclose(losses, np.load(OLD / "expected.npz")["losses"], rtol=1e-4)
    assert apart(inkbloom.Run("run").sample(8, seed=3), kept("expected.npz")) <= LEVELS
    assert command("train", "basic.toml", "--out", "run").out.count("already trained") == 1


def test_a_weights_file_of_version_0_1_with_labels_and_clusters_samples(old):
    run = inkbloom.Run("clusters.safetensors")
    assert apart(run.sample(9, seed=3), kept("clusters.npz")) <= LEVELS


def test_the_fixture_stays_as_it_was_and_small():
    files = [path for path in OLD.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 102_400
    assert "groups = 0" in (OLD / "run" / "config.toml").read_text()


def test_a_run_whose_classes_stood_as_text_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    """Folders called 0 to 11 had the order 0, 1, 10, 11, 2 ... in version 0.1; now people's own order."""
    rng = np.random.default_rng(0)
    for number in range(12):
        (tmp_path / f"set/{number}").mkdir(parents=True)
        for k in range(5):
            Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / f"set/{number}/{k}.png")
    recipe = Recipe(
        data=f"folder:{tmp_path}/set", epochs=None, steps=4, widths=(16,), layers=1, batch_size=8, sample_steps=2,
        precision="fp32", compile="off", checkpoint_every=2,
    )  # fmt: skip
    monkeypatch.setattr(labels, "natural", sorted)
    whole = inkbloom.train(recipe, out=tmp_path / "whole", quiet=True)
    inkbloom.train(recipe, out=tmp_path / "half", quiet=True)
    shutil.rmtree(tmp_path / "half/checkpoints/step-00000004")
    (tmp_path / "half/checkpoints/latest").write_text("step-00000002\n")
    monkeypatch.undo()
    assert inkbloom.load_data(recipe.data).classes == tuple(map(str, range(12)))
    half = inkbloom.train(recipe, out=tmp_path / "half", quiet=True)
    assert half.spec.classes == whole.spec.classes == tuple(sorted(map(str, range(12))))
    for (name, a), b in zip(whole.family.state_dict().items(), half.family.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    drawn = [run.sample(2, label="10") for run in (whole, half)]
    assert (drawn[0] == drawn[1]).all()
