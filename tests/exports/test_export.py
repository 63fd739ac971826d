"""`inkbloom export`: what it writes draws the same elsewhere, needs no inkbloom, and is there whole or not at all."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

import inkbloom
from inkbloom.config import ExportName
from inkbloom.errors import DiskError, InkbloomError, UsageError
from inkbloom.exports import TARGETS, folder, open_model, parity

WITHOUT = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "inkbloom":
            raise ImportError("there is no inkbloom here")
sys.meta_path.insert(0, Blocked())
"""
UNET = {"net": "unet2d", "widths": [8, 16], "layers": 1, "optimizer": "adam"}
DDPM = {**UNET, "labels": False, "path": "vp", "target": "x0", "sample_steps": 5}


@pytest.fixture
def trained(recipe):
    """trained(**changes) -> a run of two steps, on the tiny set."""
    made = iter(range(99))

    def train(out=None, **changes):
        steps = {"steps": 2, "checkpoint_every": 2}
        path = recipe(**{**steps, **changes})
        return inkbloom.train(str(path), out=out or path.with_name(f"run-{next(made)}"), quiet=True).path

    return train


def exported(run, to, **settings):
    return inkbloom.export(run, to, quiet=True, **settings)


def alone(code, *words, **environment):
    """What Python code prints in a fresh process where inkbloom cannot be imported."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + code, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def drawn_by_inkbloom(run, noise, labels=None, **asked):
    """Pictures in [0, 1], (B, C, H, W), from this starting noise, as the recipe or what is asked says."""
    model = inkbloom.Run(run)
    family = model.family
    family.noise = lambda draw, purpose, *shape, step=0: torch.as_tensor(noise)
    asked = model.request(len(noise), label=labels, **asked)
    x = inkbloom.sampling.final(family, asked, 0, len(noise))
    low, high = {"0..1": (0, 1), "-1..1": (-1, 1)}[model.recipe.pixels]
    return ((x - low) / (high - low)).clamp(0, 1).numpy()


# ---- diffusers

STOCK = """
import numpy as np, torch
from diffusers import DDIMPipeline
pipeline = DDIMPipeline.from_pretrained(sys.argv[1])
assert type(pipeline).__module__.startswith("diffusers.")
asked = {"generator": torch.Generator().manual_seed(7), "num_inference_steps": 5, "output_type": "np"}
images = pipeline(batch_size=3, use_clipped_model_output=sys.argv[3] == "True" or None, **asked).images
np.save(sys.argv[2], images)
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", ["x0", "eps"])
def test_a_stock_pipeline_draws_the_same_picture_where_there_is_no_inkbloom(target, trained, tmp_path):
    run = trained(**{**DDPM, "target": target, "loss_on": target, "clip_x0": target == "eps"})
    where = exported(run, "diffusers")["folder"]
    clipped = target == "eps"
    alone(STOCK, where, tmp_path / "drawn.npy", clipped)
    assert ("use_clipped_model_output=True" in (where / "README.md").read_text()) == clipped
    assert not list(where.rglob("*.py"))
    noise = torch.randn((3, 1, 8, 8), generator=torch.Generator().manual_seed(7))
    ours = drawn_by_inkbloom(run, noise / inkbloom.diffusion.vp(torch.tensor(1.0)).s)  # which begins with 0.99998 of it
    np.testing.assert_allclose(np.load(tmp_path / "drawn.npy"), ours.transpose(0, 2, 3, 1), atol=1e-4)


