"""Room 5: its pictures are inkbloom's, a hand changes them as it would in torch, and each number says how it came about."""

import contextlib
import io
import shlex

import numpy as np
import pytest
import torch

import inkbloom
from inkbloom import sampling
from inkbloom.cli import main
from inkbloom.solvers import SOLVERS, step_times

PLAIN = "room=sampling&lang=en&sample_guidance=1"
DONE = "document.querySelector('.panes') !== null && !document.querySelector('.status').textContent.startsWith('Computing')"
NEAR = 0.0051  # of the table, which shows two decimals


@pytest.fixture(scope="module")
def run():
    return inkbloom.Run()


@pytest.fixture(scope="module")
def room(visit_once):
    return visit_once(PLAIN)


def at(page, until, address):
    page.evaluate("hash => { location.hash = hash; }", f"{PLAIN}&{address}")
    page.wait_for_timeout(100)
    until(page, DONE)


def table(page, pane):
    """The numbers of a pane."""
    details = page.locator(".panes details").nth(pane)
    if not details.evaluate("each => each.open"):
        details.locator("summary").click()
    page.wait_for_timeout(100)
    read = "each => [...each.querySelectorAll('tr')].map((row) => [...row.children].map((cell) => Number(cell.textContent)))"
    return np.array(details.evaluate(read))


def receipt(page, button):
    """(the number, what its PyTorch prints)."""
    button.click()
    total = float(page.locator("dialog [data-total]").get_attribute("data-total"))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(page.locator("[data-snippet=pytorch]").inner_text(), {})  # what the page tells its reader to run
    page.keyboard.press("Escape")
    return total, float(out.getvalue())


def opener(page):
    return page.get_by_role("button", name="Show the calculation")


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_picture_is_inkblooms_and_so_is_each_of_its_numbers(room, until, run, solver):
    at(room, until, f"sample_solver={solver}&sample_steps=4&sample_at=4&sample_spacing=uniform")
    request = sampling.request(run.family, 1, seed=7, label="3", steps=4, solver=solver, spacing="uniform", guidance=1)
    wanted = sampling.final(run.family, request, 0, 1)[0, 0]
    assert np.abs(table(room, 0) - wanted.numpy()).max() <= NEAR
    for step, pixel in ((4, 300), (3, 412), (1, 500)):
        at(room, until, f"sample_solver={solver}&sample_steps=4&sample_at={step}&sample_spacing=uniform&sample_pixel={pixel}")
        until(room, "[...document.querySelectorAll('.equation button')].every((each) => !each.disabled)")
        shown, printed = receipt(room, opener(room))
        assert printed == pytest.approx(shown, rel=1e-4, abs=1e-6)
        x, _ = list(sampling.trajectory(run.family, request, 0, 1))[step - 1]
        assert shown == pytest.approx(float(x.flatten()[pixel]), abs=1e-3)


def test_every_pane_has_receipts(room, until):
    at(room, until, "sample_steps=3&sample_at=0&sample_from=1")
    shown, printed = receipt(room, opener(room))
    assert printed == pytest.approx(shown, abs=1e-6)
    at(room, until, "sample_steps=3&sample_at=2")
    for pane in range(4):
        shown, printed = receipt(room, room.locator(".panes .matrix").nth(pane))
        assert printed == pytest.approx(shown, rel=1e-3, abs=2e-4), pane
        row, column = divmod(int(room.url.partition("sample_pixel=")[2].partition("&")[0] or 406), 28)
        assert shown == pytest.approx(table(room, pane)[row, column], abs=NEAR), pane


def test_the_command_draws_the_same_picture(room, until, tmp_path):
    at(room, until, "sample_steps=2&sample_at=2&sample_index=1&sample_class=5&sample_guidance=2&sample_solver=euler")
    told = shlex.split(room.locator(".terminal code").inner_text())
    assert told[:6] == ["inkbloom", "sample", "--seed", "7", "--count", "2"]
    assert "--guidance" in told
    main([*told[1:], "--out", str(tmp_path), "--npz", str(tmp_path / "made.npz"), "--quiet"])
    with np.load(tmp_path / "made.npz") as made:
        drawn = made[made.files[0]][1].reshape(28, 28).astype(float)
    assert np.abs(table(room, 0).clip(-1, 1) - (drawn / 127.5 - 1)).max() <= NEAR + 0.5 / 127.5


