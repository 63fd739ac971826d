"""Trainings that are disturbed: each in a fork of this process, which has imported everything and computed nothing.

A fork costs a hundredth of a fresh process, and a kill of it loses nothing else. The fault shim (shim.c) sits between Python
and the C library: it counts the calls that change files in the run's folder, and makes one of them kill, tear or fail.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

KILL, TEAR = -1, -2  # what the shim does other than failing with an errno
FOREVER = 2**40
SECONDS = 120  # a trial that takes longer hangs
TINY = {
    "net": "ink", "widths": [16], "layers": 1, "steps": 12, "batch_size": 8, "ema": 0.2, "compile": "off", "precision": "fp32",
    "checkpoint_every": 3, "preview_every": 6, "holdout_every": 4, "sample_steps": 3, "warmup": 0.1,
}  # fmt: skip
NOT_DIFFUSION = {"net": None, "layers": None, "holdout_every": None, "sample_steps": None}
KINDS: dict[str, dict[str, Any]] = {
    "ink, AdamW": {},
    "ink, Adam, no average": {"optimizer": "adam", "ema": 0.0},
    "ink, Muon, augmented": {"optimizer": "muon", "widths": [16, 16], "augment": 0.3},
    "ink, clusters": {"labels": False, "clusters": 3},
    "basic": {"net": "basic", "widths": [8, 8, 8], "labels": False, "target": "v", "loss_on": "v"},
    "unet2d": {
        "net": "unet2d",
        "widths": [32, 32],
        "path": "vp",
        "target": "eps",
        "loss_on": "eps",
        "labels": False,
        "preview_every": 1000,
    },
    "vae": {"family": "vae", "pixels": "0..1", "widths": [8, 8], **NOT_DIFFUSION},
    "gan": {"family": "gan", "betas": [0.0, 0.99], "widths": [8, 8], **NOT_DIFFUSION},
}


class Fault(NamedTuple):
    """What the shim does at the `first` to the `last` call that changes something: KILL, TEAR, or an errno to fail with."""

    first: int
    what: int
    last: int = FOREVER


class Ended(NamedTuple):
    """How a command ended."""

    code: int  # or minus the signal that killed it
    said: str
    calls: int  # that changed a file
    step: int  # the last one that was done, 0 for none
    seconds: float


def with_shim() -> None:
    """Starts this program again with the shim between it and the C library, unless it is there. Needs a C compiler."""
    if "inkbloom-shim" in os.environ.get("LD_PRELOAD", ""):
        return
    library = Path(tempfile.mkdtemp()) / "inkbloom-shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **threads, "LD_PRELOAD": str(library)})


def import_all() -> None:
    """Imports what a training needs, so that no fork has to."""
    for name in (
        "accelerate.utils",
        "rich.progress",
        "torch._dynamo",
        "torch.distributed.fsdp",
        "inkbloom.verbs.train",
        "inkbloom.api",
    ):
        import_module(name)


class Place:
    """A folder of its own for trials, in memory where the system has such a place, with a set of 50 striped images."""

    def __init__(self) -> None:
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self._kept = tempfile.TemporaryDirectory(dir=memory)
        self.path = Path(self._kept.name)
        self.shim = ctypes.CDLL(None)
        self.shim.fault_count.restype = ctypes.c_long
        self.made = 0
        self.wholes: dict[Path, tuple[dict[str, Any], Ended]] = {}
        self._write_images()

    def _write_images(self) -> None:
        import numpy as np

        labels, numbers = np.arange(50) % 3, np.random.default_rng(0)
        rows, columns = np.mgrid[:8, :8]
        waves = 128 + 100 * np.sin(columns * (1 + labels[:, None, None]) + rows / 2)
        images = (waves + numbers.normal(0, 10, waves.shape)).clip(0, 255).astype(np.uint8)
        np.savez(self.path / "images.npz", images=images, labels=labels)

    def recipe(self, **changes: Any) -> Path:
        """The TOML file of a training of a fraction of a second."""
        fields = {"data": f"npz:{self.path / 'images.npz'}", **TINY, **changes}
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items() if value is not None)
        path = self.path / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
        path.write_text(text)
        return path

    def new_run(self) -> Path:
        """A folder's name that no trial has had."""
        self.made += 1
        return self.path / f"run-{self.made}"

    def start(self, argv: list[object], run: Path, fault: Fault | None = None, book: int = -1,
              first: Callable[[], None] | None = None) -> tuple[int, int]:  # fmt: skip
        """(process, pipe) of a fork that runs the command; `first` runs in it before."""
        reading, writing = os.pipe()
        child = os.fork()
        if child:
            os.close(writing)
            return child, reading
        code = 99
        try:
            said = os.open(self.path / f"{os.getpid()}.said", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            for number in (1, 2):
                os.dup2(said, number)
            at = fault or Fault(FOREVER, KILL)
            self.shim.fault_arm(str(run).encode(), ctypes.c_long(at.first), ctypes.c_long(at.last), at.what, book)
            tell_steps(writing)
            if first:
                first()
            from inkbloom.cli import main

            code = main([str(word) for word in argv])
            sys.stdout.flush()
            os.write(writing, f"{self.shim.fault_count()} calls\n".encode())
        finally:
            os._exit(code)

    def wait(self, started: tuple[int, int], kill: list[tuple[float, int]] | None = None) -> Ended:
        """Waits for a fork, and sends it the signals `kill` = [(seconds after now, signal)]."""
        (child, reading), began = started, time.monotonic()
        waiting = sorted([*(kill or []), (SECONDS, 9)])
        while not (found := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() - began >= waiting[0][0]:
                os.kill(child, waiting.pop(0)[1])
            time.sleep(0.001)
        with os.fdopen(reading) as pipe:
            told = dict(reversed(line.split()) for line in pipe.read().splitlines())
        said = self.path / f"{child}.said"
        text = said.read_text(errors="replace")
        said.unlink()
        seconds = time.monotonic() - began
        return Ended(os.waitstatus_to_exitcode(found[1]), text, int(told.get("calls", 0)), int(told.get("step", 0)), seconds)

    def train(self, recipe: Path, run: Path, fault: Fault | None = None, kill: list[tuple[float, int]] | None = None,
              book: int = -1, first: Callable[[], None] | None = None) -> Ended:  # fmt: skip
        """Trains, or goes on with, a run."""
        return self.wait(self.start(["train", recipe, "--out", run, "--quiet"], run, fault, book, first), kill)

    def whole(self, recipe: Path) -> tuple[dict[str, Any], Ended]:
        """What a training that is left in peace ends with; each is done once."""
        if recipe not in self.wholes:
            run = self.new_run()
            ended = self.train(recipe, run)
            assert ended.code == 0, ended.said
            self.wholes[recipe] = outcome(run), ended
        return self.wholes[recipe]

    def goes_on(self, recipe: Path, run: Path) -> str:
        """Trains a disturbed run to its end; '' where it ends as one that was left in peace, else what is wrong."""
        ended = self.train(recipe, run)
        if ended.code:
            return f"ended with {ended.code}: {ended.said.strip()[-200:]}"
        if wrong := different(self.whole(recipe)[0], outcome(run)):
            return f"{', '.join(wrong)} differ"
        shutil.rmtree(run)
        return ""


def tell_steps(pipe: int) -> None:
    """Writes the number of each step that is done into the pipe."""
    from inkbloom.training import session

    fit = session.fit

    def telling(training: Any) -> Iterator[Any]:
        for done in fit(training):
            os.write(pipe, f"{done.number} step\n".encode())
            yield done

    session.fit = telling  # type: ignore[attr-defined]


def outcome(run: Path) -> dict[str, Any]:
    """All of a finished run that may not depend on what happened on the way: hashes of the newest weights, the exact logs."""
    checkpoints = run / "checkpoints"
    newest = max(checkpoints.glob("step-????????"))
    state = json.loads((newest / "state.json").read_text())
    records = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    held = run / "holdout.jsonl"
    return {
        "weights": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(newest.glob("*.safetensors"))},
        "counters": [state["step"], state["averaged"]],
        "latest": (checkpoints / "latest").read_text().strip() == newest.name,
        "log": [{key: value for key, value in record.items() if key != "images_per_second"} for record in records],
        "holdout": held.read_text() if held.exists() else "",
        "previews": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(run.glob("previews/*"))},
        "left over": [path.name for path in run.rglob("*") if ".tmp" in path.name],
    }


def different(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names under which two outcomes differ."""
    return [name for name in one if one[name] != other[name]]
