"""`inkbloom sample` from outside: the pictures, the files, and what it refuses."""

import errno
import json
import os
import signal
import sys
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save

import inkbloom
from inkbloom import sampling
from inkbloom.errors import CheckpointError, UsageError
from inkbloom.nets import Ink
from inkbloom.philox import Draw
from inkbloom.run import Run
from inkbloom.store.checkpoint import read

STEPS = 24


@pytest.fixture(scope="module")
def runs(tmp_path_factory, source):
    """A run of three classes, one that knows none, and one in colour; nobody writes into them."""
    folder = tmp_path_factory.mktemp("runs")
    fields = {
        "net": "ink", "widths": (16,), "layers": 1, "steps": STEPS, "batch_size": 16, "compile": "off", "precision": "fp32",
        "sample_steps": 3, "lr": 1e-2, "checkpoint_every": 8,
    }  # fmt: skip
    base = inkbloom.Recipe().resolved(**fields)
    inkbloom.train(base, out=folder / "classes", quiet=True, data=source(), ema=0.3)
    inkbloom.train(base, out=folder / "plain", quiet=True, data=source(classes=0))
    inkbloom.train(base, out=folder / "colour", quiet=True, data=source(3, (9, 12)), noise="uniform", pixels="0..1")
    return folder


@pytest.fixture
def draw(runs, command, tmp_path):
    """draw(*flags, run=name) -> (images (N, H, W, C), labels or None) that the command wrote."""

    def call(*flags, run="classes"):
        path = tmp_path / "drawn.npz"
        path.unlink(missing_ok=True)
        ended = command("sample", runs / run, "--out", tmp_path / "pictures", "--npz", path, "--quiet", *flags)
        assert ended == (0, "", "")
        with np.load(path) as held:
            return held["images"], held.get("labels")

    return call


def checkpoint(run):
    return run / "checkpoints" / (run / "checkpoints/latest").read_text().strip()


# ---- pictures


