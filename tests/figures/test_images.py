import errno
import os

import numpy as np
import pytest
import torch
from PIL import Image

from inkbloom.errors import DiskError
from inkbloom.figures.images import save_gif, save_png, tile


def test_each_image_stands_in_its_place():
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 6), np.uint8)
    sheet = np.asarray(tile(images, columns=2, gap=1, background=7))
    assert sheet.shape == (1 + 3 * 5, 1 + 2 * 7, 3)
    for place, image in enumerate(images):
        top, left = 1 + place // 2 * 5, 1 + place % 2 * 7
        assert np.array_equal(sheet[top : top + 4, left : left + 6], image.transpose(1, 2, 0))
        sheet = sheet.copy()
        sheet[top : top + 4, left : left + 6] = 7
    assert np.unique(sheet).tolist() == [7]  # nothing else, the sixth place included


def test_grey_scaled_without_gaps():
    images = torch.arange(8, dtype=torch.uint8).reshape(2, 1, 2, 2)
    sheet = tile(images, columns=2, scale=3, gap=0)
    assert sheet.mode == "L"
    expected = np.concatenate([np.kron(image[0], np.ones((3, 3))) for image in images.numpy()], axis=1)
    assert np.array_equal(np.asarray(sheet), expected)


@pytest.mark.parametrize(("count", "size"), [(1, (1, 1)), (4, (2, 2)), (5, (3, 2)), (10, (4, 3))])
def test_nearly_square_by_default(count, size):
    assert tile(np.zeros((count, 1, 1, 1), np.uint8), gap=0).size == size


@pytest.mark.parametrize(
    "images",
    [np.zeros((0, 1, 4, 4), np.uint8), np.zeros((2, 1, 4, 4)), np.zeros((2, 2, 4, 4), np.uint8), np.zeros((4, 4), np.uint8)],
)
def test_what_is_no_set_of_images(images):
    with pytest.raises(ValueError, match="uint8"):
        tile(images)


def test_png_round_trip(tmp_path):
    image = tile(np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), np.uint8))
    save_png(image, tmp_path / "new" / "folder" / "x.png")
    with Image.open(tmp_path / "new" / "folder" / "x.png") as read:
        assert read.format == "PNG"
        assert np.array_equal(np.asarray(read), np.asarray(image))
    assert os.listdir(tmp_path / "new" / "folder") == ["x.png"]


def test_gif_frames_and_times(tmp_path):
    frames = [Image.new("L", (8, 8), level) for level in (0, 100, 200)]
    save_gif(frames, tmp_path / "x.gif", 70)
    with Image.open(tmp_path / "x.gif") as film:
        assert film.n_frames == 3
        assert film.info["loop"] == 0
        for number, level in enumerate((0, 100, 200)):
            film.seek(number)
            assert film.info["duration"] == 70
            assert np.unique(np.asarray(film.convert("L"))).tolist() == [level]


@pytest.mark.parametrize("save", [save_png, lambda image, path: save_gif([image], path, 100)])
def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch, save):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="disk full"):
        save(Image.new("L", (8, 8)), path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_paths_that_cannot_be_written(tmp_path):
    image = Image.new("L", (8, 8))
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "x.png", tmp_path / "folder"):
        with pytest.raises(DiskError):
            save_png(image, path)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_new_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    save_png(Image.new("L", (8, 8)), tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
