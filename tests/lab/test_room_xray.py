"""Room 4: what the page shows of a network is what PyTorch computes, before and after surgery, and each number says why."""

import base64
import contextlib
import io
import json
import re
import threading

import numpy as np
import pytest
import torch

from inkbloom.exports.graph import play
from inkbloom.lab.server import open_server
from inkbloom.lab.site import files_of_lab
from inkbloom.philox import normal, uniform

DRAWING = (255 * np.random.default_rng(4).beta(0.3, 0.6, (28, 28))).astype(np.uint8)
NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")


@pytest.fixture(scope="module")
def lab(page_files):
    """The lab with both page files as its models."""
    models = {name: f"models/{name}.safetensors" for name in page_files}
    told = [{"name": name, "file": file} for name, file in models.items()]
    table = files_of_lab() | {models[name]: file.data for name, file in page_files.items()}
    server = open_server(table | {"models.json": json.dumps(told).encode()}, port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


@pytest.fixture
def room(visit):
    """room(address): the X-ray of a drawing of random pixels, with an address's fields."""

    def go(address, language="en"):
        drawing = base64.urlsafe_b64encode(DRAWING.tobytes()).decode().rstrip("=")
        page = visit(f"room=xray&lang={language}&drawing={drawing}&{address}", viewport={"width": 1280, "height": 800})
        page.wait_for_selector(".layer h2", timeout=60_000)
        return page

    return go


def inputs(file, t, seed):
    """(the drawing in the model's range, the same with noise)"""
    sampling = file.tables["page"]["sampling"]
    low, high = sampling["range"]
    x0 = torch.tensor(DRAWING / 255 * (high - low) + low, dtype=torch.float32).reshape(1, 1, 28, 28)
    noise = {"uniform": uniform, "gaussian": normal}[sampling["noise"]](seed, "noise", [0], 784)
    return x0, (1 - t) * x0 + t * torch.tensor(noise).reshape(1, 1, 28, 28)  # both models are on the path lerp


@torch.no_grad()
def outputs(file, x, t, y):
    return play(file.steps, file.tensors, x, torch.tensor([t]), torch.tensor([y]))


def value(page):
    return float(page.locator(".pixel [data-value]").get_attribute("data-value"))


def printed(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    return [float(number) for number in NUMBER.findall(out.getvalue())]


def receipts(page):
    """The open receipt's number and what its snippets print; closes it."""
    total = [float(number) for number in NUMBER.findall(page.locator("dialog [data-total]").get_attribute("data-total"))]
    codes = [each.inner_text() for each in page.locator("dialog [data-snippet]").all()]
    page.keyboard.press("Escape")
    return total, [printed(code) for code in codes]


@pytest.mark.parametrize(("name", "t", "y"), [("ink", 0.35, 4), ("basic", 0.6, 10)])
def test_the_numbers_and_their_receipts_are_torchs(room, until, page_files, name, t, y):
    file = page_files[name]
    x0, x = inputs(file, t, 11)
    expected = outputs(file, x, t if name == "ink" else 0.0, y)
    page = room(f"model={name}&xray_t={t}&xray_seed=11" + ("&xray_class=4" if name == "ink" else ""))
    error = float(page.locator("[data-picture=guess] [data-error]").get_attribute("data-error"))
    low, high = file.tables["page"]["sampling"]["range"]
    guess = expected[file.steps[-1]["name"]]  # both models predict x0
    assert error == pytest.approx(float(((guess - x0) / (high - low)).square().mean().sqrt()), abs=1e-4)
    page.locator("[data-error]").click()
    total, results = receipts(page)
    assert results == [pytest.approx(total, rel=1e-4)]

    seen = set()
    cards = page.locator(".net-card").count()
    assert cards == sum(step["op"] == "conv2d" for step in file.steps)
    for layer in (1, 2, 3, 10, 11) if name == "ink" else (1, 2, 4, 5):
        page.evaluate(
            "hash => { location.hash = hash; }", page.url.partition("#")[2].split("&xray_layer")[0] + f"&xray_layer={layer}"
        )
        page.wait_for_selector(f".layer h2:text-is('Convolution {layer}')")
        for chip in range(page.locator(".chips button").count()):
            page.locator(".chips button").nth(chip).click()
            kind = page.locator(".chips button").nth(chip).inner_text()
            if kind in seen:
                continue
            seen.add(kind)
            step = re.search(r"xray_step=(\w+)", page.url)
            tensor = expected[step[1] if step else [s for s in file.steps if s["op"] == "conv2d"][layer - 1]["name"]][0]
            assert page.locator(".opened section").first.get_by_role("radio").count() == len(tensor)
            for map_, pixel in ((0, 0), (len(tensor) - 1, tensor[0].numel() - 1)):
                hash_ = re.sub(r"&xray_(map|at)=\d+", "", page.url.partition("#")[2]) + f"&xray_map={map_}&xray_at={pixel}"
                page.evaluate("hash => { location.hash = hash; }", hash_)
                until(page, f"document.querySelector('.wall .tile:nth-child({map_ + 1})').ariaChecked === 'true'")
                page.wait_for_timeout(30)
                assert value(page) == pytest.approx(float(tensor[map_].flatten()[pixel]), abs=1e-3), (layer, kind)
                page.get_by_role("button", name=re.compile("^Show (all|the)")).click()
                total, results = receipts(page)
                assert total == [pytest.approx(value(page), rel=1e-4, abs=1e-6)]
                assert len(results) == (2 if kind == "convolution" else 1)  # PyTorch's and NumPy's
                assert all(result == [pytest.approx(total[0], rel=2e-4, abs=2e-5)] for result in results), kind
            page.locator(".facts-line").click()
            total, results = receipts(page)
            wanted = [tensor.min(), tensor.max(), tensor.mean(), tensor.std(correction=0)]
            assert total == pytest.approx([float(each) for each in wanted], rel=2e-3, abs=2e-3)
            assert results == [pytest.approx(total, rel=2e-3, abs=1e-4)]
    assert len(seen) >= (9 if name == "ink" else 5), seen


def surgery(file, cuts):
    """(the page's words for them, a function that gives torch's outputs after them)."""
    steps = [dict(step) for step in file.steps]
    tensors = {name: tensor.clone() for name, tensor in file.tensors.items()}
    convolutions = [index for index, step in enumerate(steps) if step["op"] == "conv2d"]
    third = convolutions[2]
    weight = tensors[steps[third]["weights"][0]]
    side = weight.shape[-1]
    skip = next((i for i, step in enumerate(steps) if step["name"] == "cat_1"), None)
    skip, which = (skip, 0) if skip else (next(i for i, step in enumerate(steps) if step["name"] == "add_1"), 1)
    words = {"mute": f"m{third}.4", "cut": f"c{skip}.{which}", "weight": f"w{third}.{side * side}~-1.5", "sobel": f"s{third}.0"}
    words["time"] = f"z{next((i for i, step in enumerate(steps) if step['layer'] == 'condition.time.2'), 0)}"
    if "weight" in cuts:
        weight.view(-1)[side * side] = -1.5
    if "sobel" in cuts:
        sobel = torch.zeros(side, side)
        middle = side // 2
        sobel[middle - 1 : middle + 2, middle - 1 : middle + 2] = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        weight[0, 0] = sobel * weight[0, 0].norm() / sobel.norm()
    silent = {"mute": (third, slice(4, 5)), "time": (int(words["time"][1:]), slice(None))}
    after = {index: part for cut, (index, part) in silent.items() if cut in cuts}

    @torch.no_grad()
    def run(x, t, y):
        values = {"x": x, "t": torch.tensor([t]), "y": torch.tensor([y])}
        for index, step in enumerate(steps):
            given = dict(values)
            if "cut" in cuts and index == skip:
                given[step["inputs"][which]] = torch.zeros_like(given[step["inputs"][which]])
            out = one(step, tensors, given)
            if index in after:
                out = out.clone()
                out[:, after[index]] = 0
            values[step["name"]] = out
        return values

    return "_".join(words[cut] for cut in cuts), run


def one(step, tensors, values):
    """The output of a single step whose inputs are known."""
    names = {name: f"given{i}" for i, name in enumerate(step["inputs"])}
    stand_in = {f"given{i}": values[name] for i, name in enumerate(step["inputs"])}
    renamed = {**step, "weights": step["weights"], "inputs": ["x"] if len(names) == 1 else ["x", "t"][: len(names)]}
    first, second = [*stand_in.values(), None][:2]
    return play([renamed], tensors, first, second, None)[step["name"]]


CUTS = [
    ("ink", ["mute"]),
    ("ink", ["cut"]),
    ("ink", ["time"]),
    ("ink", ["weight", "sobel", "mute"]),
    ("basic", ["cut", "sobel", "mute"]),
]


@pytest.mark.parametrize(("name", "cuts"), CUTS)
def test_surgery_is_what_torch_makes_of_it(room, page_files, name, cuts):
    file = page_files[name]
    words, run = surgery(file, cuts)
    x0, x = inputs(file, 0.5, 7)
    told = (x, 0.5, 10) if name == "ink" else (x, 0.0, 10)
    page = room(f"model={name}&xray_t=0.5&xray_layer=5&xray_map=3&xray_cuts={words}")
    before, after = outputs(file, *told), run(*told)
    low, high = file.tables["page"]["sampling"]["range"]
    last, fifth = file.steps[-1]["name"], [step["name"] for step in file.steps if step["op"] == "conv2d"][4]
    for picture, values in (("guess", before), ("after", after)):
        error = float(page.locator(f"[data-picture={picture}] [data-error]").get_attribute("data-error"))
        assert error == pytest.approx(float(((values[last] - x0) / (high - low)).square().mean().sqrt()), abs=1e-4), picture
    assert (after[last] - before[last]).abs().max() > 1e-4
    assert value(page) == pytest.approx(float(after[fifth][0, 3].flatten()[90]), abs=1e-3)
    page.get_by_label("Show what surgery changed").check()
    page.wait_for_timeout(100)
    assert value(page) == pytest.approx(float((after[fifth] - before[fifth])[0, 3].flatten()[90]), abs=1e-3)
    page.get_by_role("button", name="Undo all surgery").click()
    page.wait_for_selector("[data-picture=after]", state="detached")
    assert "xray_cuts" not in page.url
    assert value(page) == pytest.approx(float(before[fifth][0, 3].flatten()[90]), abs=1e-3)


def test_a_first_visitor_opens_the_third_convolution_mutes_a_map_and_takes_it_back_by_keys(room, until):
    page = room("")
    page.get_by_role("button", name=re.compile("^Convolution 3:")).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".layer h2:text-is('Convolution 3')")
    assert page.evaluate("document.activeElement.textContent") == "Convolution 3"
    page.locator(".opened section").first.get_by_role("radio", checked=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    until(page, "/xray_map=\\d/.test(location.hash)")
    assert page.evaluate("document.activeElement.ariaChecked") == "true"
    cell = page.locator(".opened [role=gridcell]").first
    cell.focus()
    before = value(page)
    page.keyboard.press("ArrowRight")
    until(page, f"Number(document.querySelector('.pixel [data-value]').dataset.value) !== {before}")
    page.keyboard.press("Enter")
    assert page.locator("dialog tbody tr").count() == 48 * 9
    page.keyboard.press("Escape")
    page.get_by_label("Mute this map").press("Space")
    page.wait_for_selector("[data-picture=after]")
    assert page.evaluate("document.activeElement.parentElement.textContent") == "Mute this map"
    assert value(page) == 0
    page.get_by_role("button", name=re.compile("^Show all")).click()
    assert receipts(page) == ([0], [[0], [0]])
    page.get_by_role("button", name="Undo", exact=True).click()
    page.wait_for_selector("[data-picture=after]", state="detached")
    page.locator(".kernel input").nth(4).fill("2.5")
    page.keyboard.press("Tab")
    page.wait_for_selector("[data-picture=after]")
    assert re.search(r"xray_cuts=w\d+\.\d+~2.5", page.url)
    assert page.evaluate("document.activeElement.ariaLabel") == "Weight, row 1, column 2"
    page.get_by_role("button", name="Sobel", exact=True).click()
    until(page, "/xray_cuts=s/.test(location.hash)")
    page.get_by_role("button", name="Restore this kernel").click()
    page.wait_for_selector("[data-picture=after]", state="detached")


def test_on_a_phone_no_map_lies_on_another(room):
    page = room("xray_layer=3")
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(100)
    for wall in page.locator(".opened .wall").all():
        tops = sorted(wall.locator(".tile").evaluate_all("all => all.map((each) => each.offsetTop)"))
        assert all(step == 0 or step >= 44 for step in np.diff(tops))
    assert len(set(page.locator(".glimpses figure").evaluate_all("all => all.map((each) => each.offsetTop)"))) == 1


def test_surgery_does_not_make_the_passage_before_it_look_faster(room):
    page = room("")
    before = page.get_by_text(" operations in ").inner_text()
    page.locator(".skip-wire").first.click()
    page.wait_for_selector("[data-picture=after]")
    assert page.locator(".knobs p").inner_text().startswith(f"{before};")


HOSTILE = [
    "xray_t=NaN&xray_layer=-1&xray_map=1e9&xray_cuts=<script>",
    "xray_layer=200&xray_step=x&xray_map=9999&xray_at=99999&xray_in=9999&xray_class=999",
    "xray_cuts=m999.9999_z999_c999.9_w3.999999~5_s1.7_m3.0_c1.9",
    "xray_cuts=" + "_".join(["z1"] * 900),
    "model=basic&xray_class=3&xray_cuts=z0_z17",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_address_leaves_the_room_whole(room, address):
    page = room(address)
    assert page.locator("[data-picture=guess] canvas").count() == 1
    assert np.isfinite(value(page))
    assert page.locator("main script").count() == 0


def test_the_page_says_that_basic_is_blind_to_time_in_both_languages(room):
    page = room("model=basic", "zh")
    assert "看不见时间" in page.locator("main").inner_text()
    assert page.get_by_label("时间信息置零").count() == 0
    assert page.get_by_role("button", name="跳跃连接").count() == 2
    assert "blind to time" in room("model=basic").locator("main").inner_text()
    assert "blind" not in room("model=ink").locator("main").inner_text()


SEES = """
const {netOf, sees} = await import('/rooms/network.js');
const opened = page_file.openNetwork(await bytesOf('/ink'));
const net = netOf(opened, opened.weights);
return names.map(([name, row, column]) => sees(net, name, row, column, [1, 28, 28]).map(({from, to}) => [from, to]));
"""


def test_what_a_pixel_sees_is_where_its_gradient_is_not_zero(engine, page_files):
    file = page_files["ink"]
    names = [
        ["conv2d", 0, 0],
        ["conv2d_2", 6, 9],
        ["conv2d_5", 3, 3],
        ["conv2d_7", 0, 6],
        ["cat_1", 2, 2],
        ["pixel_shuffle", 14, 3],
    ]
    found = engine(SEES, "page_file", names=names)
    for (name, row, column), spans in zip(names, found, strict=True):
        x = torch.randn(1, 1, 28, 28, requires_grad=True)
        values = play(file.steps, file.tensors, x, torch.tensor([0.5]), torch.tensor([3]))
        values[name][0, :, row, column].square().sum().backward()
        where = x.grad[0, 0].abs() > 0
        for span, axis in zip(spans, (1, 0), strict=True):
            touched = where.any(axis).nonzero().flatten()
            assert span == [int(touched.min()), int(touched.max())], (name, axis)
