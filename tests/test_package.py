"""The package stands alone: its wheel, installed in an environment of its own, does all that the command can do."""

from __future__ import annotations

import json
import os
import posixpath
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

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
sweep own.toml --vary lr=1e-3..1e-2 --trials 2 --out swept --quiet
export runs/own --to torch --out exported
compare runs/digits runs/own --html both.html
lab --export site --single-file lab.html
explain convolution
claims --only shrinks ideal timestep impressive tuning --json claims.json
bench --quick --only sampling --recipe own.toml --run runs/own
"""  # each verb in its quickest real form
FILES = """inspect/digits.png runs/own/samples/grid.png samples/grid.png card.json judge.safetensors both.html
explain/convolution.png site/index.html lab.html swept/best.toml exported/model.py"""
ABOUT = ["METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"]
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


def built(kind, project, folder):
    """The path of the sdist or wheel that a project's own build makes in a folder."""
    quiet(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder, cwd=project)
    (made,) = folder.iterdir()
    return made


def contents(wheel):
    """name -> checksum of the files in a wheel; RECORD is a list of the others."""
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: info.CRC for info in archive.infolist() if not info.filename.endswith("/RECORD")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The sdist, unpacked as a user would."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built("sdist", ROOT, folder)) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"inkbloom-{inkbloom.__version__}"


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


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    about = {f"inkbloom-{inkbloom.__version__}.dist-info/{name}" for name in ABOUT}
    assert set(contents(wheel)) == files_of_the_package() | about
    wanted = ("py.typed", "recipes/fast.toml", "pretrained/", "data/digits/", "evaluation/judges/")
    assert [name for name in wanted if not any(path.startswith(f"inkbloom/{name}") for path in contents(wheel))] == []


def page_lacks(files):
    """The names of files that the lab's page needs, from its HTML on through all imports, and that are not among `files`."""
    absent, seen, waiting = set(), set(), ["index.html", "engine/worker.js"]
    while waiting:
        name = waiting.pop()
        if name in seen or ":" in name:
            continue
        seen.add(name)
        if name not in files:
            absent.add(name)
        elif name.endswith(".html"):
            waiting += re.findall(r'(?:src|href)="([^"#]+)"', files[name].decode())
        elif name.endswith(".js"):
            paths = re.findall(r'^(?:import|export|\}).*?"(\.[^"]+)";?$', files[name].decode(), re.MULTILINE)
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in paths]
    return absent, seen


def test_the_wheel_holds_every_file_of_the_lab(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("inkbloom/lab/page/")]
        files = {name.removeprefix("inkbloom/lab/page/"): archive.read(name) for name in names}
        ink = archive.getinfo("inkbloom/pretrained/digits.safetensors").file_size
    absent, needed = page_lacks(files)
    assert absent == set()
    assert {"main.js", "style.css", "engine/conv.js", "rooms/lobby.js", "ui/state.js", "text/common.js"} <= needed
    assert {name for name in files if name.endswith(".js")} <= needed, "a module that nothing imports"
    assert ink + sum(map(len, files.values())) <= 5e6
    for name in needed - {"index.html", "main.js"}:  # any file that went missing would be noticed
        assert page_lacks({other: body for other, body in files.items() if other != name})[0] == {name}


def test_the_sdist_holds_what_git_would_track_and_nothing_else(unpacked):
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git")
    listed = quiet("git", "-c", "core.quotePath=off", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    tracked = {name for name in listed.splitlines() if (ROOT / name).is_file()}
    inside = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert inside == tracked | {"PKG-INFO"}


def test_the_sdist_builds_the_same_wheel(unpacked, wheel, tmp_path):
    assert contents(built("wheel", unpacked, tmp_path)) == contents(wheel)


def test_the_metadata_are_valid_and_say_what_the_project_says(wheel):
    folder = f"inkbloom-{inkbloom.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        about = Metadata.from_email(archive.read(f"{folder}/METADATA"), validate=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (about.name, str(about.version), str(about.requires_python)) == ("inkbloom", inkbloom.__version__, ">=3.11")
    assert set(about.provides_extra) == set(project["optional-dependencies"])
    assert about.description == (ROOT / "README.md").read_text(encoding="utf-8")
    assert about.description_content_type == "text/markdown"
    assert about.license_expression == "Apache-2.0"
    assert {f"{folder}/licenses/{name}" for name in about.license_files} <= set(contents(wheel))
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)} <= set(about.classifiers)


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
