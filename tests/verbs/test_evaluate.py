"""`inkbloom evaluate` and `inkbloom train --cards` from outside: the card, the files, and what is refused."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import inkbloom
from inkbloom.data import load_data
from inkbloom.evaluation import image_set
from inkbloom.evaluation.judge import JudgeNet, pack
from inkbloom.evaluation.train_judge import JudgeTraining

COUNT = 400  # images of the source: 320 to train on, 40 held out, 40 for reference


@pytest.fixture(scope="module")
def made(tmp_path_factory, source):
    """A source, a judge of it, a run of three classes and one that knows none; nobody writes into them."""
    folder = tmp_path_factory.mktemp("made")
    data = source(count=COUNT)
    training = JudgeTraining(load_data(data), epochs=20, d=8)
    while training.step < training.steps:
        training.advance()
    about = {"source": data, "classes": ("0", "1", "2"), "size": (8, 8), "accuracy": 1.0, "seed": 0}
    (folder / "judge.safetensors").write_bytes(pack(training.net, **about))
    fields = {
        "net": "ink", "widths": (16,), "layers": 1, "steps": 30, "batch_size": 16, "compile": "off", "precision": "fp32",
        "sample_steps": 3, "lr": 1e-2, "data": data, "ema": 0.3,
    }  # fmt: skip
    base = inkbloom.Recipe().resolved(**fields)
    inkbloom.train(base, out=folder / "classes", quiet=True)
    inkbloom.train(base, out=folder / "plain", quiet=True, labels=False)
    inkbloom.train(base, out=folder / "wide", quiet=True, data=source(count=COUNT, size=(8, 12)))
    inkbloom.train(base, out=folder / "all", quiet=True, split="all")
    return folder


@pytest.fixture
def judge(made):
    return made / "judge.safetensors"


@pytest.fixture
def run(made, tmp_path):
    """A copy of the run that knows classes."""
    return shutil.copytree(made / "classes", tmp_path / "run")


@pytest.fixture
def images(source, tmp_path):
    """images(name, where, change) -> an .npz file of images of the source's slice `where`, changed."""

    def write(name="set.npz", where="train", change=lambda images, labels: (images, labels)):
        part = load_data(source(count=COUNT)).take(where)
        pixels, labels = change(part.images.numpy().transpose(0, 2, 3, 1), part.labels.numpy())
        np.savez(tmp_path / name, **({"images": pixels} if labels is None else {"images": pixels, "labels": labels}))
        return tmp_path / name

    return write


def numbers(card):
    """The card without what a clock says."""
    return {**card, "made": {key: value for key, value in card["made"].items() if key != "images_per_second"}}


# ---- a run


def test_the_card_of_a_run(run, judge, command, tmp_path):
    ended = command("evaluate", run, "--judge", judge, "--json", tmp_path / "out/card.json")
    assert (ended.code, ended.err) == (0, "")
    card = json.loads((run / "card.json").read_text())
    assert card == json.loads((tmp_path / "out/card.json").read_text())
    assert card["header"]["n"] == 40
    assert card["blocks"] == 5
    expected = {
        "seed": 0, "solver": "euler", "steps": 3, "nfe": 3, "guidance": 1.0, "spacing": "uniform", "weights": "ema", "step": 30,
        "images": 200, "run": str(run), "file": None, "inkbloom": inkbloom.__version__, "torch": torch.__version__,
    }  # fmt: skip
    assert {key: card["made"][key] for key in expected} == expected
    assert card["made"]["images_per_second"] > 0
    assert card["holdout"]["levels"][0] == 0.05
    assert len(card["holdout"]["loss"]) == len(card["holdout"]["wiener"]) == 10
    last = json.loads((run / "holdout.jsonl").read_text().splitlines()[-1])
    assert card["holdout"]["loss"] == pytest.approx([float.fromhex(loss) for loss in last["loss"]], rel=1e-4)
    for folder in (run / "evaluation", tmp_path / "out/card-pictures"):
        with Image.open(folder / "samples.png") as samples, Image.open(folder / "nearest.png") as nearest:
            assert samples.size == (8 * 17 + 1, 2 * 17 + 1)
            assert nearest.size == (4 * 35 + 3, 4 * 19 + 3)


