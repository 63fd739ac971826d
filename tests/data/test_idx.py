import gzip
import hashlib
import struct
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inkbloom.data import fashion, idx, load_data
from inkbloom.data.idx import read_idx
from inkbloom.errors import DataError, shown

TYPES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}  # of the description


def packed(array: np.ndarray) -> bytes:
    """An idx file, built from the format's description."""
    head = bytes([0, 0, TYPES[array.dtype.name], array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 9, 11), np.uint8)
LABELS = (np.arange(20) % 3).astype(np.uint8)
GOOD = packed(IMAGES)


@pytest.mark.parametrize("array", [IMAGES, LABELS])
@pytest.mark.parametrize("name", ["a-idx3-ubyte", "a-idx3-ubyte.gz"])
def test_round_trip(tmp_path, array, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(packed(array)) if name.endswith("gz") else packed(array))
    read = read_idx(path)
    assert read.dtype == np.uint8
    assert np.array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\0\0\x08", "offset 0"),
        (b"\0\0\x0a\x03" + GOOD[4:], "0x00000a03"),  # no type of the format
        (b"\0\0\x08\x05" + GOOD[4:], "0x00000805"),
        (b"\0\0\x0c\x03" + GOOD[4:], "cut short, 7,920 bytes declared"),  # the numbers are wider than the bytes that are there
        (b"\x89PNG" + GOOD[4:], "0x89504e47"),
        (GOOD[:10], "offset 10"),
        (GOOD[:-1], f"cut short, 1,980 bytes declared (PATH, offset {len(GOOD) - 1})"),
        (GOOD + b"\0", f"longer than the 1,980 bytes declared (PATH, offset {len(GOOD)})"),
        (b"\0\0\x08\x03" + bytes(12), "no bytes"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 0, 9), "no bytes"),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_damaged_files_are_named_with_their_offset(tmp_path, refused, content, words, compress):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(content) if compress else content)
    message = refused(read_idx, path)
    assert words.replace("PATH", shown(path)) in message
    assert shown(path) in message


def test_damaged_gzip(tmp_path, refused):
    path = tmp_path / "x.gz"
    whole = gzip.compress(GOOD)
    for damaged in (
        whole[:-30],
        whole[:-4],
        whole[:-6] + b"\1" + whole[-5:],
        whole[:40] + b"\xff" * 9 + whole[49:],
        whole + b"junk",
    ):
        path.write_bytes(damaged)
        refused(read_idx, path)
    path.write_bytes(whole)
    assert np.array_equal(read_idx(path), IMAGES)


def test_missing_and_odd_paths(tmp_path, refused):
    assert "No such file" in refused(read_idx, tmp_path / "none")
    assert "directory" in refused(read_idx, tmp_path)
    refused(read_idx, tmp_path / ("long" * 60))
    refused(read_idx, tmp_path / "line\nbreak\x1b[31m")


def test_a_huge_declared_size_takes_no_memory(tmp_path, refused, peak, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 60_000, 60_000, 60_000) + bytes(100))
    assert "over 8 GiB" in refused(read_idx, path)
    assert peak(read_idx, path) < 2**20
    monkeypatch.setattr(idx, "LIMIT", 2**60)  # without the limit the file is still read piece by piece
    assert "cut short" in refused(read_idx, path)
    assert peak(read_idx, path) < 4 * 2**20


def test_a_gzip_bomb_is_unpacked_no_further_than_declared(tmp_path, refused, peak):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(packed(np.zeros((2, 8, 8), np.uint8)) + bytes(200 * 2**20), 9))
    assert path.stat().st_size < 2**18
    assert "longer" in refused(read_idx, path)
    assert peak(read_idx, path) < 4 * 2**20
    with gzip.open(path) as file:
        assert peak(file.read) > 200 * 2**20  # the measure sees a bomb that does go off


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_never_crash(tmp_path_factory, content):
    for start in (b"", b"\0\0\x08\x01", b"\0\0\x08\x03", b"\x1f\x8b\x08"):
        reads_or_refuses(tmp_path_factory, start + content)


