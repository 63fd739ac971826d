"""Room 3: ink, noise, probability and targets, against PyTorch and NumPy; and every number's receipt."""

import contextlib
import gzip
import io
import re
from importlib.resources import files

import numpy as np
import pytest
import torch

from inkbloom.philox import normal

PARTS = ("ink", "noise", "density", "targets")
SIDE = 28
TOUCHED = "main button:visible, main select:visible"


def printed(code):
    out = io.StringIO()
    before = torch.get_default_dtype()
    try:
        with contextlib.redirect_stdout(out):
            exec(code, {})  # what the page tells its reader to run
    finally:
        torch.set_default_dtype(before)
    return float(out.getvalue())


def turned_to(page, address):
    page.evaluate("hash => { location.hash = hash; }", f"room=spreading&lang=en&{address}")
    page.wait_for_timeout(250)


def total_of(page, fact):
    """The whole number behind a fact, and its receipt's Python."""
    page.locator(f"[data-fact={fact}]").first.click()
    return receipt(page)


def receipt(page):
    total = float(page.locator("dialog [data-total]").get_attribute("data-total"))
    code = page.locator("dialog [data-snippet=pytorch]").inner_text()
    page.keyboard.press("Escape")
    return total, code


def drawing(page):
    return np.array(page.evaluate("import('./ui/drawing.js').then(({samples}) => [...samples[3]])")).reshape(SIDE, SIDE) / 255


@pytest.fixture(scope="module")
def room(visit_once):
    return visit_once("room=spreading&lang=en")


INK = [
    (6, "binomial", 0.25, "walls", "drawing"),
    (40, "stencil", 0.2, "open", "drop"),
    (9, "stencil", 0.3, "walls", "drawing"),
    (0, "binomial", 0.25, "open", "drop"),
]


@pytest.mark.parametrize(("n", "kernel", "d", "edges", "source"), INK)
def test_ink_is_numpys(room, n, kernel, d, edges, source):
    turned_to(room, f"ink_n={n}&ink_kernel={kernel}&ink_d={d}&ink_edges={edges}&ink_from={source}")
    x = drawing(room)
    if source == "drop":
        x = np.zeros((SIDE, SIDE))
        x[14, 14] = 1
    small = np.array([1, 2, 1]) / 4
    k = np.outer(small, small) if kernel == "binomial" else np.array([[0, d, 0], [d, 1 - 4 * d, d], [0, d, 0]])
    whole = x.sum()
    for _ in range(n):
        around = np.pad(x, 1, mode="symmetric" if edges == "walls" else "constant")
        x = sum(k[r, c] * around[r : r + SIDE, c : c + SIDE] for r in range(3) for c in range(3))
    mass, _ = total_of(room, "mass")
    assert mass == pytest.approx(x.sum(), rel=1e-4)
    assert edges == "open" or mass == pytest.approx(whole, rel=1e-4)
    cell = room.locator("[role=gridcell]").first
    cell.focus()
    for _ in range(12):
        cell.press("ArrowDown")
        cell.press("ArrowRight")
    cell.press("Enter")
    assert receipt(room)[0] == pytest.approx(x[12, 12], rel=1e-3, abs=1e-6)
    if source == "drop" and n == 40:
        assert total_of(room, "apart")[0] < 1.5  # percent: the central limit theorem


def test_without_edges_in_reach_the_variance_is_2dn(room):
    turned_to(room, "ink_from=drop&ink_n=10")
    assert total_of(room, "grown")[0] == pytest.approx(5, abs=1e-3)
    assert total_of(room, "predicted")[0] == 5