def test_the_table_names_its_rows_in_order_with_the_floor_first(run, judge, command):
    out = command("evaluate", run, "--judge", judge).out
    said = [
        f"{run}: 200 images, 5 blocks of 40, against npz:", "euler, 3 steps, 3 network evaluations each", "floor: real images",
        "hold-out x0 loss", "mean image", "best linear denoiser", "KID x 1000", "FD (judge judge, d=8, N=40, ref=", "recall",
        "coverage", "precision", "density", "classes: total variation", "label agreement (ceiling ",
        "near a training image (range ", "moved by up to", "C_T z", f"card: {run}/card.json",
        f"pictures: {run}/evaluation/samples.png", f"pictures: {run}/evaluation/nearest.png",
    ]  # fmt: skip
    places = [out.index(text) for text in said]
    assert places == sorted(places)
    assert "FID" not in out
    assert "nan" not in out.lower()
    assert "None" not in out


def test_the_same_command_twice_gives_the_same_numbers(made, judge, command, tmp_path):
    files = [tmp_path / name for name in ("one.json", "two.json", "other.json")]
    weights = tmp_path / "alone.safetensors"
    name = (made / "classes/checkpoints/latest").read_text().strip()
    shutil.copy(made / "classes/checkpoints" / name / "ema.safetensors", weights)
    for file, seed in zip(files, (0, 0, 1), strict=True):
        ended = command("evaluate", weights, "--judge", judge, "--json", file, "--seed", seed, "--images", 80, "--quiet")
        assert ended == (0, "", "")
    one, two, other = (numbers(json.loads(file.read_text())) for file in files)
    assert one == two
    assert one["fd"] != other["fd"]
    assert one["floor"] == other["floor"]
    assert one["made"]["weights"] == "file"
    assert not (tmp_path / "card.json").exists()


def test_every_block_has_the_classes_of_the_reference(made, source):
    run, data = inkbloom.Run(made / "classes"), load_data(source(count=COUNT))
    drawn = image_set.draw_set(run.family, data, 40, origin={})
    labels = data.take("reference").labels
    assert all(torch.equal(block, labels) for block in drawn.labels.split(40))
    assert drawn.images.dtype == torch.uint8
    alone = run.sample(40, labels=labels.tolist())
    assert abs(alone.transpose(0, 3, 1, 2).astype(int) - drawn.images[:40].numpy()).max() <= 1


def test_how_a_run_draws_can_be_chosen(made, judge, tmp_path):
    asked = {"solver": "heun", "nfe": 7, "spacing": "shifted", "guidance": 1.0, "weights": "live", "n": 30, "images": 65}
    card = inkbloom.evaluate(made / "classes", judge=str(judge), json=tmp_path / "card.json", **asked)
    assert (card["made"]["solver"], card["made"]["steps"], card["made"]["nfe"]) == ("heun", 4, 7)
    assert (card["made"]["spacing"], card["made"]["weights"], card["made"]["images"]) == ("shifted", "live", 65)
    assert (card["header"]["n"], card["blocks"]) == (30, 2)
    assert card == json.loads((tmp_path / "card.json").read_text())


@pytest.mark.parametrize(
    ("flags", "takes"),
    [
        (("--images", 199), "200 images"),
        (("--n", 39), "N = 40"),
        (("--steps", 2), "the recipe's sampling"),
        (("--guidance", 2), "the recipe's sampling"),
        (("--weights", "live"), "the averaged weights"),
        (("--judge", "none"), "a judge"),
    ],
)
def test_a_quick_look_does_not_take_the_place_of_the_card(flags, takes, run, judge, source, command, tmp_path, monkeypatch):
    monkeypatch.setattr("inkbloom.evaluation.judge.JUDGES", {source(count=COUNT): str(judge)})
    kept = {name: f"of the whole card: {name}" for name in ("card.json", "report.html", "evaluation/samples.png")}
    (run / "evaluation").mkdir()
    for name, text in kept.items():
        (run / name).write_text(text)
    said = f"not kept as the run's card, which takes {takes}"
    for more, left in (((), f"{said}: --json FILE keeps it"), (("--json", tmp_path / "quick.json"), said)):
        ended = command("evaluate", run, *flags, *more)
        assert (ended.code, ended.err, ended.out.splitlines()[-1]) == (0, "", left)
        assert {name: (run / name).read_text() for name in kept} == kept
    assert json.loads((tmp_path / "quick.json").read_text())["made"]["run"] == str(run)
    assert (tmp_path / "quick-pictures/samples.png").exists()


