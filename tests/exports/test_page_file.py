"""`--to page`: one file with the network as plain steps, golden values, and all that a sampler must know."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

import inkbloom
from inkbloom.errors import UsageError

SMALL = {"widths": [16, 32], "layers": 1, "steps": 2, "batch_size": 8, "compile": "off", "precision": "fp32", "quiet": True}


def opened(path):
    """(tensors, the tables of its metadata) of a page file, read without inkbloom."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    told = json.loads(data[8 : 8 + length])["__metadata__"]
    return load(data), {name: json.loads(table) for name, table in told.items()}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The shipped model as a page file."""
    return inkbloom.export(to="page", out=tmp_path_factory.mktemp("page") / "out", quiet=True)["folder"] / "model.safetensors"


def test_the_golden_values_are_pytorchs(digits):
    """Each step of the list against a hook on the module of inkbloom's network that makes it."""
    tensors, tables = opened(digits)
    run = inkbloom.Run(digits)
    seen = {}
    for name, module in run.family.net.named_modules():
        module.register_forward_hook(lambda module, given, out, name=name: seen.setdefault(name, out))
    given = [tensors[f"page/golden/{name}"] for name in ("x", "t", "y")]
    with torch.no_grad():
        run.family.net(given[0], given[1], given[2].long())
    steps, compared = tables["page"]["steps"], 0
    for row, step in enumerate(steps):
        if step["op"] not in ("conv2d", "linear", "embedding", "channel_norm"):
            continue
        out = seen[step["layer"]].flatten()
        kept = out[torch.arange(256) * len(out) // 256]
        torch.testing.assert_close(tensors["page/golden/values"][row], kept, rtol=1e-4, atol=1e-4)
        assert tensors["page/golden/mean"][row].item() == pytest.approx(out.mean().item(), abs=1e-4)
        assert tensors["page/golden/rms"][row].item() == pytest.approx(out.square().mean().sqrt().item(), rel=1e-4)
        compared += 1
    assert compared > 30
    assert len(tensors["page/golden/values"]) == len(steps)


def test_half_precision_unless_asked_otherwise(digits, tmp_path):
    tensors, _ = opened(digits)
    assert {each.dtype for name, each in tensors.items() if not name.startswith("page/")} == {torch.float16}
    assert digits.stat().st_size < 1.9e6
    whole = inkbloom.export(to="page", out=tmp_path / "out", dtype="fp32", quiet=True)["folder"] / "model.safetensors"
    assert {each.dtype for name, each in opened(whole)[0].items() if not name.startswith("page/")} == {torch.float32}


def test_the_file_opens_in_inkbloom_and_draws_the_same(digits):
    assert (np.asarray(inkbloom.Run(digits).sample(4)) == np.asarray(inkbloom.Run().sample(4))).all()


def test_all_that_a_sampler_must_know(digits):
    sampling = opened(digits)[1]["page"]["sampling"]
    assert (sampling["shape"], sampling["range"], sampling["classes"]) == ([1, 28, 28], [-1, 1], list("0123456789"))
    assert (sampling["path"], sampling["target"], sampling["solver"], sampling["conditions"]) == ("lerp", "x0", "dpmpp_2m", 10)
    request = inkbloom.Run().request(1)
    assert len(sampling["times"]) == request.steps + 1
    assert (sampling["times"][0], sampling["times"][-1], sampling["guidance"]) == (1, 0, request.guidance)


def test_a_changed_weight_changes_the_answer(digits):
    """What answers is the file: the proof would see another weight."""
    from inkbloom.exports.page_file import played

    data = digits.read_bytes()
    tensors, tables = opened(digits)
    tensors["stem.weight"] += 0.1
    other = save(tensors, {name: json.dumps(table) for name, table in tables.items()})
    x, t, y = (tensors[f"page/golden/{name}"] for name in ("x", "t", "y"))
    with torch.no_grad():
        assert not torch.allclose(played(data)(x, t, y), played(other)(x, t, y), atol=1e-3)


@pytest.mark.parametrize(
    ("recipe", "changes", "told"),
    [
        ("vae", {"layers": None}, "the page draws step by step, and a vae in one pass: --to torch and --to onnx take it"),
        ("tutorial", {"widths": [8, 16], "epochs": None}, "the page cannot compute the operation"),
    ],
)
def test_what_the_page_cannot_do_is_told_and_nothing_is_left(tmp_path, recipe, changes, told):
    run = inkbloom.train(recipe, out=tmp_path / "run", **{**SMALL, **changes})
    with pytest.raises(UsageError, match=told):
        inkbloom.export(run, "page", tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()
