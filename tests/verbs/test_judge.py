"""`inkbloom judge` from outside: a judge that `evaluate` takes; it goes on where it was stopped, and replaces nothing."""

import hashlib
import shlex
import signal
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import inkbloom
from inkbloom.config import Recipe
from inkbloom.data import load_data
from inkbloom.errors import DataError, Interrupted
from inkbloom.evaluation.judge import choose_judge, load_judge
from inkbloom.evaluation.train_judge import JudgeTraining, accuracy

room = import_module("inkbloom.api.judge")  # the file; the name alone is the function
COUNT = 200  # the fewest images that a card can be made of


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shapes(tmp_path):
    """shapes(sides, name, classes) -> 'folder:NAME': bright and dark squares whose sides take turns, in sub-folders."""

    def make(sides=(12,), name="shapes", classes=("bright", "dark"), count=COUNT):
        for number in range(count):
            folder, side = tmp_path / name / classes[number % len(classes)], sides[number % len(sides)]
            folder.mkdir(parents=True, exist_ok=True)
            grey = 60 + 130 * (number % len(classes)) // len(classes) + number % 7
            Image.new("L", (side, side), grey).save(folder / f"{number}.png")
        return f"folder:{name}"

    return make


def stop_after(monkeypatch, step, number):
    """The training gets a signal while it takes that step, once."""
    advance = JudgeTraining.advance

    def stopping(self):
        advance(self)
        if self.step == step:
            monkeypatch.setattr(JudgeTraining, "advance", advance)
            signal.raise_signal(number)

    monkeypatch.setattr(JudgeTraining, "advance", stopping)


@pytest.mark.parametrize(("channels", "size"), [(1, (8, 8)), (3, (21, 14))])
def test_any_labelled_source_can_have_a_judge(channels, size, source, command):
    """Striped images, each class with stripes of its own, are told apart within a second's training."""
    name = source(channels, size, COUNT, 3)
    ended = command("judge", name, "--epochs", 30)
    assert (ended.code, ended.err) == (0, "")
    judge, data = load_judge("judge.safetensors"), load_data(name)
    assert (judge.channels, judge.size, judge.classes, judge.source) == (channels, size, ("0", "1", "2"), name)
    assert judge.accuracy > 0.8
    assert judge.accuracy == accuracy(judge.net, data.take("holdout"))
    lines = ended.out.splitlines()
    assert lines[0] == f"data: 160 images of {name}, {size[1]} x {size[0]} x {channels}, 3 classes"
    assert lines[1] == "steps: 60 of 128 images (30 epochs)"
    assert [line.partition(":")[0] for line in lines[2:-2]] == [f"epoch {number}" for number in range(3, 31, 3)]
    assert lines[-2] == f"hold-out: {judge.accuracy:.2%} of 20 images named rightly"
    assert lines[-1] == f"judge: judge.safetensors (SHA-256 {judge.sha256})"


