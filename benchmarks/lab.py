"""The lab's page beside its budgets: sizes, how soon it can be used, a step of each network, how fast it answers a hand.

Run it with: python benchmarks/lab.py [--json FILE]. It needs Chromium and Playwright for Python. Times are medians, in ms, in
headless Chromium; `limit` is what the page must keep on two cores. A quiet machine matters here.
"""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import threading
import time
from typing import Any

from machine import about, flags, show, write
from playwright.sync_api import sync_playwright

from inkbloom.lab.server import open_server
from inkbloom.lab.site import PAGE, content, files_of_lab

ROUNDS = 5
LIMITS = {
    "first paint": 800,
    "room 1 usable": 1500,
    "model ready": 1500,
    "step of ink": 140,
    "step of basic": 140,
    "20 steps of ink": 3000,
    "50 steps of ink": 7000,
    "40 steps of basic": 4000,
    "16 pictures, 20 steps": None,
    "kernel to paint, 28 x 28, 7 x 7": 33,
    "density, slider to paint": 50,
    "x-ray, change to maps": 200,
    "tasks above 50 ms while sampling": None,
    "tasks above 100 ms while sampling": 2,
    "JavaScript heap, MB": 300,
    "JS and CSS, gzipped, KB": 150,
    "default weights, MB": 2.5,
    "page without digits, MB": 5,
}
ENGINE = """async ([file, guidance, steps, count]) => {
  const {openEngine} = await import("/engine/client.js");
  const {openWorker, asset} = await import("/ui/assets.js");
  const engine = openEngine(openWorker());
  const bytes = await asset(file);
  const begin = performance.now();
  const model = await engine.load(bytes);
  const ready = performance.now() - begin;
  const times = [];
  const started = performance.now();
  for (let index = 0; index < count; index++) {
    const label = model.sampling.classes.length ? 3 : null;
    const request = {seed: 7, index, label, guidance, steps, solver: "euler"};
    await engine.sample(model, request, ({k, ms}) => { if (k) times.push(ms); }).done;
  }
  return {ready, times, total: performance.now() - started};
}"""
TO_PAINT = """async ([selector, event, values]) => {
  const control = document.querySelector(selector);
  const times = [];
  for (const value of values) {
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50 * Math.random())));
    const begin = performance.now();
    control.value = value;
    control.dispatchEvent(new Event(event, {bubbles: true}));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    times.push(performance.now() - begin);
  }
  return times;
}"""
CHANGED = """async (levels) => {
  const times = [];
  for (const hash of levels) {
    const told = document.querySelector("main").innerText;
    const begin = performance.now();
    location.hash = hash;
    while (document.querySelector("main").innerText === told) await new Promise((done) => setTimeout(done, 1));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    times.push(performance.now() - begin);
  }
  return times;
}"""
LONG = """() => {
  window.tasks = [];
  const seen = (list) => window.tasks.push(...list.getEntries().map(({duration}) => duration));
  new PerformanceObserver(seen).observe({type: "longtask"});
}"""


def sizes(table: dict[str, Any]) -> dict[str, float]:
    """What has to be loaded, in KB or MB."""
    code = [path for path in PAGE.rglob("*") if path.suffix in (".js", ".css", ".html")]
    whole = sum(len(content(file)) for name, file in table.items() if not name.startswith("digits"))
    return {
        "JS and CSS, gzipped, KB": sum(len(gzip.compress(path.read_bytes())) for path in code) / 1000,
        "default weights, MB": len(content(table["models/ink.safetensors"])) / 1e6,
        "page without digits, MB": whole / 1e6,
    }


def opened(browser: Any, address: str, size: tuple[int, int] = (1280, 900)) -> Any:
    """A page of its own, with nothing kept from earlier ones."""
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
    page.goto(address)
    page.wait_for_selector(".proof [data-worst]")
    page.wait_for_timeout(300)
    return page


