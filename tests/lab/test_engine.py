"""The engine in its worker: pictures as Python draws them, answers while it samples, cancelling, and what goes wrong."""

import numpy as np
import pytest
import torch

import inkbloom
from inkbloom.philox import uniform
from inkbloom.sampling import final

CLIENT = """
const worker = new Worker("/engine/worker.js", {type: "module"});
const engine = client.openEngine(worker);
try {
  const model = await engine.load(await bytesOf(file));
  BODY
} finally { worker.terminate(); }
"""


@pytest.fixture
def asked(engine):
    """asked(body, file, **given) -> what a function body with `engine` and `model` in reach returns."""
    return lambda body, file="/ink", **given: engine(CLIENT.replace("BODY", body), "client", file=file, **given)


PICTURE = """
let last; const seen = [];
const {cancelled} = await engine.sample(model, request, (step) => {
  last = step;
  seen.push([step.k, step.t, step.x0 === null]);
}).done;
return [packed(last.x), seen, cancelled];
"""
WAYS = [
    ("ink", {}),
    ("ink", {"solver": "dpmpp_2m", "steps": 20, "guidance": 1.0}),
    ("ink", {"solver": "euler", "steps": 40, "spacing": "uniform"}),
    ("ink", {"solver": "heun", "steps": 5, "spacing": "shifted", "guidance": 2.0}),
    ("ink", {"solver": "ancestral", "steps": 6, "spacing": "logsnr", "guidance": 0.0}),
    ("basic", {}),
    ("basic", {"solver": "euler", "steps": 40}),
]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_the_same_seed_is_the_same_picture(asked, page_files, name, way):
    """Picture 4 of seed 7, by the page and by Python, from the same file."""
    run = inkbloom.Run(page_files[name].path)
    request = run.request(5, seed=7, **way)
    expected = final(run.family, request, 4, 5)[0].cpu().numpy()
    told = {"seed": 7, "index": 4, "label": 4 if name == "ink" else None, **way}
    answer, seen, cancelled = asked(PICTURE, f"/{name}", request=told)
    assert np.abs(answer - expected).max() <= 1e-3
    assert [(k, first) for k, _, first in seen] == [(k, k == 0) for k in range(request.steps + 1)]
    assert (seen[0][1], seen[-1][1], cancelled) == (1, 0, False)


def test_what_is_known_of_a_model(asked, page_files):
    body = "const {steps, sampling, about, ...rest} = model;"
    body += "return [steps, sampling, about, rest, packed(await engine.weight(model, 'stem.bias'))];"
    steps, sampling, about, rest, bias = asked(body)
    tables = page_files["ink"].tables
    assert (steps, sampling, about) == (tables["page"]["steps"], tables["page"]["sampling"], tables["inkbloom"])
    assert rest["name"] == "ink"
    assert 0 < rest["parity"] < 1e-4
    assert (bias == page_files["ink"].tensors["stem.bias"].numpy()).all()


def test_a_question_and_its_layers(asked, page_files):
    """x0 of one question is Python's, and the last layer's output where the network predicts x0."""
    run, x = inkbloom.Run(page_files["ink"].path), np.random.default_rng(0).normal(size=(1, 28, 28)).astype(np.float32)
    body = """
        const x0 = await engine.denoise(model, {x, t: 0.6, label: 3, guidance: 2});
        const plain = await engine.forward(model, {x, t: 0.6, label: 3});
        const other = await engine.forward(model, {x, t: 0.6, label: 3}, [{kind: "zero", step: "conv2d_3"}]);
        const again = await engine.forward(model, {x, t: 0.6, label: 3});
        const last = model.steps.at(-1).name;
        return [x0, ...[plain, other, again].map(({values}) => values[last])].map(packed);
    """
    x0, plain, other, again = asked(body, x=x)
    with torch.no_grad():
        given, t = torch.tensor(x)[None], torch.tensor(0.6)
        guided, alone = (run.family.conditioned(torch.tensor([3]), scale)(given, t)[0].cpu().numpy() for scale in (2, 1))
    assert np.abs(x0 - guided).max() < 1e-4
    assert np.abs(plain - alone).max() < 1e-4
    assert np.abs(other - plain).max() > 1e-2
    assert (again == plain).all()


