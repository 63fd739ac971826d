"""`--json` of the verbs: what the files say is what is there, and on standard output they stand alone."""

import json
import socket
import statistics
import subprocess
import sys

import numpy as np
import pytest

from inkbloom import cli
from inkbloom.data import load_data
from inkbloom.store.log import from_hex


@pytest.fixture
def process_into():
    """process_into(file, *argv) -> the exit code of the command line, run in a fresh process that prints into an open file."""

    def call(file, *argv):
        command = [sys.executable, "-m", "inkbloom", *map(str, argv)]
        return subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, timeout=120).returncode

    return call


def told(path):
    return json.loads(path.read_text())


def test_inspect(command, source, tmp_path):
    place, file = source(count=50, classes=3), tmp_path / "new" / "found.json"
    assert command("inspect", place, "--out", tmp_path, "--json", file).code == 0
    found, stored = told(file), np.load(place.removeprefix("npz:"))
    images, labels = stored["images"], stored["labels"]
    assert found["inspect"] == 1
    assert found["source"] == place
    assert (found["images"], found["height"], found["width"], found["channels"]) == (50, 8, 8, 1)
    assert found["classes"] == [{"name": str(k), "images": int((labels == k).sum())} for k in range(3)]
    assert found["slices"] == {name: len(index) for name, index in load_data(place).slices.items()}
    assert found["pixels"]["min"] == images.min()
    assert found["pixels"]["max"] == images.max()
    assert found["pixels"]["mean"] == pytest.approx(images.mean())
    assert found["pixels"]["std"] == pytest.approx(images.std())
    assert found["sizes"] == [{"height": 8, "width": 8, "images": 50}]
    assert (found["broken"], found["ignored"], found["duplicates"]) == ([], {}, 0)
    assert found["sheet"].endswith(".png")


def test_inspect_of_a_folder_without_a_whole_picture(command, tmp_path):
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert command("inspect", f"folder:{tmp_path / 'torn'}", "--json", tmp_path / "found.json").code == 3
    found = told(tmp_path / "found.json")
    assert [broken["file"] for broken in found["broken"]] == [str(tmp_path / "torn" / "a.png")]
    assert found["sheet"] is None


def test_train_and_sample(command, recipe, tmp_path):
    run, file = tmp_path / "run", tmp_path / "end.json"
    assert command("train", recipe(), "--out", run, "--json", file).code == 0
    end = told(file)
    record = json.loads((run / "holdout.jsonl").read_text().splitlines()[-1])
    losses = [from_hex(loss) for loss in record["loss"]]
    assert (end["train"], end["run"], end["step"], end["steps"]) == (1, str(run), 24, 24)
    assert end["holdout"]["loss"] == losses
    assert end["holdout"]["mean"] == pytest.approx(statistics.fmean(losses))
    steps = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert end["seconds"] == pytest.approx(sum(step["images"] / step["images_per_second"] for step in steps))
    assert (
        min(from_hex(s["losses"]["denoise"]) for s in steps) < end["loss"]["denoise"] < from_hex(steps[0]["losses"]["denoise"])
    )
    assert end["weights"] == str(run / "checkpoints" / "step-00000024" / "ema.safetensors")
    assert end["report"] == str(run / "report.html")
    assert command("train", recipe(), "--out", run, "--json", tmp_path / "again.json").code == 0  # it is trained already
    assert told(tmp_path / "again.json") == end

    flags = ("-n", 3, "--seed", 7, "--label", "2", "0", "--pngs", "--json", tmp_path / "drawn.json")
    assert command("sample", run, *flags).code == 0
    drawn = told(tmp_path / "drawn.json")
    assert (drawn["sample"], drawn["count"], drawn["seed"], drawn["classes"]) == (1, 3, 7, ["2", "0"])
    assert (drawn["run"], drawn["step"], drawn["solver"], drawn["steps"], drawn["nfe"]) == (str(run), 24, "euler", 3, 3)
    assert set(drawn["files"]) == {"grid", "pictures"}
    assert drawn["files"]["grid"] == str(run / "samples" / "grid.png")


@pytest.mark.parametrize("place", ["-", "/dev/stdout"])
def test_on_standard_output_it_stands_alone(place, process, recipe, source, tmp_path):
    made, run = recipe(data=source(count=500)), tmp_path / "run"
    ended = process("train", made, "--out", run, "--json", place)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["step"] == 24
    assert "trained 24 steps" in ended.err
    if place == "-":
        assert json.loads(process("sample", run, "-n", 2, "--json", "-").out)["count"] == 2
        assert json.loads(process("inspect", source(), "--out", tmp_path, "--json", "-", "--quiet").out)["images"] == 50
        assert json.loads(process("evaluate", run, "--judge", "none", "--json", "-").out)["header"]["n"]
        vary = ("--vary", "lr=0.001|0.01", "--trials", 1)
        assert json.loads(process("sweep", made, *vary, "--out", tmp_path / "sweep", "--json", "-").out)["best"] == 0
    assert not list(tmp_path.glob("*-"))


def test_what_others_print_before_and_after_stays(process_into, tmp_path):
    log = tmp_path / "log"
    with open(log, "w") as file:
        file.write("before\n")
        file.flush()
        assert process_into(file, "inspect", "digits", "--out", tmp_path, "--json", "-", "--quiet") == 0
        file.write("after\n")
    before, *lines, after = log.read_text().splitlines()
    assert (before, after) == ("before", "after")
    assert json.loads("\n".join(lines))["images"] == 10_000


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="a process writes into no socket here")
def test_standard_output_may_be_a_socket(process_into, tmp_path):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert process_into(theirs, "inspect", "digits", "--out", tmp_path, "--json", "-", "--quiet") == 0
        theirs.shutdown(socket.SHUT_WR)
        assert json.loads(ours.makefile().read())["images"] == 10_000


@pytest.mark.parametrize("verb", ["train", "sample", "inspect", "evaluate", "bench", "claims", "sweep"])
def test_each_of_them_says_so(verb, command):
    assert verb in cli.VERBS
    assert "- is standard output" in " ".join(command(verb, "--help").out.split())


@pytest.mark.parametrize(
    "words", [("train", "{recipe}"), ("sample",), ("inspect", "digits"), ("sweep", "{recipe}", "--vary=lr=1|2")]
)
def test_a_place_that_cannot_be_written_is_told_before_the_work(words, command, recipe, tmp_path):
    words = [word.format(recipe=recipe()) for word in words]
    ended = command(*words, "--out", tmp_path / "out", "--json", tmp_path)
    assert ended.code == 5
    assert "a file stands where a folder is needed" in ended.error
    assert not (tmp_path / "out").exists()