def starts(browser: Any, lab: str) -> dict[str, float]:
    """How soon something is seen, and how soon room 1 has its numbers."""
    paint, usable = [], []
    for _ in range(ROUNDS):
        page = browser.new_context().new_page()
        began = time.perf_counter()
        page.goto(f"{lab}/#room=convolution", wait_until="commit")
        page.wait_for_selector(".products span")
        usable.append(1000 * (time.perf_counter() - began))
        paint.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"))
        page.context.close()
    return {"first paint": statistics.median(paint), "room 1 usable": statistics.median(usable)}


def networks(browser: Any, lab: str) -> dict[str, float]:
    """A step of each network, and whole pictures, by the engine alone."""
    page = opened(browser, f"{lab}/#")
    ran = {
        name: page.evaluate(ENGINE, [f"models/{model}.safetensors", 1, steps, count])
        for name, model, steps, count in (
            ("20 steps of ink", "ink", 20, ROUNDS),
            ("50 steps of ink", "ink", 50, 1),
            ("40 steps of basic", "basic", 40, 1),
            ("16 pictures, 20 steps", "ink", 20, 16),
        )
    }
    page.context.close()
    return {
        "model ready": ran["50 steps of ink"]["ready"],
        "step of ink": statistics.median(ran["50 steps of ink"]["times"]),
        "step of basic": statistics.median(ran["40 steps of basic"]["times"]),
        **{name: each["total"] / (ROUNDS if name == "20 steps of ink" else 1) for name, each in ran.items()},
    }


def answers(browser: Any, lab: str) -> dict[str, float]:
    """From a change to what it changes on the screen; and how busy the page is while the network draws."""
    kernel = f"room=convolution&conv_size=28&conv_padding=3&conv_kernel={'_'.join(['0.1'] * 49)}"
    levels = [f"0.{k}" for k in range(1, 9)]
    cases = {
        "kernel to paint, 28 x 28, 7 x 7": (kernel, TO_PAINT, [".kernel input", "change", levels]),
        "density, slider to paint": ("room=spreading&part=density", TO_PAINT, [".run input", "input", levels]),
        "x-ray, change to maps": ("room=xray&xray_t=0.9", CHANGED, [f"room=xray&xray_t={level}" for level in levels]),
    }
    found = {}
    for name, (start, code, given) in cases.items():
        page = opened(browser, f"{lab}/#{start}")
        found[name] = statistics.median(page.evaluate(code, given))
        page.context.close()
    page = opened(browser, f"{lab}/#room=sampling")
    page.evaluate(LONG)
    page.locator("main .primary").first.click()
    page.wait_for_timeout(4000)
    tasks = page.evaluate("window.tasks")
    heap = page.evaluate("performance.memory.usedJSHeapSize")
    page.context.close()
    return {
        **found,
        "tasks above 50 ms while sampling": sum(each > 50 for each in tasks),
        "tasks above 100 ms while sampling": sum(each > 100 for each in tasks),
        "JavaScript heap, MB": heap / 1e6,
    }


def main() -> None:
    """Measures all of it."""
    args = flags(__doc__ or "").parse_args()
    table = files_of_lab()
    server = open_server(table, port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lab, load = f"http://127.0.0.1:{server.port}", os.getloadavg()[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        version = browser.version
        found = {**starts(browser, lab), **networks(browser, lab), **answers(browser, lab), **sizes(table)}
        browser.close()
    machine = {**about(), "chromium": version, "load": load}
    show(machine)
    print(f"{'':36} {'here':>8} {'limit':>8}")
    for name, limit in LIMITS.items():
        over = "  over" if limit is not None and found[name] > limit else ""
        print(f"{name:36} {found[name]:8.1f} {'' if limit is None else limit!s:>8}{over}")
    write(args.json, {"machine": machine, "found": found, "limits": LIMITS})


if __name__ == "__main__":
    main()