def test_what_the_recipe_says_anyway_is_no_other_card(run, judge, command):
    said = command("evaluate", run, "--judge", judge, "--images", 200, "--n", 40, "--steps", 3, "--solver", "euler").out
    assert f"card: {run}/card.json" in said
    assert "not kept" not in said


def test_a_quick_card_is_the_run_s_where_that_file_is_asked_for(run, judge, command):
    said = command("evaluate", run, "--judge", judge, "--images", 40, "--json", run / "card.json").out
    assert json.loads((run / "card.json").read_text())["made"]["images"] == 40
    assert f"pictures: {run}/evaluation/samples.png" in said
    assert not (run / "card-pictures").exists()


def test_a_run_that_cannot_be_written_is_measured_into_another_place(run, judge, command, tmp_path):
    (run / "card.json").mkdir()  # as good as no permission, for root too
    refused = command("evaluate", run, "--judge", judge)
    assert (refused.code, refused.out) == (5, "")
    ended = command("evaluate", run, "--judge", judge, "--json", tmp_path / "out/card.json")
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "not kept in the run, where nothing can be written"
    assert json.loads((tmp_path / "out/card.json").read_text())["made"]["images"] == 200


def test_a_run_without_classes_has_no_agreement(made, judge, tmp_path):
    run = shutil.copytree(made / "plain", tmp_path / "run")
    card = inkbloom.evaluate(run, judge=str(judge), images=40)
    assert card["classes"]["agreement"] is None
    assert card["classes"]["ceiling"] is not None
    assert card["made"]["guidance"] is None


def test_a_run_that_saw_everything_says_so(made, judge, command, tmp_path):
    run = shutil.copytree(made / "all", tmp_path / "run")
    ended = command("evaluate", run, "--judge", judge)
    assert "warning: the run was trained on all images, the reference included" in ended.out
    assert json.loads((run / "card.json").read_text())["holdout"] is None
    assert "hold-out x0 loss" not in ended.out


# ---- images that something else made


def test_copies_and_unseen_images_in_a_file(images, judge, source):
    copies = inkbloom.evaluate(images(), data=source(count=COUNT), judge=str(judge))
    unseen = inkbloom.evaluate(images(where="holdout"), data=source(count=COUNT), judge=str(judge))
    assert copies["near"] == 1
    assert unseen["near"] < 0.2
    assert (copies["blocks"], unseen["blocks"]) == (8, 1)
    assert copies["classes"]["agreement"] == pytest.approx(copies["floor"]["agreement"], abs=0.1)
    assert copies["holdout"] is None
    assert copies["made"]["file"].endswith("set.npz")
    assert copies["made"]["run"] is copies["made"].get("solver") is None


def test_a_file_sorted_by_class_is_judged_as_a_mixed_one(images, judge, source, monkeypatch):
    def by_class(pixels, labels):
        index = labels.argsort(kind="stable")
        return pixels[index], labels[index]

    path, asked = images(change=by_class), {"data": source(count=COUNT), "judge": str(judge)}
    card = inkbloom.evaluate(path, **asked)
    assert card["classes"]["tv"] < 0.2
    monkeypatch.setattr(image_set, "shuffled", lambda seed, count: torch.arange(count))  # the control: blocks as they stand
    assert inkbloom.evaluate(path, **asked)["classes"]["tv"] > 0.4


