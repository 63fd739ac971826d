"""The package stands alone: its wheel, installed in an environment of its own, does all that the command can do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import inkbloom
from inkbloom import cli

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
TINY = "--steps 2 --widths 16 --layers 1 --batch-size 8 --compile off --precision fp32 --quiet"
COMMANDS = f"""
recipes fast
inspect digits
train fast {TINY} --out runs/digits
train own.toml --out runs/own --quiet
sample runs/own --count 4 --nfe 4
sample --count 4
evaluate runs/digits --images 50 --n 50 --nfe 2 --json card.json
judge digits --epochs 1 --quiet
compare runs/digits runs/own --html both.html
explain convolution
claims --only shrinks ideal timestep impressive tuning --json claims.json
bench --quick --only sampling --recipe own.toml --run runs/own
"""  # each verb in its quickest real form
FILES = """inspect/digits.png runs/own/samples/grid.png samples/grid.png card.json judge.safetensors both.html
explain/convolution.png"""
ALL_IN_ONE = """
import contextlib, io, json, sys
import inkbloom, inkbloom.cli

ends = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = inkbloom.cli.main(words)
    ends.append([code, out.getvalue(), err.getvalue()])
print(json.dumps({"file": inkbloom.__file__, "ends": ends}))
"""


def files_of_the_package():
    """The files below src/inkbloom, as a wheel names them."""
    files = [path for path in (SOURCE / "inkbloom").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(SOURCE).as_posix() for path in files}


def quiet(*command, **options):
    """What a command prints; its complaint, where it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    quiet(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The interpreter of an environment with this wheel; what inkbloom needs is borrowed from the current one."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, symlinks=True)
    executable = place / "bin" / "python"
    (packages,) = place.glob("lib/*/site-packages")
    borrowed = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed))  # whose own .pth files, that of `pip install -e`, do not count
    quiet(sys.executable, "-m", "pip", "--python", executable, "install", "--quiet", "--no-deps", "--no-index", wheel)
    return executable


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """An empty current folder, and an environment that knows nothing of this checkout."""
    monkeypatch.chdir(tmp_path)
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {"OMP_NUM_THREADS": "1"}


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    assert files_of_the_package() <= set(zipfile.ZipFile(wheel).namelist())


def test_a_wheel_without_a_folder_of_data_is_found(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = {str(Path(name).parent) for name in files_of_the_package() if not name.endswith(".py")}
    assert len(folders) > 5
    for folder in folders:
        assert not files_of_the_package() <= {name for name in names if not name.startswith(f"{folder}/")}


def test_the_installed_command_says_its_version(python, alone):
    assert quiet(python.with_name("inkbloom"), "--version", env=alone) == f"inkbloom {inkbloom.__version__}\n"


def test_every_verb_works_in_a_folder_of_its_own(python, alone, recipe, tmp_path):
    recipe("own")
    commands = [line.split() for line in COMMANDS.strip().splitlines()]
    assert {words[0] for words in commands} == set(cli.VERBS)
    result = json.loads(quiet(python, "-c", ALL_IN_ONE, json.dumps(commands), env=alone).splitlines()[-1])
    assert Path(result["file"]).is_relative_to(python.parents[1])
    for words, (code, out, err) in zip(commands, result["ends"], strict=True):
        assert (code, err) == (0, ""), f"{' '.join(words)}\n{out}{err}"
    assert [name for name in FILES.split() if not (tmp_path / name).exists()] == []
    verdicts = {claim["id"]: claim["verdict"] for claim in json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))}
    assert len(verdicts) == 5
    assert "not measured here" not in verdicts.values()
