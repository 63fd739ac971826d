"""Room 2: its three ways are PyTorch's transposed convolution, and each number says how it came about."""

import contextlib
import io
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from inkbloom.convolution import overlaps

COMPUTE = """async (states) => {
    const {bench, byStamping, byInserting, byMatrix, overlaps, more} = await import("./rooms/stamps.js");
    const {samples} = await import("./ui/drawing.js");
    return states.map((state) => {
        const given = {drawing: samples[state.sample], tr_by: "output", tr_at: 0, tr_stamp: "own", ...state};
        const b = bench({get: (name) => given[name]});
        const plain = ({data}) => [...data];
        const {forth, back, scale, error, inner, resized} = more(b);
        return {large: b.large, padding: b.padding, extra: b.extra, y: plain(b.y), x: plain(b.x), scale, error,
            inner, ways: [byStamping(b, b.y, b.weight), byInserting(b, b.y), byMatrix(b, b.y)].map(plain),
            counts: plain(overlaps(b)), forth: plain(forth), back: plain(back), resized: plain(resized)};
    });
}"""


def printed(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})  # what the page tells its reader to run
    return out.getvalue().strip()


def settle(page):
    """Lets the page draw: a change of the address is heard after the script, and drawn in the frame after that."""
    page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 30))")


def square(values):
    side = round(len(values) ** 0.5)
    return torch.tensor(values, dtype=torch.float64).reshape(1, 1, side, side)


@pytest.fixture(scope="module")
def room(visit_once):
    return visit_once("room=transposed&lang=en")


def test_the_three_ways_are_torchs_over_a_sweep(room):
    numbers, states = np.random.default_rng(3), []
    for _ in range(60):
        side = int(numbers.integers(1, 6))
        ranges = {
            "size": (4, 9),
            "side": (side, side + 1),
            "stride": (1, 4),
            "padding": (0, 4),
            "extra": (0, 3),
            "dilation": (1, 3),
        }
        state = {f"tr_{name}": int(numbers.integers(*ends)) for name, ends in ranges.items()}
        kernel = (numbers.integers(-40, 41, side**2) / 10).tolist()
        states.append({**state, "tr_kernel": kernel, "sample": int(numbers.integers(0, 12))})
    for state, made in zip(states, room.evaluate(COMPUTE, states), strict=True):
        told = {"stride": state["tr_stride"], "padding": made["padding"], "dilation": state["tr_dilation"]}
        w, y, x = (square(values) for values in (state["tr_kernel"], made["y"], made["x"]))
        wanted = F.conv_transpose2d(y, w, output_padding=made["extra"], **told)
        assert wanted.shape[2] == made["large"]
        for way in made["ways"]:
            torch.testing.assert_close(square(way), wanted, atol=1e-5, rtol=1e-5)
        forth = F.conv2d(x, w, **told)
        torch.testing.assert_close(square(made["forth"]), forth, atol=1e-5, rtol=1e-5)
        assert made["inner"] == pytest.approx([float((forth * y).sum()), float((x * wanted).sum())], rel=1e-4, abs=1e-4)
        assert made["inner"][0] == pytest.approx(made["inner"][1], rel=1e-4, abs=1e-4)
        back = F.conv_transpose2d(forth, w, output_padding=made["extra"], **told).flatten()
        best = torch.linalg.lstsq(back[:, None], x.flatten()[:, None]).solution.item()
        assert made["scale"] == pytest.approx(best, rel=1e-3, abs=1e-9)
        assert made["error"] == pytest.approx(float((best * back - x.flatten()).norm() / x.norm()), rel=1e-4, abs=1e-6)
        counted = overlaps(y.shape[2:], w.shape[2:], **told, output_padding=made["extra"])
        assert torch.equal(square(made["counts"])[0, 0].long(), counted)
        reach = state["tr_dilation"] * (w.shape[2] - 1)
        around = F.pad(F.interpolate(y, scale_factor=state["tr_stride"]), (reach // 2, reach - reach // 2) * 2)
        resized = F.conv2d(around, w.flip(2, 3), dilation=state["tr_dilation"])
        torch.testing.assert_close(square(made["resized"]), resized, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tr_size=5&tr_side=4&tr_extra=0&tr_stamp=own&tr_at=33",
        "tr_size=8&tr_stride=3&tr_dilation=2&tr_extra=2&tr_side=2&tr_stamp=own&tr_kernel=0.3_-1.7_2.1_0.05&tr_padding=0&tr_at=200",
        "tr_by=input&tr_at=6&tr_stamp=ones",
    ],
)
def test_every_receipt_prints_the_number_that_it_shows(room, address):
    room.evaluate("hash => { location.hash = hash; }", f"room=transposed&lang=en&{address}")
    settle(room)
    matrices = [
        room.get_by_role("grid", name=name) for name in ("Cᵀy", "Stamps on", "Pixels repeated", "Cx: the forward", "a·CᵀCx")
    ]
    buttons = room.locator(".tile")
    assert buttons.count() == 5
    for place in [*matrices, *(buttons.nth(i) for i in range(5))]:
        if place.get_attribute("role") == "grid":
            cell = place.get_by_role("gridcell")
            for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "Enter"):
                cell.press(key)
        else:
            place.click()
        total = room.locator("dialog [data-total]").get_attribute("data-total")
        for code in room.locator("dialog [data-snippet]").all_inner_texts():
            assert printed(code) == total, code
        room.keyboard.press("Escape")


