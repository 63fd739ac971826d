"""The lab as one HTML file: modules joined to one script that does what they did, and a page that works from file://."""

import base64
import json
import re
import shutil
import subprocess

import pytest

from inkbloom.errors import InkbloomError
from inkbloom.lab.single_file import joined, single_file
from inkbloom.lab.site import files_of_lab

MODULES = {
    "main.js": """import "./first.js";
import { area as size, PI } from "./sub/shapes.js";
import {
  count,
  Late,
} from "./sub/counter.js";
import * as shapes from "./sub/shapes.js";

const python = `
import torch
import torch.nn.functional as F
from x import y
export = 3
`;
// the type is import("./sub/shapes.js").Shape, and "export default" is a word
const log = [size(2), PI, [...count(3)], shapes.area(1), Object.keys(shapes).sort(), python.length, new Late("no").message];
shapes.later(1).then((value) => console.log(JSON.stringify([...globalThis.order, ...log, value, "</script><!-- x"])));
""",
    "first.js": "globalThis.order = [];\nglobalThis.order.push(typeof this);\n",
    "sub/shapes.js": """import { square } from "../sub/numbers.js";

globalThis.order.push("shapes");
/** @type {import("./numbers.js").Square} */
const also = square;
export const PI = 3;
export function area(radius) {
  return PI * also(radius);
}
export async function later(value) {
  await null;
  return value + 1;
}
const hidden = 5;
export { hidden as shown, also };
""",
    "sub/numbers.js": 'globalThis.order.push("numbers");\nexport const square = (x) => x * x;\nconst also = "another also";\n',
    "sub/counter.js": """export function* count(n) {
  for (let k = 0; k < n; k++) yield k;
}
export class Late extends Error {}
globalThis.order.push("counter");
""",
}


@pytest.fixture
def node(tmp_path):
    """node(files, entry) -> what Node prints."""
    if shutil.which("node") is None:
        pytest.skip("no node on PATH: the joined script is only tried in the browser")

    def run(files, entry):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        done = subprocess.run(["node", entry], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_joined_script_does_what_the_modules_do(node):
    expected = node({**MODULES, "package.json": '{"type": "module"}'}, "main.js")
    assert json.loads(expected)[:4] == ["undefined", "numbers", "shapes", "counter"]
    assert node({"joined.cjs": joined("main.js", MODULES)}, "joined.cjs") == expected


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (
            "export default 3;",
            r"a.js cannot be joined to a single file (`export default 3;`): import and export have other forms",
        ),
        ('export { b } from "./b.js";', r'a.js cannot be joined to a single file (`export { b } from "";`)'),
        ('export * from "./b.js";', "a.js cannot be joined"),
        ("export let counter = 0;", "a.js cannot be joined to a single file (`export let counter = 0;`)"),
        ("export const { b } = {};", "a.js cannot be joined to a single file (`export const { b } = {};`)"),
        ('import b from "./b.js";', "a.js cannot be joined"),
        ('import b, { c } from "./b.js";', "a.js cannot be joined"),
        ("import { b } from './b.js';", "a.js cannot be joined"),
        ("const here = import.meta.url;", "(`import.meta.url;`): neither import.meta nor import() is possible there"),
        ('const b = import("./b.js");', "neither import.meta nor import() is possible there"),
        ("const c = await fetch(1);", "(`const c = await fetch(1);`): no await outside a function is possible there"),
        ('import { d } from "./b.js";', "a.js imports d, which b.js does not export: correct one of them"),
        ('import { b } from "./none.js";', "a.js names none.js, which is no file of the page: correct the name"),
        ('import { b } from "../../etc/b.js";', "a.js names ../../etc/b.js, which is no file of the page"),
        ('import { b } from "./c.js";', "modules import each other in a circle (a.js → c.js → a.js): move what both need"),
    ],
)
def test_a_module_that_cannot_be_joined_is_refused_in_one_line(code, error):
    modules = {
        "a.js": f"{code}\n",
        "b.js": "export const b = 1;\n",
        "c.js": 'import { a } from "./a.js";\nexport const b = a;\n',
    }
    with pytest.raises(InkbloomError) as told:
        joined("a.js", modules)
    assert error in str(told.value)
    assert "\n" not in str(told.value)