def test_the_grid_and_the_words(runs, command, tmp_path):
    ended = command("sample", runs / "classes", "--out", tmp_path / "out")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"16 pictures, euler, 3 steps, 3 network evaluations each\ngrid: {tmp_path}/out/grid.png\n"
    with Image.open(tmp_path / "out/grid.png") as grid:
        assert grid.size == (4 * 17 + 1, 4 * 17 + 1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["grid.png"]


def test_pictures_go_into_the_run_unless_asked_otherwise(recipe, command, tmp_path):
    run = tmp_path / "run"
    assert command("train", recipe(steps=2), "--out", run, "--quiet").code == 0
    assert f"grid: {run}/samples/grid.png" in command("sample", run, "--count", 1).out
    weights = tmp_path / "alone.safetensors"
    weights.write_bytes((checkpoint(run) / "model.safetensors").read_bytes())
    assert f"grid: {tmp_path}/samples/grid.png" in command("sample", weights, "--count", 1).out


def test_classes_go_round_and_stand_in_columns(draw, tmp_path):
    images, labels = draw("--count", 7)
    assert images.shape == (7, 8, 8, 1)
    assert images.dtype == np.uint8
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    draw("--count", 30)
    with Image.open(tmp_path / "pictures/grid.png") as grid:
        assert grid.size == (3 * 17 + 1, 10 * 17 + 1)


def test_one_class(draw):
    every, _ = draw("--count", 9)
    for label in range(3):
        images, labels = draw("--count", 9, "--label", label)
        assert labels.tolist() == [label] * 9
        same = (images == every).all((1, 2, 3))
        assert same[label::3].all()
        assert not same[[k for k in range(9) if k % 3 != label]].any()


def test_several_classes_come_in_turn_by_name_or_number_and_have_a_row_each(draw, runs, command, tmp_path):
    pictures, labels = draw("--count", 5, "--label", 2, "1", 2)
    assert labels.tolist() == [2, 1, 2, 2, 1]
    assert (pictures[1] == draw("--count", 5, "--label", 1)[0][1]).all()
    ended = command("sample", runs / "classes", "--out", tmp_path / "out", "--count", 6, "--label", 2, 1)
    assert ended.out.startswith("6 pictures of classes 2, 1, euler")
    with Image.open(tmp_path / "out/grid.png") as grid:
        assert grid.height == 2 * 17 + 1
        assert grid.width > 3 * 17 + 1
    ended = command("sample", runs / "classes", "--out", tmp_path / "out", "--label", 1)
    assert ended.out.startswith("16 pictures of class 1, euler")
    with Image.open(tmp_path / "out/grid.png") as grid:
        assert grid.size == (4 * 17 + 1, 4 * 17 + 1)  # one class: a square, as ever


def test_names_of_classes_work_where_numbers_do(recipe, command, tmp_path):
    """In sample, in explain, between two images of a vae; and sheets of such classes say their names."""
    numbers = np.random.default_rng(0)
    for number in range(60):
        path = tmp_path / "mine" / ("10", "2", "Flags")[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(numbers.integers(0, 256, (8, 8), np.uint8)).save(path)
    run, vae = tmp_path / "run", tmp_path / "vae"
    made = recipe(data=f"folder:{tmp_path / 'mine'}", steps=2)
    assert command("train", made, "--out", run, "--quiet").code == 0
    with Image.open(run / "previews/step-00000002.png") as preview:
        assert preview.height == 3 * 17 + 1  # a row for each class
    for asked, labels in ((["Flags"], [2, 2]), (["10", "2"], [1, 0]), (["1", "Flags"], [1, 2]), (["0"], [0, 0])):
        ended = command("sample", run, "--count", 2, "--label", *asked, "--npz", tmp_path / "x.npz", "--out", tmp_path / "out")
        assert ended.code == 0
        assert np.load(tmp_path / "x.npz")["labels"].tolist() == labels
    assert (
        command("sample", run, "--label", "flags").error == "unknown class 'flags': did you mean 'Flags'? known: 2, 10, Flags"
    )
    assert command("sample", run, "--count", 9, "--out", tmp_path / "out", "--quiet").code == 0
    with Image.open(tmp_path / "out/grid.png") as grid:
        assert grid.height == 3 * 17 + 1
        assert grid.width > 3 * 17 + 1 + 20
    explained = command("explain", "sampling", "--run", run, "--label", "Flags", "2", "--out", tmp_path / "explained")
    assert (explained.code, explained.err) == (0, "")
    assert "unknown class 'Flag'" in command("explain", "sampling", "--run", run, "--label", "Flag").error
    inkbloom.train("vae", data=f"folder:{tmp_path / 'mine'}", steps=2, widths=[8], batch_size=8, out=vae, quiet=True)
    opened = inkbloom.Run(vae)
    held = inkbloom.load_data(f"folder:{tmp_path / 'mine'}").take("holdout")
    first = [int((held.labels == label).nonzero()[0]) for label in (2, 0)]
    assert (opened.between("Flags", first[1]) == opened.between(*first)).all()
    assert (opened.plane(2, "Flags") == opened.plane(2, 2)).all()
    ended = command("sample", vae, "--between", "Flags", first[1], "--plane", "--label", "Flags", "--out", tmp_path / "out")
    assert (ended.code, ended.err) == (0, "")
    assert "unknown class 'Flag'" in command("sample", vae, "--between", "Flag", 0).error
    assert (
        f"between = 99: the hold-out images are 0 to {len(held.images) - 1}" in command("sample", vae, "--between", 0, 99).error
    )


def test_a_run_behind_the_labels_is_still_the_run(runs, command, tmp_path):
    ended = command("sample", "--out", tmp_path, "--label", 1, runs / "classes")
    assert ended.out.startswith("16 pictures of class 1, euler, 3 steps")


def test_without_classes_there_are_no_labels(draw):
    images, labels = draw("--count", 3, run="plain")
    assert len(images) == 3
    assert labels is None
    assert (draw("--count", 3, "--guidance", 1, run="plain")[0] == images).all()


def test_guidance(draw):
    pictures = {scale: draw("--count", 9, "--guidance", scale)[0] for scale in (0, 1, 3)}
    assert (pictures[1] == draw("--count", 9)[0]).all()
    assert (pictures[0] == draw("--count", 9, "--guidance", 0, "--label", 2)[0]).all()  # whatever the class
    assert len({image.tobytes() for image in pictures.values()}) == 3


def test_seeds(draw):
    first, same, other = draw(), draw("--seed", 0), draw("--seed", 1)
    assert (first[0] == same[0]).all()
    assert not (first[0] == other[0]).all((1, 2, 3)).any()
    assert draw("--seed", 2**32 - 1)[0].shape == first[0].shape


def test_a_picture_does_not_depend_on_how_many_there_are(draw, runs, monkeypatch):
    """The noise to the bit; the picture within one grey level, since a network may add in another order in another batch."""
    run = inkbloom.Run(runs / "classes")
    many, few = run.request(40), run.request(3)
    assert torch.equal(
        sampling.starting_point(run.family, many, 0, 40)[:3],
        sampling.starting_point(run.family, few, 0, 3),
    )
    assert torch.equal(
        sampling.starting_point(run.family, many, 0, 40)[17:19],
        sampling.starting_point(run.family, many, 17, 19),
    )
    for flags in ((), ("--guidance", 2, "--solver", "heun"), ("--solver", "ancestral")):
        all_40 = draw("--count", 40, *flags)[0].astype(int)
        assert abs(all_40[:3] - draw("--count", 3, *flags)[0]).max() <= 1
        with monkeypatch.context() as patched:
            patched.setattr(sampling, "batches", partial(sampling.batches, numbers=7 * 64))
            assert abs(all_40 - draw("--count", 40, *flags)[0]).max() <= 1


def test_a_noise_that_depends_on_the_batch_is_noticed(draw, monkeypatch):
    """The control: noise by the place in the batch instead of by the number of the picture."""
    monkeypatch.setattr(sampling, "batches", partial(sampling.batches, numbers=7 * 64))
    monkeypatch.setattr(sampling, "Draw", lambda seed, numbers, device: Draw(seed, np.arange(len(numbers)), device))
    worse = draw("--count", 40)[0].astype(int)
    monkeypatch.undo()
    assert abs(worse - draw("--count", 40)[0]).max() > 1


@pytest.mark.parametrize(
    ("flags", "steps", "calls"),
    [
        (("--nfe", 6), 6, 6),
        (("--nfe", 7, "--solver", "heun"), 4, 7),
        (("--nfe", 6, "--solver", "heun"), 3, 5),
        (("--nfe", 7, "--guidance", 2), 3, 6),
        (("--nfe", 1, "--guidance", 2), 1, 2),
        (("--steps", 5, "--solver", "heun", "--guidance", 2), 5, 18),
        (("--steps", 5, "--solver", "dpmpp_2m", "--spacing", "logsnr"), 5, 5),
    ],
)
def test_network_evaluations_are_what_is_said(flags, steps, calls, runs, command, tmp_path, monkeypatch):
    counted, real = [], Ink.forward
    monkeypatch.setattr(Ink, "forward", lambda self, x, t, y: counted.append(len(x)) or real(self, x, t, y))
    ended = command("sample", runs / "classes", "--count", 5, "--out", tmp_path, *flags)
    assert f", {steps} steps, {calls} network evaluations each" in ended.out
    assert counted == [5] * calls


@pytest.mark.parametrize("solver", ["euler", "heun", "dpmpp_2m", "ancestral"])
@pytest.mark.parametrize("spacing", ["uniform", "shifted", "logsnr"])
def test_every_solver_and_spacing_draws(solver, spacing, draw):
    images, _ = draw("--count", 6, "--solver", solver, "--spacing", spacing, "--steps", 6)
    assert images.std() > 20


def test_live_and_averaged_weights(draw, runs):
    averaged, live = draw()[0], draw("--weights", "live")[0]
    assert (averaged == draw("--weights", "ema")[0]).all()
    assert not (averaged == live).all()
    assert (draw("--weights", "ema", run="plain")[0] == draw("--weights", "live", run="plain")[0]).all()  # there is no average
    with pytest.raises(UsageError, match="unknown weights 'best': known: ema, live"):
        inkbloom.Run(runs / "classes", "best")


def test_a_weights_file_alone_draws_as_its_run_does(draw, runs, command, tmp_path):
    for weights, name in (("ema", "ema"), ("live", "model")):
        alone = tmp_path / f"{name}.safetensors"
        alone.write_bytes((checkpoint(runs / "classes") / alone.name).read_bytes())
        path = tmp_path / "alone.npz"
        assert command("sample", alone, "--npz", path, "--quiet") == (0, "", "")
        assert (np.load(path)["images"] == draw("--weights", weights)[0]).all()
        assert inkbloom.Run(alone).step == STEPS


def test_colour(draw, tmp_path):
    images, _ = draw("--count", 4, run="colour")
    assert images.shape == (4, 9, 12, 3)
    with Image.open(tmp_path / "pictures/grid.png") as grid:
        assert (grid.mode, grid.size) == ("RGB", (2 * 25 + 1, 2 * 19 + 1))


# ---- files


def test_pngs_are_the_pictures(draw, tmp_path, runs):
    for run in ("classes", "colour"):
        images, _ = draw("--count", 12, "--pngs", run=run)
        out = tmp_path / "pictures" / "pictures"
        assert sorted(path.name for path in out.iterdir()) == [f"{k:05d}.png" for k in range(12)]
        for number, image in enumerate(images):
            with Image.open(out / f"{number:05d}.png") as picture:
                assert (np.asarray(picture).reshape(image.shape) == image).all()
        for path in out.iterdir():
            path.unlink()


def test_an_npz_can_be_trained_on(draw, recipe, command, tmp_path):
    draw("--count", 30)
    path = recipe(data=f"npz:{tmp_path / 'drawn.npz'}", steps=2)
    assert command("train", path, "--out", tmp_path / "run", "--quiet") == (0, "", "")


@pytest.mark.parametrize(("run", "count"), [("classes", 16), ("colour", 3)])
def test_history(run, count, runs, command, tmp_path):
    ended = command("sample", runs / run, "--out", tmp_path, "--history", "--steps", 5, "--count", count)
    assert ended.out.endswith(f"history: {tmp_path}/history.png\nfilm: {tmp_path}/film.gif\n")
    shown, (height, width) = min(count, 8), (8, 8) if run == "classes" else (9, 12)
    with Image.open(tmp_path / "film.gif") as film:
        side = (min(4, shown) if shown >= 4 else 4) * (2 * width + 1) + 1
        assert film.size == (2 * side + 12, -(-shown // 4) * (2 * height + 1) + 1)
        durations = []
        for frame in range(film.n_frames):
            film.seek(frame)
            durations.append(film.info["duration"])
    assert len(durations) == 5 + 1  # every step, and the result
    assert durations[:5] == [800] * 5
    assert durations[5] == 12 * 800
    with Image.open(tmp_path / "history.png") as sheet:
        assert sheet.width == 720
        assert sheet.height > 5 * 20


def test_history_shows_what_the_grid_shows(runs, command, tmp_path):
    """The last frame of the film holds the final pictures on both sides, the first one noise on the left."""
    command("sample", runs / "classes", "--out", tmp_path, "--history", "--count", 8, "--npz", tmp_path / "x.npz")
    images = np.load(tmp_path / "x.npz")["images"][..., 0]
    with Image.open(tmp_path / "film.gif") as film:
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("L")).astype(int)
        film.seek(0)
        first = np.asarray(film.convert("L")).astype(int)
    for number, image in enumerate(images):
        top, left = 1 + number // 4 * 17, 1 + number % 4 * 17
        for side in (0, 69 + 12):
            seen = last[top : top + 16, left + side : left + side + 16]
            assert abs(seen - image.repeat(2, 0).repeat(2, 1)).max() <= 1
        assert abs(first[top : top + 16, left : left + 16] - image.repeat(2, 0).repeat(2, 1)).max() > 60


def test_from_a_picture(draw, tmp_path):
    """Little noise starts from the picture, brought to the model's size and colours; full noise leaves nothing of it."""
    stripes = np.arange(16, 256, 30, np.uint8)[None].repeat(8, 0)
    large = Image.fromarray(stripes).convert("RGB").resize((32, 24), Image.Resampling.NEAREST)  # cropped to 24 x 24
    large.save(tmp_path / "mine.png")
    flags = ("--from", tmp_path / "mine.png", "--at")
    draw(*flags, 0.01, "--count", 2, "--history")
    with Image.open(tmp_path / "pictures/film.gif") as film:  # its first frame: what the network saw first
        first, second = (np.asarray(film.convert("L"))[1:17:2, left : left + 16 : 2].astype(int) for left in (1, 18))
    cropped = np.asarray(large.convert("L"))[0, 4:28].reshape(8, 3).mean(1)
    assert abs(first - cropped).max() <= 15
    assert (first != second).any()  # the noise is the picture's own
    pictures = {level: draw(*flags, level, "--count", 4)[0] for level in (0.05, 0.5, 1)}
    assert (pictures[1] == draw("--count", 4)[0]).all()
    assert len({image.tobytes() for image in pictures.values()}) == 3
    assert draw(*flags, 0.5, "--count", 2, run="colour")[0].shape == (2, 9, 12, 3)


# ---- refusals: one line, the right code, and nothing written


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--count", 0), "count = 0: must lie in [1, 10000000]"),
        (("--count", 10**8), "count = 100000000"),
        (("--steps", 0), "steps = 0: must lie in [1, 10000]"),
        (("--nfe", 0), "nfe = 0"),
        (("--steps", 3, "--nfe", 3), "steps and nfe both set"),
        (("--solver", "eulr"), "unknown solver 'eulr': did you mean 'euler'? known: euler, heun, dpmpp_2m, ancestral"),
        (("--spacing", "shfited"), "unknown spacing 'shfited': did you mean 'shifted'?"),
        (("--weights", "best"), "invalid choice: 'best'"),
        (("--seed", -1), "seed = -1: must lie in [0, 4294967295]"),
        (("--seed", 2**32), "seed = 4294967296"),
        (("--label", 3), "label = 3: the model knows the classes 0 to 2"),
        (("--label", -1), "label = -1: the model knows the classes 0 to 2"),
        (("--label", "cat"), "unknown class 'cat': known: 0, 1, 2"),
        (("--label", 0, "cat"), "unknown class 'cat'"),
        (("--label", 0, 1, 2, "--count", 2), "3 labels for 2 pictures: draw more, or name fewer classes"),
        (("--label", "1.5"), "unknown class '1.5'"),
        (("--label",), "expected at least one argument"),
        (("--guidance", -1), "guidance = -1: must lie in [0, 100]"),
        (("--guidance", "nan"), "guidance = nan"),
        (("--history", "--film"), "unknown argument '--film'"),
    ],
)
def test_requests_that_make_no_sense(flags, said, runs, command, tmp_path):
    ended = command("sample", runs / "classes", "--out", tmp_path / "out", *flags)
    assert ended.code == 2
    assert said in ended.error
    assert len(ended.error) <= 200
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--label", 0), "leave out --label, or train with labels"),
        (("--guidance", 2), "leave out --guidance, or train with labels or clusters"),
        (("--guidance", 0), "leave out --guidance, or train with labels or clusters"),
    ],
)
def test_a_model_without_classes_takes_no_request_about_them(flags, said, runs, command, tmp_path):
    ended = command("sample", runs / "plain", "--out", tmp_path / "out", *flags)
    assert ended.code == 2
    assert ended.error == f"the model knows no classes: {said}"


