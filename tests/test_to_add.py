"""What ARCHITECTURE.md says is enough to add a thing: each row is done to a copy of the package, and the copy is run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEW = {  # row of the table -> files that are written anew
    "network": {
        "nets/plain.py": """
from torch import nn

class Plain(nn.Module):
    def __init__(self, channels=1, size=(28, 28), num_classes=0, widths=(), layers=0):
        super().__init__()
        self.num_classes, self.channels_last = num_classes, False
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x, t, y=None):
        return self.conv(x)
"""
    },
    "source": {
        "data/stripes.py": """
import torch

from .dataset import Data
from .slices import split_slices

def load_stripes():
    images = (torch.arange(12) % 2 * 255).to(torch.uint8).expand(60, 1, 12, 12).contiguous()
    return Data(images, None, (), split_slices(60), "stripes")
"""
    },
    "verb": {
        "verbs/greet.py": """
def add_flags(parser):
    parser.add_argument("name")

def run(args):
    print(f"hello {args.name}")
    return 0
"""
    },
    "recipe": {"recipes/dull.toml": 'extends = "fast"\nabout = "one convolution on stripes"\nlabels = false\nsteps = 2\n'},
    "family": {
        "families/hazy.py": """
from .vae import VAE

class Hazy(VAE):
    pass
"""
    },
}
CHANGED = {  # row -> (file, what stands there, what stands there then)
    "network": [
        ("nets/__init__.py", "from .unet2d import UNet2D\n", "from .plain import Plain\nfrom .unet2d import UNet2D\n"),
        ("nets/__init__.py", '"ink": Ink}', '"ink": Ink, "plain": Plain}'),
        ("config.py", 'NetName = Literal["basic"', 'NetName = Literal["plain", "basic"'),
    ],
    "solver": [
        ("config.py", 'SolverName = Literal["euler"', 'SolverName = Literal["again", "euler"'),
        (
            "solvers.py",
            'SOLVERS: dict[str, Solver] = {"euler": euler',
            """def again(denoise, x, times, path, noise=None):
    yield from euler(denoise, x, times, path)


SOLVERS: dict[str, Solver] = {"again": again, "euler": euler""",
        ),
    ],
    "source": [
        ("data/source.py", "from .resize import resized\n", "from .resize import resized\nfrom .stripes import load_stripes\n"),
        (
            "data/source.py",
            '    "digits": lambda',
            '    "stripes": lambda path, how: load_stripes(),\n    "digits": lambda',
        ),
        ("data/source.py", 'WITHOUT_PATH = {"digits"', 'WITHOUT_PATH = {"stripes", "digits"'),
    ],
    "verb": [("cli.py", "VERBS = {\n", 'VERBS = {\n    "greet": "say hello",\n')],
    "field": [
        (
            "config.py",
            "    flip: bool =",
            '    dark: float = _f(1.0, "multiplies all pixels", within=(0, 1))\n    flip: bool =',
        ),
        ("training/fit.py", "        if recipe.flip:", "        x = x * recipe.dark\n        if recipe.flip:"),
    ],
    "family": [
        ("config.py", 'FamilyName = Literal["diffusion"', 'FamilyName = Literal["hazy", "diffusion"'),
        ("families/__init__.py", "from .gan import GAN\n", "from .gan import GAN\nfrom .hazy import Hazy\n"),
        ("families/__init__.py", '"gan": GAN}', '"gan": GAN, "hazy": Hazy}'),
    ],
}


@pytest.fixture(scope="module")
def inkbloom(tmp_path_factory):
    """Runs one command line of a copy with all the additions -> (exit code, output)."""
    folder = tmp_path_factory.mktemp("additions")
    package = folder / "src" / "inkbloom"
    shutil.copytree(ROOT / "src" / "inkbloom", package, ignore=shutil.ignore_patterns("__pycache__"))
    for files in NEW.values():
        for name, text in files.items():
            (package / name).write_text(text)
    for changes in CHANGED.values():
        for name, before, after in changes:
            text = (package / name).read_text()
            assert text.count(before) == 1, (name, before)
            (package / name).write_text(text.replace(before, after))

    def command(line):
        environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
        done = subprocess.run(
            [sys.executable, "-m", "inkbloom", *line.split()],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return command


def test_a_network_a_solver_a_source_a_recipe_and_a_field(inkbloom):
    train = "train dull --net plain --solver again --data stripes --dark 0.5 --compile off --precision fp32 --out run"
    code, said = inkbloom(train)
    assert code == 0, said
    code, said = inkbloom("sample run -n 2 --steps 3")
    assert code == 0, said
    assert "again, 3 steps, 3 network evaluations each" in said
    code, said = inkbloom("train dull --dark 2")
    assert code == 2
    assert "dark = 2.0: must lie in [0, 1]" in said


def test_a_verb(inkbloom):
    assert inkbloom("greet ink") == (0, "hello ink\n")
    assert "say hello" in inkbloom("--help")[1]


def test_a_family(inkbloom):
    code, said = inkbloom("train vae --family hazy --steps 2 --data stripes --compile off --precision fp32 --out hazy")
    assert code == 0, said
    code, said = inkbloom("sample hazy -n 2")
    assert code == 0, said
    assert "one pass of the network each" in said


def test_the_table_names_the_files_that_were_touched():
    table = (ROOT / "ARCHITECTURE.md").read_text().split("## To add")[1].split("## What")[0]
    rows = {re.search(r"a (\w+)", row)[1]: row for row in table.splitlines() if re.match(r"\| a \w+ (to inkbloom )?\|", row)}
    rows["field"] = next(row for row in table.splitlines() if row.startswith("| a field"))
    for thing in {*NEW, *CHANGED}:
        for name in {name for name, _, _ in CHANGED.get(thing, [])} - {"training/fit.py"}:
            assert f"`{name}`" in rows[thing], (thing, name)
        for name in NEW.get(thing, {}):
            assert f"`{name.split('/')[0]}/`" in rows[thing], (thing, name)
