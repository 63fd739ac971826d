"""Folders as people have them: slices above classes, tables of labels, links, classes that only look like slices."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inkbloom.data import load_data
from inkbloom.data.folder import load_folder
from inkbloom.data.slices import given_slices, split_slices

RNG = np.random.default_rng(0)


def make(folder, *names):
    """Pictures of their own under these names; 'cat*3/' stands for cat/0.png, cat/1.png, cat/2.png."""
    for name in names:
        place, _, count = name.partition("*")
        for path in [f"{place}/{n}.png" for n in range(int(count))] if count else [name]:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(RNG.integers(0, 256, (8, 8), np.uint8)).save(folder / path)
    return folder


def counts(data):
    """{slice: {class: images}}"""
    found = {}
    for name, index in data.slices.items():
        labels = ["" if data.labels is None else data.classes[data.labels[i]] for i in index.tolist()]
        found[name] = {label: labels.count(label) for label in labels}
    return found


def told(data, words):
    assert any(words in note for note in data.notes), data.notes


# --- slices -------------------------------------------------------------------------------------------------------------


def test_train_and_test_are_slices_above_classes(tmp_path):
    data = load_folder(make(tmp_path, "train/0*30", "train/1*30", "train/2*30", "test/0*5", "test/1*5"))
    assert data.classes == ("0", "1", "2")
    found = counts(data)
    assert found["test"] == {"0": 5, "1": 5}
    assert found["train"] == {"0": 24, "1": 24, "2": 24}
    assert sum(found["holdout"].values()) == sum(found["reference"].values()) == 9
    told(data, "slices, no classes: the sub-folders 'test', 'train'")
    told(data, "hold-out and reference: a tenth of train each")
    assert len(data.take("all").images) == 90  # test images are never trained on
    whole = set(range(len(data.images)))
    assert sorted(i for index in data.slices.values() for i in index.tolist()) == sorted(whole)


@pytest.mark.parametrize("val", ["val", "valid", "Validation", "HOLDOUT", "dev"])
def test_a_validation_set_becomes_hold_out_and_reference(tmp_path, val):
    data = load_folder(make(tmp_path, "Train/cat*20", "Train/dog*20", f"{val}/cat*25", f"{val}/dog*25", "TEST/cat*3"))
    assert counts(data)["train"] == {"cat": 20, "dog": 20}
    assert counts(data)["test"] == {"cat": 3}
    halves = counts(data)["holdout"], counts(data)["reference"]
    assert [sum(half.values()) for half in halves] == [25, 25]
    assert all(12 <= half[name] <= 13 for half in halves for name in ("cat", "dog"))
    told(data, "hold-out and reference: half of the given hold-out each")


def test_a_validation_set_too_small_for_both_is_held_out_beside_tenths_of_train(tmp_path):
    data = load_folder(make(tmp_path, "train/a*20", "train/b*20", "val/a*8", "val/b*8"))
    assert {name: len(index) for name, index in data.slices.items()} == {"train": 32, "holdout": 20, "reference": 4}
    told(data, "a tenth of train each, and the 16 given ones are held out too")
    val = [k for k in range(56) if k >= 40]  # sorted by path: train first
    assert not set(val) & set(data.slices["train"].tolist())


def test_slices_of_pictures_without_classes(tmp_path):
    data = load_folder(make(tmp_path, "train*20", "test*5"))
    assert data.labels is None
    assert {name: len(index) for name, index in data.slices.items()} == {"train": 16, "holdout": 2, "reference": 2, "test": 5}


def test_train_alone(tmp_path):
    data = load_folder(make(tmp_path, "train/cat*10", "train/dog*10"))
    assert data.classes == ("cat", "dog")
    assert sum(counts(data)["train"].values()) == 16


def test_a_test_set_without_labels_is_left_out(tmp_path):
    data = load_folder(make(tmp_path, "train/cat*10", "train/dog*10", "test*7"))
    assert data.classes == ("cat", "dog")
    assert len(data.images) == 20
    told(data, "left out 7 pictures of a slice without class folders, for train has them")


def test_a_class_that_only_the_test_set_has_is_not_trained_and_said(tmp_path):
    data = load_data(f"folder:{make(tmp_path, 'train/cat*10', 'train/dog*10', 'test/cow*7')}")
    assert data.classes == ("cat", "cow", "dog")
    told(data, "no image of class 'cow' in the slice train: not trained, and never drawn")


def test_classes_called_train_and_test_beside_others_stay_classes(tmp_path):
    data = load_folder(make(tmp_path, "train*10", "test*10", "bus*10", "car*10"))
    assert data.classes == ("bus", "car", "test", "train")
    told(data, "'test', 'train' taken for classes, no slices, as 'bus', 'car' stand beside")


def test_slices_without_a_training_set(tmp_path, refused):
    assert "pictures in 'test', 'val', none in 'train'" in refused(load_folder, make(tmp_path / "a", "test/x*3", "val/x*3"))
    make(tmp_path / "b", "test/x*3")
    assert load_folder(tmp_path / "b").labels is None  # one folder alone, whatever it is called
    (tmp_path / "b/train").mkdir()
    assert "none in 'train'" in refused(load_folder, tmp_path / "b")


def test_pictures_beside_slices_are_left_out_and_told(tmp_path):
    data = load_folder(make(tmp_path, "train/a*10", "train/b*10", "test/a*3", "preview.png"))
    assert len(data.images) == 23
    told(data, "left out 1 pictures that lie beside the slices 'test', 'train'")


def test_what_stands_beside_slices_with_the_same_classes_is_left_out(tmp_path):
    data = load_folder(make(tmp_path, "train/cat*20", "train/dog*20", "test/cat*4", "test/dog*4", "unlabeled*9"))
    assert data.classes == ("cat", "dog")
    assert counts(data)["test"] == {"cat": 4, "dog": 4}
    assert len(data.images) == 48
    told(data, "left out 9 pictures that lie beside the slices 'test', 'train'")


def test_slices_in_the_only_sub_folder(tmp_path):
    data = load_folder(make(tmp_path, "images/train/cat*20", "images/train/dog*20", "images/test/cat*4"))
    assert data.classes == ("cat", "dog")
    assert counts(data)["test"] == {"cat": 4}
    assert data.source == f"folder:{tmp_path}"


def test_slices_in_each_class(tmp_path):
    data = load_folder(make(tmp_path, "cat/train*20", "cat/test*4", "dog/train*20", "dog/test*5"))
    assert data.classes == ("cat", "dog")
    assert counts(data)["test"] == {"cat": 4, "dog": 5}
    told(data, "slices, no classes: the sub-folders 'test', 'train' of each class")


def test_a_note_that_two_tables_share_is_said_once(tmp_path):
    make(tmp_path, "train/*20", "test/*8")
    for name, count in (("train", 20), ("test", 8)):
        rows = "".join(f"{number}.png,{number % 2}\n" for number in range(count))
        (tmp_path / name / "metadata.csv").write_text(f"file_name,label\n{rows}")
    assert [note for note in load_folder(tmp_path).notes if "'label'" in note] == ["labels: the column 'label' of metadata.csv"]


def test_cutting_is_by_chance_within_a_class_and_complete():
    names = ["train"] * 60 + ["holdout"] * 60 + ["test"] * 5
    labels = np.arange(125) % 3
    slices, _ = given_slices(names, labels)
    assert slices["train"].tolist() == list(range(60))
    assert slices["test"].tolist() == list(range(120, 125))
    assert sorted(slices["holdout"].tolist() + slices["reference"].tolist()) == list(range(60, 120))
    assert all(np.bincount(labels[slices[name]]).tolist() == [10, 10, 10] for name in ("holdout", "reference"))
    alone, _ = given_slices(["train"] * 40)
    assert {name: index.tolist() for name, index in alone.items()} == {n: i.tolist() for n, i in split_slices(40).items()}


# --- classes by sub-folders ---------------------------------------------------------------------------------------------


def test_numbered_folders_stand_as_people_count_and_are_cut_as_ever(tmp_path):
    """The slices are those of version 0.1, where the classes were sorted as text, so old runs go on."""
    data = load_folder(make(tmp_path, *(f"{number}*7" for number in range(12))))
    assert data.classes == tuple(map(str, range(12)))
    as_text = np.repeat(np.arange(12), 7)  # the files stand in the order 0, 1, 10, 11, 2 ...
    assert {n: i.tolist() for n, i in data.slices.items()} == {n: i.tolist() for n, i in split_slices(84, as_text).items()}
    old = data.in_order(sorted(map(str, range(12))))
    assert old.labels.tolist() == as_text.tolist()
    assert data.in_order(("a", "b")) is data


def test_forms_of_one_name_are_one_class(tmp_path):
    data = load_folder(
        make(tmp_path, "train/café*10", "train/tea*10", f"test/{unicodedata.normalize('NFD', 'café')}*3", "test/ tea *3")
    )
    assert data.classes == ("café", "tea")
    assert counts(data)["test"] == {"café": 3, "tea": 3}
    told(data, "spelled in several ways")


def test_empty_class_folders_and_litter(tmp_path):
    make(tmp_path, "cat*5", "dog*5")
    (tmp_path / "cow/old").mkdir(parents=True)
    for name in (".DS_Store", "Thumbs.db", "cat/.DS_Store", "cat/Thumbs.db", "cat/desktop.ini"):
        (tmp_path / name).write_bytes(b"x")
    make(tmp_path, "__MACOSX/cat/._0.png", ".ipynb_checkpoints/0.png")
    data = load_folder(tmp_path)
    assert data.classes == ("cat", "dog")
    told(data, "no pictures in the sub-folders '__MACOSX', 'cow'")


def test_one_folder_around_everything_is_pointed_out(tmp_path):
    data = load_folder(make(tmp_path, "flowers/rose*5", "flowers/tulip*5"))
    assert data.labels is None
    told(data, "all pictures lie in 'flowers'; give that folder, for the classes 'rose', 'tulip'")


# --- tables -------------------------------------------------------------------------------------------------------------


def table(folder, text, name="labels.csv", encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder


def labelled(folder):
    """{file name: class} of what is taken, told by the pictures themselves."""
    data = load_folder(folder)
    known = {np.asarray(Image.open(path)).tobytes(): path.name for path in Path(folder).rglob("*.png")}
    names = [known[image.numpy().tobytes()] for image in data.images]
    return dict(zip(names, [data.classes[label] for label in data.labels.tolist()], strict=True)), data


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("metadata.csv", "file_name,label\n0.png,cat\n1.png,dog\n2.png,cat\n3.png,dog\n", "utf-8"),
        ("metadata.csv", "text,label,file_name\nx,cat,0.png\ny,dog,1.png\nz,cat,2.png\nx,dog,3.png\n", "utf-8-sig"),
        ("labels.csv", "id;breed\n0;cat\n1;dog\n2;cat\n3;dog\n", "utf-8"),
        ("train.csv", ",image,y\n0,./0.png,cat\n1,images\\1.png,dog\n2,/home/me/x/2.png,cat\n3,3.png,dog\n", "utf-8"),
        ("some.tsv", "0.png\tcat\r\n1.png\tdog\r\n2.png\tcat\r\n3.png\tdog\r\n", "utf-16"),
        ("x.csv", '"0.png","cat"\n"1.png","dog"\n\n"2.png","cat "\n"3.png","dog"\n', "utf-8"),
        ("x.csv", "label,image_id,label_name\n1,0,cat\n0,1,dog\n1,2,cat\n0,3,dog\n", "utf-8"),
        ("x.csv", "image,cat,dog\n0,1.0,0.0\n1,0.0,1.0\n2,1.0,0.0\n3,0.0,1.0\n", "utf-8"),  # one-hot
    ],
)
def test_a_table_names_the_labels(tmp_path, name, text, encoding):
    found, data = labelled(table(make(tmp_path, *(f"{n}.png" for n in range(4))), text, name, encoding))
    assert found == {"0.png": "cat", "1.png": "dog", "2.png": "cat", "3.png": "dog"}
    told(data, name)


def test_metadata_jsonl_in_each_split(tmp_path):
    for split, count in (("train", 10), ("test", 4)):
        make(tmp_path, f"{split}*{count}")
        lines = [{"file_name": f"{n}.png", "label": n % 2, "objects": {"bbox": [1]}} for n in range(count)]
        table(tmp_path / split, "\n".join(map(json.dumps, lines)), "metadata.jsonl")
    data = load_folder(tmp_path)
    assert data.classes == ("0", "1")
    assert counts(data)["test"] == {"0": 2, "1": 2}


def test_pictures_in_one_folder_and_a_table_for_each_split(tmp_path):
    make(tmp_path, *(f"images/{n}.png" for n in range(14)))
    table(tmp_path, "name,class\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(10)), "train.csv")
    table(tmp_path, "name,class\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(10, 14)), "test.csv")
    table(tmp_path, "name,class\n" + "".join(f"{n}.png,a\n" for n in range(10, 14)), "sample_submission.csv")
    data = load_folder(tmp_path)
    assert counts(data)["test"] == {"a": 2, "b": 2}
    told(data, "slices: by the table, 'test', 'train'")


def test_a_column_of_splits(tmp_path, refused):
    make(tmp_path, *(f"{n:02}.png" for n in range(12)))
    rows = [f"{n:02}.png,{'ab'[n % 2]},{'test' if n > 9 else 'train'}" for n in range(12)]
    data = load_folder(table(tmp_path, "file_name,label,split\n" + "\n".join(rows), "metadata.csv"))
    assert counts(data)["test"] == {"a": 1, "b": 1}
    rows = [row.replace("train", "fold1") for row in rows]
    told(
        load_folder(table(tmp_path, "file_name,label,split\n" + "\n".join(rows), "metadata.csv")),
        "'fold1' of the table are not known",
    )
    rows = [row.replace("fold1", "") for row in rows]
    message = refused(load_folder, table(tmp_path, "file_name,label,split\n" + "\n".join(rows), "metadata.csv"))
    assert "leave out all of 'train'" in message


def test_what_does_not_match_is_told(tmp_path):
    make(tmp_path, *(f"{n}.png" for n in range(6)))
    found, data = labelled(table(tmp_path, "file,label\n0.png,a\n1.png,b\n1.png,b\n2.png,\ngone.png,a\nnone.png,b\n"))
    assert found == {"0.png": "a", "1.png": "b"}
    told(data, "2 of 6 rows name no picture that is here, first 'gone.png'")
    told(data, "1 rows repeat an earlier one")
    told(data, "left out 4 pictures that no table gives a label, first")


def test_a_table_wins_over_folders_where_it_names_labels_and_is_silent_where_it_does_not(tmp_path):
    make(tmp_path, "x*4", "y*4")
    rows = [f"{top}/{n}.png,{n % 2},{100 + n % 2}" for top in "xy" for n in range(4)]
    data = load_folder(table(tmp_path, "file_name,label,width\n" + "\n".join(rows), "metadata.csv"))
    assert data.classes == ("0", "1")
    data = load_folder(table(tmp_path, "file_name,depth,width\n" + "\n".join(rows), "metadata.csv"))
    assert data.classes == ("x", "y")
    told(data, "metadata.csv: no column of labels")


def test_captions_are_no_labels(tmp_path):
    make(tmp_path, *(f"{n}.png" for n in range(4)))
    data = load_folder(table(tmp_path, 'file_name,text\n0.png,"a cat,\nasleep"\n1.png,a\n2.png,b\n3.png,c\n', "metadata.csv"))
    assert data.labels is None
    told(data, "no column of labels: each row of 'text' says something else")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("metadata.csv", "name,label\nq.png,a\nr.png,b\n", "no column file_name in the table"),
        ("metadata.csv", "file_name,label\nq.png,a\nr.png,b\n", "the table names no picture that is here"),
        ("metadata.csv", "", "the table names no picture that is here"),
        ("metadata.jsonl", "{]\n", "cannot read the table"),
        ("metadata.jsonl", "[1]\n", "a line that is no object"),
        ("metadata.csv", 'file_name,label\n"0.png,a\n', "cannot read the table"),
        ("x.csv", "file,label\n0.png,a\n0.png,b\n", "two rows for one picture, 'a' and 'b'"),
        ("x.csv", "file,age,size\n0.png,1,2\n1.png,1,1\n2.png,2,2\n3.png,2,1\n", "several columns may be the label: age, size"),
    ],
)
def test_tables_that_cannot_be_told_are_one_line(tmp_path, name, text, said, refused):
    assert said in refused(load_folder, table(make(tmp_path, *(f"{n}.png" for n in range(4))), text, name))


def test_two_tables_that_disagree(tmp_path, refused):
    make(tmp_path, *(f"{n}.png" for n in range(4)))
    table(tmp_path, "0.png,a\n1.png,b\n2.png,a\n3.png,b\n", "a.csv")
    table(tmp_path, "0.png,b\n1.png,b\n2.png,a\n3.png,a\n", "b.csv")
    assert "two tables give a picture different labels" in refused(load_folder, tmp_path)


def test_other_tables_are_no_matter(tmp_path):
    make(tmp_path, "cat*3", "dog*3")
    table(tmp_path, "epoch,loss\n1,0.5\n", "log.csv")
    table(tmp_path, "é,1\n", "notes.csv", "latin-1")
    data = load_folder(tmp_path)
    assert data.classes == ("cat", "dog")
    told(data, "notes.csv is not read")
    assert not any("log.csv" in note for note in data.notes)


def test_a_table_names_no_file_outside(tmp_path):
    make(tmp_path, "in/0.png", "in/1.png", "out/2.png")
    table(tmp_path / "in", "file_name,label\n0.png,a\n1.png,b\n../out/2.png,a\n/etc/passwd,b\n", "metadata.csv")
    data = load_folder(tmp_path / "in")
    assert len(data.images) == 2
    told(data, "2 of 4 rows name no picture that is here")


# --- links --------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(20)
def test_links_to_folders_are_followed_once(tmp_path):
    make(tmp_path, "here/cat*3", "store/dogs*4", "store/dogs/deep*2")
    (tmp_path / "here/dog").symlink_to(tmp_path / "store/dogs")
    (tmp_path / "here/dog again").symlink_to("dog")
    (tmp_path / "here/up").symlink_to(tmp_path)
    (tmp_path / "here/cat/self").symlink_to(".")
    (tmp_path / "store/dogs/back").symlink_to(tmp_path / "here/cat")
    data = load_folder(tmp_path / "here")
    assert dict(zip(data.classes, data.labels.bincount().tolist(), strict=True)) == {"cat": 3, "dog": 6}
    told(data, "link 'dog' is followed to")
    for name in ("dog again", "up", "cat/self", "dog/back"):
        told(data, f"link '{name}' is not followed: it leads to a folder that is read already, or to one above")


@pytest.mark.timeout(20)
def test_a_folder_of_nothing_but_links_and_one_that_is_a_link(tmp_path):
    make(tmp_path, "store/cats*3", "store/dogs*4")
    (tmp_path / "set").mkdir()
    for name in ("cats", "dogs"):
        (tmp_path / "set" / name).symlink_to(f"../store/{name}")
    (tmp_path / "link").symlink_to("set")
    for place in ("set", "link"):
        data = load_folder(tmp_path / place)
        assert data.classes == ("cats", "dogs")
        assert len(data.images) == 7
