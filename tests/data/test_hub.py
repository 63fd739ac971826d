import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkbloom.data import fashion, hub, load_data
from inkbloom.data.folder import load_survey
from inkbloom.data.hub import fetched, survey_hub
from inkbloom.data.parquet import survey_tables
from inkbloom.data.parts import slices_of
from inkbloom.errors import DataError, UsageError

datasets = pytest.importorskip("datasets")

GREY = np.random.default_rng(0).integers(0, 256, (60, 10, 12), np.uint8)
FEATURES = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["zebra", "ant", "bee"])})


def rows(count, images=GREY, first=0, **more):
    label = more.get("label", [k % 3 for k in range(count)])
    pictures = [Image.fromarray(image) if isinstance(image, np.ndarray) else image for image in images[first : first + count]]
    return datasets.Dataset.from_dict({"image": pictures, "label": label}, features=FEATURES)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own, and a hub that nobody reaches: a port where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return tmp_path / "cache"


@pytest.fixture
def repository(tmp_path, cache):
    """A folder as a repository on the hub has it, made by `datasets`; read by the same call that would fetch one."""
    folder = tmp_path / "repository"
    (folder / "data").mkdir(parents=True)
    for name, part in {"train": rows(40), "validation": rows(40), "test": rows(20, first=40)}.items():
        part.to_parquet(folder / "data" / f"{name}-00000-of-00001.parquet")
    return folder


def read(place, config="", split="", choice=None, **how):
    tables, notes = fetched(str(place), config, split)
    found = survey_tables(tables, Path("name"), choice or {}, "auto", notes, trusted=True)
    return load_survey(found, **how)


def lengths(data):
    return {name: len(index) for name, index in data.slices.items()}


def test_a_repository_of_parquet_files(repository):
    data = read(repository)
    assert lengths(data) == {"train": 40, "holdout": 20, "reference": 20, "test": 20}
    assert np.array_equal(data.take("train").images[:, 0], GREY[:40])
    assert np.array_equal(data.take("test").images[:, 0], GREY[40:])
    assert data.classes == ("zebra", "ant", "bee")
    assert data.take("test").labels.tolist() == [k % 3 for k in range(20)]


@pytest.mark.parametrize(("config", "split"), [("", "test"), ("test", ""), ("default", "test"), ("", "train[:20]")])
def test_one_split(repository, config, split):
    data = read(repository, config, split)
    assert lengths(data) == {"train": 16, "holdout": 2, "reference": 2}
    assert np.array_equal(data.images[:, 0], GREY[:20] if "train" in split else GREY[40:])


def test_a_repository_of_pictures(tmp_path, cache):
    """`datasets` knows it as an image folder, whose rows hold paths."""
    for k in range(20):
        place = tmp_path / "pictures" / ("train" if k < 16 else "test") / ("ant" if k % 2 else "bee")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(GREY[k]).save(place / f"{k:02}.png")
    data = read(tmp_path / "pictures")
    assert data.classes == ("ant", "bee")
    assert sorted(map(bytes, data.images.numpy())) == sorted(map(bytes, GREY[:20]))
    assert len(data.slices["test"]) == 4


def test_splits_that_are_no_slices(tmp_path, cache):
    def saved(**parts):
        folder = tmp_path / "-".join(parts)
        folder.mkdir()
        for name, part in parts.items():
            part.to_parquet(folder / f"{name}.parquet")
        return folder

    unlabelled = rows(20, label=[-1] * 20)
    tables, _ = hub._tables(datasets.DatasetDict({"train": rows(40), "test": unlabelled, "extra": rows(10)}), "x")
    data = load_survey(survey_tables(tables, Path("x"), {}, "auto"))
    assert len(data.images) == 40
    assert "left out 20 of 60 pictures, which have no label" in data.notes
    told = hub._tables(datasets.DatasetDict({"train": rows(40), "test": rows(20), "extra": rows(10)}), "x")[1]
    assert told == ["left out the splits extra (10): neither train, validation nor test"]
    assert lengths(
        load_survey(survey_tables(hub._tables(datasets.DatasetDict({"full": rows(40)}), "x")[0], Path("x"), {}, "auto"))
    )
    with pytest.raises(DataError, match=r"no split to train on in x: a, b; choose one, hf:NAME::SPLIT"):
        hub._tables(datasets.DatasetDict({"a": rows(10), "b": rows(10)}), "x")


def test_pictures_of_all_kinds(tmp_path, cache):
    colour = np.random.default_rng(1).integers(0, 256, (10, 12, 3), np.uint8)
    seen_through = np.dstack([np.full((10, 12, 3), 255, np.uint8), GREY[0]])
    pictures = [GREY[1], colour, seen_through, GREY[2].astype(np.uint16) * 16, None]
    found = datasets.DatasetDict({"train": rows(30, [pictures[k % 5] for k in range(30)], label=[0] * 15 + [1] * 15)})
    tables, notes = hub._tables(found, "x")
    surveyed = survey_tables(tables, Path("x"), {}, "auto", notes)
    with pytest.raises(DataError, match=r"6 of 30 files cannot be read .*no picture in this row"):
        load_survey(surveyed)
    data = load_survey(surveyed, skip_broken=True)
    assert (data.channels, len(data.images), data.background) == (3, 24, "black")
    assert np.array_equal(data.images[0, 0], GREY[1])
    assert np.array_equal(data.images[1].permute(1, 2, 0), colour)
    assert np.abs(data.images[2, 0].int().numpy() - GREY[0]).max() <= 1
    assert np.abs(data.images[3, 0].int().numpy() - GREY[2]).max() <= 1


