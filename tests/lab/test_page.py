"""The lab's page as a whole, in a real browser: what holds in every room, in both languages, light and dark."""

import itertools
import re

import pytest

ROOMS = ("lobby", "convolution", "transposed", "spreading", "xray", "sampling")
LANGUAGES = ("en", "zh")
LOOKS = list(itertools.product(ROOMS, LANGUAGES, ("light", "dark")))
READY = "document.querySelector('.proof [data-worst]') !== null"


@pytest.mark.parametrize(("room", "language", "theme"), LOOKS)
def test_a_room_has_no_axe_violation_and_fits_a_phone(visit, axe, shot, room, language, theme, until):
    page = visit(f"room={room}&lang={language}&theme={theme}", viewport={"width": 360, "height": 740}, has_touch=True)
    until(page, READY)
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shot(page, f"{room}-{language}-{theme}-360")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_timeout(150)
    shot(page, f"{room}-{language}-{theme}-1280")
    found = axe(page)
    assert not found, "\n".join(f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_speaks_one_language_and_shows_no_key(visit, room, until):
    page = visit(f"room={room}&lang=zh")
    until(page, READY)
    for text in page.locator("main p, main h1, main h2, main label, main button, main summary").all_inner_texts():
        assert not re.search(r"\b[a-z]+_[a-z_]+\b", text.replace("dpmpp_2m", "")), text  # a name of text/*.js
        words = re.findall(r"[A-Za-z]{3,}", text)
        assert len(words) < 8 or re.search(r"[一-鿿]", text), f"no Chinese here: {text}"
    page.get_by_role("button", name="English").click()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.wait_for_timeout(200)
    assert not re.search(r"[一-鿿]{2,}", page.locator("main").inner_text().replace("墨晕", ""))


def test_all_texts_have_the_same_keys_and_places_in_both_languages(visit):
    page = visit("")
    names = page.evaluate("""async () => {
        const out = {};
        for (const name of ["common", "lobby", "convolution", "transposed", "spreading", "xray", "sampling"]) {
            const {en, zh} = await import(`./text/${name}.js`);
            out[name] = [en, zh];
        }
        return out;
    }""")
    for name, (english, chinese) in names.items():
        assert english.keys() == chinese.keys(), name
        for key, text in english.items():
            assert text.strip(), (name, key)
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[key])), (name, key)


def test_the_page_asks_no_other_origin_and_works_offline(visit, lab, until):
    asked = []
    page = visit("", before=lambda page: page.on("request", lambda request: asked.append(request.url)))
    until(page, READY)
    for room in ROOMS:
        page.evaluate(f"location.hash = 'room={room}'")
        page.wait_for_timeout(200)
    page.context.set_offline(True)
    page.evaluate("location.hash = 'room=convolution'")
    page.wait_for_selector(".products")
    assert asked
    assert not [url for url in asked if not url.startswith((lab, "data:", "blob:"))]


def test_the_numbers_are_pytorchs(visit, until):
    page = visit("")
    until(page, READY)
    assert 0 < float(page.locator(".proof [data-worst]").get_attribute("data-worst")) <= 1e-4


