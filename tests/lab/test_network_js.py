"""The page's networks against PyTorch's, step by step: both page files, and every operation that a list may hold."""

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from inkbloom.exports.graph import OPS, graph_of, play
from inkbloom.lab.site import PAGE
from inkbloom.nets import Ink

PLAYED = "return steps.map((step) => packed(net.play(steps, weights, {x, t, y}).get(step.name)));"
OPENED = "const {steps, weights, parity, macs, parameters} = page_file.openNetwork(await bytesOf(file));"
WASM = "const {engine} = conv; engine.sums = wasm.wasmSums(conv.sums); "


@pytest.fixture(autouse=True)
def plain_again(engine):
    """Afterwards the page's convolution is the plain one again."""
    yield
    in_browser(engine, "conv.engine.sums = null;", "conv")


@pytest.mark.parametrize("name", ["ink", "basic"])
@pytest.mark.parametrize("fast", [False, True], ids=["javascript", "webassembly"])
def test_every_step_is_pytorchs(engine, page_files, name, fast):
    """On inputs that are not the file's own; and the file's own proof is as good."""
    file, numbers = page_files[name], np.random.default_rng(0)
    for t, y in ((0.3, 4), (0.97, 10)):
        x = numbers.normal(size=(1, 28, 28)).astype(np.float32)
        code = (WASM if fast else "") + OPENED + PLAYED
        answers = engine(code, "net page_file conv wasm", file=f"/{name}", x=x, t=t, y=y if name == "ink" else None)
        with torch.no_grad():
            doubles = {key: tensor.double() for key, tensor in file.tensors.items()}
            given = torch.tensor(x)[None].double(), torch.tensor([t]).double(), torch.tensor([y])
            expected = play(file.steps, doubles, *given)
        assert len(answers) == len(file.steps) > 10
        for step, answer in zip(file.steps, answers, strict=True):
            torchs = expected[step["name"]][0].numpy()
            assert answer.shape == torchs.shape
            assert np.abs(answer - torchs).max() < 1e-4, step


@pytest.mark.parametrize("name", ["ink", "basic"])
def test_the_proof_of_a_file_sees_a_wrong_weight(engine, page_files, served, name):
    code = WASM + OPENED + "return [parity, engine.sums !== null];"
    worst, fast = engine(code, "page_file conv wasm", file=f"/{name}")
    assert 0 < worst < 1e-4
    assert fast
    served.files["/wrong"] = page_files[name].changed(name.replace("ink", "stem.weight").replace("basic", "down.0.weight"))
    assert engine(code, "page_file conv wasm", file="/wrong")[0] > 1e-2


def test_the_size_of_the_networks(engine, page_files):
    for name, parameters, macs in (("basic", 309_057, 31_360_000), ("ink", None, None)):
        found = engine(OPENED + "return {macs, parameters};", "page_file", file=f"/{name}")
        weights = {key: t for key, t in page_files[name].tensors.items() if not key.startswith(("golden/", "condition.freq"))}
        assert found["parameters"] == sum(tensor.numel() for tensor in weights.values()) == (parameters or found["parameters"])
        assert macs in (None, found["macs"])
        counted = [
            weights[step["weights"][0]].numel() * (np.prod(step["shape"][1:]) if step["op"] == "conv2d" else 1)
            for step in page_files[name].steps
            if step["op"] in ("conv2d", "linear")
        ]
        assert found["macs"] == sum(counted)


# ---- every operation


