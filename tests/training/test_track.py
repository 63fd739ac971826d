"""A training watched in trackers: what their own files hold afterwards is what the run's log holds, each step once."""

import json
import sqlite3
import struct
from importlib import import_module

import pytest

from inkbloom.store.log import from_hex
from inkbloom.training import trackers
from inkbloom.training.trackers import TRACKERS

FLAGS = ("--holdout-every", 12, "--preview-every", 12, "--checkpoint-every", 9)


@pytest.fixture(autouse=True)
def stranger(monkeypatch, tmp_path):
    """Nobody is logged in anywhere, and whoever asks is told so."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "TRACKIO_SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))


def read_tensorboard(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard" / run.name), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    figures = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}
    (text,) = events.Tensors("recipe/text_summary")
    return figures, [event.step for event in events.Images("preview")], text.tensor_proto.string_val[0].decode()


def wandb_records(file):
    """The records of a .wandb file: LevelDB's log format with protocol buffers in it."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, parts = file.read_bytes(), 7, []
    assert data[:4] == b":W&B"
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        parts.append(data[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):  # whole, last
            record = Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


def read_wandb(run):
    (file,) = run.glob("wandb/offline-run-*/*.wandb")
    figures, previews, recipe = {}, [], ""
    for record in wandb_records(file):
        kind = record.WhichOneof("record_type")
        if kind == "history":
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for name, value in row.items():
                if name == "preview" or name.startswith("preview/"):
                    previews += [row["_step"]] * (row["_step"] not in previews)
                elif not name.startswith("_"):
                    figures.setdefault(name, []).append((row["_step"], value))
        if kind in ("config", "run"):
            items = (record.config if kind == "config" else record.run.config).update
            recipe = next((json.loads(item.value_json) for item in items if item.key == "recipe"), recipe)
    return figures, previews, recipe


def read_trackio(run):
    database = sqlite3.connect(run / "trackio" / "inkbloom.db")
    figures, previews = {}, []
    for step, text in database.execute("select step, metrics from metrics order by id"):
        for name, value in json.loads(text).items():
            if isinstance(value, dict):
                assert (run / "trackio" / "media" / value["file_path"]).is_file()
                previews.append(step)
            else:
                figures.setdefault(name, []).append((step, value))
    ((config,),) = database.execute("select config from configs")
    database.close()
    return figures, previews, json.loads(config)["recipe"]


READERS = {"tensorboard": read_tensorboard, "wandb": read_wandb, "trackio": read_trackio}


def log_of(run):
    """What log.jsonl and holdout.jsonl say, in the names of the trackers."""
    figures = {}
    for record in map(json.loads, (run / "log.jsonl").read_text().splitlines()):
        for name, value in (("loss/denoise", from_hex(record["losses"]["denoise"])), *record.items()):
            if name in ("loss/denoise", "lr", "grad_norm", "images_per_second"):
                figures.setdefault(name, []).append((record["step"], value))
    for record in map(json.loads, (run / "holdout.jsonl").read_text().splitlines()):
        losses = [from_hex(loss) for loss in record["loss"]]
        named = {f"holdout/t {level:g}": loss for level, loss in zip(record["levels"], losses, strict=True)}
        for name, value in {**named, "holdout/mean": sum(losses) / len(losses)}.items():
            figures.setdefault(name, []).append((record["step"], value))
    return figures


def check(kind, run):
    """Whether a tracker holds what the run's folder holds; TensorBoard keeps numbers in single precision."""
    figures, previews, recipe = READERS[kind](run)
    assert previews == [12, 24]
    assert (run / "config.toml").read_text().partition("\n")[2].strip() in recipe
    cards = {name: values for name, values in figures.items() if name.startswith("card/")}
    wanted = log_of(run)
    assert {name: [step for step, _ in values] for name, values in figures.items() if name not in cards} == {
        name: [step for step, _ in values] for name, values in wanted.items()
    }
    for name, values in wanted.items():
        assert [value for _, value in figures[name]] == pytest.approx([value for _, value in values], rel=1e-6)
    return cards


def test_each_tracker_has_a_reader_here():
    assert set(READERS) == set(TRACKERS)


@pytest.mark.parametrize("kind", TRACKERS)
def test_a_tracker_holds_what_the_log_holds_and_changes_nothing(kind, command, recipe, source, outcome, tmp_path):
    made, run = recipe(data=source(count=500)), tmp_path / "run"
    ended = command("train", made, "--out", run, "--track", kind, "--cards", 24, *FLAGS)
    assert (ended.code, ended.err) == (0, "")
    plain = command("train", made, "--out", tmp_path / "plain", "--cards", 24, *FLAGS)
    more = [line for line in ended.out.splitlines() if line.startswith("watch: ")]
    assert len(more) == 1
    assert len(ended.out.splitlines()) == len(plain.out.splitlines()) + 1
    cards = check(kind, run)
    card = json.loads((run / "cards" / "step-00000024.json").read_text())
    assert cards["card/near"] == [(24, pytest.approx(card["near"]))]
    assert cards["card/near (floor)"] == [(24, pytest.approx(card["floor"]["near"]))]
    assert outcome(run) == outcome(tmp_path / "plain")


@pytest.mark.parametrize("kind", TRACKERS)
def test_a_resumed_run_goes_on_in_its_tracker_without_doubling_a_step(kind, command, recipe, tmp_path, monkeypatch):
    """It dies at step 24, when the tracker has heard of steps that no checkpoint holds."""
    made, run = recipe(), tmp_path / "run"
    session = import_module("inkbloom.training.session")

    def dying(folder, step, files):
        if step == 24:
            raise ZeroDivisionError
        return commit(folder, step, files)

    commit = session.commit
    with monkeypatch.context() as patch:
        patch.setattr(session, "commit", dying)
        assert command("train", made, "--out", run, "--track", kind, *FLAGS).code == 1
    ended = command("train", made, "--out", run, "--track", kind, *FLAGS)
    assert ended.code == 0
    assert "resuming after step 18" in ended.out
    check(kind, run)


def test_a_finished_run_is_shown_without_training(command, recipe, tmp_path):
    made, run = recipe(), tmp_path / "run"
    assert command("train", made, "--out", run, *FLAGS).code == 0
    assert command("train", made, "--out", run, "--track", "tensorboard", *FLAGS).code == 0
    check("tensorboard", run)


@pytest.mark.parametrize("moment", ["start", "log", "finish"])
def test_a_tracker_that_fails_gives_one_line_and_the_training_goes_on(moment, command, recipe, tmp_path, monkeypatch):
    class Failing(trackers.TensorBoard):
        def __init__(self, *given):
            if moment == "start":
                raise OSError("no room")
            super().__init__(*given)

        def log(self, values, step):
            if moment == "log" and step == 12:
                raise OSError("no room")

        def finish(self):
            if moment == "finish":
                raise OSError("no room")

    monkeypatch.setitem(TRACKERS, "tensorboard", Failing)
    run = tmp_path / "run"
    ended = command("train", recipe(), "--out", run, "--track", "tensorboard", "trackio", *FLAGS)
    assert (ended.code, ended.err) == (0, "")
    said = [line for line in ended.out.splitlines() if "warning" in line]
    verb = "cannot start" if moment == "start" else "failed"
    assert said == [f"warning: tensorboard {verb} (no room): the training goes on without it"]
    check("trackio", run)


def test_wandb_that_cannot_log_in_goes_on_offline(command, recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody answers there
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
    run = tmp_path / "run"
    ended = command("train", recipe(), "--out", run, "--track", "wandb", *FLAGS)
    assert (ended.code, ended.err) == (0, "")
    (said,) = [line for line in ended.out.splitlines() if "warning" in line]
    assert said.startswith("warning: wandb cannot log in (")
    assert said.endswith("): going on offline")
    check("wandb", run)


def test_wandb_asked_online_by_a_stranger_goes_on_offline(command, recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    ended = command("train", recipe(), "--out", tmp_path / "run", "--track", "wandb", *FLAGS)
    assert (ended.code, ended.err) == (0, "")
    assert "warning: wandb is not logged in, so WANDB_MODE=online has to wait: going on offline\n" in ended.out
    check("wandb", tmp_path / "run")


def test_settings_of_wandb_that_are_set_but_empty_count_as_not_set(command, recipe, tmp_path, monkeypatch):
    for name in ("WANDB_MODE", "WANDB_PROJECT", "WANDB_INIT_TIMEOUT"):
        monkeypatch.setenv(name, "")
    ended = command("train", recipe(), "--out", tmp_path / "run", "--track", "wandb", *FLAGS)
    assert (ended.code, ended.err) == (0, "")
    check("wandb", tmp_path / "run")


def test_who_is_logged_in(tmp_path, monkeypatch):
    assert not trackers.logged_in()
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password " + "a" * 40)
    (tmp_path / "netrc").chmod(0o600)
    assert trackers.logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert not trackers.logged_in()
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    assert trackers.logged_in()


@pytest.mark.parametrize(("kind", "extra"), [("tensorboard", "track"), ("wandb", "wandb"), ("trackio", "trackio")])
def test_a_tracker_that_is_not_installed_is_told_with_the_command(kind, extra, command, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    ended = command("train", recipe(), "--out", tmp_path / "run", "--track", kind)
    assert ended.code == 2
    assert ended.error == f"{kind} is not installed: pip install 'inkbloom[{extra}]'"
    assert not (tmp_path / "run").exists()


def test_an_unknown_tracker_is_told_with_the_nearest(command, recipe, tmp_path):
    ended = command("train", recipe(), "--out", tmp_path / "run", "--track", "tensorbord")
    assert ended.code == 2
    assert "unknown tracker 'tensorbord': did you mean 'tensorboard'?" in ended.error