@pytest.mark.parametrize("spoilt", ["missing", "foreign", "truncated"])
def test_without_weights_the_page_says_no_model_and_shows_no_picture(visit, spoilt):
    def answer(route):
        if spoilt == "missing":
            return route.abort()
        body = route.fetch().body()
        return route.fulfill(body=b"<html>not found</html>" if spoilt == "foreign" else body[: len(body) // 2])

    page = visit("room=sampling", before=lambda page: page.route("**/*.safetensors", answer), strict=False)
    page.wait_for_selector("text=no model")
    for room in ("sampling", "xray"):
        page.evaluate(f"location.hash = 'room={room}'")
        page.wait_for_selector("main :text('no model')")
        assert page.locator("main canvas").count() == 0, room
        said = page.locator("main p:has-text('no model')").inner_text()
        assert said.lower().count("no model") == 1, said
        assert "`" not in said
    page.evaluate("location.hash = 'room=convolution'")
    page.wait_for_selector(".products")


HOSTILE = [
    "room=<script>alert(1)</script>",
    "room=convolution&conv_kernel=NaN_1_2",
    "room=convolution&conv_kernel=1e999",
    "room=convolution&conv_stride=0&conv_padding=-1&conv_dilation=99",
    "drawing=AAAA&lang=xx&theme=%00",
    "room=sampling&model=../../etc/passwd",
    "__proto__=1&constructor=2&room=lobby",
    "drawing=" + "A" * 30_000,
    "%E0%A4%A",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_address_gives_the_usual_page_and_one_sentence(visit, address):
    page = visit(address, before=lambda page: page.on("dialog", lambda dialog: pytest.fail("a script ran")))
    page.wait_for_selector("main h1")
    assert page.locator(".notice").is_visible()
    assert page.locator("script").count() == 1
    assert page.locator(".rooms a").count() == 6


def test_an_address_that_is_changed_by_hand_is_judged_too(visit, until):
    page = visit("room=convolution")
    page.evaluate("location.hash = 'room=convolution&conv_stride=99'")
    until(page, "document.querySelector('.notice').innerText.includes('conv_stride')")
    page.get_by_label("Stride").press("ArrowRight")
    until(page, "document.querySelector('.notice').hidden")  # the next change makes an address that holds


def test_the_room_one_is_in_is_in_view_on_a_phone(visit):
    for name in ROOMS:
        page = visit(f"room={name}", viewport={"width": 360, "height": 740})
        box = page.locator(".rooms a[aria-current]").bounding_box()
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= 360, name


def test_back_and_forward_undo_and_redo(visit, until):
    page = visit("room=convolution")
    cells = page.locator(".kernel input")
    before = [each.input_value() for each in cells.all()]
    page.get_by_label("A known kernel").select_option("laplace")
    until(page, "document.querySelector('.kernel input:nth-child(5)').value === '-4'")
    page.get_by_role("button", name="Undo").click()
    until(page, "document.querySelector('.kernel input:nth-child(5)').value === '0'")
    assert [each.input_value() for each in cells.all()] == before
    page.get_by_role("button", name="Redo").click()
    until(page, "document.querySelector('.kernel input:nth-child(5)').value === '-4'")


def drag(page, place, start, end):
    """Moves the pressed mouse over a part of a box, from one share of its width and height to another."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    page.mouse.move(box["x"] + box["width"] * start[0], box["y"] + box["height"] * start[1])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end[0], box["y"] + box["height"] * end[1], steps=12)
    page.mouse.up()


def test_a_stroke_and_a_drag_are_one_step_of_undo_each(visit, until):
    page = visit("lang=en")
    undo = page.get_by_role("button", name="Undo")
    drag(page, page.locator(".pad .matrix"), (0.2, 0.1), (0.8, 0.1))
    first = page.evaluate("location.href")
    assert "drawing=" in first
    drag(page, page.locator(".pad .matrix"), (0.2, 0.9), (0.8, 0.9))
    undo.click()
    until(page, f"location.href === '{first}'")
    undo.click()
    until(page, "!location.hash.includes('drawing=')")
    page.locator(".rooms a").nth(1).click()
    drag(page, page.get_by_label("Stride"), (0.04, 0.5), (0.96, 0.5))
    until(page, "location.hash.includes('conv_stride=4')")
    undo.click()
    until(page, "!location.hash.includes('conv_stride')")
    assert "room=convolution" in page.url
    page.get_by_role("button", name="Redo").click()
    until(page, "location.hash.includes('conv_stride=4')")


def test_undo_never_leaves_the_page(visit, lab, until):
    page = visit("lang=en")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_timeout(200)
    assert page.url.startswith(lab)
    page.evaluate("location.hash = 'lang=en&room=convolution'")  # as a link of another page does
    until(page, "document.querySelector('main').dataset.room === 'convolution'")
    page.get_by_role("button", name="Undo").click()
    until(page, "document.querySelector('main').dataset.room === 'lobby'")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_timeout(200)
    assert page.url.startswith(lab)


def test_the_drawing_goes_along_and_lives_in_the_address(visit):
    page = visit("")
    page.get_by_role("button", name="Clear").click()
    box = page.locator(".pad .matrix").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=30)
    page.mouse.up()
    page.wait_for_timeout(300)
    assert "drawing=" in page.url
    address = page.url.partition("#")[2]
    again = visit(address + "&room=convolution")
    again.locator("details summary").first.click()
    again.wait_for_selector(".numbers td")
    values = [float(text) for text in again.locator(".numbers td").all_inner_texts()]
    assert len(values) == 16 * 16
    assert max(values) > 0.4
    assert values.count(0) > 150


def test_a_dropped_file_that_is_no_picture_changes_nothing(visit, tmp_path):
    page = visit("")
    bad = tmp_path / "picture.png"
    bad.write_bytes(b"\x89PNG not really")
    page.set_input_files("input[type=file]", bad)
    page.wait_for_selector(".notice:has-text('as a picture')")
    assert "drawing=" not in page.url


def test_nothing_moves_by_itself(visit):
    page = visit("room=convolution", reduced_motion="reduce")
    before = page.url
    page.wait_for_timeout(700)
    assert page.url == before
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_way_through_all_rooms_by_keyboard_alone(visit, until):
    page = visit("")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for number, room in enumerate(ROOMS):
        page.locator(".rooms a").nth(number).focus()
        page.keyboard.press("Enter")
        until(page, f"document.querySelector('main').dataset.room === '{room}'")
        assert page.evaluate("document.activeElement.id") == "main"
        seen = set()
        for _ in range(200):
            page.keyboard.press("Tab")
            where = page.evaluate("""() => {
                const at = document.activeElement;
                if (at === document.body || !document.querySelector("main").contains(at)) return null;
                const box = at.getBoundingClientRect();
                return [[...document.querySelectorAll("main *")].indexOf(at), box.width * box.height > 0];
            }""")
            if where is None:
                break
            assert where[1], f"{room}: focus on what nobody sees"
            seen.add(where[0])
        wanted = page.locator(
            "main button:visible:enabled, main select:visible, main input:visible, main [tabindex='0']:visible"
        ).count()
        assert len(seen) >= wanted * 0.9 - 1, f"{room}: {len(seen)} of {wanted} controls by Tab"


def test_text_at_twice_its_size_stays_within_the_window(visit):
    for room in ROOMS:
        page = visit(f"room={room}", viewport={"width": 640, "height": 500})  # 1280 x 1000 at 200 %
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= 640, room
        page.close()