def test_the_same_command_gives_the_same_bytes(source, command):
    for name, seed, disturbance in (("a", 0, 1), ("b", 0, 2), ("c", 1, 3)):
        torch.manual_seed(disturbance)
        before = torch.get_rng_state()
        ended = command("judge", source(count=COUNT), "--out", f"{name}.safetensors", "--seed", seed, "--epochs", 3, "--quiet")
        assert ended == (0, "", "")
        assert torch.equal(torch.get_rng_state(), before)
    a, b, c = ((load_judge(f"{name}.safetensors").sha256) for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("step", [1, 2, 5])
def test_a_stopped_training_goes_on_to_the_same_bytes(step, number, code, source, command, tmp_path, monkeypatch):
    words = ("judge", source(count=COUNT), "--epochs", 3)
    assert command(*words, "--out", "whole.safetensors").code == 0
    stop_after(monkeypatch, step, number)
    ended = command(*words)
    assert ended.code == code
    assert ended.error == f"stopped after step {step} (judge.safetensors.unfinished): the same command goes on from there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["judge.safetensors.unfinished", "whole.safetensors"]
    ended = command(*words)
    assert ended.code == 0
    assert f"resuming after step {step}\n" in ended.out
    assert (tmp_path / "judge.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["judge.safetensors", "whole.safetensors"]


def test_a_killed_training_loses_seconds_at_most(source, command, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "SAVE_EVERY", 0)
    stop_after(monkeypatch, 4, signal.SIGINT)
    monkeypatch.setattr(room, "stop_signals", lambda: nullcontext(SimpleNamespace(signal=0)))  # as deaf as to kill -9
    assert command("judge", source(count=COUNT), "--epochs", 3).code == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert "resuming after step 3\n" in command("judge", source(count=COUNT), "--epochs", 3).out


def test_nothing_is_replaced(source, command, tmp_path, monkeypatch):
    first, other = source(count=COUNT), source(count=COUNT, size=(9, 9))
    assert command("judge", first, "--epochs", 1).code == 0
    before = (tmp_path / "judge.safetensors").read_bytes()
    for name in (first, other):
        ended = command("judge", name, "--epochs", 1)
        assert ended.code == 2
        assert ended.error == "a file stands there already (judge.safetensors): choose another --out, or remove it first"
    assert (tmp_path / "judge.safetensors").read_bytes() == before
    stop_after(monkeypatch, 1, signal.SIGINT)
    words = ("judge", first, "--out", "b.safetensors", "--epochs", 2)
    assert command(*words).code == 130
    before = (tmp_path / "b.safetensors.unfinished").read_bytes()
    for changed, what in (
        (("judge", other, *words[2:]), "images"),
        ((*words[:-1], 3), "epochs"),
        ((*words, "--seed", 1), "seed"),
    ):
        ended = command(*changed)
        assert ended.code == 2
        assert ended.error.startswith(f"a judge of other {what} is in training there (b.safetensors.unfinished): ")
    assert (tmp_path / "b.safetensors.unfinished").read_bytes() == before
    (tmp_path / "b.safetensors.unfinished").write_bytes(before[:-100])
    ended = command(*words)
    assert ended.code == 4
    assert ended.error == ("damaged, the training of a judge (b.safetensors.unfinished): remove it to begin anew")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["npz:none.npz"], 3, "cannot read the npz file (none.npz): No such file or directory"),
        (["folder:none"], 3, "no such folder (none): give the folder that holds the images"),
        (
            ["folder:flat"],
            3,
            "no labels to learn from (folder:flat): a judge needs two classes or more; give each a sub-folder",
        ),
        (["folder:single"], 3, "no labels to learn from (folder:single)"),
        (["npz:zeros.npz"], 3, "training images of one class only (npz:zeros.npz): a judge needs two classes or more"),
        (
            ["folder:few"],
            3,
            "10 images in the slice holdout or reference (folder:few): a card needs 20 in each, a source of 200",
        ),
        (
            ["folder:mixed"],
            3,
            "images of several sizes, 12 x 12 (0.png) and 13 x 13 (104.png): bring all to one with --size 16",
        ),
        (["folder:broken"], 3, "1 of 201 files cannot be read"),
        (["folder:mixed", "--size", "x"], 2, "size = 'x': write N or HxW, as in 32 or 45x60"),
        (["folder:mixed", "--size", "4"], 2, "size = '4': height and width must lie in [8, 1024]"),
        (["folder:few", "--epochs", "0"], 2, "epochs = 0: must lie in [1, "),
        (["folder:few", "--epochs", "many"], 2, "argument --epochs: invalid int value: 'many'"),
        (["folder:few", "--seed", "-1"], 2, "seed = -1: must lie in [0, "),
        (["folder:few", "--out", "mine"], 2, "out = mine: a judge's name ends in .safetensors; write --out mine.safetensors"),
        (["folder:few", "--out", "flat/0.png/x.safetensors"], 5, "a file stands where a folder is needed"),
        (["folder:few", "--step", "3"], 2, "unknown argument '--step': see `inkbloom judge --help`"),
        ([], 2, "the following arguments are required: SOURCE: see `inkbloom judge --help`"),
        (["didgits"], 2, "unknown source 'didgits': did you mean 'digits'?"),
    ],
)
def test_what_cannot_be_judged(words, code, said, shapes, source, command, tmp_path):
    shapes(name="flat", classes=("",))
    shapes(name="single", classes=("only",))
    shapes(name="few", count=100)
    shapes(name="mixed", sides=(12, 12, 13))
    shapes(name="broken")
    (tmp_path / "broken/dark/x.png").write_bytes(b"no picture")
    pixels = np.arange(COUNT * 64).astype(np.uint8).reshape(COUNT, 8, 8)
    np.savez(tmp_path / "zeros.npz", images=pixels, labels=np.zeros(COUNT, int))
    ended = command("judge", *words)
    assert ended.code == code
    assert said in ended.error
    assert ended.out == ""
    assert list(tmp_path.glob("*.safetensors*")) == []