@settings(deadline=None)
@given(st.data())
def test_mutated_files_never_crash(tmp_path_factory, data):
    whole = data.draw(st.sampled_from([GOOD, gzip.compress(GOOD), packed(LABELS)]))
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(40, len(content) - 1)))] = data.draw(st.integers(0, 255))
    reads_or_refuses(tmp_path_factory, bytes(content[: data.draw(st.integers(0, len(content)))]))


def reads_or_refuses(factory, content):
    path = factory.getbasetemp() / "fuzz"
    path.write_bytes(content)
    with suppress(DataError):
        array = read_idx(path)
        assert array.size > 0


# --- the source ---------------------------------------------------------------------------------------------------------


def write(folder, name, array):
    content = packed(array)
    (folder / name).write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
    return folder / name


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"),
        ("my-images.idx3-ubyte.gz", "my-labels.idx1-ubyte"),
    ],
)
def test_labels_are_found_beside_the_images(tmp_path, images, labels):
    path = write(tmp_path, images, IMAGES)
    assert load_data(f"idx:{path}").labels is None
    write(tmp_path, labels, LABELS)
    data = load_data(f"idx:{path}")
    assert data.images.shape == (20, 1, 9, 11)
    assert data.labels.dtype == torch.int64
    assert data.labels.tolist() == LABELS.tolist()
    assert data.classes == ("0", "1", "2")
    assert {name: len(index) for name, index in data.slices.items()} == {"train": 16, "holdout": 2, "reference": 2}


def test_labels_that_do_not_fit(tmp_path, refused):
    path = write(tmp_path, "a-images-idx3-ubyte", IMAGES)
    labels = write(tmp_path, "a-labels-idx1-ubyte", LABELS[:-1])
    assert "19 labels for 20 images" in refused(load_data, f"idx:{path}")
    assert "labels where images" in refused(load_data, f"idx:{labels}")
    write(tmp_path, "a-labels-idx1-ubyte", IMAGES)
    assert "images where labels" in refused(load_data, f"idx:{path}")


