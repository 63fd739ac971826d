"""The lab's files: the table that is served, a model of one's own in it, and the folder that any web server can show."""

import gzip
import json
import re
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
import torch
from safetensors.torch import load

import inkbloom
from inkbloom.data.idx import read_idx
from inkbloom.errors import DiskError, InkbloomError
from inkbloom.lab.site import PAGE, content, export_site, files_of_lab, sample_of_digits

TINY = {"widths": [16], "layers": 1, "steps": 2, "batch_size": 8, "compile": "off", "precision": "fp32", "quiet": True}


@pytest.fixture(scope="module")
def files():
    return files_of_lab()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """trained(recipe, **changes) -> a run of two steps on the digits."""
    made = iter(range(99))

    def train(recipe="fast", **changes):
        return inkbloom.train(recipe, out=tmp_path_factory.mktemp("runs") / f"mine-{next(made)}", **{**TINY, **changes}).path

    return train


def test_the_table_holds_the_page_and_what_it_reads(files):
    assert {"index.html", "main.js", "style.css", "models.json", "models/ink.safetensors", "digits.idx.gz"} <= files.keys()
    assert "jsconfig.json" not in files
    assert all(re.fullmatch(r"[\w-]+(/[\w-]+)*(\.[a-z]+)+", name) for name in files)
    for name in ("index.html", "main.js"):
        assert not re.search(r"""["'](https?:)?//""", content(files[name]).decode()), f"{name} asks another origin"


def test_the_list_of_models_is_true(files):
    listed = json.loads(content(files["models.json"]))
    assert listed[0]["name"] == "ink"
    for model in listed:
        weights = load(content(files[model["file"]]))
        counted = sum(each.numel() for name, each in weights.items() if not name.startswith("page/"))
        assert counted == model["parameters"]
        assert {"page/golden/x", "page/golden/values"} <= weights.keys()
        assert model["title"].keys() == {"en", "zh"}
        assert model["licence"].startswith("weights: Apache-2.0; trained on ")
    card, floor = listed[0]["card"], listed[0]["card"]["floor"]
    assert card["fd"] > floor["fd"] > 0
    assert 0 < card["agreement"] < floor["agreement"] < 1
    assert (card["made"]["solver"], card["made"]["steps"]) == ("dpmpp_2m", 20)


def test_the_digits_are_those_of_inkbloom_and_a_sample_is_their_beginning(files, tmp_path):
    ours = inkbloom.load_data("digits")
    for count, source in ((10_000, files), (2_000, sample_of_digits(files, 2_000))):
        for name in ("digits.idx.gz", "digits-labels.idx.gz"):
            (tmp_path / name).write_bytes(content(source[name]))
        assert (read_idx(tmp_path / "digits.idx.gz") == ours.images[:count, 0].numpy()).all()
        labels = read_idx(tmp_path / "digits-labels.idx.gz")
        assert (labels == ours.labels[:count].numpy()).all()
        assert np.bincount(labels).min() > count / 13


def test_a_page_that_is_not_there_is_noticed(tmp_path):
    with pytest.raises(InkbloomError, match=r"the lab's page is not complete \(.+\): install inkbloom again"):
        files_of_lab(tmp_path)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_language_to_begin_in(files, language):
    assert f'<html lang="{language}" data-lang="{language}">' in content(files_of_lab(language=language)["index.html"]).decode()
    assert "data-lang" not in content(files["index.html"]).decode()


# ---- a model of one's own


def test_a_run_of_ones_own_is_shown_beside_the_others(trained):
    run = trained(optimizer="adam")
    found = files_of_lab(model=run)
    own = json.loads(content(found["models.json"]))[-1]
    weights = load(found[own["file"]])
    mine = {name: tensor for name, tensor in weights.items() if not name.startswith("page/")}
    assert (own["name"], own["title"]["en"], own["step"], own["licence"]) == ("own", run.name, 2, None)
    assert own["parameters"] == sum(each.numel() for each in mine.values())
    for name, tensor in inkbloom.Run(run).family.net.state_dict().items():
        assert torch.equal(mine[name], tensor.half().cpu())


@pytest.mark.parametrize(
    ("recipe", "changes", "error"),
    [
        (
            "vae",
            {"layers": None},
            r"the lab cannot show this model \(.+mine-\d+\): the page draws step by step, and a vae in one",
        ),
        (
            "tutorial",
            {"widths": [8, 16], "epochs": None},
            r"the lab cannot show this model \(.+mine-\d+\): the page cannot compute the operation",
        ),
    ],
)
def test_a_model_that_the_page_cannot_compute_is_told_in_one_line(recipe, changes, error, trained, command, tmp_path):
    ended = command("lab", "--model", trained(recipe, **changes), "--export", tmp_path / "out")
    assert (ended.code, ended.out) == (2, "")
    assert re.match(error, ended.error)
    assert not (tmp_path / "out").exists()


# ---- the folder


@pytest.fixture
def hosted(tmp_path):
    """The address of a plain web server that shows the folder tmp_path / 'web'."""
    (tmp_path / "web").mkdir()
    words = ["-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", tmp_path / "web", "0"]
    server = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield re.search(r"http://[\d.:]+", server.stdout.readline())[0]
    server.kill()
    server.communicate()


def test_the_folder_works_below_any_address_of_any_web_server(hosted, files, command, tmp_path):
    out = tmp_path / "web" / "some" / "place"
    ended = command("lab", "--export", out, "--lang", "zh")
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f"lab: {out} ({len(files)} files, ")
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == files.keys()
    assert list((tmp_path / "web" / "some").iterdir()) == [out]
    for name in files.keys() - {"index.html"}:
        with urllib.request.urlopen(f"{hosted}/some/place/{name}", timeout=10) as answer:
            assert answer.read() == content(files[name])
            assert answer.headers["Content-Encoding"] is None
    with urllib.request.urlopen(f"{hosted}/some/place/", timeout=10) as answer:
        html = answer.read().decode()
    assert '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; ' in html
    assert 'data-lang="zh"' in html
    assert not re.search(r'(?:src|href)="/', html), "an absolute address"


def test_an_empty_folder_is_filled_and_no_other_is_touched(command, tmp_path):
    (tmp_path / "empty").mkdir()
    assert command("lab", "--export", tmp_path / "empty").code == 0
    assert (tmp_path / "empty" / "index.html").exists()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    before = sorted(tmp_path.rglob("*"))
    for name in ("empty", "file", "dangling"):
        ended = command("lab", "--export", tmp_path / name)
        assert ended.code == 2
        assert ended.error.endswith("): give --export a new or an empty folder")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_there_whole_or_not_at_all(files, tmp_path):
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "new" / "deep", tmp_path / "empty"):
        with pytest.raises(DiskError):
            export_site({**files, "zz.js": tmp_path / "is not there"}, out)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "empty"]


def test_the_page_stays_small():
    code = [path for path in PAGE.rglob("*") if path.suffix in (".js", ".css", ".html")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in code) <= 150_000
    assert not [path.name for path in code if len(path.read_text(encoding="utf-8").splitlines()) > 400]
    table = files_of_lab()
    assert len(content(table["models/ink.safetensors"])) <= 2_500_000
    assert sum(len(content(file)) for name, file in table.items() if not name.startswith("digits")) <= 5_000_000