@pytest.mark.parametrize("flags", [("--solver", "ancestral"), ("--spacing", "logsnr")])
def test_uniform_noise_has_its_limits(flags, runs, command, tmp_path):
    ended = command("sample", runs / "colour", "--out", tmp_path / "out", *flags)
    assert ended.code == 2
    assert "uniform noise" in ended.error


@pytest.mark.parametrize("level", [0, -0.5, 1.5, "nan", "inf"])
def test_noise_levels_lie_between_0_and_1(level, runs, command, tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    ended = command("sample", runs / "classes", "--from", tmp_path / "black.png", "--at", level)
    assert ended.code == 2
    assert "must lie in (0, 1]" in ended.error


def test_pictures_that_are_none(runs, command, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("missing.png", "text.png", "empty.png", "."):
        ended = command("sample", runs / "classes", "--from", tmp_path / name, "--at", 0.5, "--out", tmp_path / "out")
        assert ended.code == 3
        assert tmp_path.name in ended.error
        assert not (tmp_path / "out").exists()


def test_runs_that_are_none(command, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, mend in (("missing", "train one with "), ("empty", "train one with "), ("no.safetensors", "give the folder ")):
        ended = command("sample", tmp_path / name)
        assert ended.code == 4
        assert ended.error.startswith(f"no trained run ({tmp_path / name}): {mend}")
    with pytest.raises(CheckpointError):
        inkbloom.Run(tmp_path / "missing")


def weights(run):
    """(tensors, metadata) of a run's newest live weights."""
    path = checkpoint(run) / "model.safetensors"
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return load_file(path), json.loads(header["__metadata__"]["inkbloom"])


def nan_in(tensors):
    bad = {name: tensor.clone() for name, tensor in tensors.items()}
    bad["head.bias"][0] = float("nan")
    return bad


STRANGERS = {
    "random bytes": (lambda data, tensors, about: os.urandom(5000), "not a weights file of inkbloom"),
    "nothing": (lambda data, tensors, about: b"", "not a weights file of inkbloom"),
    "a text": (lambda data, tensors, about: b"weights, honestly" * 9, "not a weights file of inkbloom"),
    "a pickle": (lambda data, tensors, about: b"\x80\x04c__builtin__\nexit\n(tR.", "not a weights file of inkbloom"),
    "cut short": (lambda data, tensors, about: data[:-1], "not a weights file of inkbloom"),
    "a header of exabytes": (lambda data, tensors, about: (2**62).to_bytes(8, "little") + data[8:], "not a weights file"),
    "no metadata": (lambda data, tensors, about: save(tensors), "not a weights file of inkbloom"),
    "others' metadata": (lambda data, tensors, about: save(tensors, {"format": "pt"}), "not a weights file of inkbloom"),
    "metadata that is no JSON": (lambda data, tensors, about: save(tensors, {"inkbloom": "{"}), "not a weights file"),
    "metadata that is a list": (lambda data, tensors, about: save(tensors, {"inkbloom": "[]"}), "not a weights file"),
    "metadata without end": (lambda data, tensors, about: save(tensors, {"inkbloom": "[" * 10**5}), "not a weights file"),
    "no tensors": (lambda data, tensors, about: about.save({}), "weights do not fit the network"),
    "one tensor more": (lambda data, tensors, about: about.save({**tensors, "more": torch.zeros(2)}), "weights do not fit"),
    "NaN": (lambda data, tensors, about: about.save(nan_in(tensors)), "weights that are not finite numbers"),
    "of the future": (lambda data, tensors, about: about.save(tensors, format=2), "weights of format 2"),
    "too wide": (lambda data, tensors, about: about.save(tensors, size=[8, 10**9]), "damaged description"),
    "too small": (lambda data, tensors, about: about.save(tensors, size=[8, 7]), "damaged description"),
    "no size": (lambda data, tensors, about: about.save(tensors, size=None), "damaged description"),
    "a size in words": (lambda data, tensors, about: about.save(tensors, size="ab"), "damaged description"),
    "7 channels": (lambda data, tensors, about: about.save(tensors, channels=7), "channels = 7"),
    "10^12 channels": (lambda data, tensors, about: about.save(tensors, channels=10**12), "channels = 1000000000000"),
    "other channels": (lambda data, tensors, about: about.save(tensors, channels=3), "weights do not fit the network"),
    "more classes": (lambda data, tensors, about: about.save(tensors, classes=list("abcdef")), "weights do not fit"),
    "10^5 classes": (lambda data, tensors, about: about.save(tensors, classes=["a"] * 10**5), "damaged description"),
    "a step in words": (lambda data, tensors, about: about.save(tensors, step="many"), "damaged description"),
    "an infinite step": (lambda data, tensors, about: about.save(tensors, step=float("inf")), "damaged description"),
    "no recipe": (lambda data, tensors, about: about.save(tensors, recipe=None), "damaged description"),
    "a bad recipe": (lambda data, tensors, about: about.save(tensors, path="spiral"), "unknown path 'spiral'"),
    "a deep lie": (lambda data, tensors, about: about.save(tensors, layers=64), "weights do not fit the network"),
    "a wide lie": (lambda data, tensors, about: about.save(tensors, widths=[4096] * 3), "weights do not fit the network"),
}


class About(dict):
    """The metadata of a weights file, and how to lie about it."""

    def save(self, tensors, **lies):
        about = json.loads(json.dumps(self))
        for name, value in lies.items():
            (about if name in about else about["recipe"])[name] = value
        return save(tensors, {"inkbloom": json.dumps(about)})


@pytest.mark.parametrize("kind", STRANGERS)
def test_weights_of_a_stranger(kind, runs, command, tmp_path):
    forge, said = STRANGERS[kind]
    tensors, about = weights(runs / "plain")
    path = tmp_path / "given.safetensors"
    path.write_bytes(forge((checkpoint(runs / "plain") / "model.safetensors").read_bytes(), tensors, About(about)))
    ended = command("sample", path, "--out", tmp_path / "out")
    assert ended.code == 4
    assert said in ended.error
    assert str(path) in ended.error
    assert len(ended.error.replace(str(path), "")) <= 200
    assert not (tmp_path / "out").exists()


def test_an_honest_copy_is_taken(runs, command, tmp_path):
    """The control for the forgeries above: saved by the same hand, without a lie."""
    tensors, about = weights(runs / "plain")
    (tmp_path / "given.safetensors").write_bytes(About(about).save(tensors))
    assert command("sample", tmp_path / "given.safetensors", "--out", tmp_path / "out", "--quiet") == (0, "", "")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted otherwise here")
def test_a_lie_about_size_costs_no_memory(runs, zygote, tmp_path):
    """A file of 60 KB that claims a network of 10 GB is refused before anything of that size is made."""
    tensors, about = weights(runs / "plain")
    path = tmp_path / "given.safetensors"
    path.write_bytes(About(about).save(tensors, widths=[4096] * 3))
    peak = """
import os, resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
exit = os._exit
def left(code):
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, flush=True)
    exit(code)
os._exit = left
"""
    ended = zygote("sample", path, "--out", tmp_path / "out", first=peak)
    assert ended.code == 4
    assert "weights do not fit the network" in ended.error
    assert int(ended.out) < 100_000  # KiB


def test_a_damaged_run_is_refused(recipe, command, tmp_path):
    run = tmp_path / "run"
    assert command("train", recipe(steps=10), "--out", run, "--quiet").code == 0
    newest = checkpoint(run)
    good = read(newest)
    for name in good:
        data = bytearray(good[name])
        data[len(data) // 2] ^= 1
        (newest / name).write_bytes(data)
        ended = command("sample", run)
        assert ended.code == 4
        assert ended.error.startswith(f"changed since it was saved ({newest / name}): damaged checkpoint")
        (newest / name).unlink()
        ended = command("sample", run)
        assert ended.code == 4
        assert ended.error.startswith(f"missing file ({newest / name}): damaged checkpoint")
        (newest / name).write_bytes(good[name])
    assert command("sample", run, "--quiet").code == 0
    (run / "checkpoints/latest").write_text("best")
    assert command("sample", run, "--quiet").code == 0  # that file decides nothing


@pytest.mark.parametrize("flags", [("--out", "file"), ("--out", "file/out"), ("--npz", "file/x.npz"), ("--npz", "folder")])
def test_places_that_cannot_be_written(flags, runs, command, tmp_path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    out = () if flags[0] == "--out" else ("--out", tmp_path / "out")
    ended = command("sample", runs / "classes", flags[0], tmp_path / flags[1], *out)
    assert ended.code == 5
    assert "a file stands where a folder is needed, or the reverse" in ended.error
    assert (tmp_path / "file").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_full_disk_keeps_the_old_picture(runs, command, tmp_path, monkeypatch):
    assert command("sample", runs / "classes", "--out", tmp_path, "--quiet").code == 0
    before = (tmp_path / "grid.png").read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    ended = command("sample", runs / "classes", "--out", tmp_path, "--seed", 1)
    assert ended.code == 5
    assert ended.error == f"disk full ({tmp_path / 'grid.png'}): free some space and run the same command again"
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]
    assert (tmp_path / "grid.png").read_bytes() == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_nothing_half_drawn(number, code, runs, command, tmp_path, monkeypatch):
    original, seen = Run.stream, []

    def stream(self, request):
        for batch in original(self, request):
            yield batch
            seen.append(sorted(path.name for path in tmp_path.iterdir()))
            signal.raise_signal(number)

    monkeypatch.setattr(Run, "stream", stream)
    ended = command("sample", runs / "classes", "--out", tmp_path, "--npz", tmp_path / "x.npz")
    assert ended.code == code
    assert len(seen) == 1
    assert seen[0]  # a temporary file was there
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_process_draws_the_same(draw, runs, process, tmp_path):
    path = tmp_path / "fresh.npz"
    ended = process("sample", runs / "classes", "--npz", path, "--out", tmp_path / "fresh")
    assert (ended.code, ended.err) == (0, "")
    assert (np.load(path)["images"] == draw()[0]).all()


# ---- the Python API


def test_the_function_writes_the_same_files_says_nothing_and_returns_where_they_are(runs, command, tmp_path, capsys):
    flags = ("--count", 5, "--seed", 3, "--npz", tmp_path / "one" / "x.npz", "--pngs", "--history")
    assert command("sample", runs / "classes", "--out", tmp_path / "one", *flags).code == 0
    written = [path for path in (tmp_path / "one").rglob("*") if path.suffix in (".png", ".gif")]
    for name, run in (("path", runs / "classes"), ("open", inkbloom.Run(runs / "classes"))):
        out = tmp_path / name
        files = inkbloom.sample(run, 5, seed=3, out=out, npz=out / "x.npz", pngs=True, history=True)
        first = out / "pictures" / "00000.png"
        expected = {"npz": "x.npz", "grid": "grid.png", "pictures": first, "history": "history.png", "film": "film.gif"}
        assert files == {name: out / path for name, path in expected.items()}
        assert len(written) == 5 + 3
        for path in written:
            assert (out / path.relative_to(tmp_path / "one")).read_bytes() == path.read_bytes()
    assert capsys.readouterr() == ("", "")


def test_without_a_run_the_function_draws_our_digits_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = inkbloom.sample(count=4, steps=2)
    assert {name: str(path) for name, path in files.items()} == {"grid": os.path.join("samples", "grid.png")}
    with Image.open(files["grid"]) as grid:
        assert grid.size == (2 * 57 + 1, 2 * 57 + 1)


def test_the_history_of_a_run_ends_with_its_pictures(runs):
    run = inkbloom.Run(runs / "classes")
    inputs, predictions = run.history(run.request(3, seed=5, steps=4))
    assert inputs.shape == (5, 3, *run.sample(3).shape[1:])
    assert predictions.shape == (4, *inputs.shape[1:])
    assert (inputs[-1] == run.sample(3, seed=5, steps=4)).all()
    assert (inputs[0] == run.history(run.request(3, seed=5, steps=2))[0][0]).all()  # the same noise, whatever the steps


def test_the_log_of_a_run_holds_every_step(runs):
    log = inkbloom.Run(runs / "classes").log()
    assert [record["step"] for record in log] == list(range(1, len(log) + 1))
    assert all(0 < record["losses"]["denoise"] < 1e6 for record in log)