OWN = """
import numpy as np, torch
from diffusers import DiffusionPipeline
noise = torch.randn((6, int(sys.argv[3]), 8, 8), generator=torch.Generator().manual_seed(7))
pipeline = DiffusionPipeline.from_pretrained(sys.argv[1], trust_remote_code=True)
print(type(pipeline.unet).__name__, type(pipeline.scheduler).__name__)
np.save(sys.argv[2], pipeline(noise=noise, batch_size=6, output_type="np").images)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"solver": "euler", "sample_steps": 6, "guidance": 1.5}, "InkbloomModel FlowMatchEulerDiscreteScheduler"),
        ({"solver": "dpmpp_2m", "spacing": "logsnr", "sample_steps": 6, "target": "v"}, "InkbloomModel FlowMatch"),
        ({"path": "vp", "solver": "heun", "target": "eps", "clip_x0": True}, "InkbloomModel NoneType"),
        ({**UNET, "spacing": "shifted", "target": "v"}, "UNet2DModel FlowMatchEulerDiscreteScheduler"),
        ({"net": "basic", "widths": [8, 8, 8], "labels": False, "timed": False}, "InkbloomModel FlowMatch"),
    ],
)
def test_a_pipeline_with_its_code_draws_the_same_picture_where_there_is_no_inkbloom(changes, parts, trained, tmp_path):
    run = trained(**changes)
    where = exported(run, "diffusers")["folder"]
    said = alone(OWN, where, tmp_path / "drawn.npy", 1, HF_MODULES_CACHE=str(tmp_path / "modules"))
    assert said.startswith(parts)
    noise = torch.randn((6, 1, 8, 8), generator=torch.Generator().manual_seed(7))
    ours = drawn_by_inkbloom(run, noise)
    np.testing.assert_allclose(np.load(tmp_path / "drawn.npy"), ours.transpose(0, 2, 3, 1), atol=1e-4)
    assert "**Loading this model runs the Python code" in (where / "README.md").read_text()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({**DDPM, "labels": True}, "classes"),
        ({**DDPM, "path": "cosine"}, "its path is cosine"),
        ({**DDPM, "target": "v"}, "its v is the velocity"),
        ({**DDPM, "timed": False}, "not told the time"),
        ({**DDPM, "pixels": "0..1"}, "its pixels lie in 0..1"),
        ({**DDPM, "widths": [8, 16, 16, 16], "size": "9x10"}, "pads images of 10 x 9"),
        ({**DDPM, "clusters": 2}, "clusters"),
        ({"path": "vp"}, "its network is ink"),
    ],
)
def test_why_no_stock_pipeline_would_do_is_said(changes, why, trained, command, tmp_path):
    ended = command("export", trained(**changes), "--to", "diffusers", "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert f"no stock pipeline draws it ({why}" in ended.out or why in ended.out
    assert (tmp_path / "out" / "pipeline.py").exists()


# ---- onnx

DOCS = Path(__file__).parents[2] / "docs" / "export.md"
CALLED = """
noise, of, out = (np.load(sys.argv[2]), np.load(sys.argv[3]), sys.argv[4])
np.save(out, sample(sys.argv[1], noise, of if len(of) else None))
"""


def sampler():
    """The sampler that the docs show, without the lines that call it."""
    (code,) = re.findall(r"```python\n(import json.*?)\nnoise = ", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return code


@pytest.mark.parametrize(
    "changes",
    [{"guidance": 1.5, "solver": "euler", "sample_steps": 6}, {**DDPM, "sample_steps": 4}],
    ids=["ink", "unet2d"],
)
def test_a_graph_draws_the_same_picture_by_onnxruntime_alone(changes, trained, tmp_path):
    run = trained(**changes)
    where = exported(run, "onnx")["folder"]
    noise = np.random.default_rng(0).standard_normal((6, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "noise.npy", noise)
    np.save(tmp_path / "of.npy", np.arange(6) % 3 if inkbloom.Run(run).spec.classes else [])
    alone(sampler() + CALLED, where / "model.onnx", *(tmp_path / f"{name}.npy" for name in ("noise", "of", "drawn")))
    drawn = np.load(tmp_path / "drawn.npy").transpose(0, 3, 1, 2)
    np.testing.assert_allclose(drawn, drawn_by_inkbloom(run, noise), atol=1e-4)


def test_a_graph_takes_any_batch_and_says_what_it_is(trained):
    import onnx
    import onnxruntime

    file = exported(trained(), "onnx")["folder"] / "model.onnx"
    graph = onnx.load(file)
    onnx.checker.check_model(graph, full_check=True)
    assert [(kind.domain, kind.version) for kind in graph.opset_import if not kind.domain] == [("", 18)]
    session = onnxruntime.InferenceSession(file.read_bytes())
    for batch in (1, 2, 20, 70):
        x = np.zeros((batch, 1, 8, 8), np.float32)
        (x0,) = session.run(None, {"x": x, "t": np.full(batch, 0.5, np.float32), "y": np.zeros(batch, np.int64)})
        assert x0.shape == x.shape
    about = session.get_modelmeta().custom_metadata_map
    assert (about["path"], about["target"], json.loads(about["classes"])) == ("lerp", "x0", ["0", "1", "2"])
    assert json.loads(about["pixels"]) == [-1, 1]


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_what_draws_at_once_becomes_a_graph_too(family, trained, recipe):
    run = trained(family=family, net=None, layers=None, sample_steps=None, widths=[8])
    made = exported(run, "onnx")
    assert json.loads(made["parity"].read_text())["one"] < 1e-4
    with pytest.raises(UsageError, match=rf"a {family} to diffusers: .* use --to onnx"):
        exported(run, "diffusers")


@pytest.mark.parametrize("t", [1.0, 0.9, 0.5, 0.0123, 0.001])
def test_ddpms_path_without_the_gamma_function(t):
    from inkbloom.diffusion import vp
    from inkbloom.exports.onnx_file import vp_in_a_graph, vp_polynomial

    here = torch.tensor([t])
    for ours, exact in zip(vp_in_a_graph(here, vp_polynomial()), vp(here), strict=True):
        torch.testing.assert_close(ours, exact, rtol=1e-5, atol=1e-6)


class Scaled(nn.Module):
    """A network of one's own."""

    def __init__(self, channels, size, num_classes):
        super().__init__()
        self.layer = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x, t, y=None):
        return self.layer(x) * t[:, None, None, None]


