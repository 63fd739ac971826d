import builtins
import io

import numpy as np
import pytest
from PIL import Image

from inkbloom.api import inspect
from inkbloom.data import load_data
from inkbloom.errors import UsageError

datasets = pytest.importorskip("datasets")
pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 10, 12), np.uint8)
COLOUR = RNG.integers(0, 256, (40, 10, 12, 3), np.uint8)
NAMES = ["zebra", "ant", "bee", "never"]


def made(images, label=None, count=40, **more):
    """A data set as `datasets` makes it, with features Image and ClassLabel."""
    label = [k % 3 for k in range(count)] if label is None else label
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES), **more.pop("features", {})}
    rows = {"image": [Image.fromarray(image) for image in images[:count]], "label": label, **more}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


def body(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("images", [GREY, COLOUR])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_what_datasets_writes(tmp_path, images, kind):
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        made(images).to_parquet(path)
    else:
        with datasets.arrow_writer.ArrowWriter(path=str(path), features=made(images).features) as writer:
            writer.write_table(made(images).data.table)
            writer.finalize()
    data = load_data(str(path))
    assert data.source == f"{kind}:{path}"
    assert np.array_equal(data.images.permute(0, 2, 3, 1).squeeze(-1), images)
    assert data.labels.tolist() == [k % 3 for k in range(40)]
    assert data.classes == tuple(NAMES)  # in the order of their numbers, with the class that has no image
    assert "labels: taken from 'label'" in data.notes


def test_folders_of_files_with_their_splits(tmp_path):
    parts = {"train": 40, "validation": 40, "test": 20}
    whole = datasets.DatasetDict({name: made(COLOUR, count=count) for name, count in parts.items()})
    whole.save_to_disk(tmp_path / "saved")
    (tmp_path / "repository" / "data").mkdir(parents=True)
    for name in parts:
        whole[name].to_parquet(tmp_path / "repository" / "data" / f"{name}-00000-of-00001.parquet")
    for name in ("saved", "repository"):
        data = load_data(str(tmp_path / name))
        assert {name: len(index) for name, index in data.slices.items()} == {
            "train": 40, "holdout": 20, "reference": 20, "test": 20,
        }  # fmt: skip
        assert np.array_equal(data.take("train").images.permute(0, 2, 3, 1), COLOUR)
        assert np.array_equal(data.take("test").images.permute(0, 2, 3, 1), COLOUR[:20])
    assert load_data(str(tmp_path / "saved" / "test")).images.shape[0] == 20


def test_several_row_groups_and_pictures_of_several_sizes(tmp_path, refused):
    path = tmp_path / "x.parquet"
    rows = [{"bytes": body(GREY[k][: 10 - k % 2]), "path": None} for k in range(40)]
    parquet.write_table(pa.table({"image": rows, "label": [f"class {k % 2}" for k in range(40)]}), path, row_group_size=7)
    assert "images of several sizes" in refused(load_data, f"parquet:{path}")
    data = load_data(f"parquet:{path}", 8)
    assert data.labels.tolist() == [k % 2 for k in range(40)]
    found = inspect(f"parquet:{path}")
    assert found.originals == {(10, 12): 20, (9, 12): 20}
    assert found.unsized


@pytest.mark.parametrize("column", ["binary", "struct"])
def test_plain_tables_of_bytes(tmp_path, column):
    path = tmp_path / "x.parquet"
    bodies = [body(image) for image in GREY]
    cells = bodies if column == "binary" else [{"bytes": each, "path": "image.png"} for each in bodies]
    parquet.write_table(pa.table({"picture": cells, "target": [k % 4 for k in range(40)], "weight": [0.5] * 40}), path)
    data = load_data(f"parquet:{path}")
    assert np.array_equal(data.images[:, 0], GREY)
    assert data.labels.tolist() == [k % 4 for k in range(40)]
    assert {"images: taken from 'picture'", "labels: taken from 'target'"} <= {*data.notes}


def test_lists_of_numbers(tmp_path, refused):
    path = tmp_path / "x.parquet"
    for images in (GREY, COLOUR, (GREY / 255).astype(np.float32), GREY[:, :, :10].reshape(40, 100)):
        parquet.write_table(pa.table({"pixels": images.tolist(), "label": [k % 2 for k in range(40)]}), path)
        data = load_data(f"parquet:{path}")
        expected = GREY[:, :, :10] if images.ndim == 2 else COLOUR if images is COLOUR else GREY
        assert np.array_equal(data.images.permute(0, 2, 3, 1).squeeze(-1), expected)
        assert data.labels.tolist() == [k % 2 for k in range(40)]
    features = datasets.Features({"image": datasets.Array2D((10, 12), "uint8"), "label": datasets.Value("int64")})
    datasets.Dataset.from_dict({"image": list(GREY), "label": [k % 2 for k in range(40)]}, features=features).to_parquet(path)
    assert np.array_equal(load_data(f"parquet:{path}").images[:, 0], GREY)
    parquet.write_table(pa.table({"pixels": [[[1, 2]], [[1, 2, 3]]]}), path)
    assert "give images of one size" in refused(load_data, f"parquet:{path}")


def test_columns_that_can_be_chosen(tmp_path, refused):
    path = tmp_path / "x.parquet"
    fine = datasets.ClassLabel(names=["a", "b", "c", "d"])
    table = made(GREY, features={"mask": datasets.Image(), "fine": fine}, mask=[Image.fromarray(255 - g) for g in GREY],
                 fine=[k % 4 for k in range(40)]).rename_column("label", "coarse")  # fmt: skip
    table.to_parquet(path)
    assert "several columns may be the image" in refused(load_data, f"parquet:{path}")
    assert ",label=coarse" in refused(load_data, f"parquet:{path},image=mask")
    data = load_data(f"{path},image=mask,label=fine")
    assert np.array_equal(data.images[:, 0], 255 - GREY)
    assert data.classes == ("a", "b", "c", "d")
    assert data.source == f"parquet:{path},image=mask,label=fine"
    assert "no column 'other' for label" in refused(load_data, f"parquet:{path},image=mask,label=other", error=UsageError)
    assert "'fine' holds no images" in refused(load_data, f"parquet:{path},image=fine,label=fine")


def test_tables_without_images_or_labels(tmp_path, refused):
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), path)
    assert "no column of images" in refused(load_data, f"parquet:{path}")
    assert "a (int64), b (string)" in refused(load_data, f"parquet:{path}")
    parquet.write_table(pa.table({"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}), path)
    assert "no rows" in refused(load_data, f"parquet:{path}")
    parquet.write_table(pa.table({"image": [body(image) for image in GREY], "width": [12] * 40}), path)
    data = load_data(f"parquet:{path}")
    assert data.labels is None
    assert "no labels: no column is one of classes (width (int64))" in data.notes
    parquet.write_table(pa.table({"image": [body(image) for image in GREY], "label": [[1, 2]] * 40}), path)
    assert load_data(f"parquet:{path}").labels is None
    assert "give one class an image" in refused(load_data, f"parquet:{path},label=label")


def test_labels_with_gaps_and_without_a_class(tmp_path):
    path = tmp_path / "x.parquet"
    bodies = [body(image) for image in GREY]
    parquet.write_table(pa.table({"image": bodies, "label": [(0, 3)[k % 2] for k in range(40)]}), path)
    assert load_data(f"parquet:{path}").classes == ("0", "1", "2", "3")
    parquet.write_table(pa.table({"image": bodies, "label": [None if k < 5 else k % 3 for k in range(40)]}), path)
    data = load_data(f"parquet:{path}")
    assert data.labels.tolist() == [k % 3 for k in range(5, 40)]
    assert "left out 5 of 40 pictures, which have no label" in data.notes
    made(GREY, label=[-1] * 40).to_parquet(path)  # as test sets without answers have it
    data = load_data(f"parquet:{path}")
    assert (len(data.images), data.labels, data.classes) == (40, None, ())
    assert "no labels: none of 40 pictures has one" in data.notes


def test_rows_that_hold_no_picture(tmp_path, refused):
    path, secret = tmp_path / "x.parquet", tmp_path / "secret.png"
    Image.fromarray(GREY[0]).save(secret)
    cells = [
        {"bytes": body(GREY[0]), "path": None},
        {"bytes": None, "path": str(secret)},
        {"bytes": b"junk", "path": None},
        None,
    ]
    parquet.write_table(pa.table({"image": cells * 5}), path)
    found = inspect(f"parquet:{path}")
    assert [broken.reason for broken in found.broken[:3]] == [
        "only the path of a picture, not the picture",  # a table does not make us read files of this machine
        "not a picture that Pillow knows",
        "no picture in this row",
    ]
    assert "15 of 20 files cannot be read" in refused(load_data, f"parquet:{path}")
    assert len(load_data(f"parquet:{path}", skip_broken=True).images) == 5


def test_transparent_and_16_bit_pictures_are_decided_for_the_whole_set(tmp_path):
    path = tmp_path / "x.parquet"
    white = np.dstack([np.full((10, 10, 3), 255, np.uint8), GREY[0, :, :10, None]])
    parquet.write_table(pa.table({"image": [body(white)] * 12}), path)
    assert load_data(f"parquet:{path}").background == "black"
    assert load_data(f"parquet:{path}", background="#ff0000").background == "#ff0000"
    parquet.write_table(pa.table({"image": [body(image.astype(np.uint16) * 16) for image in GREY]}), path)
    data = load_data(f"parquet:{path}")
    assert data.images.max() >= 253
    assert any("12 bits only" in note for note in data.notes)


def test_files_that_are_none(tmp_path, refused):
    for kind in ("parquet", "arrow"):
        path = tmp_path / f"x.{kind}"
        for content in (b"", b"PAR1", b"junk" * 100):
            path.write_bytes(content)
            assert "cannot read the table" in refused(load_data, f"{kind}:{path}")
        assert "no such file" in refused(load_data, f"{kind}:{tmp_path / 'none'}")
    (tmp_path / "empty").mkdir()
    assert "no .parquet or .pq files in the folder" in refused(load_data, f"parquet:{tmp_path / 'empty'}")


def test_without_pyarrow(tmp_path, refused, monkeypatch):
    for kind in ("parquet", "arrow"):
        (tmp_path / f"x.{kind}").write_bytes(b"PAR1")
    real = builtins.__import__

    def without(name, *args, **more):
        if name.partition(".")[0] in ("pyarrow", "datasets"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for source, package in (("x.parquet", "pyarrow"), ("x.arrow", "pyarrow"), ("mnist", "datasets")):
        message = refused(load_data, str(tmp_path / source) if "." in source else source, error=UsageError)
        assert message == f"{package} is not installed: pip install 'inkbloom[hub]'"
