"""`inkbloom compare`: what it says of runs beside each other, and what it refuses."""

import json
import os
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

import inkbloom
from inkbloom.report.facts import read_facts
from inkbloom.report.names import distinct
from inkbloom.report.samples import draw_samples, sheet


@pytest.fixture(scope="module")
def made(tmp_path_factory, source):
    """made(name, **changes of a tiny recipe) -> a finished run; made once for this file, so copy what a test changes."""
    folder, runs = tmp_path_factory.mktemp("runs"), {}
    tiny = {
        "net": "ink", "widths": (16,), "layers": 1, "steps": 8, "batch_size": 16, "ema": 0.2, "compile": "off",
        "precision": "fp32", "sample_steps": 3, "holdout_every": 4,
    }  # fmt: skip

    def make(name, **changes):
        key = json.dumps([name, changes])
        if key not in runs:
            runs[key] = folder / str(len(runs)) / name
            recipe = inkbloom.Recipe().resolved(**{"data": source(), **tiny, **changes})
            inkbloom.train(recipe, out=runs[key], quiet=True)
        return runs[key]

    return make


@pytest.fixture
def copied(made, tmp_path):
    """copied(name, card, **changes) -> a copy of a run to be changed, with a card if one is given."""

    def copy(name, card=None, **changes):
        run = tmp_path / name
        shutil.copytree(made(name, **changes), run)
        if card is not None:
            (run / "card.json").write_text(card if isinstance(card, str) else json.dumps(card))
        return run

    return copy


def tables(out):
    """{title: {row: cells}} of what was printed, and the notes."""
    found, notes, rows = {}, [], {}
    for line in out.splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if line.startswith("note: "):
            notes.append(line.removeprefix("note: "))
        elif re.match(r"(settings|figures|cards)\b", line):
            found[cells[0].partition(" (")[0]] = rows = {}
        elif len(cells) > 1 and not line.startswith(" "):
            rows[cells[0]] = cells[1:]
    return found, notes


class Pictures(HTMLParser):
    """The pictures of a page by their alt texts, and its text."""

    def __init__(self, data):
        super().__init__()
        self.found, self.words, self.names = {}, [], set()
        self.feed(data.decode())

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        if tag == "img":
            self.found[dict(attrs)["alt"]] = dict(attrs)["src"]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_two_runs_side_by_side(made, command, tmp_path):
    one, two = made("one"), made("two", target="v", lr=1e-3, widths=[32])
    page = tmp_path / "deep" / "page.html"
    ended = command("compare", one, two, "--html", page)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith(f"page: {page}\n")
    found, notes = tables(ended.out)
    assert found["settings that differ"] == {"widths": ["16", "32"], "target": ["x0", "v"], "lr": ["0.002", "0.001"]}
    figures = found["figures"]
    facts = [read_facts(run) for run in (one, two)]
    assert figures["trained"] == ["8 steps", "8 steps"]
    assert figures["parameters"] == [f"{sum(p.numel() for p in fact.family.net.parameters()):,}" for fact in facts]
    last = [json.loads((run / "holdout.jsonl").read_text().splitlines()[-1])["loss"] for run in (one, two)]
    assert figures["hold-out loss"] == [f"{np.mean([float.fromhex(x) for x in losses]):.4f}" for losses in last]
    curves = [[json.loads(line)["losses"]["denoise"] for line in (run / "log.jsonl").open()] for run in (one, two)]
    course = [" → ".join(f"{float.fromhex(curve[step]):.4f}" for step in (0, 3, 7)) for curve in curves]
    assert figures["training loss on its way"] == course
    assert figures["network evaluations"] == ["3", "3"]
    speeds = [float(cell.replace(",", "")) for cell in figures["training, images/s"]]
    records = [[json.loads(line)["images_per_second"] for line in (run / "log.jsonl").open()] for run in (one, two)]
    assert speeds == pytest.approx([np.median(speed) for speed in records], rel=0.02)
    assert all(cell.endswith(" MB") for cell in figures["training, peak memory"])
    assert "cards" not in found
    assert notes == [
        "their training losses measure different things: compare the hold-out losses",
        "no run has a card yet (inkbloom evaluate RUN makes one)",
    ]
    shown = Pictures(page.read_bytes())
    assert shown.found == {
        f"what {name} draws": sheet(draw_samples(fact.family).pictures)
        for name, fact in zip(("one", "two"), facts, strict=True)
    }
    assert "All start from the same noise" in shown.text
    assert not shown.names & {"script", "link", "iframe"}
    for said in ("target x0 v", "best linear denoiser", "Training loss", *notes):
        assert said in shown.text


