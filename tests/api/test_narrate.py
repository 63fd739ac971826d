"""A training told as it goes: lines, previews, and what stands in them."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

import inkbloom
from inkbloom.api import narrate
from inkbloom.api.narrate import Narrator, introduction, time_line
from inkbloom.data import load_data
from inkbloom.evaluation.holdout import Anchors, HoldoutLoss
from inkbloom.recipe_files import load_recipe
from inkbloom.store.folder import RunFolder
from inkbloom.training.prepare import prepare
from inkbloom.training.session import Epoch, Logged, Saved, Started


@pytest.mark.parametrize(
    ("images_per_second", "look", "said"),
    [
        (64.0, 2, "time: about 16 min 30 s to go, 1.0 s a step"),
        (1280.0, 2, "time: about 49.5 s to go, 50 ms a step"),
        (2.56, 1, "time: about 6 h 52 min to go, 25.0 s a step; a smaller --size, "),
        (64.0, 1, ""),  # the first look has the warm-up in it
        (64.0, 3, ""),  # once is enough
        (2.56, 2, ""),
    ],
)
def test_how_long_it_will_take_is_told_once(images_per_second, look, said):
    """990 steps of 64 images are left."""
    line = time_line({"step": 10, "images": 64, "images_per_second": images_per_second}, look, 1000)
    assert line.startswith(said)
    assert bool(line) == bool(said)
    assert time_line({"step": 1000, "images": 64, "images_per_second": images_per_second}, look, 1000) == ""


@pytest.fixture
def narrator(recipe, tmp_path):
    """narrator(**changes of the recipe) -> (a narrator of a run in tmp_path / 'run', where it prints)."""

    def make(**changes):
        made, file = load_recipe(str(recipe(**changes))), io.StringIO()
        console = Console(file=file, highlight=False, markup=False, soft_wrap=True)
        return Narrator(console, RunFolder(tmp_path / "run"), made, load_data(made.data), ()), file

    return make


def test_the_events_of_a_resumed_training_as_lines(narrator, monkeypatch, tmp_path):
    clock = iter([100.0, 165.4])
    monkeypatch.setattr(narrate, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told, file = narrator(steps=10)
    told.tell(
        [
            Started(4, ["step-00000008 is damaged"]),
            Logged([{"step": 8, "losses": {"denoise": 0.25}, "images": 64, "images_per_second": 1000.0}]),
            Saved(8, Path("step-00000008")),
            Epoch(0, {"discriminate": 0.125, "generate": 2.0}),
            Epoch(1, {"denoise": 0.5}),
            HoldoutLoss(10, [0.25, 0.75], [0.01, 0.03], Anchors([0.02, 0.06], 0.09)),
            Saved(10, Path("step-00000010")),
        ]
    )
    assert file.getvalue().splitlines() == [
        "warning: step-00000008 is damaged; going on from an older one",
        "resuming after step 4",
        "epoch 0: mean discriminate 0.12500, generate 2.00000",
        "epoch 1: mean loss 0.50000",
        "step 10: hold-out x0 loss 0.0200 (mean image 0.0900, best linear denoiser 0.0400), by noise level:",
        "  t        0.25   0.75",
        "  net    0.0100 0.0300",
        "  linear 0.0200 0.0600",
        "trained 6 steps in 1 min 5 s",
        f"run: {tmp_path / 'run'}",
    ]


def test_a_finished_training_says_so_and_no_more(narrator, tmp_path):
    told, file = narrator(steps=10)
    told.tell([Started(10, [])])
    assert file.getvalue() == f"already trained: 10 steps\nrun: {tmp_path / 'run'}\n"


def test_compiling_is_told_before_it_takes_its_minute(narrator):
    assert narrator(compile="off")[0].notes == []
    (line,) = narrator(compile="on")[0].notes
    assert "compiling: about a minute" in line


def test_the_introduction_counts_what_is_trained(recipe, source):
    """The discriminator is, the teacher, which a student carries too, is not."""
    for name, nets in (("gan", 2), ("few-step", 1)):
        changes = {"data": source(size=(16, 16)), "widths": [16], "steps": 5, "batch_size": 16, "compile": "off"}
        training = prepare(load_recipe(name).resolved(**changes), load_data(changes["data"]), torch.device("cpu"))
        family = training.state.family
        trained = [family.net, *family.training_nets.values()][:nets]
        count = sum(p.numel() for net in trained for p in net.parameters())
        lines = list(introduction(training))
        assert lines[0] == f"data: 40 images of {changes['data']}, 16 x 16 x 1, 3 classes"
        assert f"{family.title}, {count:,} parameters; " in lines[1]
        assert lines[2].startswith("steps: 5 of 16 images (2 epochs), ")
        assert lines[3] == f"device: cpu ({torch.get_num_threads()} threads)"


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("tutorial-basic", {}, "steps: 1,890 of 128 images (30 epochs), adam at 0.001"),
        ("tutorial-basic", {"epochs": 2, "batch_size": 3000}, "steps: 6 of 3000 images (2 epochs), adam at 0.001"),
        ("tutorial-basic", {"steps": 3, "batch_size": 3000}, "steps: 3 of 3000 images (1 epoch), adam at 0.001"),
        ("fast", {"steps": 2000, "widths": [16]}, "steps: 2,000 of 32 images (8 epochs), muon at 0.003"),
        ("fast", {"steps": 100, "widths": [16]}, "steps: 100 of 32 images (0.4 epochs), muon at 0.003"),
    ],
)
def test_the_introduction_says_how_often_each_image_is_seen(name, changes, told):
    """An epoch that ends with a short batch has a step more than its images fill."""
    training = prepare(load_recipe(name).resolved(compile="off", **changes), load_data("digits"), torch.device("cpu"))
    assert list(introduction(training))[2] == told


def test_a_preview_shows_the_live_weights_above_their_average(recipe, tmp_path):
    run = inkbloom.train(recipe(lr=2e-2, ema=0.9), out=tmp_path / "run", quiet=True)
    with Image.open(run.path / "previews/step-00000024.png") as picture:
        seen = np.asarray(picture)[1:, 1:].astype(int)
    rows = [seen[row * 17 : row * 17 + 16 : 2] for row in range(4)]
    pictures = np.stack([row[:, column * 17 : column * 17 + 16 : 2] for row in rows for column in range(8)])
    live, averaged = (np.asarray(inkbloom.Run(run.path, weights).sample(16))[..., 0].astype(int) for weights in ("live", "ema"))
    assert abs(pictures - np.concatenate([live, averaged])).max() <= 1
    assert abs(live - averaged).max() > 3


def test_a_preview_gives_each_class_that_has_a_name_a_row(tmp_path):
    """Ten classes: a row each, live left, average right; not a tower of twenty rows with holes."""
    drawn = np.random.default_rng(0).integers(0, 256, (200, 16, 16), np.uint8)
    names = [f"kind {letter}" for letter in "abcdefghij"]
    data = inkbloom.images(drawn, labels=np.arange(200) % 10, classes=names)
    small = {"widths": [16], "layers": 1, "steps": 3, "batch_size": 8, "compile": "off", "sample_steps": 2, "ema": 0.5}
    run = inkbloom.train("fast", data=data, out=tmp_path / "run", quiet=True, **small)
    picture = Image.open(next((run.path / "previews").iterdir())).convert("L")
    assert picture.height == 10 * 33 + 1
    seen = np.asarray(picture)[:, picture.width - (2 * 33 + 1) :].astype(int)
    pairs = [seen[33 * row + 1 : 33 * row + 33 : 2, 33 * k + 1 : 33 * k + 33 : 2] for row in range(10) for k in range(2)]
    live, averaged = (inkbloom.Run(run.path, kind).sample(10)[..., 0].astype(int) for kind in ("live", "ema"))
    assert abs(np.stack(pairs[::2]) - live).max() <= 1
    assert abs(np.stack(pairs[1::2]) - averaged).max() <= 1


def test_the_introduction_says_what_is_not_heeded(recipe):
    training = prepare(load_recipe(recipe(augment_with=("mirror",))), load_data("digits"), torch.device("cpu"))
    assert "--augment-with does nothing without --augment: add --augment 0.15" in list(introduction(training))
