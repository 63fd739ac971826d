"""Takes the pictures of the lab that the documents show, in both languages: docs/images/lab-ROOM.png and lab-ROOM-zh.png.

    python scripts/make_lab_pictures.py

Needs Chromium and Playwright for Python (pip install -e '.[dev]').
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from inkbloom.lab.server import open_server
from inkbloom.lab.site import files_of_lab

OUT = Path(__file__).parent.parent / "docs" / "images"
WIDTH = 1180


def played(page: Any) -> None:
    """Draws the first half of a picture."""
    page.locator("main .primary").first.click()
    while "sample_at=11" not in page.url:
        page.wait_for_timeout(20)
    page.keyboard.press("Space")


def opened(page: Any) -> None:
    """Opens the third convolution."""
    page.locator(".net-card").nth(2).click()


ROOMS: dict[str, tuple[str, int, Callable[[Any], None] | None]] = {
    "convolution": ("room=convolution", 860, None),
    "spreading": ("room=spreading&part=density&run_t=0.4", 1180, None),
    "xray": ("room=xray", 1180, opened),
    "sampling": ("room=sampling", 900, played),
}


def main() -> None:
    server = open_server(files_of_lab(), port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for room, (address, height, act) in ROOMS.items():
            for language, ending in (("en", ""), ("zh", "-zh")):
                page = browser.new_page(viewport={"width": WIDTH, "height": height})
                page.goto(f"http://127.0.0.1:{server.port}/#{address}&lang={language}")
                page.wait_for_selector(".proof [data-worst]")
                page.wait_for_timeout(1500)
                if act:
                    act(page)
                    page.wait_for_timeout(1500)
                page.evaluate("scrollTo(0, 0)")
                path = OUT / f"lab-{room}{ending}.png"
                page.screenshot(path=path)
                Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
                print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