def test_where_the_schedule_of_a_run_begins_anew_an_upright_line_of_its_colour_stands(made, copied, command, tmp_path):
    one, two = made("one"), copied("on")
    inkbloom.train(inkbloom.Run(two).recipe, steps=12, out=two, quiet=True)  # eight steps are done
    assert command("compare", one, two, "--html", tmp_path / "page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert re.findall(r'class="mark (\w+)"', page) == ["s1", "s1"]  # the training loss, the hold-out loss over the steps
    assert page.count("at an upright line the schedule begins anew</figcaption>") == 2
    assert command("compare", one, made("two", target="v", lr=1e-3, widths=[32]), "--html", tmp_path / "page.html").code == 0
    assert "upright line" not in (tmp_path / "page.html").read_text()


def test_the_function_returns_what_the_command_prints_and_says_nothing(made, command, tmp_path, capsys):
    one, two = made("one"), made("two", target="v", lr=1e-3, widths=[32])
    printed, notes = tables(command("compare", one, two).out)
    found = inkbloom.compare(one, inkbloom.Run(two), html=tmp_path / "page.html")
    assert capsys.readouterr() == ("", "")
    assert found.names == ["one", "two"]
    assert dict(found.settings) == printed["settings that differ"]
    steady = {name: cells for name, cells in found.figures if "sampling" not in name}
    assert steady == {name: cells for name, cells in printed["figures"].items() if "sampling" not in name}
    assert found.warnings == notes
    assert (found.scores, found.floor, found.conditions) == ([], [], "")
    assert set(Pictures((tmp_path / "page.html").read_bytes()).found) == {"what one draws", "what two draws"}


def test_strips_are_of_the_same_noise(made):
    """Before any step, both runs start from the same pixels; with another kind of noise they do not."""
    from inkbloom.sampling import request, starting_point

    def start(run):
        fact = read_facts(run)
        return starting_point(fact.family, request(fact.family, 4), 0, 4)

    first, second, other = start(made("one")), start(made("two", target="v")), start(made("u", noise="uniform"))
    assert first.equal(second)
    assert not first.equal(other)


def test_runs_of_other_shapes_are_drawn_each_for_itself(made, source, command, tmp_path):
    page = tmp_path / "page.html"
    ended = command("compare", made("one"), made("wide", data=source(3, (9, 11), 30, 0)), "--html", page)
    assert ended.code == 0
    shown = Pictures(page.read_bytes())
    assert len(set(shown.found.values())) == 2
    assert "so each starts from noise of its own" in shown.text
    assert "their hold-out losses are on different data, path or noise: they do not compare" in ended.out


def test_equal_recipes_and_quiet(made, command, tmp_path):
    one, again = made("one"), tmp_path / "again"
    shutil.copytree(one, again)
    ended = command("compare", one, again)
    assert "settings that differ" not in ended.out
    assert command("compare", one, again, "--quiet", "--html", tmp_path / "x.html") == (0, "", "")
    assert "all fields of the recipes are the same" in (tmp_path / "x.html").read_text()


def test_cards_side_by_side(copied, a_card, command, tmp_path):
    one = copied("one", a_card(made={"step": 8}))
    two = copied("two", a_card(made={"step": 8}, fd=30.0, sd={"fd": 1.5}), target="v")
    ended = command("compare", one, two, "--html", tmp_path / "page.html")
    found, notes = tables(ended.out)
    assert found["cards"]["FD"] == ["1.900 ± 0.010", "21.500 ± 0.250", "30.000 ± 1.500"]
    assert found["cards"]["C_T z (below -3: copies, or blur)"] == ["about 0", "12.3", "12.3"]
    assert "cards (judge digits-v1, d=64, N=1000, ref=cdcdcdcd)" in ended.out
    assert not [note for note in notes if "card" in note]
    assert "FD 1.900 ± 0.010 21.500 ± 0.250 30.000 ± 1.500" in Pictures((tmp_path / "page.html").read_bytes()).text


def test_the_card_that_a_training_made_at_its_last_step(copied, a_card, made, command):
    """`train --cards`: it stands in for the run's own, also where that is of an earlier step; one made on the way does not."""
    for run, fd in ((copied("one"), 30.0), (copied("two", a_card(made={"step": 4}, fd=99.0), target="v"), 40.0)):
        (run / "cards").mkdir(exist_ok=True)
        for step, value in ((4, 77.0), (8, fd)):
            (run / f"cards/step-{step:08d}.json").write_text(json.dumps(a_card(made={"step": step}, fd=value)))
    three = copied("three", a_card(made={"step": 8}, fd=50.0), seed=3)
    (three / "cards").mkdir(exist_ok=True)
    (three / "cards/step-00000008.json").write_text(json.dumps(a_card(made={"step": 8}, fd=88.0)))
    found, notes = tables(command("compare", run.parent / "one", run, three).out)
    assert [cell.split()[0] for cell in found["cards"]["FD"]] == ["1.900", "30.000", "40.000", "50.000"]
    assert not [note for note in notes if "card" in note]


def test_long_lines_break_in_the_tables_of_the_page(copied, a_card, made, command, tmp_path):
    """Else one of them pushes the columns of the other runs off the page."""
    one = copied("one", a_card(made={"step": 8}))
    assert command("compare", one, made("two", target="v"), "--quiet", "--html", tmp_path / "page.html").code == 0
    page = (tmp_path / "page.html").read_text()
    assert re.findall(r"<table[^>]*>", page) == ['<table class="side">'] * 3
    (rule,) = re.findall(r"^\.side th, \.side td {(.*)}$", page, re.MULTILINE)
    assert {"white-space: normal", "overflow-wrap: anywhere"} <= {part.strip() for part in rule.split(";")}


def test_a_run_without_a_card_is_compared_without(copied, made, a_card, command):
    ended = command("compare", copied("one", a_card(made={"step": 4})), made("two", target="v"))
    found, notes = tables(ended.out)
    assert found["cards"]["FD"] == ["1.900 ± 0.010", "21.500 ± 0.250", "–"]
    assert "no card: two (inkbloom evaluate RUN makes one)" in notes
    assert "the card of one: made at step 4, while the weights are of step 8" in notes


def test_other_versions_and_unfinished_runs_are_named(copied, a_card, command):
    """A checkpoint is sealed by its hashes, so the other version is one of the card's."""
    one = copied("one", a_card(made={"step": 8}))
    two = copied("two", a_card(made={"step": 8, "torch": "2.10.0"}), target="v", steps=16, checkpoint_every=8)
    shutil.rmtree(two / "checkpoints" / "step-00000016")
    notes = tables(command("compare", one, two).out)[1]
    assert "evaluated with different versions of torch: one 2.9.0, two 2.10.0" in notes
    assert "two is unfinished: 8 of 16 steps" in notes
    assert not [note for note in notes if note.startswith("trained with")]


def test_trained_with_other_versions(made, command, monkeypatch):
    one, ours = made("one"), torch.__version__
    monkeypatch.setattr(torch, "__version__", type(ours)("2.99.0"))
    two = made("two", about="by a torch of its own")
    notes = tables(command("compare", one, two).out)[1]
    assert f"trained with different versions of torch: one {ours}, two 2.99.0" in notes


def test_cards_with_other_headers_are_refused_before_anything_is_drawn(copied, a_card, command, tmp_path, monkeypatch):
    monkeypatch.setattr("inkbloom.report.samples.trajectory", None)
    one, two = copied("one", a_card()), copied("two", a_card(header={"n": 5000, "channels": 3}), target="v")
    ended = command("compare", one, two, "--html", tmp_path / "page.html")
    assert ended.code == 2
    assert ended.error == "the cards of one and two differ in n (1000, 5000): evaluate both runs in the same way first"
    assert ended.out == ""
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("card", ["", "{}", "null", '{"fd": NaN}', '{"header": {"card": "<script>"}}', "[" * 10**5])
def test_a_hostile_card_is_refused_in_one_line(card, copied, made, command):
    ended = command("compare", copied("one", card), made("two", target="v"))
    assert ended.code == 4
    assert "not an evaluation card (" in ended.error


def test_wrong_choices(made, command, tmp_path):
    one, page = made("one"), tmp_path / "page.html"
    (tmp_path / "empty").mkdir()
    for words, code, said in (
        ([one], 2, "one run only ("),
        ([], 2, "RUN"),
        ([one, one / ".." / "one"], 2, "the same run twice ("),
        ([one, tmp_path / "none"], 4, "no trained run ("),
        ([one, tmp_path / "empty"], 4, "no trained run ("),
        ([one, one / "config.toml"], 4, "no trained run ("),
        ([one, made("two", target="v"), "--html", tmp_path], 5, "a file stands where a folder is needed"),
        ([one, made("two", target="v"), "--html", one / "config.toml" / "x.html"], 5, "a file stands where a folder is needed"),
    ):
        ended = command("compare", *words)
        assert (ended.code, said in ended.error) == (code, True), ended
    assert not page.exists()


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_the_same_run_by_another_name(made, command, tmp_path):
    (tmp_path / "link").symlink_to(made("one"))
    assert "the same run twice" in command("compare", made("one"), tmp_path / "link").error


def test_a_damaged_checkpoint_is_never_replaced_by_an_older_one(copied, made, command):
    one = copied("one")
    (weights,) = one.glob("checkpoints/*/ema.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    ended = command("compare", one, made("two", target="v"))
    assert ended.code == 4
    assert "changed since it was saved" in ended.error


def test_names_tell_runs_apart(tmp_path):
    one, two, other = tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "b" / "x"
    assert distinct([one, other]) == ["run", "x"]
    first, second = distinct([one, two])
    assert first.endswith("a/run")
    assert second.endswith("b/run")


def test_hostile_names_stay_text(copied, command, tmp_path, made):
    run = copied("one")
    name = "<img src=x onerror=f()> [red]{{ 7*7 }}"
    run.rename(tmp_path / name)
    ended = command("compare", tmp_path / name, made("two", target="v"), "--html", tmp_path / "page.html")
    assert ended.code == 0
    assert name in ended.out
    shown = Pictures((tmp_path / "page.html").read_bytes())
    assert set(shown.found) == {f"what {name} draws", "what two draws"}
    assert name in shown.text


def test_many_runs(made, command, tmp_path):
    runs = [made("one"), made("two", target="v"), made("three", seed=3), made("u", noise="uniform")]
    ended = command("compare", *runs, "--html", tmp_path / "page.html")
    assert tables(ended.out)[0]["settings that differ"]["seed"] == ["0", "0", "3", "0"]
    assert len(Pictures((tmp_path / "page.html").read_bytes()).found) == 4
