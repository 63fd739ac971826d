"""Runs that inkbloom 0.1 left behind go on: `fixtures/run-0.1` holds one that was stopped half-way, and a single weights file.

The files are as that version wrote them. What it drew and lost is kept beside them, and compared within what another machine's
last bits may change.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import inkbloom

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
