"""What the end-to-end tests share: a tiny set of images, a tiny recipe, and three ways to run the command on them.

`command` runs it in this process, `process` in a fresh one, and `zygote` in a fork of a process that has imported torch but
computed nothing, which costs a hundredth of a fresh one and can be killed at any moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: as many workers as cores, and bits depend on the threads

import numpy as np
import pytest

TINY = {
    "net": "ink", "widths": [16], "layers": 1, "steps": 24, "batch_size": 16, "ema": 0.2, "compile": "off",
    "precision": "fp32", "checkpoint_every": 5, "sample_steps": 3, "warmup": 0.1,
}  # fmt: skip


class Ended(NamedTuple):
    """How a command ended: exit code, or minus the signal that killed it."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """Its one line of complaint."""
        assert self.err.startswith("error: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith("\n")
        return self.err.removeprefix("error: ").rstrip("\n")


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """source(channels, size, count, classes) -> 'npz:FILE' of striped images, each class with stripes of its own."""
    folder, made = tmp_path_factory.mktemp("data"), {}

    def make(channels=1, size=(8, 8), count=50, classes=3):
        key = (channels, size, count, classes)
        if key not in made:
            labels, numbers = np.arange(count) % max(classes, 3), np.random.default_rng(0)
            rows, columns = np.mgrid[: size[0], : size[1]]
            waves = 128 + 100 * np.sin(columns * (1 + labels[:, None, None]) + rows / 2)
            images = waves[..., None] * np.linspace(1, 0.5, channels) + numbers.normal(0, 10, (count, *size, channels))
            arrays = {"images": images.clip(0, 255).astype(np.uint8)} | ({"labels": labels} if classes else {})
            made[key] = folder / f"{len(made)}.npz"
            np.savez(made[key], **arrays)
        return f"npz:{made[key]}"

    return make


@pytest.fixture
def recipe(tmp_path, source):
    """recipe(**changes) -> the path of a TOML file: a run of a fraction of a second on grey 8x8 images of three classes."""

    def write(name="tiny", **changes):
        fields = {"data": source(), **TINY, **changes}
        path = tmp_path / f"{name}.toml"
        path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items() if value is not None))
        return path

    return write


@pytest.fixture
def command(capsys):
    """command(*argv) -> how the command line ended, run in this process."""
    from inkbloom.cli import main

    def call(*argv):
        capsys.readouterr()
        code = main([str(word) for word in argv])
        return Ended(code, *capsys.readouterr())

    return call


@pytest.fixture
def process():
    """process(*argv) -> how the command line ended, run in a fresh process."""

    def call(*argv, **options):
        done = subprocess.run(
            [sys.executable, "-m", "inkbloom", *map(str, argv)], capture_output=True, text=True, timeout=120, **options
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return call


ZYGOTE = """
import json, os, signal, sys, time
import accelerate.utils, rich.progress, torch._dynamo, torch.distributed.fsdp
import inkbloom.api, inkbloom.cli, inkbloom.verbs.train

def start(job):
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        for number, path in enumerate((os.devnull, job["out"], job["err"])):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), number)
        os.environ.update(job["environment"])
        exec(job["first"], {})
        code = inkbloom.cli.main(job["argv"])
        sys.stdout.flush(), sys.stderr.flush()
    finally:
        os._exit(code)

print("ready", flush=True)
for line in sys.stdin:
    order, began = json.loads(line), time.monotonic()
    children = [start(job) for job in order["jobs"]]
    ends = [None] * len(children)
    kills = sorted(order["kills"] + [[60, signal.SIGKILL, number] for number in range(len(children))])
    while None in ends:
        while time.monotonic() - began >= kills[0][0]:
            _, sign, number = kills.pop(0)
            if ends[number] is None:
                os.kill(children[number], sign)
        for number, child in enumerate(children):
            if ends[number] is None and (found := os.waitpid(child, os.WNOHANG))[0]:
                ends[number] = os.waitstatus_to_exitcode(found[1])
        time.sleep(0.001)
    print(json.dumps(ends), flush=True)
