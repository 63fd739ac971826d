import argparse
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from inkbloom.api.inspect import duplicates, inspect, pixel_statistics, rows, sheet, sheet_name
from inkbloom.config import parse_size
from inkbloom.data import Data
from inkbloom.errors import DataError, UsageError
from inkbloom.verbs.inspect import add_flags, run


def command(*words):
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return run(parser.parse_args([str(word) for word in words]))


def told(found):
    lines: dict[str, str] = {}
    for name, value in rows(found):
        lines[name] = f"{lines[name]}; {value}" if name in lines else value
    return lines


def write(path, height=10, width=12, value=None, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    Image.fromarray(noise if value is None else np.full((height, width), value, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes, six pictures, one of them twice, two broken files."""
    folder = tmp_path / "my [pictures]"
    for number in range(3):
        write(folder / "cat" / f"{number}.png", seed=number)
        write(folder / "dog" / f"{number}.png", seed=number + 10)
    write(folder / "dog" / "again.png", seed=0)
    (folder / "dog" / "empty.png").write_bytes(b"")
    (folder / "dog" / "[red]junk.jpg").write_bytes(b"junk")
    (folder / "notes.txt").write_text("hello")
    return folder


def test_what_a_folder_holds(folder):
    found = inspect(f"folder:{folder}")
    assert [(item.path.name, item.reason) for item in found.broken] == [
        ("[red]junk.jpg", "not a picture that Pillow knows"),
        ("empty.png", "empty file"),
    ]
    lines = told(found)
    assert lines["images"] == "7 of 12 x 10 pixels, 1 channel (grey), as the pictures show"
    assert lines["classes"] == "cat (3), dog (4)"
    assert lines["sizes"] == "7 of 12 x 10: kept as they are"
    assert lines["slices"] == "train 6, holdout 1, reference 0"
    assert lines["duplicates"].startswith("1 images")
    assert lines["broken"] == "2 files"
    assert lines["ignored"] == "1 .txt"
    assert "no picture shows colour" in lines["note"]


def test_digits():
    lines = told(inspect("digits"))
    assert lines["images"].startswith("10,000 of 28 x 28 pixels, 1 channel")
    assert "1 (1,127)" in lines["classes"]
    assert lines["slices"] == "train 8,000, holdout 1,000, reference 1,000"
    assert lines["pixels"].startswith("0 to 255 (0 black, 255 white), mean 33.")
    assert lines["duplicates"].startswith("0 images")


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("", "10 of 12 x 8: kept as they are"),
        ("8", "10 of 12 x 8: centre crop to 8 x 8"),
        ("16x24", "10 of 12 x 8: enlarge to 24 x 16"),
        ("16", "10 of 12 x 8: centre crop to 8 x 8, enlarge to 16 x 16"),
    ],
)
def test_what_a_size_would_do(tmp_path, size, words):
    np.savez(tmp_path / "x.npz", images=np.arange(960, dtype=np.uint16).astype(np.uint8).reshape(10, 8, 12))
    found = inspect(f"npz:{tmp_path / 'x.npz'}", size)
    assert told(found)["sizes"] == words
    assert found.data.size == (parse_size(size) or (8, 12))


def test_sizes_that_differ_are_listed_and_one_is_suggested(tmp_path):
    write(tmp_path / "a.png", 40, 50)
    write(tmp_path / "b.png", 40, 50, seed=1)
    write(tmp_path / "c.png", 300, 90)
    found = inspect(f"folder:{tmp_path}")
    lines = told(found)
    assert "2 of 50 x 40: centre crop to 40 x 40, shrink to 32 x 32" in lines["sizes"]
    assert "1 of 90 x 300: centre crop to 90 x 90, shrink to 32 x 32" in lines["sizes"]
    assert "--size 32" in lines["size"]
    assert found.data.size == (32, 32)
    sized = inspect(f"folder:{tmp_path}", "16")
    assert not sized.unsized
    assert sized.data.size == (16, 16)


def test_many_sizes_are_summed_up(tmp_path):
    for number in range(8):
        write(tmp_path / f"{number}.png", 20 + number, 20)
    sizes = told(inspect(f"folder:{tmp_path}"))["sizes"].split("; ")
    assert len(sizes) == 6
    assert sizes[-1] == "and 3 sizes more"


def test_statistics_and_duplicates():
    images = torch.randint(0, 256, (50, 3, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    low, high, mean, std = pixel_statistics(images)
    values = images.double()
    assert (low, high) == (int(images.min()), int(images.max()))
    assert mean == pytest.approx(values.mean().item())
    assert std == pytest.approx(values.std(correction=0).item())
    doubled, labels = torch.cat([images, images[:7], images[:1]]), torch.zeros(58, dtype=torch.long)
    labels[[3, 52, 57]] = 1  # image 3 comes back as 53, image 2 as 52, image 0 as 57
    assert duplicates(Data(images, None, (), {}, "x")) == (0, 0)
    assert duplicates(Data(doubled, None, (), {}, "x")) == (8, 0)
    assert duplicates(Data(doubled, labels, ("a", "b"), {}, "x")) == (8, 3)


def test_in_python_print_says_what_the_command_says(capsys, tmp_path):
    found = inspect("digits", size="16")
    assert command("digits", "--size", "16", "--out", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 6
    assert str(found).splitlines() == lines[:-1]
    assert found._repr_png_().startswith(b"\x89PNG")


def test_the_contact_sheet_has_a_row_for_each_class(folder):
    data = inspect(f"folder:{folder}").data
    scale = 64 // 12
    whole, width = np.asarray(sheet(data).convert("L")), 10 * (12 * scale + 1) + 1
    names, picture = whole[:, :-width], whole[:, -width:]
    assert all((side < 128).any() for side in np.array_split(names, 2))  # cat, dog
    assert (picture.shape[0] - 1) // (10 * scale + 1) == 2
    for row, start in enumerate((0, 3)):
        place = 1 + row * (10 * scale + 1)
        first = picture[place : place + 10 * scale : scale, 1 : 1 + 12 * scale : scale]
        assert np.array_equal(first, data.images[start, 0])
    assert np.unique(picture[1 : 10 * scale, 1 + 3 * (12 * scale + 1) :]).tolist() == [128]  # cat has three


def test_the_command(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert command(f"folder:{folder}", "--out", out) == 0
    text = capsys.readouterr().out
    path = out / "folder-my-pictures.png"
    assert f"contact sheet: {path}" in text.splitlines()
    assert f"broken: {folder}/dog/[red]junk.jpg: not a picture that Pillow knows" in text.splitlines()
    assert f"broken: {folder}/dog/empty.png: empty file" in text.splitlines()
    assert "classes: cat (3), dog (4)" in text.splitlines()
    assert "--skip-broken" in text
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    assert command(f"folder:{folder}", "--out", out, "--skip-broken", "--size", "16", "--quiet") == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) == 3  # two broken files and the sheet


def test_nothing_left(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="none of 1 files"):
        command(f"folder:{tmp_path}", "--out", tmp_path / "out")
    assert "a.png: empty file" in capsys.readouterr().out
    assert DataError.code == 3
    assert not (tmp_path / "out").exists()


def test_mistakes(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'digits'"):
        command("digit")
    with pytest.raises(UsageError, match="size"):
        command("digits", "--size", "x")
    with pytest.raises(DataError, match="no such folder"):
        command(f"folder:{tmp_path / 'none'}")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("digits", "digits"),
        ("folder:/a/my cats/", "folder-my-cats"),
        ("npz:/a/x.npz", "npz-x.npz"),
        ("folder:/", "folder"),
        ("folder:/a/猫", "folder-猫"),
        ("folder:..", None),
    ],
)
def test_names_of_the_sheet(source, name):
    got = sheet_name(source)
    assert got == name or name is None
    assert "/" not in got
    assert ".." not in got


def test_sheets_of_other_sizes_stand_side_by_side(folder, tmp_path):
    for size in ((), ("--size", 16), ("--size", "16x24")):
        assert command(f"folder:{folder}", *size, "--skip-broken", "--out", tmp_path / "out") == 0
    sheets = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert sheets == [f"folder-my-pictures{size}.png" for size in ("-16x16", "-16x24", "")]


def test_the_sheet_of_a_path_alone_stands_in_the_folder_for_sheets(folder, tmp_path, monkeypatch):
    """Not where the pictures are: joining a folder and a whole path gives the path."""
    monkeypatch.chdir(tmp_path)
    before = set(folder.parent.rglob("*"))
    assert command(folder.resolve(), "--size", 16, "--skip-broken", "--out", "sheets") == 0
    assert [path.name for path in (tmp_path / "sheets").iterdir()] == ["folder-my-pictures-16x16.png"]
    assert {path for path in folder.parent.rglob("*") if "sheets" not in path.parts} == before


def test_the_module_starts_without_torch():
    code = "import inkbloom.verbs.inspect, sys; assert not {'torch', 'numpy', 'PIL', 'rich'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
