import errno
import io
import os
import resource
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inkbloom.data import load_data, npy
from inkbloom.data.npz import load_npz, write_npz
from inkbloom.errors import DataError, DiskError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (10, 9, 11, 1), np.uint8)
COLOUR = RNG.integers(0, 256, (10, 9, 11, 3), np.uint8)
LABELS = np.arange(10) % 4


def saved(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def read_npz(path):
    """The images of an npz file (N, H, W, C), and their labels."""
    data = load_npz(path)
    return data.images.permute(0, 2, 3, 1).numpy(), None if data.labels is None else data.labels.numpy()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.npz"


# --- reading ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("images", [GREY[..., 0], GREY, COLOUR, np.asfortranarray(COLOUR)])
@pytest.mark.parametrize("kind", [np.int64, np.uint8, ">i2"])
def test_reads_what_numpy_writes(path, save, images, kind):
    save(path, images=images, labels=LABELS.astype(kind))
    read, labels = read_npz(path)
    assert read.dtype == np.uint8
    assert np.array_equal(read, images.reshape(10, 9, 11, -1))
    assert labels.dtype == np.int64
    assert np.array_equal(labels, LABELS)


def test_without_labels_and_with_other_arrays(path):
    np.savez(path, images=COLOUR, features=np.zeros(3))
    assert read_npz(path)[1] is None
    assert load_npz(path).notes == ("no labels: none of the other arrays is called so (features)",)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": COLOUR, "b": COLOUR}, "no array called images"),
        ({"images": COLOUR * 2.0}, "floats must lie in"),
        ({"images": COLOUR.astype(np.int64) * -1}, "whole numbers must lie in"),
        ({"images": COLOUR[0, 0]}, "(N, H, W)"),
        ({"images": RNG.integers(0, 256, (4, 9, 9, 4), np.uint8)}, "(4, 9, 9, 4)"),
        ({"images": RNG.integers(0, 256, (4, 9, 9, 9, 1), np.uint8)}, "(4, 9, 9, 9, 1)"),
        ({"images": COLOUR[:0]}, "at least one"),
        ({"images": COLOUR[:, :0]}, "at least one"),
        ({"images": np.uint8(3)}, "(N, H, W)"),
        ({"images": COLOUR, "labels": LABELS[:-1]}, "9 labels for 10 images"),
        ({"images": COLOUR, "labels": LABELS - 1}, "label -1"),
        ({"images": COLOUR, "labels": LABELS - 2}, "label -2"),
        ({"images": COLOUR, "labels": LABELS + 0.5}, "whole numbers"),
        ({"images": COLOUR, "labels": LABELS[None].repeat(10, 0)}, "give one class an image"),
        ({"images": COLOUR, "labels": LABELS[:0]}, "whole numbers"),
        ({"train_images": COLOUR, "train_labels": LABELS, "test_images": COLOUR}, "none for test_images"),
        ({"x_train": COLOUR, "x_test": GREY}, "x_train of (3, 9, 11) but x_test of (1, 9, 11)"),
        ({"images": np.zeros((1,) * 30, np.uint8)}, "(N, H, W)"),
        ({"images": np.zeros(3, [("a" * 300, "u1"), ("b", "f4")])}, "uint8"),
    ],
)
def test_arrays_that_break_the_contract(path, refused, arrays, words):
    path.write_bytes(saved(**arrays))
    message = refused(read_npz, path)
    assert words in message
    assert str(path)[-30:] in message


class Canary:
    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return os.mkdir, (self.place,)


def test_pickles_stay_asleep(path, refused):
    place = path.with_name("sung")
    cage = np.array([Canary(place)] * 10, dtype=object)
    path.write_bytes(saved(images=COLOUR, labels=cage))
    assert "object" in refused(read_npz, path)
    path.write_bytes(saved(images=cage))
    assert "object" in refused(read_npz, path)
    assert not place.exists()
    with suppress(OSError), np.load(path, allow_pickle=True) as loaded:
        loaded["images"]
    assert place.exists()  # the canary does sing where pickles are loaded


