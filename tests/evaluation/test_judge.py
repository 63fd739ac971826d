"""The judge keeps still, says what it is, and is refused when it is not what it was."""

import hashlib
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from inkbloom.data import load_data
from inkbloom.errors import CheckpointError, UsageError
from inkbloom.evaluation import judge as room
from inkbloom.evaluation.judge import JUDGES, JudgeNet, choose_judge, judge_for, load_judge, pack, shipped, unpack
from inkbloom.evaluation.train_judge import JudgeTraining, accuracy, shifted
from inkbloom.store.pretrained import pretrained


@pytest.fixture(scope="module")
def digits():
    return load_judge("digits-v1")


@pytest.fixture
def packed():
    """A tiny untrained judge of three classes as a file's bytes."""
    return pack(JudgeNet(1, 3, 8), source="mine", classes=("a", "b", "c"), size=(9, 8), accuracy=0.5, seed=0)


def pictures(n, shape=(1, 28, 28)):
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


# ---- what ships


@pytest.mark.parametrize("name", shipped())
def test_shipped_judges_are_what_the_table_says(name):
    judge, entry = load_judge(name), shipped()[name]
    assert set(entry) == {"sha256", "source", "d", "accuracy", "seed", "command"}
    assert (judge.sha256, judge.d, judge.accuracy) == (entry["sha256"], entry["d"], entry["accuracy"])
    assert judge_for(entry["source"]) == judge.name == name
    assert entry["command"].endswith(f"{entry['source']} --seed {entry['seed']} --out {name}.safetensors")
    assert judge.layer == "penultimate"
    assert judge.size == (28, 28)
    assert 100_000 <= sum(tensor.numel() for tensor in judge.net.parameters()) <= 250_000
    assert (room.files("inkbloom.evaluation") / "judges" / f"{name}.safetensors").stat().st_size < 1_000_000


def test_every_judge_of_a_source_ships():
    assert set(JUDGES.values()) == set(shipped())
    assert judge_for("folder:mine") is None


def test_accuracy_is_as_recorded(digits):
    data = load_data("digits").take("holdout")
    found = accuracy(digits.net, data)
    assert found >= digits.accuracy - 0.0011  # one image of a thousand may round the other way on another machine
    seen = digits.look(data.images)
    assert float((seen.probabilities.argmax(1) == data.labels).double().mean()) == pytest.approx(found, abs=0.0011)
    assert found >= 0.985


# ---- looking


def test_look_gives_features_and_probabilities(digits):
    seen = digits.look(pictures(5))
    assert seen.features.shape == (5, 64)
    assert seen.probabilities.shape == (5, 10)
    assert seen.features.dtype == seen.probabilities.dtype == torch.float32
    assert torch.allclose(seen.probabilities.sum(1), torch.ones(5))
    assert not seen.features.requires_grad


def test_batches_do_not_matter(digits, monkeypatch):
    images = pictures(7)
    whole = digits.look(images)
    monkeypatch.setattr(room, "BATCH_PIXELS", 2 * 28 * 28)
    for one, other in zip(digits.look(images), whole, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("images", [pictures(2, (1, 27, 28)), pictures(2, (3, 28, 28)), pictures(2).float(), pictures(2)[0]])
def test_other_images_are_refused(digits, images):
    with pytest.raises(UsageError, match="judge digits-v1"):
        digits.look(images)


def test_a_judge_stays_in_eval_mode(digits):
    host = nn.ModuleList([digits.net])
    before = digits.look(pictures(4)).features
    host.train()
    assert not any(module.training for module in digits.net.modules())
    assert torch.equal(digits.look(pictures(4)).features, before)
    assert torch.equal(digits.look(pictures(4)).features, before)


def test_without_the_freeze_it_would_not():
    net = JudgeNet(1, 3)
    nn.ModuleList([net]).train()
    x = torch.rand(4, 1, 8, 8)
    mean = net.body[0][1].running_mean.clone()
    net(x)
    assert not torch.equal(net.body[0][1].running_mean, mean)


# ---- files


def test_a_file_comes_back_as_it_was(tmp_path, packed):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(packed)
    judge = load_judge(str(path))
    assert (judge.name, judge.d, judge.classes, judge.size, judge.channels) == ("mine", 8, ("a", "b", "c"), (9, 8), 1)
    assert judge.sha256 == hashlib.sha256(packed).hexdigest()
    assert judge.look(pictures(3, (1, 9, 8))).features.shape == (3, 8)


def test_a_wrong_hash_is_refused(packed):
    right = hashlib.sha256(packed).hexdigest()
    assert unpack(packed, "mine", right).sha256 == right
    changed = bytearray(packed)
    changed[-1] ^= 1
    with pytest.raises(CheckpointError, match="changed since it was shipped"):
        unpack(bytes(changed), "mine", right)


def test_a_shipped_judge_is_checked_against_the_table(monkeypatch):
    table = shipped()
    table["digits-v1"]["sha256"] = "0" * 64
    monkeypatch.setattr(room, "shipped", lambda: table)
    with pytest.raises(CheckpointError, match=r"digits-v1, SHA-256 .*: install inkbloom again"):
        load_judge("digits-v1")


def test_a_changed_file_does_not_pass_under_a_shipped_name(tmp_path):
    whole = bytearray((files("inkbloom.evaluation") / "judges" / "digits-v1.safetensors").read_bytes())
    path = tmp_path / "digits-v1.safetensors"
    path.write_bytes(whole)
    assert load_judge(str(path)).sha256 == load_judge("digits-v1").sha256
    whole[-3] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match=r"changed since it was shipped .*or rename your own"):
        load_judge(str(path))
    assert load_judge(str(path.rename(tmp_path / "other.safetensors"))).name == "other"