LOOKS = (
    "part=ink&ink_n=5",
    "part=ink&ink_n=3&ink_edges=open&ink_kernel=stencil&ink_from=drop",
    "part=noise&run_path=vp&run_t=0.37&noise_k=5",
    "part=noise&run_noise=uniform&run_t=0.9",
    "part=noise&run_path=ve&run_t=1",
    "part=density",
    "part=density&run_noise=uniform&run_t=0.3&dens_class=3&dens_n=100",
    "part=density&run_path=ve&run_t=0.6&dens_axis=ratio",
    "part=density&run_t=0",
    "part=targets&which=change&run_path=vp",
    "part=targets&which=v&run_noise=uniform",
)
TOLD = "[...document.querySelectorAll('.tile strong')].filter((each) => /\\d/.test(each.textContent)).length > 1"


@pytest.mark.parametrize("look", LOOKS)
def test_every_receipt_runs_and_prints_its_number(room, until, look):
    turned_to(room, look)
    until(room, TOLD)
    tiles = room.locator(".tile:visible")
    count = tiles.count()
    assert count >= 2
    for at in range(count):
        tiles.nth(at).click()
        total, code = receipt(room)
        assert printed(code) == pytest.approx(total, rel=2e-4, abs=2e-5), code
    if "density" in look:
        return
    cells = room.locator(".matrix-figure:not([hidden]) [role=gridcell]")
    for at in range(cells.count()):
        cells.nth(at).focus()
        cells.nth(at).press("ArrowUp")
        cells.nth(at).press("Enter")
        total, code = receipt(room)
        assert printed(code) == pytest.approx(total, rel=2e-4, abs=2e-5), code


def test_small_gaussian_steps_agree_with_one_jump_and_plain_mixing_does_not(room):
    turned_to(room, "part=noise&noise_k=64")
    spreads = [float(text) for text in room.locator("[data-fact=sd]").all_inner_texts()]
    assert spreads[0] == pytest.approx(0.5, abs=0.04)
    assert spreads[1] == pytest.approx(0.5, abs=0.04)
    assert spreads[2] < 0.1
    turned_to(room, "part=noise&noise_k=64&run_noise=uniform")
    spreads = [float(text) for text in room.locator("[data-fact=sd]").all_inner_texts()]
    assert spreads[0] == pytest.approx(0.144, abs=0.01)
    assert spreads[1] == pytest.approx(0.144, abs=0.015)
    assert spreads[2] < 0.03
    assert "no independent addition" in room.locator("main").inner_text()


def test_noise_is_the_packages(room):
    eps = normal(7, "noise", np.arange(1), SIDE * SIDE)[0]
    turned_to(room, "part=noise&run_pixel=300")
    value = 0.5 * (2 * drawing(room).reshape(-1)[300] - 1) + 0.5 * float(eps[300])
    shown = float(room.locator(".formula").first.inner_text().split("= ")[-1].replace("−", "-"))
    assert shown == pytest.approx(value, abs=5e-3)


@pytest.mark.parametrize("look", ["run_noise=uniform&run_t=0.05", "run_noise=uniform&run_t=0.5", "run_t=0.1", "run_t=0.9"])
def test_the_density_keeps_its_mass_and_moments(room, until, look):
    turned_to(room, f"part=density&{look}")
    until(room, "/\\d/.test(document.querySelector('[data-fact=mass]')?.textContent ?? '')")
    assert total_of(room, "mass")[0] == pytest.approx(1, abs=2e-6)
    for key in ("mean", "variance"):
        found, formula = (float(each) for each in room.locator(f"[data-fact={key}]").inner_text().split(" ↔ "))
        assert found == pytest.approx(formula, abs=1e-3)


def test_the_best_guess_is_the_mean_of_what_could_have_been(room):
    """E[x0 | x] by hand, from the digits themselves, with the noise's density instead of a grid."""
    turned_to(room, "part=density&run_pixel=269&dens_at=80&run_t=0.6")
    at = float(room.locator(".player output").inner_text().replace("−", "-"))
    raw = gzip.decompress((files("inkbloom") / "data/digits/digits-images-idx3-ubyte.gz").read_bytes())
    x0 = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)[:, 269] / 127.5 - 1
    weight = np.exp(-(((at - 0.4 * x0) / 0.6) ** 2) / 2)
    assert total_of(room, "guess")[0] == pytest.approx((weight * x0).sum() / weight.sum(), abs=5e-3)


