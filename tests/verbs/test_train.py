"""`inkbloom train` from outside: what it makes of settings that make sense and of those that do not."""

import collections
import errno
import io
import json
import os
import re
import shutil
import sys
from unittest.mock import MagicMock

import numpy as np
import pytest
from PIL import Image

import inkbloom
from inkbloom.config import Recipe
from inkbloom.data import fashion
from inkbloom.errors import UsageError
from inkbloom.recipe_files import load_recipe
from inkbloom.store import checkpoint, lock

linux_root = pytest.mark.skipif(
    not (sys.platform == "linux" and os.geteuid() == 0), reason="mounting a small disk takes root on Linux"
)


def files(folder):
    """Every file under a folder with its contents."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- good paths


def test_what_a_run_leaves_and_says(recipe, command, tmp_path):
    run = tmp_path / "run"
    ended = command("train", recipe(), "--out", run)
    assert (ended.code, ended.err) == (0, "")
    for said in (
        "data: 40 images of npz:",
        "8 x 8 x 1, 3 classes",
        "net: ink, ",
        "parameters; lerp path, gaussian noise, predicts x0",
        "steps: 24 of 16 images (9.6 epochs), adamw at 0.002",
        "device: ",
        "precision: fp32 (as the recipe says)",
        "compile: off (as the recipe says)",
        "epoch 0: mean loss ",
        "step 24: hold-out x0 loss ",
        "best linear denoiser",
        "trained 24 steps in 0 min ",
        f"preview: {run}/previews/step-00000024.png",
        f"run: {run}",
    ):
        assert said in ended.out
    assert {path.name for path in run.iterdir()} >= {"config.toml", "log.jsonl", "holdout.jsonl", "checkpoints", "previews"}
    assert load_recipe(str(run / "config.toml")) == load_recipe(str(recipe()))
    records = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == list(range(1, 25))
    for record in records:
        assert record.keys() == {"step", "epoch", "losses", "lr", "grad_norm", "images", "images_per_second"}
        assert record["images"] == 16
        assert record["epoch"] == (record["step"] - 1) * 16 // 40


def test_quiet_says_nothing(recipe, command, tmp_path):
    for _ in range(2):
        assert command("train", recipe(steps=2), "--out", tmp_path / "run", "--quiet") == (0, "", "")


def test_the_same_command_again_has_nothing_to_do(recipe, command, tmp_path):
    run = tmp_path / "run"
    assert command("train", recipe(), "--out", run).code == 0
    before = files(run)
    ended = command("train", recipe(), "--out", run)
    assert ended.code == 0
    assert "already trained: 24 steps\n" in ended.out
    assert f"run: {run}\n" in ended.out
    assert "epoch" not in ended.out.split("already trained")[1]
    assert files(run) == before


def test_the_resolved_recipe_repeats_the_run(recipe, command, outcome, tmp_path):
    """Epochs become steps, `auto` becomes what was chosen; the file in the folder trains to the same bits."""
    one, two = tmp_path / "one", tmp_path / "two"
    path = recipe(steps=None, epochs=3, precision="auto", short_batches=True)
    assert command("train", path, "--out", one, "--quiet").code == 0
    kept = load_recipe(str(one / "config.toml"))
    assert (kept.steps, kept.epochs) == (9, None)
    assert kept.precision in ("fp32", "bf16")
    shutil.copy(one / "config.toml", tmp_path / "kept.toml")
    assert command("train", tmp_path / "kept.toml", "--out", two, "--quiet").code == 0
    assert outcome(one) == outcome(two)
    again = command("train", path, "--out", one)
    assert "already trained: 9 steps" in again.out  # `auto` stands for what the folder says


def test_free_fields_may_change_in_a_resume(recipe, command, outcome, checkpoints, tmp_path):
    run, whole = tmp_path / "run", tmp_path / "whole"
    assert command("train", recipe(), "--out", whole, "--quiet").code == 0
    assert command("train", recipe(), "--out", run, "--quiet").code == 0
    for step in (20, 24):
        shutil.rmtree(run / "checkpoints" / f"step-{step:08d}")
    changed = recipe(about="now with a reason", checkpoint_every=2, preview_every=6, holdout_every=8)
    ended = command("train", changed, "--out", run)
    assert ended.code == 0
    assert "resuming after step 15" in ended.out
    assert checkpoints(run) == [20, 22, 24]
    assert outcome(run)["log"] == outcome(whole)["log"]
    assert outcome(run)["optimizer.safetensors"] == outcome(whole)["optimizer.safetensors"]


@pytest.mark.parametrize(("size", "shape"), [("27", (27, 27)), ("30", (30, 30)), ("45x60", (45, 60)), ("", (9, 13))])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_and_both_kinds_of_colour(size, shape, channels, recipe, source, command, tmp_path):
    path = recipe(steps=2, size=size, data=source(channels, (9, 13)))
    assert command("train", path, "--out", tmp_path / "run", "--quiet") == (0, "", "")
    ended = command("sample", tmp_path / "run", "--count", 5, "--npz", tmp_path / "five.npz", "--quiet")
    assert ended == (0, "", "")
    assert np.load(tmp_path / "five.npz")["images"].shape == (5, *shape, channels)


@pytest.mark.parametrize(
    "changes", [{"net": "unet2d", "widths": [8, 16], "steps": 2}, {"net": "basic", "widths": [8, 8, 8], "steps": 2}]
)
def test_the_other_networks(changes, recipe, command, tmp_path):
    assert command("train", recipe(**changes), "--out", tmp_path / "run", "--quiet") == (0, "", "")
    assert command("sample", tmp_path / "run", "--quiet") == (0, "", "")


def test_the_recipes_of_the_house_train(source, command, tmp_path):
    """Two steps of each, cut down to tiny images; `tutorial` keeps its uniform noise and its blind timestep."""
    cut = ("--data", source(), "--steps", 2, "--batch-size", 4, "--precision", "fp32", "--quiet")
    for name, widths in (("fast", [16]), ("ddpm", [16]), ("tutorial", [8, 8, 8]), ("tutorial-basic", [8, 8, 8])):
        depth = ("--layers", 1, "--sample-steps", 3) if name != "tutorial-basic" else ("--sample-steps", 3)
        ended = command("train", name, "--out", tmp_path / name, *cut, *depth, "--widths", *widths)
        assert ended == (0, "", ""), name
        kept, recipe = load_recipe(str(tmp_path / name / "config.toml")), load_recipe(name)
        for field in ("noise", "path", "target", "loss_on", "pixels", "timed", "labels", "optimizer", "lr", "solver"):
            assert getattr(kept, field) == getattr(recipe, field)


def test_fashion_mnist(recipe, command, tmp_path):
    if not fashion.FILES.is_dir():
        pytest.skip(f"Fashion-MNIST is not installed ({fashion.FILES}): apt install dataset-fashion-mnist")
    path = recipe(data="fashion-mnist", steps=2)
    ended = command("train", path, "--out", tmp_path / "run")
    assert ended.code == 0, ended.err
    assert "data: 50,000 images of fashion-mnist, 28 x 28 x 1, 10 classes" in ended.out


def test_a_folder_of_pictures(recipe, command, tmp_path):
    numbers = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(10):
            pixels = numbers.integers(0, 256, (10, 12, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / label / f"{number}.png")
    path = recipe(data=f"folder:{tmp_path / 'pets'}", steps=2, batch_size=4)
    ended = command("train", path, "--out", tmp_path / "run")
    assert "data: 16 images of folder:" in ended.out
    assert "12 x 10 x 3, 2 classes" in ended.out
    (tmp_path / "pets/dog/broken.png").write_bytes(b"not a picture")
    refused = command("train", path, "--out", tmp_path / "other")
    assert refused.code == 3
    assert "broken.png" in refused.error
    assert not (tmp_path / "other/checkpoints").exists()
    assert command("train", path, "--out", tmp_path / "other", "--skip-broken").code == 0


# ---- the Python API


def test_the_api_of_the_docstring(recipe, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = inkbloom.train(str(recipe(steps=3)), out="runs/mine")
    pictures = run.sample(16, seed=0)
    assert (pictures.shape, pictures.dtype) == ((16, 8, 8, 1), np.uint8)
    assert (run.step, run.shape) == (3, (1, 8, 8))
    assert (tmp_path / "runs/mine/config.toml").exists()
    again = inkbloom.Run("runs/mine")
    assert (again.sample(16) == pictures).all()
    assert "run: runs/mine" in capsys.readouterr().out


def test_the_api_takes_recipes_paths_and_changes(recipe, source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = recipe(steps=2)
    from_path = inkbloom.train(path, quiet=True, seed=5)
    assert from_path.path.name == "tiny"
    made = inkbloom.load_recipe(str(path)).resolved(seed=5)
    assert isinstance(made, Recipe)
    from_recipe = inkbloom.train(made, out="other", quiet=True)
    assert (from_path.sample(4) == from_recipe.sample(4)).all()
    assert capsys.readouterr().out == ""
    with pytest.raises(UsageError, match="unknown recipe field 'sed': did you mean 'seed'"):
        inkbloom.train(made, out="third", sed=3)
    with pytest.raises(UsageError, match="seed = '3': needs a whole number"):
        inkbloom.train(made, out="third", seed="3")
    assert not (tmp_path / "third").exists()


def test_one_process_trains_in_several_precisions(recipe, tmp_path):
    """accelerate keeps its state for the whole process: a second training must not be bound by the first."""
    ends = [
        inkbloom.train(recipe(steps=2), out=tmp_path / str(number), quiet=True, precision=precision)
        for number, precision in enumerate(("fp32", "bf16", "fp32"))
    ]
    first, second, third = ((end.path / "log.jsonl").read_text() for end in ends)

    def losses(text):
        return re.findall(r'"denoise": "(.*?)"', text)

    assert losses(first) == losses(third) != losses(second)


# ---- settings that make no sense: exit 2, and nothing is begun


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--steps", "0"], "steps = 0: must lie in [1, "),
        (["--steps", "1.5"], "argument --steps: invalid int value: '1.5'"),
        (["--epochs", "0"], "epochs = 0"),
        (["--epochs", "2", "--steps", "3"], "steps = 3 and epochs = 2: both say how long"),
        (["--lr", "nan"], "lr = nan"),
        (["--lr", "-1"], "lr = -1"),
        (["--batch-size", "0"], "batch_size = 0"),
        (["--solver", "eulr"], "unknown solver 'eulr': did you mean 'euler'? known: euler, heun, dpmpp_2m, ancestral"),
        (["--spacing", "log"], "unknown spacing 'log'"),
        (["--net", "unet"], "unknown net 'unet': did you mean 'unet2d'?"),
        (["--widths", "17"], "width 17: must be a multiple of 16; nearest: 16"),
        (["--size", "7"], "size = '7': height and width must lie in [8, 1024]"),
        (["--size", "10 x 10"], "size = '10 x 10': write N or HxW"),
        (["--seed", "-1"], "seed = -1"),
        (["--noise", "uniform", "--path", "vp"], "uniform noise with path vp"),
        (["--noise", "uniform", "--solver", "ancestral"], "ancestral with uniform noise"),
        (["--data", "nothing"], "unknown source 'nothing'"),
        (["--data", "npz:"], "npz needs a path"),
        (["--nope", "3"], "unknown argument '--nope': did you mean --noise?"),
        (["more"], "unknown argument 'more'"),
    ],
)
def test_settings_that_make_no_sense(words, said, recipe, command, tmp_path):
    ended = command("train", recipe(), "--out", tmp_path / "run", *words)
    assert ended.code == 2
    assert said in ended.error
    assert len(ended.error) <= 200
    assert ended.out == ""
    assert not (tmp_path / "run/checkpoints").exists()
    assert not (tmp_path / "run/config.toml").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stepz = 3", "unknown recipe field 'stepz': did you mean 'steps'?"),
        ("steps = 3\nnet = 5", "unknown net '5'"),
        ("steps = true", "steps = True: needs a "),
        ("steps = '3'", "steps = '3': needs a "),
        ("lr = nan\nsteps = 3", "lr = nan"),
        ("flip = 1\nsteps = 3", "flip = 1: needs true or false"),
        ("widths = [16.0]\nsteps = 3", "widths = (16.0,): needs a list of whole numbers"),
        ("about = 'no steps'", "either steps or epochs"),
        ("steps = ", "not a TOML file"),
        ("[[[[", "not a TOML file"),
        ("x = " + "[" * 5000, "not a TOML file"),
    ],
)
def test_recipe_files_that_make_no_sense(text, said, command, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    ended = command("train", path, "--out", tmp_path / "run")
    assert ended.code == 2
    assert said in ended.error
    assert str(path) in ended.error
    assert len(ended.error.replace(str(path), "")) <= 200
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["missing.toml", "folder.toml", "latin.toml", "fasst"])
def test_recipes_that_are_not_there(name, command, tmp_path):
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes(b"about = '\xe9'")
    ended = command("train", name if name == "fasst" else tmp_path / name, "--out", tmp_path / "run")
    assert ended.code == 2
    assert ("did you mean 'fast'" if name == "fasst" else f"cannot read the recipe ({tmp_path / name})") in ended.error


def test_a_training_that_failed_at_once_does_not_stand_in_the_way(recipe, command, tmp_path, monkeypatch):
    """A run that has saved nothing yet is not "a run of another recipe": the advice to try another value can be followed."""
    from inkbloom.training import fit

    run = tmp_path / "run"

    def memory(*args):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(fit, "share", memory)
        assert command("train", recipe(), "--out", run, "--quiet").code == 7
    assert command("train", recipe(), "--out", run, "--quiet", "--batch-size", "8") == (0, "", "")
    assert load_recipe(str(run / "config.toml")).batch_size == 8
    refused = command("train", recipe(), "--out", run)
    assert refused.code == 2
    assert "batch_size: 8 -> 16" in refused.error
    assert checkpoint.newest_intact(run / "checkpoints")[0].name == "step-00000024"


# ---- data: exit 3


def test_data_that_cannot_be_used(recipe, command, tmp_path):
    numbers = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    (tmp_path / "no.npz").write_bytes(b"PK not really")
    (tmp_path / "no.idx").write_bytes(b"PK not really")
    np.savez(tmp_path / "floats.npz", images=numbers * 1e6)
    np.savez(tmp_path / "small.npz", images=numbers[:, :4])
    np.savez(tmp_path / "labels.npz", images=numbers, labels=np.arange(4))
    (tmp_path / "empty").mkdir()
    for data, said in {
        f"npz:{tmp_path}/missing.npz": "No such file",
        f"npz:{tmp_path}/no.npz": "cannot read the npz file",
        f"npz:{tmp_path}/floats.npz": "float64",
        f"npz:{tmp_path}/small.npz": "enlarge them with --size",
        f"npz:{tmp_path}/labels.npz": "4 labels for 5 images",
        f"idx:{tmp_path}/no.idx": "idx",
        f"folder:{tmp_path}/missing": "no such folder",
        f"folder:{tmp_path}/empty": "",
    }.items():
        ended = command("train", recipe(), "--out", tmp_path / "run", "--data", data)
        assert ended.code == 3, data
        assert said in ended.error
        assert len(ended.error.replace(str(tmp_path), "")) <= 200
        assert not (tmp_path / "run/config.toml").exists()


def test_images_of_other_classes_are_no_damaged_checkpoint(recipe, source, command, tmp_path):
    """The weights do not fit either, but that is not what is wrong."""
    assert command("train", recipe(), "--out", tmp_path / "run", "--quiet").code == 0
    for classes in (0, 5):
        ended = command("train", recipe(data=source(classes=classes)), "--out", tmp_path / "run")
        assert ended.code == 3
        assert "the images are not those that this run began with" in ended.error


def test_images_that_changed_since(recipe, source, command, tmp_path):
    data = tmp_path / "mine.npz"
    shutil.copy(source()[4:], data)
    path = recipe(data=f"npz:{data}")
    assert command("train", path, "--out", tmp_path / "run", "--quiet").code == 0
    with np.load(data) as held:
        arrays = dict(held)
    arrays["images"][3, 0, 0] ^= 1
    np.savez(data, **arrays)
    before = files(tmp_path / "run")
    ended = command("train", path, "--out", tmp_path / "run")
    assert ended.code == 3
    assert "the images are not those that this run began with" in ended.error
    assert files(tmp_path / "run") == before


def test_one_image_is_enough_and_none_is_not(recipe, command, tmp_path, monkeypatch):
    np.savez(tmp_path / "one.npz", images=np.arange(64, dtype=np.uint8).reshape(1, 8, 8))
    path = recipe(data=f"npz:{tmp_path / 'one.npz'}", steps=3)
    assert command("train", path, "--out", tmp_path / "run", "--quiet") == (0, "", "")
    from inkbloom.data import parts

    monkeypatch.setattr(parts, "split_slices", lambda n, labels: {"train": np.arange(0)})
    ended = command("train", path, "--out", tmp_path / "other")
    assert ended.code == 3
    assert "use --split all" in ended.error


# ---- the folder: exit 2, 4, 5, 8


def test_a_folder_that_holds_a_run_of_another_recipe(recipe, command, tmp_path):
    run = tmp_path / "run"
    assert command("train", recipe(), "--out", run, "--quiet").code == 0
    before = files(run)
    for words, said in {
        ("--seed", "3"): "seed: 0 -> 3",
        ("--lr", "0.5", "--flip"): "flip: False -> True; lr: 0.002 -> 0.5",
        ("--steps", "12"): "the run ended after 24 steps",
        ("--steps", "48", "--lr", "0.5"): "lr: 0.002 -> 0.5",
        ("--init", "pretrained"): "-> pretrained",
        ("--precision", "bf16"): "precision: fp32 -> bf16",
        ("--seed", "3", "--lr", "1", "--flip", "--ema", "0", "--clip", "1"): "2 more",
    }.items():
        ended = command("train", recipe(), "--out", run, *words)
        assert ended.code == 2
        assert said in ended.error
        assert ended.error.endswith("another --out")
        assert len(ended.error.replace(str(run), "")) <= 200
    assert files(run) == before


def test_checkpoints_without_their_recipe(recipe, command, tmp_path):
    assert command("train", recipe(), "--out", tmp_path / "run", "--quiet").code == 0
    (tmp_path / "run/config.toml").unlink()
    ended = command("train", recipe(), "--out", tmp_path / "run")
    assert ended.code == 4
    assert "checkpoints without their recipe" in ended.error


def test_two_trainers_in_one_folder(recipe, command, tmp_path, monkeypatch):
    run = tmp_path / "run"
    with lock.hold(run):
        ended = command("train", recipe(), "--out", run)
    assert ended.code == 8
    assert ended.error == f"another training holds this run ({run}): wait for it, stop it, or choose another --out"
    assert command("train", recipe(), "--out", run, "--quiet") == (0, "", "")
    with lock.hold(run):  # the control: without the lock the second would be let in
        monkeypatch.setattr(lock, "FileLock", MagicMock())
        assert command("train", recipe(), "--out", run, "--quiet") == (0, "", "")


@pytest.mark.parametrize("place", ["file", "file/run", "file/a/run"])
def test_a_file_where_the_folder_should_be(place, recipe, command, tmp_path):
    (tmp_path / "file").write_text("precious")
    ended = command("train", recipe(), "--out", tmp_path / place)
    assert ended.code == 5
    assert "a file stands where a folder is needed" in ended.error
    assert (tmp_path / "file").read_text() == "precious"


def test_a_folder_that_may_not_be_written(recipe, command, tmp_path, monkeypatch):
    def refuse(path, *rest, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    ended = command("train", recipe(), "--out", tmp_path / "run")
    assert ended.code == 5
    assert ended.error.startswith(f"no permission to write ({tmp_path / 'run'})")


NAMESPACE = """
import ctypes, os, shutil
from inkbloom.cli import main
libc = ctypes.CDLL(None, use_errno=True)
def mount(source, target, kind, flags, options):
    if libc.mount(source, os.fsencode(target), kind, flags, options):
        raise OSError(ctypes.get_errno(), "mount")