def test_the_views_say_the_same_and_the_formula_has_the_visitors_numbers(room):
    room.evaluate("hash => { location.hash = hash; }", "room=transposed&lang=en&tr_size=6&tr_dilation=2&tr_at=77")
    settle(room)
    assert room.locator("div.formula").inner_text() == "(6 − 1)·2 − 2·1 + 2·(3 − 1) + 1 + 1 = 14"
    shown = [float(line.get_attribute("data-value")) for line in room.locator(".ways [data-value]").all()]
    assert len(shown) == 3
    assert shown == pytest.approx([shown[0]] * 3, abs=1e-5)
    assert shown[0] > 0
    assert float(room.locator("[data-fact=agree]").inner_text()) < 1e-5


@pytest.mark.parametrize(("side", "stride", "kind"), [(3, 2, "uneven"), (4, 2, "even"), (2, 3, "holes"), (3, 1, "even")])
def test_the_overlaps_are_named(room, side, stride, kind):
    room.evaluate("hash => { location.hash = hash; }", f"room=transposed&lang=en&tr_side={side}&tr_stride={stride}")
    settle(room)
    assert room.locator("[data-kind]").get_attribute("data-kind") == kind


def test_stamp_by_stamp_by_keyboard_alone(visit, until):
    page = visit("room=transposed&lang=en")
    page.get_by_role("button", name="Stamp by stamp").press("Enter")
    until(page, "location.hash.includes('tr_by=input')")
    page.locator("main").focus()
    for _ in range(3):
        page.keyboard.press(".")
    until(page, "location.hash.includes('tr_at=3')")
    large = page.get_by_role("grid", name="Cᵀy").get_by_role("gridcell")
    large.focus()
    page.keyboard.press("Control+End")
    settle(page)
    assert large.get_attribute("aria-label").endswith(": 0")  # the last stamps have not been set yet
    assert "tr_at=3" in page.url  # looking at an output does not move the stamps
    small = page.get_by_role("grid", name="y, your").get_by_role("gridcell")
    small.focus()
    page.keyboard.press("Control+End")
    until(page, "location.hash.includes('tr_at=15')")
    weight = page.get_by_label("w, row 0, column 0")
    weight.fill("7")
    weight.press("Enter")
    until(page, "location.hash.includes('tr_kernel=7_2_3_4_5_6_7_8_9')")
    page.get_by_label("Side of w").focus()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelectorAll('.kernel input').length === 16")
    assert [each.input_value() for each in page.locator(".kernel input").all()][4:8] == ["0", "7", "2", "3"]
    page.get_by_role("button", name="GAN and VAE").press("Enter")
    until(page, "location.hash.includes('tr_extra=0')")


def test_a_link_restores_the_room_and_hostile_values_harm_nothing(visit):
    page = visit("room=transposed&lang=en&tr_size=7&tr_stride=1&tr_side=1&tr_padding=3&tr_extra=2&tr_at=1999")
    assert re.search(r"= 1$", page.locator("div.formula").inner_text())  # one cell is left
    assert page.locator(".notice").is_hidden()
    page = visit(
        "room=transposed&lang=en&tr_size=99&tr_side=NaN&tr_stride=1e9&tr_padding=-1&tr_stamp=<script>&tr_kernel=1_2&tr_by=x&tr_at=1.5"
    )
    for name in ("size", "side", "stride", "padding", "stamp", "kernel", "by", "at"):
        assert f"tr_{name}" in page.locator(".notice").inner_text()
    assert page.locator("div.formula").inner_text().endswith("= 8")


def test_an_empty_drawing_has_no_share_to_tell(visit):
    page = visit(f"room=transposed&lang=en&drawing={'A' * 1046}")
    assert page.locator("[data-fact=small]").is_visible()
    assert page.locator("[data-fact=error]").is_hidden()
