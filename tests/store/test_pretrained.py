"""The model that comes with inkbloom: what it draws, its size, and what is said where its file is damaged."""

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
import torch

import inkbloom.store.pretrained as module
from inkbloom.config import differences
from inkbloom.data import load_data
from inkbloom.errors import CheckpointError, UsageError
from inkbloom.evaluation.classes import agreement
from inkbloom.evaluation.judge import load_judge
from inkbloom.recipe_files import load_recipe
from inkbloom.run import Run
from inkbloom.store.pretrained import pretrained


def test_it_draws_the_digits_asked_for():
    images = torch.from_numpy(Run().sample(100, seed=3)).permute(0, 3, 1, 2)
    seen = load_judge("digits-v1").look(images)
    assert agreement(torch.arange(100) % 10, seen.probabilities.argmax(1)) > 0.94
    train = load_data("digits").take("train").images
    assert not any((image == train).flatten(1).all(1).any() for image in images)


def test_it_is_small_and_says_what_it_is():
    path = pretrained("digits")
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert about["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert about["parameters"] == sum(p.numel() for p in Run().family.parameters()) < 850_000
    assert path.stat().st_size < 1.8e6  # half precision, and what the lab's page needs
    assert about["card"]["fd"] > about["card"]["floor"]["fd"]
    assert differences(Run().spec.recipe, load_recipe("quality").resolved(precision="fp32", background="white")) == []


def test_the_lab_reads_the_same_file():
    from inkbloom.exports.page_file import played

    path, run = pretrained("digits"), Run()
    x, t, y = torch.rand(2, 1, 28, 28), torch.tensor([0.2, 0.9]), torch.tensor([3, 10])
    with torch.no_grad():
        torch.testing.assert_close(played(path.read_bytes())(x, t, y), run.family.net.cpu()(x, t, y), rtol=1e-4, atol=1e-4)


def test_opening_a_model_does_not_wake_the_compiler():
    """Importing it takes longer than drawing."""
    script = "import sys; from inkbloom import Run; Run().sample(1, nfe=2); print({'sympy', 'torch._dynamo'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_another_name():
    with pytest.raises(UsageError, match="unknown pretrained model 'digit': did you mean 'digits'"):
        pretrained("digit")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A copy of the package's files of the model that may be spoiled."""
    shutil.copytree(pretrained().parent, tmp_path / "pretrained")
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    return tmp_path / "pretrained"


def test_the_copy_is_as_good(elsewhere):
    assert pretrained() == elsewhere / "digits.safetensors"


def test_a_damaged_file_is_noticed(elsewhere):
    body = bytearray((elsewhere / "digits.safetensors").read_bytes())
    body[-100] ^= 1
    (elsewhere / "digits.safetensors").write_bytes(body)
    with pytest.raises(CheckpointError, match=r"the shipped model is damaged .*: install inkbloom again"):
        pretrained()


@pytest.mark.parametrize("spoil", ["digits.safetensors", "digits.json"])
def test_a_missing_file_is_noticed(elsewhere, spoil):
    (elsewhere / spoil).unlink()
    with pytest.raises(CheckpointError, match="the shipped model is not complete"):
        pretrained()


def test_a_card_that_is_none_is_noticed(elsewhere):
    (elsewhere / "digits.json").write_text("{")
    with pytest.raises(CheckpointError, match="the shipped model is not complete"):
        pretrained()
