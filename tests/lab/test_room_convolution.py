"""Room 1: the numbers on the screen are those of PyTorch, and each says how it came about."""

import contextlib
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODES = {"zero": "constant", "reflect": "reflect", "circular": "circular"}
ACTS = {"none": lambda y: y, "relu": F.relu, "silu": F.silu}
slides = st.fixed_dictionaries(
    {
        "size": st.sampled_from([28, 14, 7]),
        "side": st.integers(1, 7),
        "padding": st.integers(0, 3),
        "mode": st.sampled_from(list(MODES)),
        "stride": st.integers(1, 4),
        "dilation": st.integers(1, 3),
        "flip": st.booleans(),
        "bias": st.integers(-20, 20).map(lambda value: value / 10),
        "act": st.sampled_from(list(ACTS)),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def address(given, kernel):
    told = {
        name: int(value) if isinstance(value, bool) else value for name, value in given.items() if name not in ("seed", "side")
    }
    return (
        "room=convolution&"
        + "&".join(f"conv_{name}={value}" for name, value in told.items())
        + ("&conv_kernel=" + "_".join(f"{value:g}" for value in kernel))
    )


def numbers(page, figure):
    """The table under a matrix, as rows of floats."""
    details = page.locator(".matrix-figure details").nth(figure)
    if not details.evaluate("each => each.open"):
        details.locator("summary").click()
    settle(page)
    rows = details.evaluate(
        "each => [...each.querySelectorAll('tr')].map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    return np.array([[float(cell) for cell in row] for row in rows])


def settle(page):
    """Lets the page draw: a change of the address is heard after the script, and drawn in the frame after that."""
    page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 30))")


def printed(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})  # what the page tells its reader to run
    return float(out.getvalue())


@pytest.fixture(scope="module")
def room(visit_once):
    return visit_once("room=convolution&lang=en")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(slides)