@torch.no_grad()
def test_the_network_goes_on_from_what_a_hand_painted_and_the_address_keeps_it(visit, until, run):
    page = visit(
        f"{PLAIN}&sample_solver=euler&sample_spacing=uniform&sample_steps=4&sample_at=2&sample_brush=ink&sample_class=1"
    )
    until(page, DONE)
    cell = page.locator(".panes [role=gridcell]").first
    cell.focus()
    for key in ("9", "ArrowRight", "9", "ArrowRight", "0"):
        page.keyboard.press(key)
    box = page.locator(".panes .matrix").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 10.5 / 28, box["y"] + box["height"] * 10.5 / 28)
    times = step_times(4, "uniform", run.family.path)
    denoise = run.family.denoiser(torch.tensor([1]), 1)
    x = sampling.starting_point(run.family, sampling.request(run.family, 1, seed=7, label="1"), 0, 1)
    *_, (x, _) = SOLVERS["euler"](denoise, x, times[:3], run.family.path)
    x[0, 0, 0, :3] = torch.tensor([1.0, 1.0, -1.0])
    for row, column in ((10, 10), (9, 10), (11, 10), (10, 9), (10, 11)):
        x[0, 0, row, column] = 1
    page.wait_for_timeout(100)
    assert np.abs(table(page, 0) - x[0, 0].numpy()).max() <= NEAR
    *_, (x, _) = SOLVERS["euler"](denoise, x, times[2:], run.family.path)
    page.get_by_role("button", name="One step on").click()
    page.get_by_role("button", name="One step on").click()
    page.wait_for_timeout(200)
    until(page, DONE)
    assert np.abs(table(page, 0) - x[0, 0].numpy()).max() <= NEAR
    assert "Its address does" in page.locator(".terminal").inner_text()
    again = visit(page.url.partition("#")[2])
    until(again, DONE)
    assert np.abs(table(again, 0) - table(page, 0)).max() == 0
    again.get_by_role("button", name="Remove the paint").click()
    assert "sample_paint=" not in again.url


def test_it_starts_from_the_drawing(room, until, run):
    at(
        room,
        until,
        "sample_from=1&sample_level=0.5&sample_steps=3&sample_at=3&sample_class=8&sample_solver=euler&sample_spacing=uniform",
    )
    drawing = np.array(room.evaluate("import('./ui/drawing.js').then(({samples}) => [...samples[3]])"), np.uint8).reshape(
        28, 28
    )
    asked = {"seed": 7, "label": "8", "steps": 3, "solver": "euler", "spacing": "uniform", "guidance": 1}
    wanted = sampling.final(run.family, run.request(1, start=(drawing, 0.5), **asked), 0, 1)
    assert np.abs(table(room, 0) - wanted[0, 0].numpy()).max() <= NEAR


def test_another_solver_walks_beside_it_from_the_same_noise(room, until, run):
    at(room, until, "sample_steps=3&sample_at=3&sample_solver=euler&sample_rival=heun&sample_spacing=uniform")
    until(room, "document.querySelectorAll('.lanes figcaption')[1].textContent.includes('step 3 of 3')")
    asked = {"seed": 7, "label": "3", "steps": 3, "spacing": "uniform", "guidance": 1}
    one, other = (sampling.final(run.family, run.request(1, solver=each, **asked), 0, 1) for each in ("euler", "heun"))
    told = room.locator(".lanes figcaption").nth(2).inner_text()
    assert float(told.split()[1]) == pytest.approx(float((one - other).square().mean().sqrt()), rel=0.06)


def test_sixteen_come_one_by_one_and_each_can_be_watched(room, until):
    at(room, until, "sample_steps=1&sample_at=1")
    room.get_by_role("button", name="Draw sixteen").click()
    until(room, "document.querySelectorAll('.sixteen button:enabled').length >= 3", 60)
    room.locator(".sixteen").locator("xpath=..").get_by_role("button", name="Cancel").click()
    room.get_by_role("button", name="Picture 2, class 2").click()
    assert "sample_index=2" in room.url
    assert "sample_class=2" in room.url
    done = room.locator(".sixteen button:enabled").count()
    room.wait_for_timeout(400)
    assert room.locator(".sixteen button:enabled").count() == done < 16


def test_keys_play_step_and_stop_it(visit, until):
    page = visit(f"{PLAIN}&sample_steps=5")
    until(page, "document.querySelector('.panes') !== null")
    assert "sample_at" not in page.url
    assert page.locator(".badge:visible").count() == 1  # nothing else has been computed yet
    page.locator("main").focus()
    page.locator(".panes [role=gridcell]").first.focus()
    page.keyboard.press(".")
    until(page, "location.hash.includes('sample_at=1')")
    page.keyboard.press(" ")
    until(page, "location.hash.includes('sample_at=5')")
    until(page, DONE)
    page.keyboard.press(",")
    until(page, "location.hash.includes('sample_at=4')")
    page.get_by_role("slider", name="Steps").fill("200")
    page.keyboard.press(" ")
    page.get_by_role("button", name="Cancel").first.click()
    stopped = page.locator(".player output").inner_text()
    page.wait_for_timeout(500)
    assert page.locator(".player output").inner_text() == stopped != "200 / 200"


