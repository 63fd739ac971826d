"""report.html and README.md of a run: one page that stands alone, honest about what is missing, safe whatever names hold."""

import base64
import json
import math
import os
import re
import shlex
import shutil
import time
from argparse import ArgumentParser
from dataclasses import fields, replace
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

import inkbloom
from inkbloom.config import Recipe, heeded
from inkbloom.errors import CheckpointError, UsageError, brief
from inkbloom.evaluation.card_file import check_comparable, read_card
from inkbloom.recipe_files import load_recipe, recipe_names
from inkbloom.report.chart import RIGHT, WIDTH, Line, chart, colour, linear_ticks, log_ticks
from inkbloom.report.facts import read_facts, smoothed
from inkbloom.report.model_card import MARK, plain
from inkbloom.report.run_page import write_report
from inkbloom.report.samples import COUNT, STAGES, draw_samples
from inkbloom.report.text import command as command_of
from inkbloom.verbs import train

HOSTILE = "<img src=x onerror=alert(1)> & \"'`*_{{ 7*7 }}"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """What a page holds: tags with their attributes, text; raises where tags are not balanced."""

    def __init__(self, data):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(data.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]

    def check(self):
        """It stands alone, runs nothing, and can be read without seeing it."""
        assert self.all("html") == [{"lang": "en"}]
        assert not self.all("script", "link", "iframe", "object", "form", "base")
        for _, attributes in self.tags:
            assert not [name for name in attributes if name.startswith("on")]
            for name in ("src", "href", "action", "srcset", "style"):
                assert (attributes.get(name) or "data:image/png;base64,").startswith("data:image/png;base64,")
        for image in self.all("img"):
            assert image["alt"].strip()
            Image.open(BytesIO(base64.b64decode(image["src"].partition(",")[2]))).verify()
        assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in self.all("svg"))
        levels = [int(tag[1]) for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        return self


def page_of(run):
    return Page((run / "report.html").read_bytes()).check()


@pytest.fixture
def trained(recipe, command, tmp_path):
    """trained(name, **changes of the recipe) -> the folder of a finished run."""

    def make(name="run", **changes):
        run = tmp_path / name
        assert command("train", recipe(**changes), "--out", run, "--quiet").code == 0
        return run

    return make


# ---- the page


def test_training_ends_with_a_report_and_a_model_card(recipe, command, tmp_path):
    run = tmp_path / "run"
    ended = command("train", recipe(preview_every=6, holdout_every=6), "--out", run)
    assert f"\nreport: {run}/report.html\n" in ended.out
    page, held = page_of(run), [json.loads(line) for line in (run / "holdout.jsonl").read_text().splitlines()]
    alts = [image["alt"] for image in page.all("img")]
    assert alts[-4:] == [f"preview after step {step}" for step in (6, 12, 18, 24)]
    last = held[-1]
    for name in ("loss", "wiener"):
        assert " ".join(f"{float.fromhex(value):.4f}" for value in last[name]) in page.text
    labels = " ".join(svg.get("aria-label", "") for svg in page.all("svg"))
    for title in ("Training loss", "By noise level", "Mean over the noise levels"):
        assert title in labels
    for said in (
        "trained for 24 steps",
        "Not evaluated yet",
        "best linear denoiser",
        "mean image",
        "peak memory",
        torch.__version__,
    ):
        assert said in page.text
    assert (run / "report.html").stat().st_size < 400_000
    assert not list(run.glob("*.tmp*")) + list(run.glob(".*.tmp"))


def test_the_recipe_table_marks_what_differs(trained):
    run = trained()
    recipe, words = load_recipe(str(run / "config.toml")), page_of(run).words
    place = next(k for k, word in enumerate(words) if "Fields that differ" in word)
    rest = next(k for k, word in enumerate(words) if "fields as by default" in word)
    names = {field.name for field in heeded(recipe.family)} - {"about"}
    differing = {name for name in names if getattr(recipe, name) != getattr(Recipe(), name)}
    assert names & {word.strip() for word in words[place:rest]} == differing
    assert names & {word.strip() for word in words[rest:]} >= names - differing
    assert words[rest].strip() == f"{len(names - differing)} fields as by default"


def test_what_a_report_draws_is_what_sample_draws(trained):
    run = trained()
    facts = read_facts(run)
    drawn, model = draw_samples(facts.family), inkbloom.Run(run)
    assert np.array_equal(drawn.pictures.permute(0, 2, 3, 1).numpy(), model.sample(COUNT))
    inputs, predictions = model.history(model.request(1))
    assert np.array_equal(drawn.inputs.permute(0, 2, 3, 1).numpy(), inputs[:3, 0])
    assert np.array_equal(drawn.predictions.permute(0, 2, 3, 1).numpy(), predictions[:, 0])
    many = read_facts(trained("many", sample_steps=2 * STAGES))
    assert len(draw_samples(many.family).inputs) == STAGES


def test_names_are_text_and_nothing_else(recipe, command, tmp_path):
    """The folder, `about` and a class all try to become markup."""
    folder = tmp_path / "images"
    for name in (HOSTILE.replace("/", ""), "</td><script>alert(1)</script>".replace("/", "")):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    run = tmp_path / HOSTILE.replace("/", "")
    ended = command("train", recipe(data=f"folder:{folder}", about=HOSTILE, steps=2), "--out", run, "--quiet")
    assert ended.code == 0, ended.err
    page = page_of(run)
    assert not [image for image in page.all("img") if image.get("src") == "x"]
    assert page.text.count(HOSTILE) >= 2
    (title,) = [attributes for tag, attributes in page.tags if tag == "title"]
    assert title == {}
    readme = (run / "README.md").read_text()
    assert "<img" not in readme
    assert "<script" not in readme


def test_a_template_that_does_not_escape_would_be_found(trained, monkeypatch):
    from inkbloom.report import page as module

    run = trained()
    (run / "config.toml").write_text((run / "config.toml").read_text().replace('about = ""', f"about = {json.dumps(HOSTILE)}"))
    environment = module._environment.__wrapped__()  # one of its own: the page's is kept for all that follow
    monkeypatch.setattr(module, "_environment", lambda: environment)
    environment.autoescape = False
    write_report(run)
    with pytest.raises((AssertionError, KeyError)):
        page_of(run)


def test_a_run_without_history_has_a_page_too(trained):
    """No log, no hold-out, no previews: a folder of which someone kept only the weights."""
    run = trained(holdout_every=0)
    for name in ("log.jsonl", "holdout.jsonl"):
        (run / name).unlink()
    for path in (run / "previews").iterdir():
        path.write_bytes(b"no picture")
    write_report(run)
    page = page_of(run)
    assert "Hold-out loss" not in page.text
    assert all("preview" not in image["alt"] for image in page.all("img"))
    (run / "holdout.jsonl").write_text('{"step": 24, "levels": [0.5], "loss": ["0x1p-3"]}\n')  # as older versions wrote it
    write_report(run)
    assert "0.1250" in page_of(run).text


def test_colour_and_no_classes(trained, source):
    run = trained(data=source(3, (9, 11), 30, 0), ema=0.0)
    page = page_of(run)
    assert "11 x 9 x 3, no class labels" in page.text
    assert "is of class" not in page.text


@pytest.mark.parametrize("line", ['{"step": 1}\n', '{"step": 1, "losses": {"x": "no"}, "images": 1, "images_per_second": 1}\n'])
def test_a_log_that_is_none(trained, line):
    run = trained()
    (run / "log.jsonl").write_text(line)
    with pytest.raises(CheckpointError, match=r"not the log of a training \(.*log\.jsonl\)"):
        write_report(run)


def test_a_clock_that_went_back_keeps_no_old_report(trained, recipe, command, a_card):
    run = trained()
    ahead = time.time() + 86_400
    os.utime(run / "report.html", (ahead, ahead))
    assert command("train", recipe(steps=30), "--out", run, "--quiet").code == 0
    assert "trained for 30 steps" in page_of(run).text
    os.utime(run / "report.html", (ahead, ahead))
    (run / "card.json").write_text(json.dumps(a_card()))
    assert command("train", recipe(steps=30), "--out", run, "--quiet").code == 0
    assert "Not evaluated yet" not in page_of(run).text


def test_a_finished_run_gets_no_new_report_until_something_changes(trained, recipe, command, tmp_path, a_card):
    run = trained()
    before = (run / "report.html").stat().st_mtime_ns
    assert command("train", recipe(), "--out", run, "--quiet").code == 0
    assert (run / "report.html").stat().st_mtime_ns == before
    (run / "card.json").write_text(json.dumps(a_card()))
    assert command("train", recipe(), "--out", run, "--quiet").code == 0
    assert "FD (judge" in (run / "README.md").read_text()
    (run / "report.html").unlink()
    assert command("train", recipe(), "--out", run, "--quiet").code == 0
    page_of(run)


# ---- the card on the page


def test_a_card_stands_beside_its_floor(trained, a_card):
    run = trained()
    (run / "card.json").write_text(json.dumps(a_card()))
    (run / "evaluation").mkdir()
    for name in ("samples.png", "nearest.png"):
        Image.new("L", (8, 8)).save(run / "evaluation" / name)
    write_report(run)
    page = page_of(run)
    for row in (
        "KID x 1000 0.100 ± 0.010 33.250 ± 0.250 +33.150 lower",
        "FD 1.900 ± 0.010 21.500 ± 0.250 +19.600 lower",  # no ratio of FDs at N = 1000
        "recall 0.930 ± 0.010 0.465 ± 0.250 0.50 x higher",
        "label agreement 0.990 ± 0.002 0.850 -0.140 higher",
        "C_T z (below -3: copies, or blur) about 0 12.3 near 0",
        "judge digits-v1, d=64, N=1000, ref=cdcdcdcd",
        "5000 images (solver euler, steps 3)",
    ):
        assert row in page.text
    assert page.text.index("KID x 1000 0.100") < page.text.index("FD 1.900")
    assert sum("nearest to training images" in image["alt"] for image in page.all("img")) == 1
    (run / "card.json").write_text(json.dumps(a_card(header={"n": 5000}, made={"step": 12, "split": "all"})))
    write_report(run)
    text = page_of(run).text
    assert "FD 1.900 ± 0.010 21.500 ± 0.250 11.32 x lower" in text
    assert "made at step 12, while the weights are of step 24" in text
    assert "trained on all images" in text


def test_without_a_judge_the_rest_is_shown(trained, a_card):
    run, judged = trained(), ("fd", "kid", "recall", "coverage", "precision", "density")
    card = a_card(
        header=dict.fromkeys(("judge", "judge_sha256", "layer", "d", "scale")),
        floor=dict.fromkeys((*judged, "tv", "agreement")),
        floor_sd=dict.fromkeys((*judged, "tv", "agreement")),
        sd=dict.fromkeys(judged),
        classes=None,
        **dict.fromkeys(judged),
    )
    (run / "card.json").write_text(json.dumps(card))
    write_report(run)
    text = page_of(run).text
    assert "No judge was there" in text
    assert "near a training image 0.008 ± 0.010 0.004" in text
    assert "recall" not in text


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda card: "{", "not JSON"),
        (lambda card: "[" * 100_000, "not JSON"),
        (lambda card: "[]", "not a table"),
        (lambda card: '{"header": NaN}', "it holds NaN"),
        (lambda card: {k: v for k, v in card.items() if k != "coverage"}, "'coverage' is missing"),
        (lambda card: {**card, "header": 3}, "'header' is not a table"),
        (lambda card: {**card, "floor": "low"}, "'floor' is not a table"),
        (
            lambda card: {**card, "header": {k: v for k, v in card["header"].items() if k != "n"}},
            "'n' is missing in the header",
        ),
        (lambda card: {**card, "header": {**card["header"], "size": [28, "x"]}}, "'size' in the header is [28, 'x']"),
        (lambda card: {**card, "header": {**card["header"], "n": True}}, "'n' in the header is True"),
        (lambda card: {**card, "fd": "<b>"}, "'fd' is '<b>'"),
        (lambda card: {**card, "sd": {"kid": [1]}}, "'kid' is [1]"),
        (lambda card: json.dumps(card).replace("21.5", "1e999"), "it holds 1e999"),
        (lambda card: {**card, "near": 10**400}, "'near' is 1000"),
        (lambda card: json.dumps(card) + " " * 2**24, "far too large"),
    ],
)
def test_a_card_that_is_none(spoil, said, tmp_path, a_card):
    path, spoiled = tmp_path / "card.json", spoil(a_card())
    path.write_text(spoiled if isinstance(spoiled, str) else json.dumps(spoiled))
    with pytest.raises(CheckpointError) as found:
        read_card(path)
    assert str(found.value).startswith("not an evaluation card (")
    assert f"card.json): {said}" in str(found.value)
    assert "\n" not in str(found.value)
    assert "make it again with `inkbloom evaluate`" in str(found.value)


