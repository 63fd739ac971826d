"""What the tests of the lab share: its page folder on a small server, and a headless Chromium that opens it.

Playwright keeps an event loop running in its thread, which other tests of the same process could not bear: so the browser
has a thread of its own, and the tests that use it run there.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, save

import inkbloom
from inkbloom.lab.server import open_server
from inkbloom.lab.site import files_of_lab

FOLDER = Path(inkbloom.__file__).parent / "lab" / "page"
KINDS = {".js": "text/javascript", ".html": "text/html; charset=utf-8", ".css": "text/css", ".wasm": "application/wasm"}
BLANK = b'<!doctype html><html lang="en"><meta charset="utf-8"><title>blank</title><link rel="icon" href="data:,"></html>'
THREAD = ThreadPoolExecutor(1)
PRELUDE = """
window.packed = ({shape, data}) => {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (let k = 0; k < bytes.length; k += 8192) text += String.fromCharCode(...bytes.subarray(k, k + 8192));
  return {shape, dtype: data.constructor.name.replace("Array", "").toLowerCase(), base64: btoa(text)};
};
window.opened = ({shape, base64}) => {
  return {shape, data: new Float32Array(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer)};
};
window.bytesOf = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
window.caught = async (work) => {
  try { return {result: await work()}; } catch (e) { return {code: e.code, values: e.values, message: String(e)}; }
};
"""


def packed(values):
    """A tensor or an array as JSON that `opened` on the page makes a Tensor of."""
    values = np.ascontiguousarray(values, np.float32)
    return {"shape": list(values.shape), "base64": base64.b64encode(values.tobytes()).decode()}


def unpacked(made):
    """What `packed` on the page made, as an array."""
    return np.frombuffer(base64.b64decode(made["base64"]), made["dtype"]).reshape(made["shape"])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a test that uses the browser on the browser's thread."""
    if "browser" not in pyfuncitem.fixturenames:
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    THREAD.submit(pyfuncitem.obj, **given).result()
    return True


@pytest.fixture(scope="session")
def browser():
    """Chromium, started once. Skips, saying why, where it or Playwright is missing."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on PATH: the lab's page is not tested")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: the lab's page is not tested")

    def start():
        manager = playwright.sync_playwright().start()
        quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
        return manager, manager.chromium.launch(executable_path=chromium, args=quiet)

    manager, started = THREAD.submit(start).result()
    yield started
    THREAD.submit(started.close).result()
    THREAD.submit(manager.stop).result()


@pytest.fixture(scope="session")
def served():
    """The address of the page's folder; `served.files[path] = bytes` adds a file."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.split("?")[0]
            file = FOLDER / path.removeprefix("/")
            body = BLANK if path == "/blank.html" else files.get(path)
            if body is None and FOLDER in file.resolve().parents and file.is_file():
                body = file.read_bytes()
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", KINDS.get(file.suffix, "application/octet-stream"))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    files = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.address, server.files = f"http://127.0.0.1:{server.server_port}", files
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


class Engine:
    """Runs JavaScript on an empty page that has the engine's modules in reach; arrays and tensors become Tensors there."""

    def __init__(self, page, files):
        self.page, self.files, self.thread = page, files, THREAD

    def __call__(self, code, modules="", **given):
        """The value of a function body; `modules`: 'conv net' imports engine/conv.js and engine/net.js under these names."""
        imports = "".join(f"const {name} = await import('/engine/{name}.js');" for name in modules.split())
        names = ", ".join(given)
        told = {name: self._told(value) for name, value in given.items()}
        opening = "".join(
            f"{name} = opened({name});" for name, value in given.items() if isinstance(value, np.ndarray | torch.Tensor)
        )
        return self._read(self.page.evaluate(f"async ({{{names}}}) => {{ {opening} {imports} {code} }}", told))

    def _told(self, value):
        return packed(value) if isinstance(value, np.ndarray | torch.Tensor) else value

    def _read(self, made):
        if isinstance(made, dict):
            return unpacked(made) if "base64" in made else {name: self._read(value) for name, value in made.items()}
        return [self._read(value) for value in made] if isinstance(made, list) else made