def test_broken_archives(path, refused):
    whole = saved(images=COLOUR, labels=LABELS)
    flipped = bytearray(whole)
    flipped[400] ^= 1
    for content in (
        b"",
        b"PK",
        whole[:-30],
        whole[:500],
        whole[100:],
        bytes(flipped),
        saved(images=COLOUR)[:-9],
        GREY.tobytes(),
    ):
        path.write_bytes(content)
        refused(read_npz, path)
    assert "No such file" in refused(read_npz, path.with_name("none.npz"))
    assert "directory" in refused(read_npz, path.parent)


def archive_with(header_shape, body, name="images", version=b"\x01\x00", compression=zipfile.ZIP_DEFLATED):
    """An archive whose array declares `header_shape` and holds `body`."""
    header = repr({"descr": "|u1", "fortran_order": False, "shape": header_shape}).encode() + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(f"{name}.npy", b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + body)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive_with((10, 9, 9), bytes(809)), "shorter or longer"),
        (archive_with((10, 9, 9), bytes(811)), "shorter or longer"),
        (archive_with((-1, 9, 9), bytes(81)), "at least one"),
        (archive_with((2.5, 9, 9), bytes(81)), "not a NumPy array"),
        (archive_with((10, 9, 9), bytes(810), version=b"\x02\x00"), "version (2, 0)"),
        (archive_with((10, 9, 9), bytes(810), compression=zipfile.ZIP_LZMA), "compression"),
        (archive_with((10, 9, 9), bytes(810), compression=zipfile.ZIP_BZIP2), "compression"),
    ],
)
def test_headers_that_lie(path, refused, content, words):
    path.write_bytes(content)
    assert words in refused(read_npz, path)


def test_bombs_take_no_memory(path, refused, peak, monkeypatch):
    path.write_bytes(archive_with((60_000, 60_000, 60_000), b""))
    assert "over 8 GiB" in refused(read_npz, path)
    assert peak(read_npz, path) < 2**21
    monkeypatch.setattr(npy, "LIMIT", 2**60)
    assert "shorter" in refused(read_npz, path)  # it is the limit that refused
    assert peak(read_npz, path) < 4 * 2**20
    path.write_bytes(archive_with((2, 8, 8), bytes(200 * 2**20)))
    assert path.stat().st_size < 2**18
    assert "shorter or longer" in refused(read_npz, path)
    assert peak(read_npz, path) < 4 * 2**20
    with zipfile.ZipFile(path) as archive:
        assert peak(archive.read, "images.npy") > 200 * 2**20  # the measure sees a bomb that goes off


WHOLE = saved(images=GREY[:2], labels=LABELS[:2])


@settings(deadline=None)
@given(st.data())
def test_mutated_archives_never_crash(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from([WHOLE, archive_with((2, 8, 8), bytes(128))])))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    reads_or_refuses(tmp_path_factory, bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))]))


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x09\x00"]))
def test_random_array_headers_never_crash(tmp_path_factory, header, version):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header)
    reads_or_refuses(tmp_path_factory, buffer.getvalue())


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "[" * 900 + "]" * 900,
        "{'descr': '|u1', 'fortran_order': False, 'shape': (%s,)}" % ("9" * 5000),
        "-" * 9000 + "1",
    ],
)
def test_hostile_header_text(path, refused, text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())
    path.write_bytes(buffer.getvalue())
    refused(read_npz, path)


def reads_or_refuses(factory, content):
    path = factory.getbasetemp() / "fuzz.npz"
    path.write_bytes(content)
    with suppress(DataError):
        images, labels = read_npz(path)
        assert images.ndim == 4
        assert labels is None or len(labels) == len(images)


def test_as_a_source(path):
    np.savez(path, images=COLOUR, labels=LABELS)
    data = load_data(f"npz:{path}")
    assert np.array_equal(data.images, COLOUR.transpose(0, 3, 1, 2))
    assert data.classes == ("0", "1", "2", "3")
    assert data.labels.tolist() == LABELS.tolist()
    assert data.source == f"npz:{path}"


# --- the forms of others ------------------------------------------------------------------------------------------------