def test_good_cards_are_read(tmp_path, a_card):
    path = tmp_path / "card.json"
    assert read_card(path) is None
    path.write_text(json.dumps(a_card()))
    assert read_card(path) == a_card()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match="not JSON"):
        read_card(path)


def test_a_damaged_card_is_named_on_the_page_in_its_place(trained, recipe, command):
    run = trained()
    (run / "card.json").write_text('{"fd": "<script>"}')
    assert command("train", recipe(), "--out", run, "--quiet").code == 0  # training is not stopped by it
    text = page_of(run).text
    assert "not an evaluation card" in text
    assert "Not evaluated yet" not in text


@pytest.mark.parametrize(
    ("field", "value"), [("n", 5000), ("judge_sha256", "ef" * 32), ("size", [8, 9]), ("scale", 1.6), ("more", 1), ("card", 2)]
)
def test_cards_of_other_conditions_do_not_compare(field, value, a_card):
    other = a_card(header={field: value})
    with pytest.raises(UsageError) as found:
        check_comparable(["one", "two", "three"], [a_card(), a_card(), other])
    assert f"the cards of one and three differ in {field} (" in str(found.value)
    assert brief(json.dumps(value), 30) in str(found.value)


def test_the_last_digits_of_a_scale_are_the_machines(a_card):
    check_comparable(["one", "two"], [a_card(), a_card(header={"scale": 1.5 * (1 + 1e-7)}, made={"seed": 5, "solver": "heun"})])


