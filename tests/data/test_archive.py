import io
import json
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkbloom.api import inspect
from inkbloom.data import archive, load_data
from inkbloom.errors import DataError

RNG = np.random.default_rng(0)


def png(pixels=None, seed=0, side=10):
    body = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8) if pixels is None else pixels
    Image.fromarray(pixels).save(body, "PNG")
    return body.getvalue()


def zipped(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as packed:
        for name, body in files.items():
            packed.writestr(name, body)
    return path


def tarred(path, files, mode="w"):
    with tarfile.open(path, mode) as packed:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            packed.addfile(info, io.BytesIO(body))
    return path


def unpacked(folder, files):
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


PACK = {"zip": zipped, "tar": tarred, "tgz": lambda path, files: tarred(path, files, "w:gz")}
TREES = {
    "classes": {f"{kind}/{k}.png": png(seed=k) for k in range(12) for kind in ("cat", "dog")},
    "slices": {f"{part}/{kind}/{k}.png": png(seed=k) for k in range(12) for part in ("test", "train") for kind in ("a", "b")},
    "a table": {f"images/{k}.png": png(seed=k) for k in range(12)}
    | {"labels.csv": b"file,label\n" + "".join(f"{k}.png,{'xy'[k % 2]}\n" for k in range(12)).encode()},
    "nothing but pictures": {f"{k}.png": png(seed=k) for k in range(12)} | {"notes.txt": b"hello"},
    "transparent": {f"{k}.png": png(np.dstack([np.full((9, 9, 3), 255, np.uint8), RNG.integers(0, 256, (9, 9, 1), np.uint8)]))
                    for k in range(5)},
}  # fmt: skip


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("top", ["", "my pictures/"])
def test_an_archive_is_read_as_the_folder_that_was_packed(tmp_path, kind, tree, top):
    files = dict(sorted(TREES[tree].items(), key=lambda item: item[0].split("/")))
    expected = load_data(f"folder:{unpacked(tmp_path / 'folder', files)}")
    path = PACK[kind](tmp_path / f"x.{kind}", {top + name: body for name, body in files.items()})
    data = load_data(str(path))  # the ending tells the kind
    assert data.source == f"{'zip' if kind == 'zip' else 'tar'}:{path}"
    assert data.fingerprint() == expected.fingerprint()
    assert (data.classes, data.background) == (expected.classes, expected.background)
    assert {name: index.tolist() for name, index in data.slices.items()} == {
        name: index.tolist() for name, index in expected.slices.items()
    }
    assert sorted(path.parent.iterdir()) == sorted([tmp_path / "folder", path])  # nothing was unpacked


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["../out.png", "/abs.png", "a/../../out.png", "..\\out.png", "C:\\out.png"])
def test_names_that_lead_out_of_the_archive_are_left_out_and_said(tmp_path, kind, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    path = PACK[kind](inside / f"x.{kind}", {name: png(), **{f"{k}.png": png(seed=k) for k in range(4)}})
    data = load_data(f"{kind}:{path}")
    assert len(data.images) == 4
    assert any("left out 1 files whose names lead out of the archive" in note for note in data.notes)
    assert [each.name for each in tmp_path.iterdir()] == ["inside"]
    only = PACK[kind](inside / f"y.{kind}", {name: png()})
    with pytest.raises(DataError, match=r"no files in the archive .*lead out"):
        load_data(f"{kind}:{only}")


def test_links_are_left_out_and_said(tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    path = tarred(tmp_path / "x.tar", {"a.png": png(), "b.png": png(seed=1)})
    with tarfile.open(path, "a") as packed:
        for name, kind in (("soft.png", tarfile.SYMTYPE), ("hard.png", tarfile.LNKTYPE), ("device.png", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(tmp_path / "secret.png")
            packed.addfile(info)
    data = load_data(f"tar:{path}")
    assert len(data.images) == 2
    assert any(note.startswith("left out 3 links or devices, first device.png") for note in data.notes)
    link = zipfile.ZipInfo("soft.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "x.zip", {"a.png": png(), "b.png": png(seed=1)})
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(link, str(tmp_path / "secret.png"))
    assert len(load_data(f"zip:{path}").images) == 2


def test_bombs_take_no_memory(tmp_path, peak, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 2**20)
    bomb = bytes(64 * 2**20)
    for kind in ("zip", "tgz"):
        path = PACK[kind](tmp_path / f"x.{kind}", {"a.png": bomb, **{f"{k}.png": png(seed=k) for k in range(4)}})
        source = f"{'zip' if kind == 'zip' else 'tar'}:{path}"
        assert path.stat().st_size < 2**18
        assert peak(load_data, source, None, True) < 16 * 2**20
        data = load_data(source, skip_broken=True)
        assert len(data.images) == 4
        assert any("left out 1 files that cannot be read" in note and "over 256 MiB" in note for note in data.notes)
    monkeypatch.setattr(archive, "LARGEST", 2**28)
    assert peak(load_data, source, None, True) > 64 * 2**20  # the measure sees a bomb that goes off


def test_damaged_archives(tmp_path, refused):
    whole = zipped(tmp_path / "x.zip", TREES["classes"]).read_bytes()
    for name in ("bad.zip", "bad.tar"):
        kind, path = name[-3:], tmp_path / name
        for content in (b"", b"PK", whole[:500], whole[:-30]):
            path.write_bytes(content)
            assert f"cannot read the {kind} file" in refused(load_data, f"{kind}:{path}")
    zipped(tmp_path / "text.zip", {"a.txt": b"a"})
    assert "no images in the archive" in refused(load_data, f"zip:{tmp_path / 'text.zip'}")
    assert "no files in the archive" in refused(load_data, f"zip:{zipped(tmp_path / 'none.zip', {})}")
    assert "no such file" in refused(load_data, f"tar:{tmp_path / 'none.tar'}")
    torn = zipped(tmp_path / "torn.zip", {**TREES["classes"], "cat/x.png": png()[:60], "dog/y.png": b""})
    assert "2 of 26 files cannot be read" in refused(load_data, f"zip:{torn}")
    assert len(load_data(f"zip:{torn}", skip_broken=True).images) == 24
    found = inspect(f"zip:{torn}")
    assert [(broken.path.name, broken.reason) for broken in found.broken][1] == ("y.png", "empty file")
    assert str(found).splitlines()[0] == f"source: zip:{torn}"


# --- WebDataset ---------------------------------------------------------------------------------------------------------


def samples(count, start=0, **more):
    """As the library `webdataset` writes them: files of one number together, .cls a number in text, .json an object."""
    files = {}
    for k in range(start, start + count):
        files[f"{k:06d}.png"] = png(seed=k)
        files[f"{k:06d}.cls"] = str(k % 3).encode()
        files |= {f"{k:06d}.{ending}": make(k) for ending, make in more.items()}
    return files


def test_webdataset(tmp_path):
    path = tarred(tmp_path / "x.tar", samples(20, json=lambda k: json.dumps({"label": "ab"[k % 2], "width": 10}).encode()))
    data = load_data(f"tar:{path}")
    expected = load_data(f"folder:{unpacked(tmp_path / 'x', {f'{k:06d}.png': png(seed=k) for k in range(20)})}")
    assert data.images.equal(expected.images)
    assert data.labels.tolist() == [k % 3 for k in range(20)]
    assert data.classes == ("0", "1", "2")
    named = load_data(f"tar:{path},label=label")
    assert named.classes == ("a", "b")
    assert named.labels.tolist() == [k % 2 for k in range(20)]


def test_shards_of_a_webdataset(tmp_path, refused):
    shards = tmp_path / "shards"
    shards.mkdir()
    tarred(shards / "set-train-000000.tar", samples(20))
    tarred(shards / "set-train-000001.tar.gz", samples(20, 20), "w:gz")
    tarred(shards / "set-val-000000.tar", samples(40, 40))
    data = load_data(f"tar:{shards}")
    assert {name: len(index) for name, index in data.slices.items()} == {"train": 40, "holdout": 20, "reference": 20}
    assert data.slices["train"].tolist() == list(range(40))
    assert data.labels.tolist() == [k % 3 for k in range(80)]
    for shard in shards.iterdir():
        tarred(shard, {"a.png": png()})
    assert "give one of the files" in refused(load_data, f"tar:{shards}")


def test_samples_of_several_pictures(tmp_path, refused):
    path = tarred(tmp_path / "x.tar", samples(12, **{"mask.png": lambda k: png(seed=100 + k)}))
    assert "several columns may be the image" in refused(load_data, f"tar:{path}")
    chosen = load_data(f"tar:{path},image=mask.png")
    assert np.array_equal(chosen.images[3, 0], Image.open(io.BytesIO(png(seed=103))))
    assert len(chosen.images) == 12


def test_samples_that_cannot_be_read(tmp_path, refused):
    path = tarred(tmp_path / "x.tar", samples(4, json=lambda k: b"{" * 2000))
    assert "cannot read what is said of a picture" in refused(load_data, f"tar:{path}")
    path = tarred(tmp_path / "y.tar", {**samples(12), "last.png": png()})
    data = load_data(f"tar:{path}")
    assert len(data.images) == 12
    assert "left out 1 of 13 pictures, which have no label" in data.notes


def test_the_path_that_a_member_has_is_never_opened(tmp_path, monkeypatch):
    """A file of that very path on the disk is another one."""
    path = zipped(tmp_path / "x.zip", {f"{k}.png": png(seed=k) for k in range(3)})
    seen = []
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *args, **more: seen.append(self) or real(self, *args, **more))
    load_data(f"zip:{path}")
    assert [each for each in seen if each != path] == []