@pytest.mark.parametrize("kind", ["npy", "zip", "tar", "parquet"])
def test_a_file_of_any_kind_gets_the_card_of_the_npz(kind, images, judge, source, tmp_path):
    """The order in a zip or a tar is that of the names, here that of the images."""
    npz = images()
    with np.load(npz) as held:
        pixels, labels = held["images"], held["labels"]
    folder = tmp_path / "pictures"
    place = tmp_path / f"set.{kind}"
    if kind == "npy":
        np.save(place, pixels)
        np.save(tmp_path / "set_labels.npy", labels)
    elif kind == "parquet":
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"image": pixels[..., 0].tolist(), "label": labels}), place)
    else:
        for number, image in enumerate(pixels):
            folder.mkdir(exist_ok=True)
            Image.fromarray(image[..., 0]).save(folder / f"{number:03}.png")
        (folder / "labels.csv").write_text("".join(f"{number:03}.png,{label}\n" for number, label in enumerate(labels)))
        shutil.make_archive(str(tmp_path / "set"), kind, folder)
    asked = {"data": source(count=COUNT), "judge": judge, "quiet": True}
    one, other = (inkbloom.evaluate(what, **asked) for what in (npz, place))
    assert other["made"]["images"] == len(pixels)
    assert all(other[row] == pytest.approx(one[row], rel=1e-4) for row in ("fd", "kid", "near"))
    assert other["classes"]["agreement"] == one["classes"]["agreement"]
    assert one["classes"]["agreement"] > 0.9


def test_a_folder_of_pictures(images, judge, source, tmp_path):
    with np.load(images()) as held:
        for number, (picture, label) in enumerate(zip(held["images"], held["labels"], strict=True)):
            for place in (tmp_path / "flat", tmp_path / "named" / str(label), tmp_path / "strange" / f"kind{label}"):
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture[..., 0]).save(place / f"{number}.png")
    asked = {"data": source(count=COUNT), "judge": str(judge), "n": 40}
    cards = {name: inkbloom.evaluate(tmp_path / name, **asked) for name in ("flat", "named", "strange")}
    assert {card["near"] for card in cards.values()} == {1}
    agreement = inkbloom.evaluate(images(), **asked)["classes"]["agreement"]
    assert cards["named"]["classes"]["agreement"] == pytest.approx(agreement)
    assert cards["flat"]["classes"]["agreement"] is cards["strange"]["classes"]["agreement"] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flat", "named", "set.npz", "strange"]  # nothing is left there


def test_digits_and_their_shipped_judge_are_the_default(command, tmp_path):
    data = load_data("digits").take("train")
    np.savez(tmp_path / "copies.npz", images=data.images[:40, 0].numpy(), labels=data.labels[:40].numpy())
    ended = command("evaluate", tmp_path / "copies.npz", "--n", 40, "--json", tmp_path / "card.json")
    assert ended.code == 0
    card = json.loads((tmp_path / "card.json").read_text())
    assert (card["header"]["source"], card["header"]["judge"]) == ("digits", "digits-v1")
    assert (card["near"], card["near_ratio"]) == (1, 1)
    assert card["fd"] < card["floor"]["fd"] + 4 * card["floor_sd"]["fd"]
    assert card["classes"]["ceiling"] > 0.98
    assert "40 images, one block of 40, against digits" in ended.out


def test_what_needs_no_judge_is_shown_without_one(images, source, run, command):
    data = source(count=COUNT)
    ended = command("evaluate", run)
    advised = f"`inkbloom judge {data} --out judge.safetensors`, then add --judge judge.safetensors\n"
    assert f"no judge for {data}: train one with {advised}" in ended.out
    assert "hold-out x0 loss" in ended.out
    assert "near a training image (range " in ended.out
    assert "FD" not in ended.out
    assert json.loads((run / "card.json").read_text())["fd"] is None
    path = images(change=lambda pixels, labels: (pixels, None))
    assert "no judge" not in command("evaluate", path, "--data", data, "--judge", "none").out
    unlabelled = source(count=COUNT, classes=0)
    assert "has no labels to train one on" in command("evaluate", path, "--data", unlabelled).out