def test_fashion_mnist_without_debians_files(repository, monkeypatch):
    monkeypatch.setattr(fashion, "FILES", repository / "none")
    monkeypatch.setattr(hub, "fetched", lambda name, *parts: fetched(str(repository)) if "fashion_mnist" in name else None)
    monkeypatch.setattr(fashion, "CLASSES", ("dress", "coat", "bag"))
    data = load_data("fashion-mnist")
    assert np.array_equal(data.take("train").images[:, 0], GREY[:40])
    assert (data.source, data.classes) == ("fashion-mnist", ("dress", "coat", "bag"))
    assert lengths(data) == {"train": 40, "holdout": 20, "reference": 20, "test": 20}


def test_60_000_to_train_on_are_cut_as_the_files_of_fashion_mnist_are():
    slices, _ = slices_of(["train"] * 60_000 + ["test"] * 10_000, None)
    assert {name: (int(index[0]), len(index)) for name, index in slices.items()} == {
        "train": (0, 50_000),
        "holdout": (50_000, 5000),
        "reference": (55_000, 5000),
        "test": (60_000, 10_000),
    }


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("mnist", "ylecun/mnist"),
        ("digits", "ylecun/mnist"),
        ("fashion-mnist", "zalando-datasets/fashion_mnist"),
        ("hf:somebody/faces:small:train,label=age", "somebody/faces"),
        ("hf:https://huggingface.co/datasets/somebody/faces", "somebody/faces"),
        ("folder:mnist", ""),
        ("tinted-digits", ""),
    ],
)
def test_the_name_on_the_hub_that_a_model_card_gives(source, name):
    assert hub.on_hub(source) == name


# --- without the hub ----------------------------------------------------------------------------------------------------


def test_no_network_is_one_line_that_says_what_would_have_been_fetched(cache, refused, monkeypatch):
    message = refused(load_data, "hf:somebody/faces:small:train")
    assert "does not answer, and the cache has no somebody/faces (config small, split train)" in message
    assert "parquet:FOLDER" in message
    for source in ("mnist", "hf:https://huggingface.co/datasets/ylecun/mnist"):
        assert "ylecun/mnist (config default, split all)" in refused(load_data, source)
    assert "uoft-cs/cifar10" in refused(load_data, "cifar10")
    assert datasets.config.HF_HUB_OFFLINE is False
    monkeypatch.setattr(fashion, "FILES", cache / "none")
    message = refused(load_data, "fashion-mnist")
    assert "apt install dataset-fashion-mnist" in message
    assert "zalando-datasets/fashion_mnist (config default, split all)" in message


def test_offline_by_choice_asks_nobody(cache, refused, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_answers", lambda endpoint: pytest.fail("asked the hub"))
    assert "HF_HUB_OFFLINE forbids to ask" in refused(load_data, "hf:somebody/faces")


def test_what_the_cache_has_needs_no_network(repository, cache, tmp_path, monkeypatch):
    """The cache of a data set of the hub, laid out as `datasets` lays it out, from what it prepared of a local one."""
    datasets.load_dataset(str(repository), cache_dir=str(cache))
    (prepared,) = {path.parent for path in cache.rglob("dataset_info.json")}
    place = cache / "somebody___faces" / "default" / "0.0.0" / "0123456789abcdef"
    place.parent.mkdir(parents=True)
    prepared.rename(place)
    for path in place.glob("*.arrow"):
        path.rename(path.with_name(f"faces-{path.name.partition('-')[2]}"))
    info = (place / "dataset_info.json").read_text()
    (place / "dataset_info.json").write_text(info.replace('"dataset_name": "repository"', '"dataset_name": "faces"'))
    monkeypatch.chdir(tmp_path)
    data = load_data("hf:somebody/faces")
    assert np.array_equal(data.take("train").images[:, 0], GREY[:40])
    assert data.source == "hf:somebody/faces"
    assert "from the cache: the hub was not asked" in data.notes


@pytest.mark.parametrize("source", ["hf:", "hf:../x", "hf:/etc", "hf:a/b/c", "hf:a b", "hf:~/x", "hf:https://x"])
def test_names_that_are_none(source, refused):
    assert "hf" in refused(load_data, source, error=UsageError)


def test_a_folder_of_that_name_is_not_read(tmp_path, monkeypatch, refused):
    (tmp_path / "somebody" / "faces").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert "a file or folder of that name is here" in refused(survey_hub, Path("somebody/faces"), error=UsageError)


def test_no_code_of_a_data_set_is_run(tmp_path, cache):
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "evil.py").write_text(f"open({str(tmp_path / 'sung')!r}, 'w')")
    with pytest.raises(DataError, match="cannot fetch"):
        fetched(str(tmp_path / "evil"))
    assert not (tmp_path / "sung").exists()
    exec((tmp_path / "evil" / "evil.py").read_text())
    assert (tmp_path / "sung").exists()  # the canary does sing where it is run