# ---- cards along the way


@pytest.fixture
def watched(trained, a_card):
    """watched({step: card, ...}) -> the page of a run with these cards in RUN/cards."""

    def make(cards):
        run = trained()
        shutil.rmtree(run / "cards", ignore_errors=True)
        (run / "cards").mkdir()
        for step, card in cards.items():
            text = card if isinstance(card, str) else json.dumps(card)
            (run / "cards" / f"step-{step:08d}.json").write_text(text)
        write_report(run)
        return page_of(run)

    return make


def charts_of(page):
    """{label: [points of each line, as they stand in the drawing]} of the charts of cards."""
    found, label = {}, ""
    for tag, attributes in page.tags:
        label = attributes.get("aria-label", label) if tag == "svg" else label
        if tag == "polyline" and "as training went on" in label and "Mean" not in label:
            spots = [tuple(map(float, spot.split(","))) for spot in attributes["points"].split()]
            found.setdefault(label, []).append(spots)
    return found


def test_cards_along_the_way_become_charts(watched, a_card):
    values = {6: (40.0, 90.0), 12: (20.0, 20.0), 24: (10.0, -8.0)}
    floor = {"fd": 2.5, "kid": -8.0}
    charts = charts_of(watched({step: a_card(fd=fd, kid=kid, floor=floor) for step, (fd, kid) in values.items()}))
    assert list(charts) == ["KID x 1000 as training went on", "FD as training went on"]  # KID leads at N = 1000
    (kid, kid_floor), (fd, fd_floor) = charts.values()
    for line in (kid, fd):
        (x0, _), (x1, _), (x2, _) = line
        assert (x2 - x0) == pytest.approx(3 * (x1 - x0), abs=0.2)
    assert fd[1][1] - fd[0][1] == pytest.approx(fd[2][1] - fd[1][1], abs=0.2)  # halved each time
    assert fd_floor[0][1] - fd[2][1] == pytest.approx(2 * (fd[2][1] - fd[1][1]), abs=0.2)  # a quarter of the last
    assert (kid[2][1] - kid[1][1]) * 70 == pytest.approx((kid[1][1] - kid[0][1]) * 28, abs=10)
    assert kid_floor[-1] == kid[-1]  # below 0, and still in its place
    assert {spots[0][0] for spots in (kid_floor, fd_floor)} == {kid[0][0]}