def test_a_network_of_ones_own_goes_out_as_a_graph_and_not_without_being_given(recipe, tmp_path):
    path = recipe(net=None, widths=None, layers=None, labels=False, steps=2, sample_steps=None)
    run = inkbloom.train(str(path), net=Scaled, out=tmp_path / "own", quiet=True)
    with pytest.raises(UsageError, match="net 'Scaled' is not part of inkbloom: give it in Python"):
        exported(tmp_path / "own", "onnx")
    with pytest.raises(UsageError, match=r"net of your own to diffusers: .* use --to onnx"):
        exported(run, "diffusers")
    assert exported(tmp_path / "own", "onnx", net=Scaled)["card"].exists()
    assert exported(run, "onnx", out=tmp_path / "again")["card"].exists()


# ---- every target


def test_the_command_names_what_there_is():
    assert list(get_args(ExportName)) == list(TARGETS)


LIBRARIES = {"torch": "pytorch", "page": "inkbloom"}


@pytest.mark.parametrize("dtype", ["fp32", "fp16"])
@pytest.mark.parametrize("to", TARGETS)
def test_an_export_keeps_its_proof_and_a_card_for_a_hub(to, dtype, trained, command, tmp_path):
    run, out = trained(), tmp_path / "new" / "out"
    ended = command("export", run, "--to", to, "--out", out, "--dtype", dtype)
    assert ended.code == 0, ended.err
    proof = json.loads((out / "parity.json").read_text())
    assert proof["inputs"] == 20
    assert proof["one"] <= 1e-4
    assert (proof["rounding"] > 0) == (dtype == "fp16")
    drawn = "" if proof["pictures"] is None else f", of whole pictures {proof['pictures']:.1e}"
    worst = f"worst difference on 20 inputs {proof['one']:.1e}{drawn} (at most 1e-04 is allowed)"
    card = (out / "README.md").read_text()
    assert worst in ended.out
    assert worst in card
    assert not re.search(r"\.\.(\s|$)", card)
    header = card.split("---")[1]
    assert f"library_name: {LIBRARIES.get(to, to)}" in header
    assert "license: other" in header
    state = json.loads((next((run / "checkpoints").glob("step-*")) / "state.json").read_text())
    assert state["images"] in card
    assert "hf upload YOUR_NAME/MODEL_NAME ." in card
    assert str(tmp_path) not in card


