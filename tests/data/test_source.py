from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inkbloom.data import SOURCES, Data, load_data
from inkbloom.data.source import parse_source
from inkbloom.errors import UsageError


@pytest.fixture
def colours(tmp_path):
    """A source of 30 labelled colour images, 12 x 16."""
    path = tmp_path / "colours.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (30, 12, 16, 3), np.uint8), labels=np.arange(30) % 3)
    return f"npz:{path}"


def test_names():
    assert list(SOURCES) == [
        "digits", "tinted-digits", "fashion-mnist", "idx", "npz", "npy",
        "folder", "zip", "tar", "parquet", "arrow", "hf", "mnist", "cifar10",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("digit", "did you mean 'digits'?"),
        ("", "known: digits, tinted-digits, fashion-mnist, idx, npz, npy, folder, zip, tar, parquet, arrow, hf"),
        ("./pictures", "unknown source './pictures': no such file or folder"),
        ("my.parquet", "unknown source 'my.parquet': no such file or folder"),
        ("mnist:", "mnist takes no path"),
        ("hf:", "hf needs a name; write hf:NAME"),
        ("digits:", "digits takes no path"),
        ("fashion-mnist:/tmp", "takes no path"),
        ("folder", "write folder:PATH"),
        ("npz:", "write npz:PATH"),
        ("idx:a\0b", "write idx:PATH"),
        ("folder" + "x" * 300, "unknown source"),
    ],
)
def test_sources_that_are_written_wrong(refused, source, words):
    assert words in refused(load_data, source, error=UsageError)


def test_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ink")
    assert parse_source("folder:~/a b") == ("folder", Path("/home/ink/a b"))
    assert parse_source("npz:C:x.npz") == ("npz", Path("C:x.npz"))
    assert parse_source("digits")[0] == "digits"


@pytest.mark.parametrize("kind", ["idx", "npz", "npy", "folder", "zip", "tar", "parquet", "arrow"])
def test_paths_that_are_not_there(refused, kind):
    assert "/nowhere/at/all" in refused(load_data, f"{kind}:/nowhere/at/all")


def test_a_path_alone_whose_kind_is_plain(tmp_path, monkeypatch, colours):
    path = Path(colours.partition(":")[2])
    expected = load_data(colours)
    for given in (str(path), path):
        data = load_data(given)
        assert data.source == colours
        assert data.fingerprint() == expected.fingerprint()
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "digits"
    folder.mkdir()
    for number, image in enumerate(expected.images[:12].permute(0, 2, 3, 1).numpy()):
        Image.fromarray(image).save(folder / f"{number:02}.png")
    assert len(load_data("digits").images) == 10_000  # a name goes before a folder of that name
    assert load_data("./digits").source == "folder:./digits"
    assert load_data("./digits").images.equal(expected.images[:12])


def test_what_a_source_yields(colours):
    data = load_data(colours)
    assert (data.channels, data.size) == (3, (12, 16))
    assert data.images.dtype == torch.uint8
    assert data.source == colours
    assert load_data(colours, (12, 16)).images.equal(data.images)
    assert load_data(colours, (8, 24)).images.shape == (30, 3, 8, 24)
    assert load_data("digits", (32, 32)).size == (32, 32)


def test_images_that_are_too_small(tmp_path, refused):
    path = tmp_path / "small.npz"
    np.savez(path, images=np.full((4, 7, 9), [[[200]], [[100]], [[200]], [[100]]], np.uint8))
    message = refused(load_data, f"npz:{path}")
    assert "9 x 7" in message
    assert "8" in message
    assert "--size" in message
    assert load_data(f"npz:{path}", (8, 8)).images.float().mean() == 150


def test_take(colours, refused):
    data = load_data(colours)
    for name in ("train", "holdout", "reference"):
        part = data.take(name)
        assert part.images.equal(data.images[data.slices[name]])
        assert part.labels.equal(data.labels[data.slices[name]])
        assert (part.classes, part.source, part.slices) == (data.classes, data.source, {})
    assert data.take("all").images.equal(data.images)
    assert part.take("all").images.equal(part.images)
    message = refused(data.take, "trian", error=UsageError)
    assert "did you mean 'train'?" in message
    assert "train, holdout, reference, all" in message


def test_all_leaves_out_the_test_slice():
    images = torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1)
    data = Data(images, None, (), {"train": torch.arange(6), "test": torch.tensor([6, 8])}, "x")
    assert data.take("all").images.flatten().tolist() == [0, 1, 2, 3, 4, 5, 7, 9]
    assert data.take("all").labels is None


def test_the_fingerprint_tells_data_apart():
    images = torch.arange(2 * 3 * 8 * 8, dtype=torch.int64).remainder(251).to(torch.uint8).reshape(2, 3, 8, 8)

    def fingerprint(images, labels=None):
        return Data(images, None if labels is None else torch.tensor(labels), (), {}, "x").fingerprint()

    changed = images.clone()
    changed[1, 2, 7, 7] += 1
    different = [
        fingerprint(images),
        fingerprint(changed),
        fingerprint(images.reshape(6, 1, 8, 8)),
        fingerprint(images.flip(0)),
        fingerprint(images, [0, 1]),
        fingerprint(images, [1, 0]),
    ]
    assert len(set(different)) == len(different)
    assert fingerprint(images.clone()) == different[0]
    assert fingerprint(images.contiguous(memory_format=torch.channels_last)) == different[0]
    assert len(different[0]) == 64