@pytest.fixture(scope="session")
def engine(browser, served):
    """engine(code, modules, **given): see Engine. `served.files` holds the page files /ink and /basic once asked for."""

    def start():
        page = browser.new_page()
        page.goto(f"{served.address}/blank.html")
        page.evaluate(PRELUDE)
        return Engine(page, served.files)

    started = THREAD.submit(start).result()
    yield started
    THREAD.submit(started.page.close).result()


class PageFile:
    """A page file: where it lies, its bytes, its tensors without the prefix, and its tables."""

    def __init__(self, path):
        self.path, self.data = path, path.read_bytes()
        self.tensors = {name.removeprefix("page/"): tensor.float() for name, tensor in load_file(path).items()}
        with safe_open(path, "pt") as file:
            self.tables = {name: json.loads(text) for name, text in file.metadata().items()}
        self.steps = self.tables["page"]["steps"]

    def changed(self, weight=None, edit=lambda page: None, more=None):
        """The file's bytes with one weight moved by 0.3, after `edit` of its table `page`, or with more tensors."""
        tensors, tables = load(self.data), {name: json.loads(json.dumps(table)) for name, table in self.tables.items()}
        if weight:
            tensors[weight] = tensors[weight] + 0.3
        tensors |= more or {}
        edit(tables["page"])
        return save(tensors, {name: json.dumps(table) for name, table in tables.items()})


@pytest.fixture(scope="session")
def page_files(tmp_path_factory, served):
    """{'ink': the shipped model, 'basic': the tutorial's mini UNet after a few steps}, served as /ink and /basic."""
    folder = tmp_path_factory.mktemp("page-files")
    few = {"steps": 8, "epochs": None, "batch_size": 32, "compile": "off", "precision": "fp32", "quiet": True}
    basic = inkbloom.train("tutorial-basic", out=folder / "run", **few)
    runs = {"ink": None, "basic": basic}
    found = {}
    for name, run in runs.items():
        made = inkbloom.export(run, "page", folder / name, quiet=True)
        found[name] = PageFile(made["folder"] / "model.safetensors")
        served.files[f"/{name}"] = found[name].data
    return found


@pytest.fixture(scope="session")
def lab():
    """The address of the page as `inkbloom lab` gives it out."""
    server = open_server(files_of_lab(), port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


def opened_at(browser, lab, address, before=None, strict=True, **how):
    """A page of the lab at this address, in a context of its own. strict: an error that nobody caught fails the test."""
    page = browser.new_context(**how).new_page()
    page.problems = []
    if strict:
        page.on("pageerror", lambda problem: page.problems.append(str(problem)))
        page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
    if before:
        before(page)
    page.goto(f"{lab}/#{address}")
    page.wait_for_selector("main h1")
    return page


@pytest.fixture
def visit(browser, lab):
    """visit(address, before=None, **how): opens the lab at what stands behind the #; `how` as Playwright's new_context."""
    pages = []

    def go(address, **how):
        pages.append(opened_at(browser, lab, address, **how))
        return pages[-1]

    yield go
    THREAD.submit(lambda: [page.context.close() for page in pages]).result()
    assert not [problem for page in pages for problem in page.problems]


@pytest.fixture(scope="module")
def visit_once(browser, lab):
    """As `visit`, for a page that the tests of a file share."""
    pages = []

    def go(address, **how):
        pages.append(THREAD.submit(opened_at, browser, lab, address, **how).result())
        return pages[-1]

    yield go
    THREAD.submit(lambda: [page.context.close() for page in pages]).result()


@pytest.fixture(scope="session")
def until():
    """until(page, condition): waits for JavaScript to be true. (Playwright's own way needs an eval, which the page forbids.)"""

    def wait(page, condition, seconds=60):
        end = time.monotonic() + seconds
        while not page.evaluate(condition):
            assert time.monotonic() < end, f"never came true: {condition}"
            page.wait_for_timeout(30)

    return wait


@pytest.fixture(scope="session")
def axe():
    """axe(page) -> violations of WCAG 2.2 AA and of best practice, by axe-core (axe/LICENSE)."""
    source = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")

    def violations(page):
        page.evaluate(source)  # in a world of its own, where the page's policy does not count
        return page.evaluate("axe.run().then((result) => result.violations)")

    return violations


@pytest.fixture(scope="session")
def shot():
    """shot(page, name) keeps a picture of the whole page in $SCREENSHOTS, where that is set: for eyes, not for comparison."""
    folder = os.environ.get("SCREENSHOTS")

    def keep(page, name):
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return keep