@pytest.mark.parametrize(("which", "path"), [("eps", "lerp"), ("x0", "ve"), ("v", "vp"), ("change", "lerp")])
def test_every_target_gives_the_drawing_back(room, which, path):
    turned_to(room, f"part=targets&which={which}&run_path={path}&run_t=0.4&run_pixel=405")
    assert total_of(room, "x0")[0] == pytest.approx(2 * drawing(room).reshape(-1)[405] - 1, abs=2e-3)


def test_keys_alone_choose_a_part_drop_ink_and_open_a_receipt(visit):
    page = visit("room=spreading&lang=en&ink_from=drop&ink_n=5")
    for part in ("Noise", "Ink"):
        page.locator("main").get_by_role("button", name=part, exact=True).first.press("Enter")
        page.wait_for_timeout(100)
        assert page.locator("main button[aria-pressed=true]").inner_text() == part
    cell = page.locator("[role=gridcell]").first
    cell.focus()
    cell.press("ArrowDown")
    cell.press("9")
    page.wait_for_timeout(100)
    assert "ink_drops=406_28" in page.evaluate("location.hash")
    assert "ink_n=0" in page.evaluate("location.hash")
    cell.press("Enter")
    assert page.locator("dialog [data-total]").get_attribute("data-total") == "1"
    page.keyboard.press("Escape")
    page.keyboard.press(".")
    page.wait_for_timeout(100)
    assert "ink_n=1" in page.evaluate("location.hash")
    page.locator("main").focus()
    page.keyboard.press(".")
    page.wait_for_timeout(100)
    assert "ink_n=2" in page.evaluate("location.hash")


def test_the_choice_of_what_spreads_keeps_the_focus(visit):
    page = visit("room=spreading&lang=en")
    what = page.get_by_label("What spreads")
    what.focus()
    what.select_option("drop")
    page.wait_for_selector("text=let a drop fall")
    assert page.evaluate("document.activeElement.value") == "drop"


def test_a_formula_says_of_which_pixel_it_is(room):
    for part in ("noise", "targets"):
        turned_to(room, f"part={part}&run_pixel=405")
        assert room.locator(".formula").inner_text().startswith("pixel in row 14, column 13: x")


def test_a_link_brings_everything_back_and_a_hostile_one_is_told(visit):
    page = visit("room=spreading&lang=en&part=density&run_noise=uniform&run_t=0.3&dens_class=7&dens_axis=ratio&dens_n=100")
    page.wait_for_selector(".beside")
    assert [each.input_value() for each in page.locator("main select").all()] == ["uniform", "lerp", "7", "ratio", "100"]
    page = visit(
        "room=spreading&lang=en&part=%3Cscript%3E&ink_n=NaN&ink_drops=99999&run_t=7&run_seed=-1&dens_class=eleven&noise_k=1e9&which_u=2"
    )
    assert "ink_n" in page.locator(".notice").inner_text()
    assert page.locator("[data-fact=mass]").inner_text()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
def test_a_part_has_no_axe_violation_fits_a_phone_and_shows_no_key(visit, axe, until, part, language, theme):
    page = visit(f"room=spreading&lang={language}&theme={theme}&part={part}", viewport={"width": 360, "height": 740})
    until(page, "document.querySelector('.tile') !== null")
    page.wait_for_timeout(250)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.locator(TOUCHED).evaluate_all("all => all.filter((each) => each.offsetHeight < 44).length")
    assert not small
    for text in page.locator("main p, main label, main button, main figcaption, main th").all_inner_texts():
        assert not re.search(r"\b[a-z]+_[a-z_]+\b", text), text
    found = axe(page)
    assert not found, "\n".join(f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found)