def test_no_chart_of_cards_that_are_too_few_or_do_not_compare(watched, a_card):
    header = {"judge": None, "judge_sha256": None, "layer": None, "d": None, "scale": None}
    bare = a_card(header=header, **dict.fromkeys(("fd", "kid", "recall", "coverage", "precision", "density")))
    for cards in ({6: a_card()}, {6: bare, 12: bare}, {6: a_card(), 12: bare}, {6: a_card(header={"n": 50}), 12: a_card()}):
        page = watched(cards)
        assert not charts_of(page)
        assert "Cards along the way" not in page.text


def test_a_damaged_card_among_those_along_the_way_is_named(watched, a_card):
    page = watched({6: a_card(), 12: '{"fd": "<script>"}', 24: a_card()})
    assert "not an evaluation card (" in page.text
    assert "step-00000012.json" in page.text
    assert all(len(line) == 2 for lines in charts_of(page).values() for line in lines)


# ---- the model card


def test_the_model_card_is_one_for_the_hub(trained, a_card):
    run = trained()
    (run / "card.json").write_text(json.dumps(a_card()))
    write_report(run)
    card = ModelCard.load(run / "README.md")
    assert card.data.library_name == "inkbloom"
    assert card.data.license == "other"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert "diffusion" in card.data.tags
    for said in (
        "trained for 24 steps",
        "Hold-out loss after step 24",
        "| 33.250 ± 0.250 | 0.100 ± 0.010 |",
        "inkbloom sample",
        "## Limits",
    ):
        assert said in card.text
    (picture,) = re.findall(r"!\[.*?\]\((.*?)\)", card.text)
    assert (run / picture).exists()