"""


class Zygote:
    """A process that has imported all and forks a child for each command: a kill of one loses nothing but the child."""

    def __init__(self, folder):
        self.folder = folder
        self.server = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        assert self.server.stdout.readline() == "ready\n"

    def __call__(self, *argv, first="", kill=()):
        """Runs one command after the Python code `first`; `kill` holds (seconds, signal) pairs, counted from the fork."""
        return self.together([(argv, {})], first, [(seconds, number, 0) for seconds, number in kill])[0]

    def together(self, jobs, first="", kills=()):
        """Runs (argv, environment) pairs at the same time; `kills` holds (seconds, signal, number of the job)."""
        places = [(self.folder / f"{number}.out", self.folder / f"{number}.err") for number in range(len(jobs))]
        for place in (path for pair in places for path in pair):
            place.write_text("")
        orders = [
            {"argv": [str(word) for word in argv], "environment": environment, "first": first, "out": str(out), "err": str(err)}
            for (argv, environment), (out, err) in zip(jobs, places, strict=True)
        ]
        print(json.dumps({"jobs": orders, "kills": [list(kill) for kill in kills]}), file=self.server.stdin, flush=True)
        codes = json.loads(self.server.stdout.readline())
        return [
            Ended(code, *(path.read_text(errors="replace") for path in pair)) for code, pair in zip(codes, places, strict=True)
        ]


@pytest.fixture(scope="session")
def zygote(tmp_path_factory):
    """zygote(*argv, first=code, kill=[(seconds, signal)]) -> how the command ended, run in a fork."""
    if not hasattr(os, "fork"):
        pytest.skip("no os.fork on this system")
    made = Zygote(tmp_path_factory.mktemp("zygote"))
    yield made
    made.server.stdin.close()
    made.server.wait(timeout=60)


@pytest.fixture(scope="session")
def outcome():
    """outcome(run) -> all that may not depend on how often a run was stopped: hashes of the newest weights, the exact log."""

    def read(run):
        newest = run / "checkpoints" / (run / "checkpoints" / "latest").read_text().strip()
        hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in newest.glob("*.safetensors")}
        state = json.loads((newest / "state.json").read_text())
        records = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        held = run / "holdout.jsonl"
        return hashes | {
            "counters": (state["step"], state["averaged"]),
            "steps": [record["step"] for record in records],
            "log": [{key: value for key, value in record.items() if key != "images_per_second"} for record in records],
            "holdout": held.read_text() if held.exists() else "",
        }

    return read


@pytest.fixture(scope="session")
def checkpoints():
    """checkpoints(run) -> the steps of its checkpoints, complete or not."""
    return lambda run: sorted(int(path.name[5:]) for path in (run / "checkpoints").glob("step-????????"))


@pytest.fixture(scope="session")
def a_card():
    """a_card(**changes) -> a card as `inkbloom evaluate` writes it; a dict given for a table changes some of its fields."""

    def make(**changes):
        row = {"fd": 1.9, "kid": 0.1, "recall": 0.93, "coverage": 0.92, "precision": 0.94, "density": 0.95, "near": 0.008}
        made = {
            "header": {
                "card": 1, "judge": "digits-v1", "judge_sha256": "ab" * 32, "layer": "penultimate", "d": 64, "scale": 1.5,
                "n": 1000, "source": "digits", "reference_sha256": "cd" * 32, "size": [8, 8], "channels": 1,
            },
            "made": {"inkbloom": "0.1.0", "torch": "2.9.0", "images": 5000, "solver": "euler", "steps": 3, "step": 24},
            "floor": {**row, "tv": 0.02, "agreement": 0.99},
            "floor_sd": {**dict.fromkeys(row, 0.01), "tv": 0.005, "agreement": 0.002},
            **{name: value / 2 for name, value in row.items()},
            "fd": 21.5,
            "kid": 33.25,
            "sd": dict.fromkeys(row, 0.25),
            "blocks": 5,
            "near_shifted": 0.01,
            "near_ratio": 0.0,
            "copying_z": 12.3,
            "classes": {"names": ["0"], "share": [1.0], "reference_share": [1.0], "tv": 0.08, "agreement": 0.85},
            "holdout": None,
        }  # fmt: skip
        for name, value in changes.items():
            made[name] = {**made[name], **value} if isinstance(value, dict) else value
        return made

    return make