# ---- what is refused


def test_images_that_do_not_fit(images, judge, source, command, tmp_path):
    data, real = source(count=COUNT), 40
    cases = [
        (lambda p, y: (p[:39], y[:39]), 3, "39 images (", f"N = {real} needs {real} at least", "--n (cards of different N"),
        (lambda p, y: (p[:1], y[:1]), 3, "1 image (", f"a card of N = {real}"),
        (
            lambda p, y: (p[:, :, :-1], y),
            3,
            "images of 7 x 8 x 1",
            "has 8 x 8 x 1",
            "make them of that shape; they are not resized here",
        ),
        (lambda p, y: (p.repeat(3, 3), y), 3, "images of 8 x 8 x 3", "has 8 x 8 x 1"),
        (lambda p, y: (p, y + 1), 3, "label 3", "the classes 0 to 2"),
        (lambda p, y: (p * np.nan, y), 3, "float64"),
        (lambda p, y: (p.astype(int) * 2**20, y), 3, "int64"),
        (lambda p, y: (p, y[:-1]), 3, "labels for"),
    ]
    for change, code, *said in cases:
        ended = command("evaluate", images(change=change), "--data", data, "--judge", judge, "--json", tmp_path / "card.json")
        assert ended.code == code
        assert ended.out == ""
        assert all(text in ended.error for text in said), ended.error
    assert not (tmp_path / "card.json").exists()
    assert not (tmp_path / "card-pictures").exists()


def test_images_can_be_set_against_a_source_at_a_size(command, tmp_path):
    """A folder of pictures at 16 x 16 against a source of mixed sizes with a torn file; each refusal says what to add."""
    for number in range(240):
        for name, side in (("real", 20 + number % 3), ("made", 16)):
            path = tmp_path / name / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (side, side), 60 + 130 * (number % 2) + number % 50).save(path)
    real = f"folder:{tmp_path / 'real'}"
    (tmp_path / "real/a/torn.png").write_bytes(b"no picture")
    words = ["evaluate", tmp_path / "made", "--data", real]
    assert "bring all to one with --size" in command(*words).error
    assert "leave them out with --skip-broken" in command(*words, "--size", 20).error
    ended = command(*words, "--size", 20, "--skip-broken")
    assert ended.code == 3
    assert ended.error.endswith("or bring those to this size with --size 16x16; they are not resized here")
    ended = command(*words, "--size", "16x16", "--skip-broken")
    assert (ended.code, ended.err) == (0, "")
    assert f"train one with `inkbloom judge {real} --size 16x16 --skip-broken --out judge.safetensors`" in ended.out
    Image.new("L", (17, 17)).save(tmp_path / "made/a/1.png")
    (tmp_path / "made/b/torn.png").write_bytes(b"no picture")
    words += ["--size", 16, "--skip-broken"]
    assert command(*words).error.endswith(": make them all 16 x 16, as the real ones are; nothing is resized here")
    (tmp_path / "made/a/1.png").unlink()
    assert "240 images, 10 blocks" in command(*words).out
    assert command(*words, "--size", "8,8").error == "size = '8,8': write N or HxW, as in 32 or 45x60"


def test_the_real_images_of_a_run_come_at_the_size_that_is_asked(made, source, command):
    ended = command("evaluate", made / "plain", "--data", source(count=COUNT, size=(16, 16)))
    assert "give --data with images of the run's shape" in ended.error
    assert command("evaluate", made / "plain", "--data", source(count=COUNT, size=(16, 16)), "--size", "8").code == 0
    assert not (made / "plain/card.json").exists()  # of other images than its own