def test_a_question_takes_the_cluster_that_its_picture_has(asked, page_files, served):
    """As sampling does, so that a look between two steps is one at the same picture."""
    x = np.random.default_rng(2).normal(size=(1, 28, 28)).astype(np.float32)
    told = {"edit": lambda page: page["sampling"].update(clusters=2), "more": {"page/shares": torch.full((5, 2), 0.5)}}
    served.files["/clusters"] = page_files["ink"].changed(**told)
    body = "const seen = {x, t: 0.6}; return (await Promise.all(all.map((each) => engine.denoise(model, {...seen, ...each}))))"
    body += ".map(packed);"
    answers = asked(body, "/clusters", x=x, all=[{"label": 1, "seed": 7, "index": index} for index in range(6)])
    of_condition = dict(zip((2, 3), asked(body, x=x, all=[{"label": 2}, {"label": 3}]), strict=True))
    drawn = [2 + int(uniform(7, "cluster", [index], 1)[0, 0] >= 0.5) for index in range(6)]
    assert set(drawn) == {2, 3}
    for answer, condition in zip(answers, drawn, strict=True):
        assert (answer == of_condition[condition]).all()


def test_surgery_and_a_corrupt_weight_change_the_picture(asked, page_files, served):
    request = {"seed": 3, "label": 1, "steps": 4}
    plain = asked(PICTURE, request=request)[0]
    cut = asked(PICTURE, request={**request, "changes": [{"kind": "weight", "name": "stem.bias", "index": 3, "value": 1.0}]})[0]
    served.files["/corrupt"] = page_files["ink"].changed("stem.bias")
    corrupt = asked(PICTURE, "/corrupt", request=request)[0]
    assert np.abs(cut - plain).max() > 1e-3
    assert np.abs(corrupt - plain).max() > 1e-3
    assert (asked(PICTURE, request=request)[0] == plain).all()


def test_sampling_can_go_on_from_a_picture(asked):
    """The last steps, from what the first ones left, end where all of them end: Euler's steps know nothing of earlier ones."""
    body = """
        const way = {seed: 1, label: 2, solver: "euler", steps: 6}, all = [];
        await engine.sample(model, way, (step) => all.push(step)).done;
        let last;
        await engine.sample(model, {...way, x: all[4].x, from: 4}, (step) => { last = step; }).done;
        return [all.length, last.k, ...[all.at(-1).x, last.x].map(packed)];
    """
    count, k, whole, rest = asked(body)
    assert (count, k) == (7, 6)
    assert np.abs(whole - rest).max() < 1e-5


@pytest.mark.parametrize("how", ["job.cancel()", "engine.cancelAll()"])
def test_cancelling(asked, how):
    """Heard between two steps; questions are answered meanwhile; the engine goes on."""
    body = """
        let steps = 0, answered = 0;
        const job = engine.sample(model, {steps: 500, solver: "euler"}, ({k}) => {
          steps = k;
          if (k === 2) engine.weight(model, "stem.bias").then(() => { answered = steps; });
          if (k === 6) HOW;
        });
        const {cancelled} = await job.done;
        const after = await engine.sample(model, {steps: 2}, () => {}).done;
        return [cancelled, steps, answered, after.cancelled];
    """.replace("HOW", how)
    cancelled, steps, answered, after = asked(body)
    assert (cancelled, after) == (True, False)
    assert 6 <= steps < 20
    assert 2 <= answered < 20


def test_what_goes_wrong_arrives_as_a_problem(engine, served, asked):
    served.files["/hostile"] = b"<html>not found</html>"
    body = """
        const code = async (work) => (await caught(() => work)).code;
        model.id = -1;
        return [await code(engine.load(await bytesOf("/hostile"))), await code(engine.load(new Uint8Array())),
          await code(engine.forward(model, {x: {shape: [1, 28, 28], data: new Float32Array(784)}, t: 0.5})),
          await code(engine.sample(model, {}, () => {}).done)];
    """
    assert asked(body) == ["foreign", "foreign", "no-model", "no-model"]
    gone = "const worker = new Worker('/nowhere.js'); return caught(() => client.openEngine(worker).load(new Uint8Array()));"
    assert engine(gone, "client")["code"] == "broken"


def test_without_a_worker_a_channel_does(engine, page_files):
    """The engine on the page's own thread, where a browser starts no worker."""
    code = """
        const {port1, port2} = new MessageChannel();
        worker.serve(port1);
        const model = await client.openEngine(port2).load(await bytesOf("/ink"));
        return [model.name, model.parity];
    """
    name, parity = engine(code, "client worker")
    assert name == "ink"
    assert parity < 1e-4