@pytest.mark.parametrize("cut", [0, 5, 500, -1])
def test_a_damaged_file_is_told(packed, cut):
    with pytest.raises(CheckpointError, match="damaged") as told:
        unpack(packed[:cut], "mine")
    assert "\n" not in str(told.value)


def rewritten(path, packed, tensors=(), **about):
    """The file with some of its tensors and its description replaced."""
    path.write_bytes(packed)
    length = int.from_bytes(packed[:8], "little")
    told = json.loads(json.loads(packed[8 : 8 + length])["__metadata__"]["inkbloom"])
    save_file(load_file(path) | dict(tensors), path, {"inkbloom": json.dumps(told | about)})
    return str(path)


@pytest.mark.parametrize(
    "change",
    [
        {"d": 9},
        {"d": 10**9},
        {"d": "x"},
        {"channels": 3},
        {"channels": 10**6},
        {"classes": ["a"]},
        {"classes": None},
        {"size": [8]},
        {"size": [1, 1]},
        {"accuracy": None},
        {"tensors": {"outer.bias": torch.full((3,), float("nan"))}},
        {"tensors": {"surplus": torch.zeros(1)}},
    ],
)
def test_a_judge_that_does_not_fit_itself_is_told(tmp_path, packed, change):
    with pytest.raises(CheckpointError, match="damaged judge") as told:
        load_judge(rewritten(tmp_path / "mine.safetensors", packed, **change))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "what"),
    [({"kind": "x"}, "no judge"), ({"format": 2}, "no judge of format 1")],
)
def test_another_kind_of_file_is_told(tmp_path, packed, change, what):
    assert load_judge(rewritten(tmp_path / "mine.safetensors", packed)).d == 8
    with pytest.raises(CheckpointError, match=f"{what}.*, where a judge is needed"):
        load_judge(rewritten(tmp_path / "mine.safetensors", packed, **change))


def test_a_models_weights_are_no_judge():
    with pytest.raises(CheckpointError, match=r"weights of a model, where a judge is needed"):
        load_judge(str(pretrained()))


def test_doubts_about_a_judge_are_told(tmp_path, source, packed):
    data = load_data(source(size=(9, 8)))
    for share, trained_on, doubt in (
        (0.11, data.source, "names only 11% of"),
        (0.95, "digits", "was trained on digits, not on npz:"),
    ):
        path = rewritten(tmp_path / "mine.safetensors", packed, accuracy=share, source=trained_on)
        judge, line = choose_judge(path, data)
        assert judge.accuracy == share
        assert doubt in line
    path = rewritten(tmp_path / "mine.safetensors", packed, accuracy=0.95, source=data.source)
    assert choose_judge(path, data)[1] == ""
    assert choose_judge(None, load_data("digits"))[1] == ""


def test_unknown_names_and_missing_files_are_told(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'digits-v1'"):
        load_judge("digits-v2")
    with pytest.raises(CheckpointError, match="No such file"):
        load_judge(str(tmp_path / "none.safetensors"))


# ---- training


def losses(training):
    while training.step < training.steps:
        training.advance()
        yield training.losses[-1]


def test_training_sees_the_training_slice_alone(source):
    data = load_data(source(count=90))
    spoiled = data.images.clone()
    spoiled[torch.cat([data.slices["holdout"], data.slices["reference"]])] = 0
    one, other = (list(losses(JudgeTraining(each, epochs=2))) for each in (data, replace(data, images=spoiled)))
    assert one == other


def test_training_goes_on_from_any_step_and_leaves_the_generator_alone(source):
    """Two epochs of 160 images in batches of 128 and 32, stopped after each step by turns."""
    data = load_data(source(count=200))
    before = torch.get_rng_state()
    whole = JudgeTraining(data, epochs=2, d=8)
    expected = list(losses(whole))
    for stop in range(5):
        first = JudgeTraining(data, epochs=2, d=8)
        for _ in range(stop):
            first.advance()
        rest = JudgeTraining(data, epochs=2, d=8)
        rest.resume(first.saved(), Path("here"))
        assert list(losses(rest)) == expected[stop:]
        weights = [training.net.state_dict() for training in (whole, rest)]
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert torch.equal(torch.get_rng_state(), before)
    assert list(losses(JudgeTraining(data, epochs=2, d=8, seed=1))) != expected


def test_shifts_move_whole_pixels_and_keep_the_edge():
    images = torch.arange(1, 10, dtype=torch.uint8).reshape(1, 1, 3, 3).expand(200, 2, 3, 3)
    moved = shifted(images)
    columns = {tuple(row) for row in moved[:, 1, 1].tolist()}
    assert {len({value % 3 for value in row}) for row in columns} == {2, 3}
    assert (4, 4, 5) in columns | {tuple(v - 3 * ((v - 1) // 3 - 1) for v in row) for row in columns}
    assert torch.equal(shifted(images, most=0), images)
    assert len({tuple(image.flatten().tolist()) for image in moved}) == 9  # three places either way
    assert all(torch.equal(image[0], image[1]) for image in moved)