# ---- in the browser

ADD = base64.b64encode(  # (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
    bytes.fromhex("0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b")
).decode()
PAGE = {
    "index.html": """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>stand-in</title>
  <link rel="icon" href="icon.svg">
  <link rel="modulepreload" href="engine/worker.js">
  <link rel="stylesheet" href="style.css">
  <script type="module" src="main.js"></script>
</head>
<body><p id="said">nothing yet</p></body>
</html>
""",
    "icon.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "style.css": "#said { color: rgb(1, 2, 3); }\n",
    "main.js": """import { read } from "./ui/assets.js";

const said = /** @type {HTMLElement} */ (document.querySelector("#said"));
const worker = new Worker(URL.createObjectURL(new Blob([globalThis.INKBLOOM_WORKER], { type: "text/javascript" })));
worker.onmessage = ({ data }) => { said.textContent = `${data}; ${read("models.json")} </script>`; };
worker.postMessage([2, 40]);
""",
    "ui/assets.js": "export const read = (name) => atob(globalThis.INKBLOOM_FILES[name]);\n",
    "engine/worker.js": """import { add } from "./add.js";

self.onmessage = ({ data }) => { add(...data).then((sum) => self.postMessage(`the worker says ${sum}`)); };
""",
    "engine/add.js": f"""const bytes = Uint8Array.from(atob("{ADD}"), (letter) => letter.charCodeAt(0));
export async function add(a, b) {{
  const {{ instance }} = await WebAssembly.instantiate(bytes);
  return instance.exports.add(a, b);
}}
""",
    "models.json": "[1, 2]",
}


@pytest.fixture
def opened(tmp_path):
    """opened(browser, html) -> (the page from file://, all that it complained of, all that it asked for)."""

    def visit(browser, html):
        (tmp_path / "lab.html").write_bytes(html)
        page, complaints, asked = browser.new_page(), [], []
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda problem: complaints.append(str(problem)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "lab.html").as_uri())
        return page, complaints, asked

    return visit


def test_a_page_works_from_one_file_with_its_worker_and_webassembly(browser, opened):
    page, complaints, asked = opened(browser, single_file({name: text.encode() for name, text in PAGE.items()}))
    page.wait_for_function("document.querySelector('#said').textContent !== 'nothing yet'", timeout=20_000)
    assert page.inner_text("#said") == "the worker says 42; [1, 2] </script>"
    assert page.evaluate("getComputedStyle(document.querySelector('#said')).color") == "rgb(1, 2, 3)"
    assert complaints == []
    assert {url.split(":")[0] for url in asked} <= {"file", "blob", "data"}
    assert sum(url.startswith("file:") for url in asked) == 1
    refused = page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'refused')")
    page.close()
    assert refused == "refused"


def test_no_other_script_would_run_in_it(browser, opened):
    html = single_file({name: text.encode() for name, text in PAGE.items()})
    html = html.replace(b"</body>", b"<script>document.title = 'taken over'</script></body>")
    page, complaints, _ = opened(browser, html)
    page.wait_for_timeout(200)
    title = page.title()
    page.close()
    assert title == "stand-in"
    assert any("Content Security Policy" in each for each in complaints)


def test_the_lab_itself_works_from_one_file(browser, opened):
    html = single_file(files_of_lab(language="zh"))
    assert not re.search(rb'(?:src|href)="(?!data:|#|https:)', html.partition(b"<script>")[0])
    page, complaints, asked = opened(browser, html)
    page.wait_for_selector(".proof [data-worst]", timeout=60_000, state="attached")
    language, title = page.evaluate("document.documentElement.lang"), page.inner_text("h1")
    page.close()
    assert language.startswith("zh")
    assert re.search(r"[一-鿿]", title)
    assert complaints == []
    assert sum(url.startswith("file:") for url in asked) == 1
    assert not [url for url in asked if url.startswith("http")]