def test_what_is_no_weight_stays_exact_in_a_graph_of_half_precision(trained, tmp_path):
    """UNet2DModel computes the waves of its timestep from constants, which the tracer folds into tensors like the weights."""
    made = exported(trained(**{**DDPM, "target": "eps", "loss_on": "eps"}), "onnx", dtype="fp16")
    assert json.loads(made["parity"].read_text())["one"] < 1e-5


@pytest.mark.parametrize("to", ["diffusers", "torch", "page"])
def test_a_run_that_clips_is_proved_everywhere(to, trained):
    run = trained(path="vp", target="eps", loss_on="eps", clip_x0=True, solver="ancestral", sample_steps=4)
    assert json.loads(exported(run, to, dtype="fp32")["parity"].read_text())["one"] < 1e-4


def test_half_precision_takes_half_the_bytes(trained, tmp_path):
    run = trained(widths=[32])
    for to, file in (("onnx", "model.onnx"), ("diffusers", "unet/diffusion_pytorch_model.safetensors")):
        sizes = [
            (exported(run, to, dtype=dtype, out=tmp_path / f"{to}-{dtype}")["folder"] / file).stat().st_size
            for dtype in ("fp16", "fp32")
        ]
        assert sizes[0] < 0.7 * sizes[1]


def test_nothing_is_replaced(trained, command):
    run = trained()
    (run / "export" / "onnx").mkdir(parents=True)
    ended = command("export", run, "--to", "onnx")
    assert ended.code == 2
    assert "something stands there already" in ended.error
    assert list((run / "export").rglob("*")) == [run / "export" / "onnx"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--to", "onx"], 2, "did you mean 'onnx'"),
        (["--to", "onnx", "--weights", "ema"], 2, "weights = ema: there are only live ones"),
        (["--to", "onnx", "--dtype", "fp8"], 2, "choose from"),
        ([], 2, "--to"),
    ],
)
def test_what_cannot_be_is_one_line(words, code, said, trained, command):
    run = trained(ema=0)
    ended = command("export", run, *words)
    assert ended.code == code
    assert said in ended.error
    assert not (run / "export").exists()


def test_without_a_checkpoint_there_is_nothing_to_export(tmp_path, command):
    (tmp_path / "empty").mkdir()
    ended = command("export", tmp_path / "empty", "--to", "onnx")
    assert ended.code == 4
    assert "no trained run" in ended.error
    assert not list((tmp_path / "empty").iterdir())


def test_the_weights_are_those_that_were_asked_for(trained):
    run = trained(ema=0.9, steps=8)
    ema, live = (open_model(run, weights=kind) for kind in ("ema", "live"))
    assert (ema.weights, live.weights, open_model(run).weights) == ("ema", "live", "ema")
    mine = inkbloom.Run(run, "live").family.state_dict()
    assert all(torch.equal(mine[name].cpu(), value) for name, value in live.family.state_dict().items())
    assert any(not torch.equal(mine[name].cpu(), value) for name, value in ema.family.state_dict().items())
    made = exported(inkbloom.Run(run, "live"), "onnx")
    assert json.loads(made["parity"].read_text())["weights"] == "live"
    cards = made["card"].read_text(), exported(run, "torch")["card"].read_text()
    assert ["these figures are those of the run's averaged weights" in card for card in cards] == [True, False]


def test_an_export_that_draws_otherwise_is_not_kept(trained, monkeypatch):
    run = trained()
    monkeypatch.setattr(parity, "answer", lambda family, asked: torch.zeros_like(asked["x"]))
    with pytest.raises(InkbloomError, match="does not draw the same"):
        exported(run, "onnx")
    assert not (run / "export").exists()


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt(), SystemExit(143)])
def test_what_is_stopped_leaves_nothing(problem, trained, monkeypatch):
    run = trained()

    def stopped(*_):
        raise problem

    monkeypatch.setattr(folder, "prove", stopped)
    with pytest.raises(DiskError if isinstance(problem, OSError) else type(problem)):
        exported(run, "onnx")
    assert not (run / "export").exists()


def test_a_missing_package_is_one_line(trained, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ended = command("export", trained(), "--to", "onnx")
    assert ended.code == 2
    assert ended.error == "onnxruntime is not installed: pip install 'inkbloom[onnx]'"