class Every(nn.Module):
    """What the shipped networks leave unused, with what they use: each operation of the list at least once."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 8, 3, stride=(1, 2), padding=(1, 2)), nn.Conv2d(8, 2, (1, 3), padding=(0, 1))
        self.norm, self.label = nn.GroupNorm(2, 8, eps=1e-3), nn.Embedding(4, 8)
        self.grow, self.mix = nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1), nn.Linear(8, 8, bias=False)
        self.gains = nn.Parameter(torch.linspace(-1, 1, 7))

    def forward(self, x, t, y=None):
        h = torch.relu(self.norm(self.first(nn.functional.pad(x, (0, 1, 0, 2), mode="reflect"))))
        h = h * torch.sigmoid(self.mix(self.label(y)))[:, :, None, None] + t.cos()[:, None, None, None]
        h = nn.functional.max_pool2d(self.grow(h), 2)
        h = nn.functional.interpolate(h, scale_factor=2)[:, :, :7, :7] * self.gains
        return self.last(h * 2 + 1) + t.reshape(-1, 1, 1, 1).sin()


NETWORKS = {
    "every": (Every, 2, (5, 9), 3),
    "colours": (lambda: Ink(3, (27, 18), 0, (16, 16, 32), 1, 5, True), 3, (27, 18), 0),
}


def traced(name):
    """(steps, all weights, an input) of one of NETWORKS with weights that hide nothing."""
    torch.manual_seed(0)
    make, channels, size, conditions = NETWORKS[name]
    net = make().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        given = torch.randn(1, channels, *size), torch.tensor([0.7]), torch.tensor([2]) if conditions else None
        steps, constants = graph_of(net, given)
    return steps, {**net.state_dict(), **constants}, given


@pytest.mark.parametrize("name", NETWORKS)
def test_every_operation_is_pytorchs(engine, served, name):
    steps, weights, (x, t, y) = traced(name)
    served.files["/weights"] = save({key: tensor.contiguous() for key, tensor in weights.items()})
    code = "const weights = safetensors.readSafetensors(await bytesOf('/weights')).tensors; " + PLAYED
    told = {"x": x[0], "t": t.item(), "y": None if y is None else y.item(), "steps": steps}
    with torch.no_grad():
        expected = play(steps, weights, x, t, y)
    for step, answer in zip(steps, engine(code, "net safetensors", **told), strict=True):
        torchs = expected[step["name"]][0].numpy()
        assert answer.shape == torchs.shape
        np.testing.assert_allclose(answer, torchs, atol=5e-5, rtol=1e-5, err_msg=str(step))


def test_no_operation_is_left_out(engine, page_files):
    seen = {step["op"] for name in NETWORKS for step in traced(name)[0]}
    seen |= {step["op"] for file in page_files.values() for step in file.steps}
    assert seen == set(OPS) == set(engine("return Object.keys(ops.OPS);", "ops"))


# ---- surgery


CHANGES = {
    "mute": [{"kind": "mute", "step": "conv2d_4", "channel": 3}],
    "zero": [{"kind": "zero", "step": "silu_1"}],
    "weight": [{"kind": "weight", "name": "stem.weight", "index": 5, "value": 0.7}],
    "all": [
        {"kind": "weight", "name": "head.weight", "index": 0, "value": -1.0},
        {"kind": "weight", "name": "head.weight", "index": 7, "value": 2.0},
        {"kind": "mute", "step": "conv2d_4", "channel": 0},
        {"kind": "mute", "step": "conv2d_4", "channel": 1},
        {"kind": "zero", "step": "cat_1"},
    ],
}


@pytest.mark.parametrize("name", CHANGES)
def test_after_surgery_only_what_it_reaches_is_computed(engine, page_files, name):
    """The same numbers as a whole pass over a network that is changed by hand; what is not reached is not computed again."""
    file, changes = page_files["ink"], CHANGES[name]
    x = np.random.default_rng(1).normal(size=(1, 28, 28)).astype(np.float32)
    code = (
        OPENED
        + """
        const before = net.play(steps, weights, {x, t: 0.5, y: 3});
        const after = net.play(steps, weights, {x, t: 0.5, y: 3}, changes, before);
        const same = steps.filter(({name}) => before.get(name) === after.get(name)).map(({name}) => name);
        return [same, steps.map(({name}) => packed(after.get(name)))];
    """
    )
    same, answers = engine(code, "net page_file", file="/ink", x=x, changes=changes)

    weights = dict(file.tensors)
    for change in changes:
        if change["kind"] == "weight":
            weights[change["name"]] = weights[change["name"]].clone()
            weights[change["name"]].view(-1)[change["index"]] = change["value"]
    values = {"x": torch.tensor(x)[None], "t": torch.tensor([0.5]), "y": torch.tensor([3])}
    touched = set()
    for step, answer in zip(file.steps, answers, strict=True):
        told = {key: value for key, value in step.items() if key not in ("name", "op", "inputs", "weights", "shape", "layer")}
        operands = [values[key] for key in step["inputs"]] + [weights[key] for key in step["weights"]]
        out = OPS[step["op"]](*operands, **told)
        if touched & set(step["inputs"]) or any(weights[key] is not file.tensors[key] for key in step["weights"]):
            touched.add(step["name"])
        for change in changes:
            if change.get("step") == step["name"]:
                out = out.clone()
                (out if change["kind"] == "zero" else out[:, change["channel"]]).zero_()
                touched.add(step["name"])
        values[step["name"]] = out
        np.testing.assert_allclose(answer, out[0].numpy(), atol=2e-4, rtol=2e-5)
    assert set(same) == {step["name"] for step in file.steps} - touched
    assert touched
    assert same


def test_webassembly_and_javascript_agree(engine):
    numbers, given = np.random.default_rng(4), {}
    shapes = [(48, 16, 15, 3), (1, 32, 28, 5), (13, 7, 30, 4), (64, 64, 7, 5), (96, 96, 9, 1)]
    for k, (outputs, inputs, size, kernel) in enumerate(shapes):
        given |= {f"x{k}": numbers.normal(size=(inputs, size, size)), f"b{k}": numbers.normal(size=outputs)}
        given |= {f"w{k}": numbers.normal(size=(outputs, inputs, kernel, kernel))}
    names = ", ".join(f"[x{k}, w{k}, b{k}]" for k in range(len(shapes)))
    code = f"""
        const windows = [
          {{}}, {{padding: [2, 2]}}, {{stride: [2, 1], padding: [1, 3]}},
          {{padding: [4, 4], dilation: [2, 1]}}, {{stride: [2, 2]}},
        ];
        const all = (sums) => {{
          conv.engine.sums = sums;
          const both = (x, w, b, told) => [conv.conv2d(x, w, b, told), conv.conv2d(x, w, null, told)];
          return [{names}].flatMap(([x, w, b]) => windows.map((told) => both(x, w, b, told)));
        }};
        const [plain, fast] = [all(null), all(wasm.wasmSums(() => {{ throw new Error("too small"); }}))];
        return plain.flat().map((one, k) => [packed(one), packed(fast.flat()[k])]);
    """
    pairs = engine(code, "conv wasm", **given)
    assert len(pairs) == 50
    for one, other in pairs:
        assert np.abs(one - other).max() <= 1e-5 * np.abs(one).max()


def test_the_bytes_are_those_of_the_source():
    """Whoever changes conv.wat runs scripts/make_wasm.py, which needs Node; this needs none."""
    source = (PAGE / "engine" / "conv.wat").read_bytes().replace(b"\r\n", b"\n")
    assert hashlib.sha256(source).hexdigest() in (PAGE / "engine" / "conv_wasm.js").read_text(encoding="utf-8")


def test_without_webassembly_the_plain_sums_do_it(engine):
    code = "const kept = WebAssembly; delete globalThis.WebAssembly; "
    code += "try { return wasm.wasmSums(conv.sums); } finally { globalThis.WebAssembly = kept; }"
    assert engine(code, "conv wasm") is None


def in_browser(engine, code, modules):
    engine.thread.submit(engine, code, modules).result()