def test_a_model_card_of_ones_own_stays(trained):
    run = trained()
    text = (run / "README.md").read_text()
    (run / "README.md").write_text(text + "more\n")
    write_report(run)
    assert (run / "README.md").read_text() == text  # with the mark in it, it is ours to write
    (run / "README.md").write_text(text.replace(MARK, "") + "mine\n")
    write_report(run)
    assert (run / "README.md").read_text().endswith("mine\n")


def test_plain_text_in_markdown():
    assert plain("a|b*c_d`e`[f](g)<h>\n\x1b[31m") == r"a\|b\*c\_d\`e\`\[f\](g)&lt;h&gt;??\[31m"


# ---- the command that repeats a run


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"labels": False, "pixels": "0..1", "widths": [8, 16], "steps": 7},
        {"pixels": "-1..1", "t_mean": -1e-05, "flip": True, "data": "folder:my 'cats' & \"dogs\""},
        {"seed": 2**32 - 1, "lr": 1 / 3, "ema": 0.0, "size": "45x60", "precision": "bf16"},
    ],
)
@pytest.mark.parametrize("base", [*recipe_names(), None])
def test_the_command_repeats_the_recipe(base, changes):
    """Our own parser reads the command; it must come to the same recipe."""
    start = load_recipe(base) if base else Recipe().resolved(steps=10)
    names = {field.name for field in heeded(start.family)}
    wanted = start.resolved(**{name: value for name, value in changes.items() if name in names})
    wanted = replace(wanted, steps=wanted.steps or 11, epochs=None)
    words = shlex.split(command_of(wanted))
    assert words[:2] == ["inkbloom", "train"]
    parser = ArgumentParser()
    train.add_flags(parser)
    args = parser.parse_args(words[2:])
    given = {field.name: getattr(args, field.name) for field in fields(Recipe) if hasattr(args, field.name)}
    assert replace(load_recipe(args.recipe).resolved(**given), about="") == replace(wanted, about="")