def test_medmnist(path):
    """PneumoniaMNIST's layout as published: grey (N, 28, 28), labels (N, 1) of bytes; PathMNIST's is the same in colour."""
    counts = {"train": 40, "val": 40, "test": 8}
    for shape in ((28, 28), (28, 28, 3)):
        images = {name: RNG.integers(0, 256, (count, *shape), np.uint8) for name, count in counts.items()}
        labels = {name: (np.arange(count) % 2)[:, None].astype(np.uint8) for name, count in counts.items()}
        arrays = {f"{name}_images": images[name] for name in counts} | {f"{name}_labels": labels[name] for name in counts}
        np.savez_compressed(path, **arrays)
        data = load_data(f"npz:{path}")
        assert {name: len(index) for name, index in data.slices.items()} == {
            "train": 40,
            "holdout": 20,
            "reference": 20,
            "test": 8,
        }
        for name in ("train", "test"):
            part = data.take(name)
            assert np.array_equal(part.images.permute(0, 2, 3, 1), images[name].reshape(-1, 28, 28, data.channels))
            assert part.labels.tolist() == labels[name].flatten().tolist()
        held = torch.cat([data.slices["holdout"], data.slices["reference"]]).sort().values
        assert np.array_equal(data.images[held].permute(0, 2, 3, 1), images["val"].reshape(-1, 28, 28, data.channels))
        assert data.take("holdout").labels.bincount().tolist() == [10, 10]
        assert {f"{name}_images with {name}_labels" for name in counts} == {*data.notes[0].removeprefix("read ").split(", ")}


def test_the_mnist_of_keras(path):
    train, test = RNG.integers(0, 256, (50, 28, 28), np.uint8), RNG.integers(0, 256, (10, 28, 28), np.uint8)
    digits = np.arange(60, dtype=np.uint8) % 10
    np.savez(path, x_test=test, x_train=train, y_train=digits[:50], y_test=digits[50:])
    data = load_data(f"npz:{path}")
    assert np.array_equal(data.images[:, 0], [*train, *test])
    assert data.labels.tolist() == digits.tolist()
    assert data.slices["test"].tolist() == list(range(50, 60))
    assert len(data.slices["train"]) == 40


@pytest.mark.parametrize(
    ("arrays", "note"),
    [
        ({"arr_0": COLOUR, "arr_1": LABELS}, "read arr_0 with arr_1"),  # guided-diffusion
        ({"x": COLOUR, "y": LABELS}, "read x with y"),
        ({"X": COLOUR, "Y": LABELS[:, None]}, "read X with Y"),
        ({"images": COLOUR, "labels": LABELS[:, None]}, ""),
        ({"images": COLOUR, "labels": np.eye(4)[LABELS]}, "labels: one-hot rows of 4"),
        ({"images": COLOUR, "targets": LABELS}, "read images with targets"),
        ({"faces": COLOUR, "y": LABELS, "features": np.zeros(3)}, "read faces with y"),
        ({"images": COLOUR.transpose(0, 3, 1, 2), "labels": LABELS}, "channels come before rows and columns"),
        ({"images": (COLOUR / 255).astype(np.float32), "labels": LABELS}, "taken as 0 black, 1 white"),
        ({"images": COLOUR / 127.5 - 1, "labels": LABELS}, "taken as -1 black, 1 white"),
        ({"images": COLOUR.astype(np.float32), "labels": LABELS}, "taken as 0 black, 255 white"),
        ({"images": COLOUR.astype(np.int64), "labels": LABELS}, ""),
        ({"images": COLOUR.astype(np.uint16) * 257, "labels": LABELS}, "taken as 16 bits"),
    ],
)
def test_the_same_images_in_the_forms_of_others(path, arrays, note):
    np.savez(path, **arrays)
    data = load_data(f"npz:{path}")
    assert np.array_equal(data.images, COLOUR.transpose(0, 3, 1, 2))
    assert data.labels.tolist() == LABELS.tolist()
    assert note in " ".join(data.notes)
    assert bool(note) == bool(data.notes)


def test_rows_of_pixels_and_masks(path):
    square = RNG.integers(0, 256, (10, 12, 12), np.uint8)
    np.savez(path, X=square.reshape(10, 144))
    assert np.array_equal(load_data(f"npz:{path}").images[:, 0], square)
    for masks in (square > 127, (square > 127).astype(np.uint8)):
        np.savez(path, images=masks)
        assert np.array_equal(load_data(f"npz:{path}").images[:, 0], np.where(square > 127, 255, 0))


def test_floats_take_no_second_copy(path, peak):
    np.savez(path, images=np.zeros((2000, 64, 64), np.float64))
    whole = 2000 * 64 * 64 * 8
    assert whole < peak(load_npz, path) < 1.7 * whole


