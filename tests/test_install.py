"""The ways to install agree: pyproject.toml, constraints.txt, Makefile, Dockerfile, the workflow, docs/install.md."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
MEASURED = json.loads((ROOT / "benchmarks" / "results" / "install-size.json").read_text(encoding="utf-8"))["rows"]
PIP = "pip install -c constraints.txt"


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def recipe(target):
    """The commands of a rule of the Makefile, without what only make needs."""
    lines = re.search(rf"^{re.escape(target)}:.*\n((?:\t.*\n)+)", text_of("Makefile"), re.MULTILINE)[1].splitlines()
    plain = [line.strip().replace("$(BIN)/", "").replace("--quiet --disable-pip-version-check ", "") for line in lines]
    return [line for line in plain if not line.startswith("@")]


# ---- the constraints


def wanted(requirements):
    """(name, specifier) of requirements, with those of an extra of inkbloom in its place."""
    for requirement in map(Requirement, requirements):
        if requirement.name == PROJECT["name"]:
            yield from (pair for extra in requirement.extras for pair in wanted(EXTRAS[extra]))
        else:
            yield canonicalize_name(requirement.name), requirement.specifier


def test_the_constraints_pin_what_the_project_asks_for():
    pinned = [Requirement(line) for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]
    assert not [str(item) for item in pinned if item.extras or item.url], "pip takes neither extras nor addresses there"
    versions = {}
    for item in pinned:
        (only,) = item.specifier
        assert only.operator == "=="
        versions.setdefault(canonicalize_name(item.name), []).append(only.version)
    for name, specifier in wanted([*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["docs"]]):
        assert all(version in specifier for version in versions[name]), f"constraints.txt is old: make lock ({name})"


@pytest.mark.parametrize("python", ["3.11.9", "3.12.9", "3.13.9", "3.14.1"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_each_python_and_system_has_one_version_of_each_package(python, system):
    machine = {
        "python_version": python.rsplit(".", 1)[0],
        "python_full_version": python,
        "sys_platform": system,
        "os_name": "nt" if system == "win32" else "posix",
    }
    lines = [Requirement(line) for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]
    held = [canonicalize_name(item.name) for item in lines if item.marker is None or item.marker.evaluate(machine)]
    assert len(held) == len(set(held))
    assert {name for name, _ in wanted([*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["docs"]])} <= set(held)


# ---- extras, and the weight of the base


def closure(requirements):
    """The names of what is installed here for the sake of some requirements."""
    found, left = set(), [Requirement(text) for text in requirements]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        asked = {"extra": ""} if not requirement.extras else {"extra": next(iter(requirement.extras))}
        if name not in found:
            found.add(name)
            inner = [Requirement(text) for text in importlib.metadata.requires(name) or ()]
            left += [item for item in inner if item.marker is None or item.marker.evaluate(asked)]
    return found


def test_the_base_installation_is_no_heavier_than_was_measured():
    gpu = re.compile(r"nvidia-|cuda-|triton$")  # what the default build of torch brings on Linux
    here = {name for name in closure(PROJECT["dependencies"]) if not gpu.match(name)}
    assert here - {"setuptools"} <= set(MEASURED["base"]["packages"])  # setuptools is not counted: environments come with it


def test_dev_has_every_feature():
    dev = {extra for text in EXTRAS["dev"] for extra in Requirement(text).extras if text.startswith(PROJECT["name"])}
    assert dev == set(EXTRAS) - {"dev", "docs"}


@pytest.mark.parametrize("page", ["docs/install.md", "docs/zh/install.md"])
def test_the_page_has_what_was_measured_of_each_extra(page):
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\d,]+ \| [\d,]+ MiB) \|$", text_of(page), re.MULTILINE))
    assert set(rows) == set(EXTRAS) - {"dev"}
    assert rows == {extra: f"{len(MEASURED[extra]['packages'])} | {MEASURED[extra]['mib']:,} MiB" for extra in rows}
    base = f"{len(MEASURED['base']['packages'])}"
    assert re.search(rf"{base} (packages|个包)", text_of(page))
    assert f"{MEASURED['base']['mib']:,} MiB" in text_of(page)


# ---- the same commands everywhere


def without_make():
    """The commands of "Without make" in docs/install.md."""
    return re.search(r"## Without make\n\n```sh\n(.*?)```", text_of("docs/install.md"), re.DOTALL)[1].splitlines()


def test_the_dockerfile_runs_the_commands_of_the_page():
    steps = re.findall(r"^(FROM|COPY|RUN|ENV|WORKDIR|ENTRYPOINT) (.*)$", text_of("Dockerfile"), re.MULTILINE)
    activate = ". .venv/bin/activate"
    assert [line for word, line in steps if word == "RUN"] == [line for line in without_make() if line != activate]
    made, used = (steps.index(("RUN", line)) for line in without_make() if line != activate)
    between = [line for word, line in steps[made:used] if word == "ENV"]
    assert between == ["PATH=/inkbloom/.venv/bin:$PATH"]  # what activating does
    assert steps.index(("WORKDIR", "/inkbloom")) < steps.index(("COPY", ". .")) < made
    assert json.loads(dict(steps)["ENTRYPOINT"]) == ["inkbloom"]


def test_what_git_ignores_stays_out_of_the_image():
    ignored = {line.strip("/") for line in text_of(".gitignore").splitlines()}
    assert ignored <= {line.removeprefix("**/") for line in text_of(".dockerignore").splitlines()}


def test_the_workflow_runs_the_commands_of_the_makefile_on_every_python_and_system():
    flow = yaml.safe_load(text_of(".github/workflows/ci.yml"))
    jobs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in flow["jobs"].items()}
    assert jobs["test"] == [*recipe(".venv/.installed-dev"), *recipe("test")]
    assert jobs["documents"] == ["make docs"]
    assert jobs["package"] == ["make dist"]
    matrix = flow["jobs"]["test"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    supported = [line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert matrix["python"] == supported
    assert PROJECT["requires-python"] == f">={supported[0]}"
    assert all("uses" in step or "run" in step for job in flow["jobs"].values() for step in job["steps"])


def test_the_commands_are_such_that_every_shell_takes_them():
    for line in [*without_make(), *recipe(".venv/.installed-dev"), *recipe("test")]:
        assert shlex.split(line), line
        assert not re.search(r"[|&;<>`$]", line)