# ---- charts


def test_a_smoothed_curve_is_the_weighted_mean_of_what_was():
    curve = [(step, float(value)) for step, value in enumerate(np.random.default_rng(0).random(1000))]
    decay = 1 - 1 / 20
    for step, mean in smoothed(curve)[::97]:
        weights = decay ** np.arange(step, -1, -1)
        assert mean == pytest.approx(np.average([value for _, value in curve[: step + 1]], weights=weights))
    assert smoothed([(1, 5.0)]) == [(1, 5.0)]
    assert smoothed([]) == []


@pytest.mark.parametrize(("low", "high"), [(0.0011, 0.19), (0.4, 0.5), (1e-8, 1e8), (3.0, 3.5), (0.9, 11)])
def test_ticks_are_round_and_inside(low, high):
    ticks = log_ticks(low, high)
    assert len(ticks) <= 9
    for tick in ticks:
        assert low <= tick <= high
        assert math.isclose(tick, float(f"{tick:.0e}"))  # one digit that counts
    for tick in linear_ticks(low, high):
        assert low <= tick <= high * (1 + 1e-9)
    assert 3 <= len(linear_ticks(low, high)) <= 7


def test_a_chart_puts_larger_values_higher_and_leaves_out_what_has_no_place():
    points = [(1, 0.1), (2, 1.0), (3, 10.0), (4, 0.0), (5, -1.0), (6, math.nan), (7, math.inf)]
    svg = str(chart([Line("<a>", points, "s0"), Line("b", [(1, 1.0)], "s1")], '"T"', "x", "y"))
    found = re.search(r'polyline class="s0" points="([^"]*)"', svg)
    spots = [tuple(map(float, spot.split(","))) for spot in found[1].split()]
    assert len(spots) == 3
    (x0, y0), (x1, y1), (x2, y2) = spots
    assert x0 < x1 < x2
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)  # equal factors, equal distances
    assert y0 > y1
    assert "&lt;a&gt;" in svg
    assert "<a>" not in svg
    assert 'aria-label="&#34;T&#34;"' in svg
    assert str(chart([Line("a", [(1, 0.0)], "s0")], "t", "x", "y")) == ""
    assert "polyline" in str(chart([Line("a", [(5, 2.0)], "s0")], "t", "x", "y"))  # a single point


def test_a_chart_of_large_numbers_has_ticks_that_people_read():
    svg = str(chart([Line("a", [(0, 1e5), (4_000_000, 3e7)], "s0")], "t", "steps", "y"))
    told = re.findall(r">([^<>]*)</text>", svg)
    assert {"1,000,000", "10,000,000"} <= set(told)
    assert not [text for text in told if "e+" in text]


def test_a_chart_by_differences_has_a_place_for_what_is_not_above_0():
    for values in ((-3.0, 0.0, 3.0), (-1e299, 0.0, 1e299)):
        svg = str(chart([Line("a", list(enumerate(values)), "s0")], "t", "x", "y", log=False))
        (_, y0), (_, y1), (_, y2) = (map(float, spot.split(",")) for spot in re.search(r'points="([^"]*)"', svg)[1].split())
        assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
        assert y0 > y1
        assert ">0</text>" in svg
    for value in (-2.0, 0.0, 1e299):
        assert "circle" in str(chart([Line("a", [(5, value)], "s0")], "t", "x", "y", log=False))
    assert str(chart([Line("a", [(1, math.inf), (2, math.nan), (3, -math.inf)], "s0")], "t", "x", "y", log=False)) == ""


def test_a_long_curve_is_thinned_and_keeps_its_end():
    svg = str(chart([Line("a", [(step, 1 + step) for step in range(100_000)], "s0")], "t", "x", "y"))
    spots = re.search(r'points="([^"]*)"', svg)[1].split()
    assert len(spots) <= 400
    assert float(spots[-1].split(",")[0]) == WIDTH - RIGHT


def test_many_lines_can_be_told_apart():
    assert len({colour(place) for place in range(16)}) == 16