# --- arrays alone -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "labels"), [("images", "labels"), ("x_train", "y_train"), ("cats", "cats_labels"), ("all", "labels")]
)
def test_npy_files_and_the_labels_beside_them(tmp_path, images, labels):
    np.save(tmp_path / f"{images}.npy", COLOUR)
    data = load_data(f"npy:{tmp_path / images}.npy")
    assert np.array_equal(data.images, COLOUR.transpose(0, 3, 1, 2))
    assert data.notes == ("no labels: there is no file of labels beside it",)
    np.save(tmp_path / f"{labels}.npy", LABELS)
    data = load_data(f"npy:{tmp_path / images}.npy")
    assert data.labels.tolist() == LABELS.tolist()
    assert f"{labels}.npy" in data.notes[0]
    np.save(tmp_path / f"{labels}.npy", LABELS[1:])
    with pytest.raises(DataError, match="9 labels for 10 images"):
        load_data(f"npy:{tmp_path / images}.npy")


def test_npy_files_that_are_none(tmp_path, refused):
    path = tmp_path / "x.npy"
    for content in (b"", b"junk", saved(images=COLOUR)):
        path.write_bytes(content)
        assert "not a NumPy array" in refused(load_data, f"npy:{path}")
    cage = np.array([Canary(tmp_path / "sung")] * 10, dtype=object)
    np.save(path, cage)
    assert "object" in refused(load_data, f"npy:{path}")
    assert not (tmp_path / "sung").exists()
    assert "No such file" in refused(load_data, f"npy:{tmp_path / 'none.npy'}")


# --- writing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", [GREY, COLOUR, GREY[..., 0]])
@pytest.mark.parametrize("labels", [None, LABELS])
def test_round_trip(path, images, labels):
    write_npz(path, (images[start : start + 4] for start in range(0, 10, 4)), 10, labels)
    read, read_labels = read_npz(path)
    assert np.array_equal(read, images.reshape(10, 9, 11, -1))
    assert read_labels is None if labels is None else np.array_equal(read_labels, labels)
    with np.load(path, allow_pickle=False) as loaded:
        assert loaded["images"].shape == read.shape
        assert np.array_equal(loaded["images"], read)
    assert [entry.name for entry in path.parent.iterdir()] == ["x.npz"]


def test_the_bytes_depend_on_the_images_alone(path):
    write_npz(path, [COLOUR], 10, LABELS)
    other = path.with_name("y.npz")
    write_npz(other, [COLOUR[:3], COLOUR[3:]], 10, LABELS)
    assert path.read_bytes() == other.read_bytes()


def test_memory_holds_a_batch_not_the_set(path, peak):
    batch = np.zeros((100, 64, 64, 3), np.uint8)
    assert peak(lambda: write_npz(path, (batch for _ in range(100)), 10_000)) < batch.nbytes
    with np.load(path) as loaded:
        assert loaded["images"].shape == (10_000, 64, 64, 3)


@pytest.mark.parametrize(
    ("batches", "count", "labels"),
    [
        ([COLOUR], 9, None),
        ([COLOUR], 11, None),
        ([], 0, None),
        ([COLOUR[:5], GREY[:5]], 10, None),
        ([COLOUR[:5], COLOUR[:5, :8]], 10, None),
        ([COLOUR / 255], 10, None),
        ([COLOUR[:, :, 0]], 10, LABELS[:3]),
    ],
)
def test_batches_that_do_not_add_up_leave_the_old_file(path, batches, count, labels):
    write_npz(path, [GREY], 10)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"images|batch|labels"):
        write_npz(path, batches, count, labels)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["x.npz"]


def test_a_failing_sampler_leaves_nothing(path):
    def batches():
        yield COLOUR[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_npz(path, batches(), 10)
    assert list(path.parent.iterdir()) == []


def test_a_disk_that_fills_up_keeps_the_old_file(path):
    write_npz(path, [GREY], 10)
    before = path.read_bytes()
    noise = RNG.integers(0, 256, (300, 64, 64, 3), np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    try:
        with pytest.raises(DiskError) as caught:
            write_npz(path, [noise], 300)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["x.npz"]
    write_npz(path, [noise], 300)  # without the limit it fits


def test_the_errors_of_the_disk_are_told(path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DiskError, match="disk full"):
        write_npz(path, [GREY], 10)
    assert list(path.parent.iterdir()) == []