if libc.unshare(0x00020000):
    raise OSError(ctypes.get_errno(), "unshare")
mount(b"none", "/", None, 0x4000 | 0x40000, None)
"""
READ_ONLY = """
mount(os.fsencode({run!r}), {run!r}, None, 0x1000, None)
mount(b"none", {run!r}, None, 0x1000 | 0x20 | 1, None)
print("train:", main({train!r}), flush=True)
print("sample:", main(["sample", {run!r}, "--quiet"]), flush=True)
print("elsewhere:", main(["sample", {run!r}, "--quiet", "--out", {run!r} + "-pictures"]), flush=True)
"""


def in_namespace(zygote, script, **words):
    """What the script printed and complained of, run in a mount namespace of its own."""
    ended = zygote("--version", first=NAMESPACE + script.format(**words))
    if ended.code == 99 and "OSError" in ended.err:
        pytest.skip(f"nothing can be mounted here: {ended.err.splitlines()[-1]}")
    assert ended.code == 0, ended.err
    return ended.out, ended.err.splitlines()


@linux_root
def test_a_read_only_run(recipe, command, zygote, tmp_path):
    run = tmp_path / "run"
    train = ["train", str(recipe(steps=2)), "--out", str(run), "--quiet"]
    assert command(*train).code == 0
    out, lines = in_namespace(zygote, READ_ONLY, run=str(run), train=train)
    assert "train: 5\nsample: 5\nelsewhere: 0\n" in out
    assert [line.split(" (")[0] for line in lines] == ["error: no permission to write"] * 2


def test_the_disk_is_full_while_saving(recipe, command, outcome, checkpoints, tmp_path, monkeypatch):
    """At every file of the save at step 15: the training goes on, saves again at step 20, and ends with the same bits."""
    whole = tmp_path / "whole"
    assert command("train", recipe(), "--out", whole, "--quiet").code == 0

    class Full(io.BufferedWriter):
        def write(self, data):
            super().write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def ended_with(at, *steps):
        """How a training into the folder `at` ended whose disk was full at file number `at` of each save of these steps."""
        opened = collections.Counter()

        def full(path, mode):
            step = next((step for step in steps if f"step-{step:08d}" in str(path)), None)
            if step and mode == "wb":
                opened[step] += 1
                if opened[step] == at + 1:
                    return Full(io.FileIO(path, "w"))
            return open(path, mode)

        with monkeypatch.context() as patched:
            patched.setattr(checkpoint, "open", full, raising=False)
            return command("train", recipe(), "--out", tmp_path / str(at))

    for at in range(6):
        run = tmp_path / str(at)
        ended = ended_with(at, 10, 15)
        assert (ended.code, ended.err) == (0, "")
        warnings = [line for line in ended.out.splitlines() if line.startswith("warning: ")]
        if at == 5:  # there are but five files
            assert warnings == []
            break
        assert len(warnings) == 1
        assert re.fullmatch(
            rf"warning: disk full \([\d,]+ bytes needed, [\d,]+ free\) \({run}/checkpoints/step-00000010\): "
            "free some space; the training goes on, and saves again when that is next due",
            warnings[0],
        )
        assert checkpoints(run) == [5, 20, 24]
        assert outcome(run) == outcome(whole)
        assert command("sample", run, "--quiet").code == 0
        shutil.rmtree(run)
        ended = ended_with(at, 10, 24)
        assert ended.code == 5
        assert re.fullmatch(
            rf"disk full \([\d,]+ bytes needed, [\d,]+ free\) \({run}/checkpoints/step-00000024\): "
            "free some space and run the same command again",
            ended.error,
        )
        assert checkpoints(run) == [5, 15, 20]
        assert command("train", recipe(), "--out", run, "--quiet") == (0, "", "")
        assert outcome(run) == outcome(whole)


SMALL_DISK = """
os.makedirs({run!r})
mount(b"tmpfs", {run!r}, b"tmpfs", 0, b"size={size}k")
print("full:", main({train!r}), flush=True)
shutil.copytree({run!r}, {run!r} + "-full")
print("sample:", main(["sample", {run!r}, "--quiet", "--out", {run!r} + "-pictures"]), flush=True)
mount(b"tmpfs", {run!r}, b"tmpfs", 0x20, b"size=20m")
print("freed:", main({train!r}), flush=True)
shutil.copytree({run!r}, {run!r} + "-freed")
"""


@linux_root
@pytest.mark.parametrize("size", [8, 300, 700])
def test_a_real_full_disk(size, recipe, command, zygote, outcome, checkpoints, tmp_path):
    """A checkpoint takes about 240 KB: the first does not fit, the second, or the pruning comes too late for the fourth."""
    run = tmp_path / "run"
    train = ["train", str(recipe()), "--out", str(run), "--quiet"]
    assert command("train", recipe(), "--out", tmp_path / "whole", "--quiet").code == 0
    out, lines = in_namespace(zygote, SMALL_DISK, run=str(run), size=size, train=train)
    kept = checkpoints(tmp_path / "run-full") if size > 100 else []
    assert kept == {8: [], 300: [5], 700: [5, 10]}[size]  # the training went on, and so did the disk
    assert f"full: 5\nsample: {0 if kept else 4}\nfreed: 0\n" in out
    assert all(line.startswith("error: ") for line in lines)
    assert re.match(rf"error: disk full \(.*\) \({run}/", lines[0])
    assert outcome(tmp_path / "run-freed") == outcome(tmp_path / "whole")


def test_out_of_memory(recipe, zygote, tmp_path):
    """A batch that does not fit into what the process may take: exit 7, with settings to try."""
    if sys.platform != "linux":
        pytest.skip("RLIMIT_AS counts otherwise here")
    little = """
import resource
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 300_000_000, -1))
"""
    ended = zygote("train", recipe(batch_size=200_000), "--out", tmp_path / "run", "--quiet", first=little)
    assert ended.code == 7
    assert ended.error == "out of memory: try smaller batches, images or widths"
    assert zygote("train", recipe(), "--out", tmp_path / "other", "--quiet", first=little).code == 0
