"""Hints are read by somebody who wants to get on: what they advise can be done, and is what was meant."""

import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inkbloom
from inkbloom.config import Recipe, differences
from inkbloom.errors import InkbloomError, UsageError

FIELDS = {
    "net": "ink", "widths": (16,), "layers": 1, "steps": 3, "batch_size": 16, "compile": "off", "precision": "fp32",
    "sample_steps": 2, "ema": 0.3,
}  # fmt: skip
QUICK = ("--steps", 1, "--batch-size", 4, "--compile", "off", "--precision", "fp32", "--quiet")
PLAIN = Recipe().resolved(steps=3)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder as a user has it: images of several kinds, a recipe, and runs in runs/; nobody writes into it."""
    world = tmp_path_factory.mktemp("world")
    for number in range(40):
        for name, side in (("shapes", 9), ("my shapes", 9), ("mixed", 9 + number % 3)):
            place = world / name / "ab"[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            Image.new("L", (side, side), 40 + 5 * number).save(place / f"{number}.png")
    (world / "single").mkdir()
    Image.linear_gradient("L").resize((9, 9)).save(world / "single/one.png")
    images = np.arange(40 * 81, dtype=np.int64).reshape(40, 9, 9).astype(np.uint8)
    np.savez(world / "set.npz", images=images)
    for folder in ("archives", "old", "empty", "notes", "arrays"):
        (world / folder).mkdir()
    shutil.copy(world / "set.npz", world / "archives/set.npz")
    header = bytes([0, 0, 8, 3]) + b"".join(side.to_bytes(4, "big") for side in images.shape)
    for file in ("train-images-idx3-ubyte", "old/train-images-idx3-ubyte"):
        (world / file).write_bytes(header + images.tobytes())
    (world / "notes/words.txt").write_text("words")
    for number in range(3):
        np.save(world / f"arrays/{number}.npy", images[number])
    (world / "mine.toml").write_text("extends = 'fast'\nsteps = 3\n")
    os.symlink("shapes", world / "link")
    before = Path.cwd()
    os.chdir(world)
    try:
        base = Recipe().resolved(**FIELDS)
        inkbloom.train(base, data="folder:shapes", out="runs/shapes", quiet=True)
        inkbloom.train(base, data="folder:mixed", size="10", out="runs/mixed", quiet=True)
        inkbloom.train(base, data="folder:mixed", size="9x11", labels=False, kernel=5, out="runs/plain", quiet=True)
        (world / "runs/begun").mkdir()
        shutil.copy(world / "runs/shapes/config.toml", world / "runs/begun/config.toml")
    finally:
        os.chdir(before)
    return world


@pytest.fixture
def inside(world, monkeypatch):
    """The world as the current folder, and the home."""
    monkeypatch.chdir(world)
    monkeypatch.setenv("HOME", str(world))
    return world


# ---- the same thing, spelled otherwise


@pytest.mark.parametrize(
    ("given", "again"),
    [
        ({"data": "folder:shapes"}, {"data": "folder:./shapes/"}),
        ({"data": "folder:shapes"}, {"data": "folder:~/shapes"}),
        ({"data": "folder:shapes"}, {"data": "folder:shapes/../shapes//"}),
        ({"data": "folder:~/shapes"}, {"data": "folder:{world}/shapes"}),
        ({"data": "folder:link"}, {"data": "folder:shapes"}),
        ({"data": "npz:set.npz"}, {"data": "npz:archives/../set.npz"}),
        ({"data": "npz:set.npz"}, {"data": "npz:archives/set.npz"}),  # the same images in another place
        ({"data": "idx:old"}, {"data": "idx:{world}/old/"}),
        ({"size": "32"}, {"size": "32x32"}),
        ({"size": "32X32"}, {"size": "032"}),
        ({"size": "9x11"}, {"size": "09X11"}),
        ({"teacher": "runs/shapes"}, {"teacher": "./runs/shapes/"}),
        ({"teacher": "runs/shapes"}, {"teacher": "{world}/runs/shapes"}),
        ({"teacher": "~/runs/shapes"}, {"teacher": "runs/../runs/shapes"}),
        ({"skip_broken": True}, {"skip_broken": False}),  # what to do about broken files, not which images
        ({"upsampler": "auto"}, {"upsampler": "resize"}),
        ({"lr": 2}, {"lr": 2.0}),
        ({"betas": [0, 0]}, {"betas": (0.0, 0.0)}),
        ({"widths": [16, 32]}, {"widths": (16, 32)}),
        ({"about": "mine"}, {"about": "yours"}),
    ],
)
def test_a_recipe_spelled_otherwise_is_no_other(given, again, inside):
    again = {name: value.format(world=inside) if isinstance(value, str) else value for name, value in again.items()}
    assert differences(PLAIN.resolved(**given), PLAIN.resolved(**again)) == []


@pytest.mark.parametrize(
    ("given", "other", "told"),
    [
        ({"data": "folder:shapes"}, {"data": "npz:set.npz"}, "data: folder:shapes -> npz:set.npz"),
        ({"data": "digits"}, {"data": "fashion-mnist"}, "data: digits -> fashion-mnist"),
        ({"size": "32"}, {"size": "33"}, "size: 32 -> 33"),
        ({"size": "9x11"}, {"size": "11x9"}, "size: 9x11 -> 11x9"),
        ({"size": ""}, {"size": "32"}, "size:  -> 32"),
        ({"teacher": "runs/shapes"}, {"teacher": "runs/mixed"}, "teacher: runs/shapes -> runs/mixed"),
        ({"teacher": "runs/shapes"}, {"teacher": ""}, "teacher: runs/shapes -> "),
    ],
)
def test_another_recipe_is_one_as_it_was_written(given, other, told, inside):
    assert told in differences(PLAIN.resolved(**given), PLAIN.resolved(**other))


def test_a_run_goes_on_however_its_images_are_spelled(inside, command, tmp_path):
    run = shutil.copytree("runs/mixed", tmp_path / "run")
    words = ["train", run / "config.toml", "--out", run]
    for data in ("mixed", "./mixed/", "~/mixed", f"{inside}/mixed"):
        ended = command(*words, "--data", f"folder:{data}", "--size", "10x10", "--skip-broken")
        assert (ended.code, ended.err) == (0, "")
        assert "already trained: 3 steps" in ended.out
    moved = shutil.copytree("mixed", tmp_path / "moved")
    assert command(*words, "--data", f"folder:{moved}").code == 0
    (moved / "a/0.png").unlink()
    ended = command(*words, "--data", f"folder:{moved}")
    assert ended.code == 3
    assert ended.error.startswith("the images are not those that this run began with")


def test_other_steps_than_a_run_has(inside, command, tmp_path):
    run = shutil.copytree("runs/shapes", tmp_path / "run")
    words = ["train", run / "config.toml", "--out", run]
    ended = command(*words, "--steps", 2)
    assert ended.code == 2
    mend = "give --steps 3, more to go on, or train 2 steps in another --out"
    assert ended.error == f"the run ended after 3 steps ({run}), not 2: {mend}"
    assert command(*words, "--steps", 3).code == 0
    ended = command(*words, "--epochs", 1)
    assert f"not 2: {mend}" in ended.error
    (run / "config.toml").write_text((run / "config.toml").read_text().replace("\nsteps = 3\n", "\nsteps = 9\n"))
    ended = command(*words, "--steps", 5)
    assert ended.error.startswith(f"the run is on its way to 9 steps ({run}), not 5: give --steps 9, ")
    with pytest.raises(UsageError, match="is on its way to 9 steps"):
        inkbloom.train(inkbloom.load_recipe(str(run / "config.toml")), out=run, steps=5)


# ---- sources


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("shapes", "folder:shapes"),
        ("./shapes", "folder:./shapes"),
        ("shapes/", "folder:shapes/"),
        ("~/shapes", "folder:~/shapes"),
        ("{world}/shapes", "folder:{world}/shapes"),
        ("my shapes", "folder:my shapes"),
        ("link", "folder:link"),
        ("set.npz", "npz:set.npz"),
        ("~/set.npz", "npz:~/set.npz"),
        ("./archives/set.npz", "npz:./archives/set.npz"),
        ("train-images-idx3-ubyte", "idx:train-images-idx3-ubyte"),
        ("old", "idx:old"),
        ("./old", "idx:./old"),
    ],
)
def test_a_path_alone_is_a_source_where_its_kind_is_plain(source, read, inside):
    source, read = source.format(world=inside), read.format(world=inside)
    data = inkbloom.load_data(source)
    assert data.source == read
    assert data.fingerprint() == inkbloom.load_data(read).fingerprint()


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("shapes/a/0.png", "folder:shapes/a"),
        ("single/one.png", "folder:single"),
        ("dir:shapes", "folder:shapes"),
        ("file:set.npz", "npz:set.npz"),
        ("Folder:shapes", "folder:shapes"),
        ("npz:shapes", "folder:shapes"),
        ("folder:set.npz", "npz:set.npz"),
        ("folder:train-images-idx3-ubyte", "idx:train-images-idx3-ubyte"),
        ("idx:set.npz", "npz:set.npz"),
        ("idx:shapes", "folder:shapes"),
        ("npz:train-images-idx3-ubyte", "idx:train-images-idx3-ubyte"),
        ("folder:archives", "npz:archives/set.npz"),
        ("folder:old", "idx:old/train-images-idx3-ubyte"),
        ("digit", "digits"),
        ("fashion", "fashion-mnist"),
        ("MNIST", "mnist"),
    ],
)
def test_a_source_that_was_meant(source, meant, inside):
    source, meant = source.format(world=inside), meant.format(world=inside)
    with pytest.raises(InkbloomError) as caught:
        inkbloom.load_data(source)
    hint = str(caught.value).split("did you mean '")[1].partition("'")[0]
    assert hint == meant if len(meant) < 72 else hint[1:] == meant[-71:]
    if not hint.startswith(("…", "fashion", "mnist")):
        assert len(inkbloom.load_data(hint).images)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("folder:nothing", "no such folder (nothing): give the folder that holds the images"),
        ("nothing", "unknown source 'nothing': known: digits, tinted-digits, fashion-mnist, idx, npz, npy, folder"),
        ("folder:single/one.png", "a file, not a folder (single/one.png): give the folder that holds the images"),
        ("folder", "folder needs a path; write folder:PATH"),
        ("folder:empty", "no images in the folder (empty): give one with PNG or JPEG files"),
        ("folder:notes", "no images in the folder (notes, only 1 .txt): give one with PNG or JPEG files"),
        ("folder:arrays", "no images in the folder (arrays, only 3 .npy): stack the arrays and save them as one .npy file"),
        ("notes/words.txt", "unknown source 'notes/words.txt'"),
        ("digits:shapes", "digits takes no path; write --data digits"),
        ("folder:", "folder needs a path; write folder:PATH"),
        ("", "unknown source ''"),
        (":", "unknown source ''"),
    ],
)
def test_a_source_that_nobody_can_guess(source, said, inside):
    with pytest.raises(InkbloomError) as caught:
        inkbloom.load_data(source)
    assert said in str(caught.value)
    assert "did you mean" not in str(caught.value)


# ---- runs


def newest(run):
    return f"{run}/checkpoints/step-00000003"


@pytest.mark.parametrize(
    ("where", "told", "instead"),
    [
        (newest("runs/shapes"), "it is a checkpoint; give {here}/ema.safetensors for this one, or runs/shapes for the newest",
         f"{newest('runs/shapes')}/ema.safetensors"),
        (newest("./runs/shapes") + "/", "or runs/shapes for the newest", "runs/shapes"),
        ("runs/shapes/checkpoints", "it is a part of one; give runs/shapes", "runs/shapes"),
        ("runs/shapes/previews", "it is a part of one; give runs/shapes", "runs/shapes"),
        ("runs/shapes/checkpoints/latest/x", "give runs/shapes", "runs/shapes"),
        ("runs/shapes/model.safetensors", "it is a part of one; give runs/shapes", "runs/shapes"),
        (newest("runs/shapes") + "/nothing.safetensors", "give runs/shapes", "runs/shapes"),
        ("shapes.run", "give the folder of a run, or its weights file", None),
        ("mixed", "did you mean runs/mixed?", "runs/mixed"),
        ("plain", "did you mean runs/plain?", "runs/plain"),
        ("runs", "it holds runs; give one, such as runs/begun", None),
        ("runs/shape", "did you mean runs/shapes?", "runs/shapes"),
        ("runs/Mixed", "did you mean runs/mixed?", "runs/mixed"),
        ("runs/begun", "nothing is saved there yet; the command that trains it goes on", None),
        ("digits", "the digits that come with inkbloom are drawn where no run is given", None),
        ("notes", "give the folder of a run, or its weights file; `inkbloom train fast` makes a run in runs/fast", None),
        ("old", "give the folder of a run", None),
        ("runs/new", "train one with `inkbloom train fast --out runs/new`", None),
        ("my new run", "train one with `inkbloom train fast --out 'my new run'`", None),
        ("empty", "train one with `inkbloom train fast --out empty`", None),
        ("nothing.safetensors", "give the folder of a run, or its weights file", None),
    ],
)  # fmt: skip
def test_what_is_no_run(where, told, instead, inside, command):
    ended = command("sample", where)
    assert ended.code == 4
    assert ended.error.startswith(f"no trained run ({Path(where)}): ")
    assert told.format(here=Path(where)) in ended.error
    if instead:
        assert instead in ended.error
        assert inkbloom.Run(instead).step == 3


def test_every_verb_that_takes_a_run_gives_the_hint(inside, command, tmp_path):
    step = newest("runs/shapes")
    for words in (
        ("sample", step),
        ("evaluate", step),
        ("evaluate", "runs/shapes/checkpoints"),
        ("evaluate", "runs"),
        ("compare", step, "runs/mixed"),
        ("explain", "unet", "--run", step, "--out", tmp_path),
        ("bench", "--run", step, "--only", "sampling"),
        ("train", "few-step", "--teacher", step, "--out", tmp_path / "few"),
    ):
        ended = command(*words)
        assert ended.code == 4, ended
        assert ended.error.startswith("no trained run (runs")
        assert "give " in ended.error
    assert len(list(Path(step).iterdir())) == 5  # the checkpoint is as it was


def test_files_that_are_no_weights(inside, command):
    for file, said in (
        ("runs/shapes/config.toml", "not a weights file of inkbloom (runs/shapes/config.toml): give a run or its model"),
        ("set.npz", "not a weights file of inkbloom (set.npz)"),
        (f"{newest('runs/shapes')}/optimizer.safetensors", "not a weights file of inkbloom"),
    ):
        assert command("sample", file).error.startswith(said)
    from inkbloom.evaluation import judge

    shipped = Path(judge.__file__).parent / "judges/digits-v1.safetensors"
    ended = command("sample", shipped)
    assert "a judge, where a model is needed" in ended.error
    assert ended.error.endswith("give it to `inkbloom evaluate` with --judge")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("folder:shapes", "nothing there (folder:shapes): write shapes alone"),
        ("npz:set.npz", "nothing there (npz:set.npz): write set.npz alone"),
        ("mixed2", "nothing there (mixed2): give a run, a file or a folder of images"),
        ("plain", "nothing there (plain): did you mean runs/plain?"),
        ("single/one.png", "neither weights nor a set of images (single/one.png): give a run, a file or a folder of images"),
    ],
)
def test_what_cannot_be_evaluated(what, said, inside, command):
    ended = command("evaluate", what)
    assert ended.code == 3
    assert ended.error == said


# ---- recipes


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("shapes", "images go to --data, as in `inkbloom train fast --data folder:shapes`"),
        ("my shapes", "images go to --data, as in `inkbloom train fast --data 'folder:my shapes'`"),
        ("folder:shapes", "images go to --data, as in `inkbloom train fast --data folder:shapes`"),
        ("npz:set.npz", "images go to --data, as in `inkbloom train fast --data npz:set.npz`"),
        ("runs/shapes", "a run goes on with `inkbloom train runs/shapes/config.toml --out runs/shapes`"),
        ("mine", "did you mean mine.toml?"),
        ("fats", "did you mean 'fast'?"),
        ("FAST", "did you mean 'fast'?"),
        ("fast.toml", "No such file or directory; did you mean fast?"),
        ("nothing.toml", "cannot read the recipe (nothing.toml): No such file or directory"),
        ("nothing", "unknown recipe 'nothing': known: "),
    ],
)
def test_what_is_no_recipe(recipe, said, inside, command):
    ended = command("train", recipe)
    assert ended.code == 2
    assert ended.error.endswith(said) or said in ended.error
    if "inkbloom train" in said:
        advised = shlex.split(ended.error.split("`")[1])
        assert advised[:2] == ["inkbloom", "train"]
        inkbloom.load_recipe(advised[2])


def test_a_run_goes_on_as_the_hint_says(inside, command, tmp_path):
    run = shutil.copytree("runs/shapes", tmp_path / "a run")
    for words in (["train", run], ["train", "fast", "--data", "folder:shapes", "--out", run]):
        hint = command(*words).error.split("`")[1]
        ended = command(*shlex.split(hint)[1:])
        assert ended.code == 0
        assert "already trained: 3 steps" in ended.out


# ---- settings that are at odds


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--epochs", 1, "--steps", 2), "steps = 2 and epochs = 1: both say how long to train; give one of them"),
        (("--steps", 2, "--epochs", 1), "steps = 2 and epochs = 1: both say how long to train; give one of them"),
        (("--steps", 0), "steps = 0: must lie in [1, 1000000000]"),
        (("--epochs", 0), "epochs = 0: must lie in [1, 1000000]"),
        (("--steps", "1.5"), "argument --steps: invalid int value: '1.5'"),
        (("--size", "32,32"), "size = '32,32': write N or HxW, as in 32 or 45x60"),
        (("--size", "32 x 32"), "size = '32 x 32': write N or HxW, as in 32 or 45x60"),
        (("--size", "4"), "size = '4': height and width must lie in [8, 1024]"),
        (("--net", "basic", "--kernel", 5), "kernel with net basic: its layers are as they are; leave out --kernel, or"),
        (("--family", "vae", "--layers", 3), "layers = 3 with family vae: for diffusion only; leave it out"),
        (("--noise", "uniform", "--path", "vp"), "use --path lerp or --noise gaussian"),
        (("--teacher", "runs/shapes"), "set --solver euler --spacing shifted (or uniform), leave out --sample-times"),
    ],
)  # fmt: skip
def test_settings_at_odds(words, said, inside, command):
    ended = command("train", "fast", *words)
    assert ended.code == 2
    assert said in ended.error


def test_steps_and_epochs_are_at_odds_in_python():
    with pytest.raises(UsageError, match="steps = 2 and epochs = 1: both say how long to train; give one of them"):
        inkbloom.load_recipe("fast").resolved(steps=2, epochs=1)
    with pytest.raises(UsageError, match="needs either steps or epochs"):
        inkbloom.load_recipe("fast").resolved(steps=None)
    assert inkbloom.load_recipe("fast").resolved(epochs=1, steps=None).epochs == 1


# ---- teachers


@pytest.mark.parametrize(
    ("teacher", "words", "added"),
    [
        ("runs/shapes", (), "add --data folder:shapes --widths 16 --layers 1"),
        ("runs/mixed", (), "add --data folder:mixed --size 10 --widths 16 --layers 1"),
        ("runs/plain", (), "add --data folder:mixed --size 9x11 --no-labels --widths 16 --layers 1 --kernel 5"),
        ("runs/mixed", ("--data", "folder:mixed"), "add --size 10 --widths 16 --layers 1"),  # before the images are read
        ("runs/mixed", ("--data", "folder:mixed", "--size", 11), "add --size 10 --widths 16 --layers 1"),
        ("runs/shapes", ("--data", "folder:shapes"), "add --widths 16 --layers 1"),
        ("runs/shapes", ("--data", "folder:shapes", "--widths", 16), "add --layers 1"),
        ("runs/shapes", ("--data", "folder:shapes", "--size", 12, "--widths", 16), "add --layers 1 and leave out --size"),
        ("runs/shapes", ("--data", "folder:shapes", "--pixels", "0..1"), "add --pixels=-1..1 --widths 16 --layers 1"),
        ("pretrained", ("--data", "folder:shapes"), "add --data digits"),
        ("pretrained", ("--widths", 16), "add --widths 48 96"),
        ("pretrained", ("--no-timed", "--target", "eps"), "add --timed --target x0"),
    ],
)
def test_what_a_student_must_share_with_its_teacher(teacher, words, added, inside, command, tmp_path):
    """One line names all that is to be added; with it the training runs."""
    base = ["train", "few-step", "--teacher", teacher, *words, *QUICK]
    ended = command(*base, "--out", tmp_path / "few")
    assert ended.code == 2
    assert ended.error == f"the teacher was made otherwise ({teacher}): {added}"
    if "leave out" not in added and teacher != "pretrained":
        ended = command(*base, "--out", tmp_path / "good", *shlex.split(added)[1:])
        assert (ended.code, ended.err) == (0, "")


def test_a_student_that_goes_on_needs_no_teacher(inside, command, tmp_path):
    teacher = shutil.copytree("runs/shapes", tmp_path / "teacher")
    words = ["train", "few-step", "--data", "folder:shapes", "--widths", 16, "--layers", 1, *QUICK, "--out", tmp_path / "few"]
    assert command(*words, "--teacher", teacher).code == 0
    shutil.rmtree(teacher)
    assert command(*words, "--teacher", teacher).code == 0


# ---- verbs and flags


def test_help_of_a_verb(command):
    for verb in ("train", "judge", "recipes"):
        assert command("help", verb) == command(verb, "--help")
    assert command("help", "train").code == 0
    assert "\n  train " in command("help").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("help", "nonsense"), "unknown verb 'nonsense': known: train, sample"),
        (("help", "trian"), "unknown verb 'trian': did you mean 'train'?"),
        (("fast",), "unknown verb 'fast': did you mean `inkbloom train fast`?"),
        (("few-step", "--teacher", "x"), "unknown verb 'few-step': did you mean `inkbloom train few-step`?"),
        (("train", "fast", "--resume"), "unknown argument '--resume': leave it out, the same command goes on where it stopped"),
        (("train", "fast", "--continue"), "leave it out, the same command goes on where it stopped"),
        (("judge", "digits", "--resume"), "leave it out, the same command goes on where it stopped"),
        (("sample", "--resume"), "unknown argument '--resume': see `inkbloom sample --help`"),
        (("train", "fast", "--device", "cuda"), "leave it out, a GPU is used where there is one"),
        (("train", "fast", "--gpu"), "leave it out, a GPU is used where there is one"),
        (("train", "fast", "--learning-rate", "1"), "did you mean --lr?"),
        (("train", "fast", "--learning_rate=1"), "did you mean --lr?"),
        (("train", "fast", "--output", "x"), "did you mean --out?"),
        (("train", "fast", "--batch_size", "8"), "did you mean --batch-size?"),
        (("train", "fast", "--Steps", "8"), "did you mean --steps?"),
        (("train", "fast", "--sizes=32"), "did you mean --size?"),
        (("train", "fast", "--no-label"), "did you mean --no-labels?"),
        (("train", "fast", "--epoch", "8"), "did you mean --epochs?"),
        (("train", "fast", "folder:shapes"), "unknown argument 'folder:shapes': did you mean --data folder:shapes?"),
        (("evaluate", "runs/shapes", "digits:"), "did you mean --data digits:?"),
        (("train", "fast", "shapes"), "unknown argument 'shapes': see `inkbloom train --help`"),
        (("sample", "runs/shapes", "--step", "4"), "did you mean --steps?"),
        (("sample", "runs/shapes", "--labels", "4"), "did you mean --label?"),
        (("sample", "runs/shapes", "--num", "4"), "see `inkbloom sample --help`"),
        (("train", "fast", "--xyzzy"), "unknown argument '--xyzzy': see `inkbloom train --help`"),
        (("train", "fast", "--pixels", "-1..1"), "one that begins with a dash is written --pixels=VALUE"),
        (("train", "fast", "--e"), "unknown argument '--e': see `inkbloom train --help`"),
    ],
)  # fmt: skip
def test_words_that_there_are_not(words, said, inside, command):
    ended = command(*words)
    assert ended.code == 2
    assert said in ended.error
    assert ended.out == ""


# ---- places


def test_a_place_that_cannot_be_written_is_told_without_a_flag_that_may_not_be_there(inside, command, tmp_path):
    (tmp_path / "file").write_text("")
    for words in (
        ("claims", "--only", "nonlinear", "--json", tmp_path / "file/x.json"),
        ("sample", "runs/shapes", "--out", tmp_path / "new", "--npz", tmp_path / "file/x.npz"),
        ("judge", "folder:shapes", "--out", tmp_path / "file/x.safetensors"),
    ):
        ended = command(*words)
        assert ended.code == 5 or "unknown claim" in ended.error, ended
        assert "--out" not in ended.error