def test_a_number_that_no_image_has_is_no_hindrance(command, tmp_path):
    shade = 60 + 120 * (np.arange(COUNT) % 2)[:, None, None]
    pixels = (shade + np.arange(64).reshape(8, 8)).astype(np.uint8)
    np.savez(tmp_path / "gap.npz", images=pixels, labels=np.arange(COUNT) % 2 * 2)
    assert command("judge", "npz:gap.npz", "--epochs", 1).code == 0
    assert load_judge("judge.safetensors").classes == ("0", "1", "2")


def test_what_the_errors_advise_can_be_done(shapes, command, tmp_path):
    """A source of mixed sizes with a broken file: each line says what to add, and it ends in a judge that `evaluate` takes."""
    shapes(sides=(12, 12, 13))
    (tmp_path / "shapes/dark/x.png").write_bytes(b"no picture")
    words = ["judge", "folder:shapes", "--epochs", 2]
    assert command(*words).error.endswith("bring all to one with --size 16")
    assert command(*words, "--size", 16).error.endswith("leave them out with --skip-broken")
    assert command(*words, "--size", 16, "--skip-broken").code == 0
    assert load_judge("judge.safetensors").size == (16, 16)


def test_the_line_that_advises_to_train_a_judge_works_as_it_stands(shapes, command, tmp_path):
    shapes(sides=(12, 12, 13), name="my shapes")
    (tmp_path / "my shapes/dark/x.png").write_bytes(b"no picture")
    data = load_data("folder:my shapes", (9, 11), True)
    judge, line = choose_judge(None, data, Recipe(size="9x11", skip_broken=True))
    assert judge is None
    advised = shlex.split(line.split("`")[1])
    assert advised[:2] == ["inkbloom", "judge"]
    assert command(*advised[1:], "--epochs", 1).code == 0
    judge, _ = choose_judge(line.split("--judge ")[1], data)
    assert (judge.size, judge.source) == ((9, 11), "folder:my shapes")
    judge, line = choose_judge(None, load_data("digits", (14, 14)), Recipe(size="14"))
    assert "that of digits looks at images of another size: train one with `inkbloom judge digits --size 14 --out " in line
    _, line = choose_judge(None, replace(data, source="own:images"))
    assert "train one with `inkbloom.judge(images)`" in line


# ---- in Python


def test_the_twin_in_python(source, tmp_path, capsys):
    judge = inkbloom.judge(source(count=COUNT), out=tmp_path / "mine.safetensors", epochs=30, quiet=True)
    assert capsys.readouterr().out == ""
    assert judge.sha256 == hashlib.sha256((tmp_path / "mine.safetensors").read_bytes()).hexdigest()
    assert (
        repr(judge) == f"Judge('mine': tells 3 classes of {judge.source} apart, {judge.accuracy:.1%} of the hold-out rightly)"
    )
    data = load_data(source(count=COUNT))
    arrays = inkbloom.images(data.images.numpy(), data.labels.numpy())
    assert inkbloom.judge(arrays, size="9", out=tmp_path / "arrays.safetensors", epochs=1).size == (9, 9)
    assert "data: 160 images of own:images, 9 x 9 x 1, 3 classes" in capsys.readouterr().out
    with pytest.raises(DataError, match="no labels to learn from"):
        inkbloom.judge(inkbloom.images(data.images.numpy()), out=tmp_path / "none.safetensors")


def test_an_interrupt_in_python(source, tmp_path, monkeypatch):
    stop_after(monkeypatch, 2, signal.SIGINT)
    with pytest.raises(Interrupted, match="stopped after step 2") as caught:
        inkbloom.judge(source(count=COUNT), epochs=2, quiet=True)
    assert caught.value.code == 130
    assert inkbloom.judge(source(count=COUNT), epochs=2, quiet=True).accuracy >= 0