def test_requests_that_do_not_fit(made, run, images, judge, source, command, tmp_path):
    (tmp_path / "text.txt").write_text("no images")
    (tmp_path / "empty").mkdir()
    (tmp_path / "judge-changed.safetensors").write_bytes(judge.read_bytes()[:-9])
    for words, code, *said in (
        ((images(), "--steps", 3), 2, "--steps with images that exist already"),
        ((images(), "--weights", "live"), 2, "--weights with images"),
        ((images(), "--images", 50), 2, "--images with images"),
        ((run, "--images", 39), 2, "images = 39: a card of N = 40 needs 40 at least", "--n"),
        ((run, "--n", 19), 2, "n = 19: must lie in [20, 40]"),
        ((run, "--n", 41), 2, "n = 41: must lie in [20, 40]"),
        ((run, "--seed", -1), 2, "seed = -1"),
        ((run, "--steps", 0), 2, "steps = 0"),
        ((run, "--solver", "hein"), 2, "did you mean 'heun'"),
        ((run, "--judge", "digits-v0"), 2, "unknown judge 'digits-v0'"),
        ((run, "--judge", "digits-v1"), 2, "judge digits-v1 looks at 28 x 28 x 1, the images are 8 x 8 x 1"),
        ((run, "--judge", tmp_path / "none.safetensors"), 4, "cannot read the judge"),
        ((run, "--judge", tmp_path / "judge-changed.safetensors"), 4, "judge"),
        ((run, "--data", "digits"), 3, "knows other classes than digits"),
        ((made / "plain", "--data", "digits"), 3, "draws images of 8 x 8 x 1", "digits holds 28 x 28 x 1"),
        ((made / "plain", "--data", source(count=50)), 3, "5 images in the slice holdout or reference", "needs 20 in each"),
        ((images(), "--data", "digit"), 2, "unknown source 'digit'"),
        ((tmp_path / "nothing",), 3, "nothing there", "give a run"),
        ((tmp_path / "text.txt",), 3, "neither weights nor a set of images"),
        ((tmp_path / "empty",), 3, "no images in the folder"),
    ):
        ended = command("evaluate", *words)
        assert ended.code == code, ended
        assert ended.out == ""
        assert all(text in ended.error for text in said), ended.error
    assert not (run / "card.json").exists()


def test_a_shipped_judge_that_was_changed_is_noticed(images, command, monkeypatch):
    from inkbloom.evaluation import judge

    table = judge.shipped()
    monkeypatch.setattr(judge, "shipped", lambda: {name: {**about, "sha256": "0" * 64} for name, about in table.items()})
    ended = command("evaluate", images(), "--data", "digits")
    assert ended.code == 4
    assert "digits-v1" in ended.error


def test_a_class_without_images_in_the_reference_is_told(images, judge, command):
    """Its only image is the last in the line that the slices are cut from, where the reference takes every tenth."""

    def one_more(pixels, labels):
        return np.concatenate([pixels, pixels[:1]]), np.append(labels, 3)

    real = images("real.npz", change=one_more)
    ended = command("evaluate", images(), "--data", f"npz:{real}", "--judge", judge)
    assert ended.code == 0
    assert "warning: class '3' has no image in the reference" in ended.out


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_found_before_sampling(run, judge, command, tmp_path, monkeypatch):
    monkeypatch.setattr(image_set, "pictures", None)
    (tmp_path / "closed").mkdir(mode=0o500)
    ended = command("evaluate", run, "--judge", judge, "--json", tmp_path / "closed/card.json")
    assert ended.code == 5


def test_a_card_that_cannot_be_written_is_found_before_sampling(run, judge, command, tmp_path, monkeypatch):
    monkeypatch.setattr(image_set, "pictures", None)
    (tmp_path / "file").write_text("")
    (run / "card.json").write_text("older")
    for place in (tmp_path / "file/card.json", tmp_path):
        ended = command("evaluate", run, "--judge", judge, "--json", place)
        assert ended.code == 5
        assert "file stands where a folder is needed" in ended.error
    assert (run / "card.json").read_text() == "older"
    assert not list(tmp_path.rglob("*.tmp"))


# ---- cards along the way


