"""What the tests of the lab share: its page folder on a small server, and a headless Chromium that opens it.

Playwright keeps an event loop running in its thread, which other tests of the same process could not bear: so the browser
has a thread of its own, and the tests that use it run there.
"""

from __future__ import annotations

import base64
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import inkbloom

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
        self.page, self.files = page, files

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
