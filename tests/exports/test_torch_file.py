"""`--to torch`: one Python file that draws inkbloom's very pictures where there is no inkbloom."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import inkbloom
from inkbloom.errors import UsageError

SMALL = {"widths": [16, 32], "layers": 1, "steps": 2, "batch_size": 8, "compile": "off", "precision": "fp32", "quiet": True}
WITHOUT = """
import sys
class Blocked:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] == "inkbloom":
            raise ImportError("inkbloom is not installed here")
sys.meta_path.insert(0, Blocked())
"""
DRAW = f"""{WITHOUT}
import numpy, model
numpy.save("drawn.npy", model.sample(model.load(), 5, 3))
"""
KINDS = {
    "clusters": ("fast-uncond", {"clusters": 3}),
    "ddpm": ("ddpm", {"sample_steps": 4}),
    "colour": ("tinted", {"size": "20x24", "upsampler": "transposed", "path": "cosine", "target": "v", "solver": "heun"}),
    "tutorial": ("tutorial", {"widths": [8, 16], "sample_steps": 4, "epochs": None}),
    "basic": ("tutorial-basic", {"widths": (), "layers": 0, "sample_steps": 4, "epochs": None}),
    "levels": ("fast", {"sample_steps": 3, "sample_times": [1.0, 0.6, 0.2]}),
    "vae": ("vae", {"layers": None}),
    "gan": ("gan", {"layers": None, "upsampler": "resize"}),
}


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """run_of(kind) -> a run of two steps."""

    def make(kind):
        recipe, changes = KINDS[kind]
        return inkbloom.train(recipe, out=tmp_path_factory.mktemp(kind) / "run", **{**SMALL, **changes})

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_alone_draws_the_same_bytes(run_of, kind, tmp_path):
    run = run_of(kind)
    written = inkbloom.export(run, "torch", tmp_path / "out", quiet=True)
    done = subprocess.run(
        [sys.executable, "-B", "-c", DRAW], cwd=written["folder"], capture_output=True, text=True, env=_no_paths()
    )
    assert done.returncode == 0, done.stderr
    assert (np.load(written["folder"] / "drawn.npy") == np.asarray(run.sample(5, seed=3))).all()
    code = (written["folder"] / "model.py").read_text()
    assert "import inkbloom" not in code
    assert "from ." not in code


def _no_paths():
    import os

    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_inkbloom_is_really_missing_there():
    done = subprocess.run([sys.executable, "-c", WITHOUT + "import inkbloom"], capture_output=True, text=True)
    assert "not installed here" in done.stderr


def test_its_command_draws_pictures(tmp_path):
    folder = inkbloom.export(to="torch", out=tmp_path / "out", dtype="fp16", quiet=True)["folder"]
    words = [sys.executable, "-B", "model.py", "--count", "3", "--seed", "5", "--label", "7", "--out", "drawn"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    drawn = np.stack([np.asarray(Image.open(path)) for path in sorted((folder / "drawn").iterdir())])
    assert (drawn == np.asarray(inkbloom.Run().sample(3, seed=5, label=7))[..., 0]).all()
    assert json.loads((folder / "parity.json").read_text())["pictures"] <= 1e-4
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "drawn",
        "model.py",
        "model.safetensors",
        "parity.json",
    ]


def test_the_weights_may_be_read_by_others(tmp_path):
    folder = inkbloom.export(to="torch", out=tmp_path / "out", quiet=True)["folder"]
    (tmp_path / "plain").write_text("as a new file is")
    assert {path.stat().st_mode for path in folder.iterdir()} == {(tmp_path / "plain").stat().st_mode}


def test_a_changed_weight_would_be_seen(tmp_path, monkeypatch):
    """The proof opens what was written: a file with another weight is not kept."""
    from inkbloom.errors import InkbloomError
    from inkbloom.exports import torch_file

    save = torch_file.save
    monkeypatch.setattr(torch_file, "save", lambda state: save({name: each + 0.01 for name, each in state.items()}))
    with pytest.raises(InkbloomError, match="does not draw the same"):
        inkbloom.export(to="torch", out=tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


class Own(torch.nn.Module):
    """A network of one's own."""

    def __init__(self, channels, size, num_classes):
        super().__init__()
        self.layer = torch.nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x, t, y=None):
        return self.layer(x)


def test_code_of_ones_own_is_not_copied(tmp_path):
    run = inkbloom.train("fast", net=Own, out=tmp_path / "run", labels=False, steps=2, batch_size=8, compile="off", quiet=True)
    with pytest.raises(UsageError, match="net 'Own' is your own code, which --to torch does not copy: --to onnx"):
        inkbloom.export(run, "torch", tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_a_class_that_was_never_trained_is_not_drawn_elsewhere_either(tmp_path):
    """Of the classes 0, 1 and 2 the middle one has no image: in turn come 0 and 2."""
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    data = inkbloom.images(images, labels=np.arange(40) % 2 * 2)
    run = inkbloom.train("fast", data=data, out=tmp_path / "run", **{**SMALL, "widths": [16]})
    folder = inkbloom.export(run, "torch", tmp_path / "out", quiet=True)["folder"]
    code = WITHOUT + "import numpy, model\nnumpy.save('drawn.npy', model.sample(model.load(), 4))"
    subprocess.run([sys.executable, "-B", "-c", code], cwd=folder, check=True)
    assert (np.load(folder / "drawn.npy") == np.asarray(run.sample(4, label=[0, 2]))).all()
    pipeline = json.loads(
        (inkbloom.export(run, "diffusers", tmp_path / "p", quiet=True)["folder"] / "model_index.json").read_text()
    )
    assert pipeline["settings"]["trained"] == [0, 2]