def test_the_output_is_torchs(room, slide):
    kernel = np.random.default_rng(slide["seed"]).integers(-30, 31, slide["side"] ** 2) / 10
    room.keyboard.press("Escape")  # the receipt of an example that failed
    room.evaluate("hash => { location.hash = hash; }", address(slide, kernel))
    settle(room)
    if slide["dilation"] * (slide["side"] - 1) + 1 > slide["size"] + 2 * slide["padding"]:
        assert "The kernel spans" in room.locator(".bench").inner_text()
        return
    drawing = (
        torch.tensor(room.evaluate("import('./ui/drawing.js').then(({samples}) => [...samples[3]])")).reshape(1, 1, 28, 28)
        / 255
    )
    x = F.avg_pool2d(drawing, 28 // slide["size"])
    k = torch.tensor(kernel, dtype=torch.float32).reshape(1, 1, slide["side"], slide["side"])
    x = F.pad(x, (slide["padding"],) * 4, mode=MODES[slide["mode"]])
    y = F.conv2d(x, k.flip(2, 3) if slide["flip"] else k, torch.tensor([slide["bias"]]), slide["stride"], 0, slide["dilation"])
    wanted = ACTS[slide["act"]](y)[0, 0]
    assert f"= {wanted.shape[0]}" in room.locator(".formula").last.inner_text()
    shown = float(room.locator("[data-sum]").get_attribute("data-sum"))
    row, column = divmod(min(51, wanted.numel() - 1), wanted.shape[1])
    assert shown == pytest.approx(float(wanted[row, column]), abs=1e-4)
    if wanted.numel() <= 1024:
        table = numbers(room, 1)
        assert table.shape == tuple(wanted.shape)
        assert np.abs(table - wanted.numpy()).max() <= 0.0051 + 0.05 * (np.abs(wanted.numpy()).max() >= 10) + 0.5 * (
            np.abs(wanted.numpy()).max() >= 100
        )
    room.get_by_role("button", name="Show the calculation").click()
    total = float(room.locator("[data-total]").get_attribute("data-total"))
    for language in ("pytorch", "numpy"):
        code = room.locator(f"[data-snippet={language}]").inner_text()
        assert printed(code) == pytest.approx(total, rel=2e-4, abs=2e-5), code
    assert room.locator("dialog tbody tr").count() == slide["side"] ** 2
    room.keyboard.press("Escape")


@pytest.mark.parametrize(("guess", "said"), [("5", "You said 5; it is −2.99."), ("-3", "Right: −2.99.")])
def test_a_prediction_comes_before_the_number(visit, until, guess, said):
    page = visit("room=convolution&lang=en&conv_predict=1")
    until(page, "document.querySelector('.sum').innerText.includes('Σ = ?')")
    assert page.locator("[data-sum]").get_attribute("data-sum") == ""
    unknown = page.evaluate("""() => {
        const canvas = document.querySelectorAll(".matrix canvas")[1];
        return [...canvas.getContext("2d").getImageData(canvas.width - 3, canvas.height - 3, 1, 1).data];
    }""")
    assert min(unknown) > 200  # what is not known yet is not as dark as a large number
    page.get_by_label("Your prediction").fill(guess)
    page.get_by_label("Your prediction").press("Enter")
    assert said in page.locator(".sum [role=status]").inner_text()
    assert float(page.locator("[data-sum]").get_attribute("data-sum")) == pytest.approx(-2.99, abs=0.01)
    assert page.evaluate("document.activeElement.textContent") == "Show the calculation"
    page.keyboard.press(".")
    until(page, "document.querySelector('.sum').innerText.includes('Σ = ?')")
    assert page.locator(".sum [role=status]").inner_text() == ""


def test_the_controls_show_what_the_address_says_and_what_undo_brings_back(visit, until):
    page = visit("room=convolution&lang=en")
    controls = {
        "Stride": "3",
        "Padding with": "reflect",
        "Dilation": "2",
        "Bias": "0.5",
        "Activation": "relu",
        "Drawing at": "28",
    }
    before = {name: page.get_by_label(name).input_value() for name in controls}
    page.evaluate(
        "location.hash = 'room=convolution&lang=en&conv_stride=3&conv_mode=reflect&conv_dilation=2&conv_bias=0.5&conv_act=relu"
        "&conv_size=28&conv_flip=1&conv_predict=1'"
    )
    until(page, "document.querySelector('.sum').innerText.includes('Bias')")
    assert {name: page.get_by_label(name).input_value() for name in controls} == controls
    assert page.get_by_label("Flip the kernel").is_checked()
    assert page.get_by_label("Let me predict").is_checked()
    page.get_by_role("button", name="Undo").click()
    until(page, "!document.querySelector('.sum').innerText.includes('Bias')")
    assert {name: page.get_by_label(name).input_value() for name in controls} == before
    assert not page.get_by_label("Flip the kernel").is_checked()


def test_the_name_of_the_kernel_is_that_of_its_weights(visit, until):
    page = visit("room=convolution&lang=en")
    settle(page)
    names = page.get_by_label("A known kernel")
    assert names.input_value() == "sobel_x"
    names.select_option("laplace")
    page.locator(".kernel input").nth(4).fill("-5")
    page.locator(".kernel input").nth(4).press("Enter")
    until(page, "location.hash.includes('_-5_')")
    settle(page)
    assert names.input_value() == ""


def test_a_weight_that_is_no_number_or_too_large_is_refused_in_a_sentence(visit):
    page = visit("room=convolution&lang=en")
    settle(page)
    weight = page.locator(".kernel input").first
    for number, wrong in enumerate(("1000", ""), 1):
        before = page.evaluate("location.hash")
        weight.fill(wrong)
        weight.press("Enter")
        assert page.locator(".notice").inner_text() == "A number from −99 to 99 goes here."
        assert weight.get_attribute("aria-invalid") == "true"
        assert page.evaluate("location.hash") == before
        page.get_by_role("button", name=f"Learned kernel {number}", exact=True).click()
        settle(page)
        assert page.locator(".kernel input[aria-invalid=true]").count() == 0
        assert page.locator(".notice").is_hidden()


def test_the_numbers_of_a_learned_kernel_are_not_cut_off(visit):
    for width in (360, 1280):
        page = visit("room=convolution&lang=en", viewport={"width": width, "height": 800})
        page.get_by_role("button", name="Learned kernel 1", exact=True).click()
        settle(page)
        cells = page.locator(".kernel input").all()
        assert len(cells) == 25
        assert [cell.evaluate("each => each.scrollWidth - each.clientWidth") for cell in cells] == [0] * 25, width


def test_a_first_tap_points_and_a_second_one_opens(visit, until):
    page = visit("room=convolution&lang=en", viewport={"width": 360, "height": 740}, has_touch=True)
    settle(page)
    place = page.locator(".matrix").nth(1)
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    for dialogs in (0, 1):
        page.touchscreen.tap(box["x"] + 100, box["y"] + 100)
        page.wait_for_timeout(100)
        assert page.locator("dialog").count() == dialogs
    assert "conv_at=" in page.evaluate("location.hash")


def test_pointing_at_an_input_frames_the_outputs_it_feeds_and_keys_step(visit, until):
    page = visit("room=convolution&lang=en")
    page.locator("main").focus()
    page.keyboard.press(".")
    until(page, "location.hash.includes('conv_at=52')")
    page.keyboard.press(",")
    page.keyboard.press(",")
    until(page, "location.hash.includes('conv_at=50')")
    cell = page.locator("[role=gridcell]").nth(1)
    cell.focus()
    page.keyboard.press("ArrowRight")
    until(page, "!location.hash.includes('conv_at=50')")
    page.keyboard.press("Enter")
    assert page.locator("dialog [data-total]").is_visible()


def test_a_kernel_larger_than_the_drawing_is_said_and_the_old_numbers_go(visit, until):
    page = visit("room=convolution&lang=en")
    page.evaluate(
        "location.hash = 'room=convolution&lang=en&conv_size=7&conv_padding=0&conv_kernel=' + Array(49).fill(1).join('_')"
    )
    until(page, "document.querySelectorAll('.kernel input').length === 49")
    page.evaluate("location.hash += '&conv_dilation=2'")
    until(page, "document.querySelector('.bench').innerText.includes('The kernel spans 13 cells')")
    assert page.locator(".products").is_hidden()