def test_a_folder_with_a_test_set(tmp_path, refused):
    write(tmp_path, "train-images-idx3-ubyte.gz", IMAGES)
    write(tmp_path, "train-labels-idx1-ubyte", LABELS)
    write(tmp_path, "t10k-images-idx3-ubyte", IMAGES[:5] // 2)
    assert "none for t10k-images-idx3-ubyte" in refused(load_data, f"idx:{tmp_path}")
    write(tmp_path, "t10k-labels-idx1-ubyte", LABELS[:5])
    data = load_data(f"idx:{tmp_path}")
    assert data.slices["test"].tolist() == [20, 21, 22, 23, 24]
    assert np.array_equal(data.take("test").images[:, 0], IMAGES[:5] // 2)
    assert np.array_equal(data.take("all").images[:, 0], IMAGES)
    write(tmp_path, "t10k-images-idx3-ubyte", IMAGES[:5, :8])
    assert "images-idx3-ubyte of (1, 8, 11)" in refused(load_data, f"idx:{tmp_path}")
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    assert "no train-images" in refused(load_data, f"idx:{tmp_path}")


def test_sixty_thousand_images_keep_the_usual_slices(tmp_path):
    write(tmp_path, "train-images-idx3-ubyte", np.arange(60_000 * 64).astype(np.uint8).reshape(60_000, 8, 8))
    slices = load_data(f"idx:{tmp_path}").slices
    assert {name: (int(index[0]), int(index[-1]), len(index)) for name, index in slices.items()} == {
        "train": (0, 49_999, 50_000),
        "holdout": (50_000, 54_999, 5000),
        "reference": (55_000, 59_999, 5000),
    }


@pytest.mark.parametrize("kind", ["int8", "int16", "int32"])
def test_labels_of_other_types_than_bytes(tmp_path, kind):
    path = write(tmp_path, "train-images-idx3-ubyte", IMAGES)
    write(tmp_path, "train-labels-idx1-int", LABELS.astype(kind))
    assert load_data(f"idx:{path}").labels.tolist() == LABELS.tolist()


def test_qmnist(tmp_path, refused):
    """As its authors publish it: eight numbers of 32 bits an image, the class first; and once more as text."""
    told = np.column_stack([LABELS, np.full((20, 7), 300)]).astype(np.int32)
    write(tmp_path, "qmnist-train-images-idx3-ubyte.gz", IMAGES)
    write(tmp_path, "qmnist-train-labels-idx2-int.gz", told)
    write(tmp_path, "qmnist-test-images-idx3-ubyte.gz", IMAGES[:5])
    write(tmp_path, "qmnist-test-labels-idx2-int.gz", told[:5])
    (tmp_path / "qmnist-test-labels.tsv.gz").write_bytes(b"")
    data = load_data(f"idx:{tmp_path}")
    assert data.labels.tolist() == [*LABELS, *LABELS[:5]]
    assert data.slices["test"].tolist() == [20, 21, 22, 23, 24]
    assert any("QMNIST" in note for note in data.notes)
    write(tmp_path, "qmnist-train-labels-idx2-int.gz", told[:, :3])
    assert "(20, 3)" in refused(load_data, f"idx:{tmp_path}")


def test_a_set_without_labels_says_so(tmp_path, refused):
    path = write(tmp_path, "train-images-idx3-ubyte", IMAGES)
    assert load_data(f"idx:{path}").notes == ("no labels: there are none beside train-images-idx3-ubyte",)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"something else")
    assert "starts with" in refused(load_data, f"idx:{path}")  # a file of labels that cannot be read is no set without labels


def test_several_sets_in_a_folder(tmp_path, refused):
    for name in ("emnist-letters", "emnist-digits"):
        write(tmp_path, f"{name}-train-images-idx3-ubyte", IMAGES)
        write(tmp_path, f"{name}-train-labels-idx1-ubyte", LABELS)
    assert "several sets: emnist-digits-train" in refused(load_data, f"idx:{tmp_path}")
    data = load_data(f"idx:{tmp_path / 'emnist-letters-train-images-idx3-ubyte'}")
    assert np.array_equal(data.images[:, 0], IMAGES.transpose(0, 2, 1))  # EMNIST's lie on their sides
    assert data.labels.tolist() == LABELS.tolist()
    assert any("upright" in note for note in data.notes)


def test_images_of_other_types(tmp_path):
    floats = write(tmp_path, "f-images-idx3-float", (IMAGES / 255).astype(np.float32))
    assert np.array_equal(load_data(f"idx:{floats}").images[:, 0], IMAGES)
    wide = write(tmp_path, "w-images-idx3-int", IMAGES.astype(np.int32))
    assert np.array_equal(load_data(f"idx:{wide}").images[:, 0], IMAGES)
    colour = write(tmp_path, "c-images-idx4-ubyte", np.stack([IMAGES] * 3, -1))
    assert load_data(f"idx:{colour}").channels == 3


@pytest.mark.skipif(not fashion.FILES.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist():
    md5 = {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    }  # of the published files, unzipped
    for name, digest in md5.items():
        array = read_idx(fashion.FILES / f"{name}.gz")
        assert hashlib.md5(packed(array)).hexdigest() == digest
    data = load_data("fashion-mnist")
    assert data.images.shape == (70_000, 1, 28, 28)
    assert {name: len(index) for name, index in data.slices.items()} == {
        "train": 50_000,
        "holdout": 5000,
        "reference": 5000,
        "test": 10_000,
    }
    assert data.labels.bincount().tolist() == [7000] * 10
    assert data.classes[0] == "T-shirt/top"
    assert data.classes[9] == "Ankle boot"
    assert data.source == "fashion-mnist"
