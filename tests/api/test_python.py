"""inkbloom as people type it in Python: the list of names, natural types, mistakes, and what a notebook shows."""

import pydoc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import inkbloom
from inkbloom import cli
from inkbloom.errors import InkbloomError, UsageError
from inkbloom.recipe_files import parse_recipe

SMALL = {"widths": [16], "layers": 1, "steps": 4, "batch_size": 8, "compile": "off", "precision": "fp32", "quiet": True}
NAMES = ("Animals & Nature", "Flags", "国旗")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of pictures in three classes, 40 x 24 pixels."""
    place, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(60):
        path = place / NAMES[number % 3] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (24, 40, 3), np.uint8)).save(path)
    return place


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    return inkbloom.train("fast", data=folder, size=16, out=tmp_path_factory.mktemp("run"), ema=0.5, **SMALL)


# ---- the list of names


def test_tab_shows_every_public_name_and_no_other():
    assert set(inkbloom.__all__) <= set(dir(inkbloom))
    for name in dir(inkbloom):
        assert getattr(inkbloom, name) is not None
    assert [name for name in dir(inkbloom) if name.startswith("_")] == ["__version__"]


def test_help_shows_every_public_name_with_its_line():
    """The overview at its top has a line for each, and each has its own words further down."""
    text = pydoc.render_doc(inkbloom, renderer=pydoc.plaintext)
    overview, _, rest = text.partition("PACKAGE CONTENTS")
    for name in set(inkbloom.__all__) - {"__version__"}:
        (line,) = [line.split() for line in overview.splitlines() if line.split()[:1] == [name]]
        assert len(line) > 3
        first = pydoc.getdoc(getattr(inkbloom, name)).splitlines()[0]
        assert first in rest


def test_every_verb_has_a_twin_in_python():
    """bench is about a machine and lab opens a page: both stay commands."""
    twins = {"claims": "check_claims"}
    assert {twins.get(verb, verb) for verb in cli.VERBS} - {"bench", "lab"} <= set(inkbloom.__all__)


def test_rooms_of_the_documents_are_there_at_once():
    code = "import inkbloom, sys; inkbloom.errors; dir(inkbloom); print('torch' in sys.modules); inkbloom.sampling.trajectory"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "False\n"


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(AttributeError, match="no attribute 'sapmle': did you mean 'sample'"):
        _ = inkbloom.sapmle


# ---- natural types


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        (16, (16, 16)), ("16", (16, 16)), ("16x24", (16, 24)), ((16, 24), (16, 24)), ([16, 24], (16, 24)),
        (np.int64(16), (16, 16)), (np.array([16, 24]), (16, 24)), (torch.Size([16, 24]), (16, 24)), (None, (24, 40)),
        ("", (24, 40)),
    ],
)  # fmt: skip
def test_a_size_is_a_number_a_pair_or_text_wherever_one_is_taken(folder, size, shape):
    assert inkbloom.load_data(f"folder:{folder}", size=size).size == shape
    assert inkbloom.inspect(folder, size).data.size == shape
    if size is not None:
        recipe = inkbloom.load_recipe("fast").resolved(size=size)
        assert inkbloom.load_data(folder, recipe.size).size == shape
        assert inkbloom.Recipe(steps=1, size=size) == inkbloom.Recipe(steps=1, size=recipe.size)


@pytest.mark.parametrize("size", [0, 7, -16, 16.0, True, "big", (16, 16, 16), {16}, b"16", (16.0, 16), 10**50])
def test_what_is_no_size_is_told_so_and_not_that_every_file_is_broken(folder, size):
    for call in (lambda: inkbloom.load_data(folder, size), lambda: inkbloom.load_recipe("fast").resolved(size=size)):
        with pytest.raises(UsageError, match="size = ") as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1


def test_fields_take_what_numpy_torch_and_pathlib_make(tmp_path):
    plain = {"steps": 9, "lr": 0.5, "widths": (16, 32), "flip": True, "betas": (0.5, 0.25), "teacher": "runs/a", "seed": 3}
    natural = {
        "steps": np.int64(9), "lr": np.float32(0.5), "widths": np.array([16, 32]), "flip": np.bool_(True),
        "betas": torch.tensor([0.5, 0.25]), "teacher": Path("runs/a"), "seed": np.uint32(3),
    }  # fmt: skip
    asked = inkbloom.Recipe(solver="euler", steps=1)
    assert asked.resolved(**natural) == asked.resolved(**plain) == inkbloom.Recipe(solver="euler", **natural)


def test_a_path_is_a_source_and_a_run_is_a_path(folder, run, tmp_path):
    assert run.recipe.data == f"folder:{folder}"
    np.savez(tmp_path / "x.npz", images=np.arange(1920).astype(np.uint8).reshape(30, 8, 8))
    assert inkbloom.load_data(tmp_path / "x.npz").size == (8, 8)
    assert (inkbloom.Run(run).sample(3) == run.sample(3)).all()
    taught = inkbloom.train(
        "few-step", data=folder, size=(16, 16), teacher=run, out=tmp_path / "taught", **SMALL | {"steps": 1}
    )
    assert taught.recipe.teacher == str(run.path)


def test_none_leaves_a_field_as_the_recipe_says(folder, tmp_path):
    given = {**SMALL, "seed": None, "lr": None, "epochs": None}
    recipe = inkbloom.train("fast", data=folder, size="16", out=tmp_path / "run", cards=None, **given).recipe
    assert (recipe.seed, recipe.lr) == (0, inkbloom.load_recipe("fast").lr)


def test_labels_may_be_names(run):
    pictures = run.sample(6, label=["Flags", 2])
    assert (pictures == run.sample(6, labels=[1, 2])).all()
    assert (run.sample(3, label="Flags") == run.sample(3, label=1)).all()
    assert (pictures[1::2] == run.sample(6, label="国旗")[1::2]).all()
    data = inkbloom.images(np.eye(8)[None].repeat(6, 0), labels=["b", "a", "b", "a", "b", "a"])
    assert (data.classes, data.labels.tolist()) == (("a", "b"), [1, 0, 1, 0, 1, 0])
    ordered = inkbloom.images(np.eye(8)[None].repeat(6, 0), labels=["b", "a"] * 3, classes=["b", "a"])
    assert ordered.labels.tolist() == [0, 1] * 3


def test_sampling_starts_from_a_file_an_image_or_an_array(run, folder):
    path = next((folder / "Flags").iterdir())
    image = Image.open(path)
    first, *others = (run.sample(3, start=(picture, 0.5)) for picture in (path, str(path), image, np.asarray(image)))
    assert all((first == other).all() for other in others)
    assert not (first == run.sample(3)).all()


def test_explain_takes_arrays(tmp_path):
    image = np.arange(144, dtype=np.uint8).reshape(12, 12)
    Image.fromarray(image).save(tmp_path / "mine.png")
    read = inkbloom.explain("convolution", kernel="1 0; 0 1", image=tmp_path / "mine.png", stride=2, out=tmp_path / "a")
    made = inkbloom.explain("convolution", kernel=np.eye(2), image=image, stride=np.int64(2), out=tmp_path / "b")
    assert set(read) == set(made) == {"picture", "film"}
    assert all(path.exists() for path in made.values())


# ---- mistakes: one line each, of ours


MISTAKES = {
    "a source that is an array": lambda run: inkbloom.train("fast", data=np.zeros((30, 16, 16)), **SMALL),
    "no source": lambda run: inkbloom.load_data(None),
    "a source that is a number": lambda run: inkbloom.inspect(3),
    "a folder that is a number": lambda run: inkbloom.train("fast", out=3, **SMALL),
    "cards that are text": lambda run: inkbloom.train("fast", cards="2", out="x", **SMALL),
    "cards that are no steps": lambda run: inkbloom.train("fast", cards=[1.5], out="x", **SMALL),
    "no recipe": lambda run: inkbloom.load_recipe(None),
    "a recipe made with a wrong type": lambda run: inkbloom.Recipe(steps="3"),
    "a count that is text": lambda run: run.sample("4"),
    "a count that is a float": lambda run: run.sample(4.0),
    "no count": lambda run: run.sample(None),
    "a seed that is a float": lambda run: run.sample(4, seed=1.5),
    "no seed": lambda run: run.sample(4, seed=None),
    "steps that are text": lambda run: run.sample(4, steps="5"),
    "half a step": lambda run: run.sample(4, steps=2.5),
    "guidance that is text": lambda run: run.sample(4, guidance="2"),
    "guidance that is a list": lambda run: run.sample(4, guidance=[1]),
    "a solver that is a number": lambda run: run.sample(4, solver=3),
    "a misspelt setting": lambda run: run.sample(4, sovler="euler"),
    "a start without a level": lambda run: run.sample(4, start="cat.png"),
    "a start that is nowhere": lambda run: run.sample(4, start=("cat.png", 0.5)),
    "a start that is no picture": lambda run: run.sample(4, start=([object()], 0.5)),
    "a level that is text": lambda run: run.sample(4, start=(np.zeros((8, 8), np.uint8), "0.5")),
    "more labels than pictures": lambda run: run.sample(2, label=["Flags", 0, 2]),
    "no labels at all": lambda run: run.sample(2, label=[]),
    "a label that is none": lambda run: run.sample(2, label="Flag"),
    "a run that is a number": lambda run: inkbloom.Run(3),
    "a comparison with nothing": lambda run: inkbloom.compare(run, None),
    "a comparison of one": lambda run: inkbloom.compare([run]),
    "an evaluation of nothing": lambda run: inkbloom.evaluate(None),
    "an evaluation of an array": lambda run: inkbloom.evaluate(run.sample(4)),
    "a number of images that is text": lambda run: inkbloom.evaluate(run, n="10"),
    "one end of a row": lambda run: inkbloom.sample(run, 4, between=3),
    "a digit that is text": lambda run: inkbloom.explain("noising", digit="3"),
    "a noise level that is text": lambda run: inkbloom.explain("unet", t="0.5"),
    "an image that is none": lambda run: inkbloom.explain("noising", image=[object()]),
    "a kernel that is none": lambda run: inkbloom.explain("convolution", kernel={"a": 1}),
    "classes that are a number": lambda run: inkbloom.images(np.zeros((4, 8, 8)), labels=[0, 1, 0, 1], classes=3),
    "labels of unknown names": lambda run: inkbloom.images(np.zeros((2, 8, 8)), labels=["a", "b"], classes=["a", "c"]),
    "a grid of nothing": lambda run: inkbloom.grid(None),
    "a grid without columns": lambda run: inkbloom.grid(run.sample(4), columns=0),
    "a grid without labels": lambda run: inkbloom.grid(run.sample(4), labels=[]),
    "a claim that is none": lambda run: inkbloom.check_claims("shrink"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line(mistake, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InkbloomError) as caught:
        MISTAKES[mistake](run)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) <= 250
    assert list(tmp_path.iterdir()) == []


# ---- what is shown


def test_no_object_shows_itself_in_more_than_two_short_lines(run, folder, tmp_path):
    other = inkbloom.train("fast", data=folder, size=16, out=tmp_path / "other", **SMALL | {"steps": 2})
    data = inkbloom.load_data("digits")
    shown = [
        data, data.take("train"), inkbloom.inspect("digits"), run, run.spec, run.recipe, run.request(5000, label=[0, 1] * 2500),
        inkbloom.compare(run, other),
    ]  # fmt: skip
    for thing in shown:
        assert len(repr(thing)) <= 250, repr(thing)
        assert len(repr(thing).splitlines()) <= 2
    assert "10,000 images of 28 x 28 x 1, 10 classes" in repr(data)
    assert "train 8,000" in repr(data)


def test_a_card_shows_its_headline_and_prints_its_table(tmp_path):
    run = inkbloom.train("fast", out=tmp_path / "run", **SMALL | {"steps": 2})
    card = inkbloom.evaluate(run, n=20, images=20, judge="none", nfe=2)
    assert len(repr(card)) < 200
    assert "floor: real images against real ones" in str(card)
    assert card["made"]["images"] == 20
    assert card == dict(card)


def test_a_recipe_prints_all_its_fields():
    recipe = inkbloom.load_recipe("fast")
    assert parse_recipe(str(recipe), "here") == recipe
    assert inkbloom.recipes()["fast"] == recipe.about


def test_a_comparison_prints_its_tables(run, folder, tmp_path):
    other = inkbloom.train("fast", data=folder, size=16, out=tmp_path / "other", lr=0.5, **SMALL)
    lines = str(inkbloom.compare(run, other)).splitlines()
    assert any(line.split()[:3] == ["lr", "0.003", "0.5"] for line in lines)


def test_written_files_show_their_picture(run, tmp_path):
    written = inkbloom.sample(run, 6, out=tmp_path)
    assert written._repr_png_() == (tmp_path / "grid.png").read_bytes()


def test_pictures_and_each_of_them_show_themselves(run):
    pictures = run.sample(3)
    assert pictures._repr_png_().startswith(b"\x89PNG")
    assert pictures[0]._repr_png_().startswith(b"\x89PNG")
    assert pictures[..., 0]._repr_png_() is None


@pytest.mark.parametrize(
    ("watched", "quiet", "told"),
    [(False, None, False), (False, False, True), (True, None, True), (True, True, False), (True, False, True)],
)
def test_somebody_who_watches_is_told_what_goes_on(watched, quiet, told, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rich.console.Console.is_terminal", watched)
    inkbloom.sample(run, 2, out=tmp_path, quiet=quiet)
    assert ("2 pictures" in capsys.readouterr().out) == told


# ---- grid


def test_a_grid_of_pictures_is_one_image(run):
    pictures = run.sample(6)
    scale = 64 // 16
    one, two = inkbloom.grid(pictures), inkbloom.grid(pictures, columns=2)
    assert one.size == (3 * (16 * scale + 1) + 1, 2 * (16 * scale + 1) + 1)
    assert two.size == one.size[::-1]
    corner = np.asarray(two)[1 : 1 + 16 * scale : scale, 1 : 1 + 16 * scale : scale]
    assert (corner == pictures[0]).all()
    for same in (pictures.tolist(), torch.tensor(pictures), pictures.transpose(0, 3, 1, 2)):
        assert (np.asarray(inkbloom.grid(same)) == np.asarray(one)).all()
    assert inkbloom.grid(pictures[0]).size == (16 * scale + 2, 16 * scale + 2)


def test_a_grid_has_a_row_for_each_label(run, folder):
    pictures = run.sample(6, label=["Flags", "国旗"])
    named, plain = inkbloom.grid(pictures, labels=["Flags", "国旗"]), inkbloom.grid(pictures[[0, 2, 4, 1, 3, 5]], columns=3)
    assert named.height == plain.height
    assert (np.asarray(named)[:, -plain.width :] == np.asarray(plain)).all()
    assert named.width > plain.width
    sheet = inkbloom.grid(inkbloom.load_data(folder, 16))
    assert sheet.height == 3 * 65 + 1