def test_what_the_address_cannot_mean_is_told_and_left_out(visit, until):
    page = visit(
        "room=sampling&lang=en&sample_class=999&sample_seed=-1&sample_paint=AAAA&sample_solver=evil&sample_steps=NaN&sample_guidance=1e9"
    )
    until(page, "document.querySelector('.panes') !== null")
    notice = page.locator(".notice").inner_text()
    assert all(f"sample_{name}" in notice for name in ("seed", "paint", "solver", "steps", "guidance"))
    assert page.get_by_label("Class", exact=True).input_value() == "0"  # never trained, so the first that was


def test_a_model_of_uniform_noise_is_offered_what_suits_it(visit, until, page_files, tmp_path):
    basic = page_files["basic"]

    def before(page):
        page.route("**/models/ink.safetensors", lambda route: route.fulfill(body=basic.data))

    page = visit(
        "room=sampling&lang=en&sample_solver=ancestral&sample_spacing=logsnr&sample_steps=3&sample_at=3", before=before
    )
    until(page, DONE)
    assert page.get_by_label("Solver", exact=True).locator("option").count() == 3
    assert page.get_by_label("Spacing").locator("option").count() == 2
    assert page.get_by_role("slider", name="Guidance").count() == 0
    run = inkbloom.Run(basic.path)
    wanted = sampling.final(run.family, run.request(1, seed=7, steps=3), 0, 1)
    assert np.abs(table(page, 0) - wanted[0, 0].numpy()).max() <= NEAR


@pytest.fixture(scope="module")
def colour_file(source, tmp_path_factory):
    """The page file of a net of 8 x 8 pictures in colour, after a few steps."""
    folder = tmp_path_factory.mktemp("colour")
    few = {"steps": 4, "batch_size": 8, "compile": "off", "precision": "fp32", "quiet": True}
    run = inkbloom.train("fast", data=source(3, (8, 8)), out=folder / "run", widths=(16,), layers=1, **few)
    return inkbloom.export(run, "page", folder / "page", quiet=True)["folder"] / "model.safetensors"


def canvas_of(page, place):
    """The pixels of a canvas, (rows, columns, 3)."""
    read = """each => {
        const {width, height} = each;
        return [height, width, ...each.getContext("2d").getImageData(0, 0, width, height).data];
    }"""
    height, width, *values = page.locator(place).first.evaluate(read)
    return np.array(values).reshape(height, width, 4)[..., :3]


def test_pictures_of_three_channels_are_shown_in_colour(visit, until, colour_file):
    def before(page):
        page.route("**/models/ink.safetensors", lambda route: route.fulfill(body=colour_file.read_bytes()))

    address = "room=sampling&lang=en&sample_steps=3&sample_at=3&sample_rival=euler&sample_solver=euler"
    page = visit(address, before=before)
    until(page, DONE)
    run = inkbloom.Run(colour_file)
    label = run.family.spec.classes[run.family.trained[0]]
    picture = sampling.final(run.family, run.request(1, seed=7, steps=3, solver="euler", label=label), 0, 1)[0]
    wanted = (255 * (picture.clamp(-1, 1) + 1) / 2).permute(1, 2, 0).numpy()
    assert wanted.std(axis=2).max() > 2  # not grey
    until(page, "document.querySelectorAll('.lanes figcaption')[1].textContent.includes('step 3 of 3')")
    assert np.abs(canvas_of(page, ".lanes canvas") - wanted).max() <= 2
    shown = canvas_of(page, ".panes .matrix canvas")
    side = shown.shape[0] / 8
    middles = ((np.arange(8) + 0.3) * side).astype(int)  # beside the digits
    assert np.abs(shown[middles][:, middles] - wanted)[:6, :6].max() <= 2
    page.get_by_role("button", name="Draw sixteen").click()
    until(page, "document.querySelectorAll('.sixteen button:enabled').length >= 2")
    assert canvas_of(page, ".sixteen canvas").std(axis=2).max() > 2
    page.evaluate("hash => { location.hash = hash; }", f"{address.replace('at=3', 'at=1')}&sample_brush=ink")
    until(page, "document.querySelector('.panes .pad') !== null")
    page.locator(".panes .matrix").first.click(position={"x": 60, "y": 60})
    page.wait_for_timeout(200)
    assert (canvas_of(page, ".lanes canvas").sum(axis=2) == 0).sum() >= 5  # ink is dark