def test_cards_during_training_change_no_bit_of_it(recipe, source, command, outcome, tmp_path):
    path = recipe(data=source(count=COUNT))
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    assert command("train", path, "--out", plain, "--quiet").code == 0
    ended = command("train", path, "--out", watched, "--cards", 3, 12, 24)
    assert (ended.code, ended.err) == (0, "")
    assert outcome(watched) == outcome(plain)
    cards = sorted((watched / "cards").iterdir())
    assert [card.name for card in cards] == [f"step-{step:08d}.json" for step in (3, 12, 24)]
    for step, file in zip((3, 12, 24), cards, strict=True):
        card = json.loads(file.read_text())
        assert (card["made"]["step"], card["made"]["weights"], card["blocks"]) == (step, "ema", 1)
        assert card["made"]["images"] == card["header"]["n"] == 40
        assert f"step {step}: near " in ended.out
    assert "no judge for npz:" in ended.out
    assert "--size" not in ended.out
    assert not (plain / "cards").exists()
    again = command("train", path, "--out", watched, "--cards", 3)
    assert "already trained" in again.out


def test_the_last_card_is_that_of_the_finished_run(recipe, source, judge, command, monkeypatch, tmp_path):
    """With a judge, whose numbers stand in the printed line, and by the same weights, noise and classes."""
    monkeypatch.setattr("inkbloom.evaluation.judge.JUDGES", {source(count=COUNT): str(judge)})
    run = tmp_path / "run"
    ended = command("train", recipe(data=source(count=COUNT)), "--out", run, "--cards", 24)
    card = json.loads((run / "cards/step-00000024.json").read_text())
    whole = inkbloom.evaluate(run, images=40)
    assert whole["header"] == card["header"]
    for name in ("fd", "kid", "recall", "near"):
        assert whole[name] == pytest.approx(card[name], rel=0.02, abs=0.02)
    assert f"step 24: FD {card['fd']:.3f} (floor {card['floor']['fd']:.3f} ± " in ended.out
    assert "KID x 1000 " in ended.out
    assert "recall " in ended.out


def test_a_judge_that_touched_the_training_would_be_noticed(recipe, source, command, outcome, tmp_path, monkeypatch):
    """The control: the weights that are trained instead of a copy, and a judge that writes on them."""
    from inkbloom.training import session

    path = recipe(data=source(count=COUNT))
    assert command("train", path, "--out", tmp_path / "plain", "--quiet").code == 0
    monkeypatch.setattr(session, "sampling_copies", lambda state: {"live": state.family, "ema": state.family})

    def spoil(family, request):
        with torch.no_grad():
            next(family.parameters()).mul_(1.001)
        return original(family, request)

    original = image_set.pictures
    monkeypatch.setattr(image_set, "pictures", spoil)
    assert command("train", path, "--out", tmp_path / "spoiled", "--cards", 6, "--quiet").code == 0
    assert outcome(tmp_path / "spoiled") != outcome(tmp_path / "plain")


def test_cards_that_cannot_be_made_are_refused_before_training(recipe, source, command, tmp_path):
    data = source(count=COUNT)
    for changes, steps, code, said in (
        ({"data": data}, (0,), 2, "cards = 0: the training has the steps 1 to 24"),
        ({"data": data}, (3, 25), 2, "cards = 25"),
        ({"data": data, "split": "all"}, (3,), 2, "--cards with --split all"),
        ({"data": source()}, (3,), 3, "5 images in the slice holdout or reference"),
    ):
        ended = command("train", recipe(**changes), "--out", tmp_path / "run", "--cards", *steps)
        assert ended.code == code
        assert said in ended.error
        assert not (tmp_path / "run/checkpoints").exists()


def test_an_untrained_judge_is_a_judge_too(made, images, source, tmp_path):
    """Whatever the features are, the card holds numbers only."""
    with torch.random.fork_rng(devices=[]):
        net = JudgeNet(1, 3, 8)
    about = {"source": "x", "classes": ("0", "1", "2"), "size": (8, 8), "accuracy": 0.3, "seed": 0}
    (tmp_path / "raw.safetensors").write_bytes(pack(net, **about))
    card = inkbloom.evaluate(images(), data=source(count=COUNT), judge=str(tmp_path / "raw.safetensors"))
    assert json.dumps(card, allow_nan=False)
