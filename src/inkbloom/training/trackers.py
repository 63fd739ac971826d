"""Where a training can be watched: TensorBoard, Weights & Biases and Trackio, through accelerate.

A tracker's files lie in the run's folder. It is offline unless its user is logged in or asks for more, and it asks nothing.
What it keeps of an earlier start goes: whoever opens it tells it again, so no step is there twice.
"""

from __future__ import annotations

import io
import netrc
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from ..config import Recipe, dump_recipe, heeded
from ..errors import brief, missing, unknown

PROJECT = "inkbloom"  # the project that the runs are filed under
PATIENCE = 30.0  # seconds until a server must have answered
AWAY = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")  # what would send Trackio's figures away


class Tracker:
    """An open tracker. where: what its user opens. heard: the last step that it knows. warning: what went wrong, or empty."""

    inner: Any  # accelerate's tracker
    where: str
    heard = 0
    warning = ""

    def log(self, values: dict[str, float], step: int) -> None:
        """Takes the figures of a step."""
        self.inner.log(values, step=step)

    def picture(self, name: str, path: Path, step: int) -> None:
        """Takes a picture of a step."""
        self.inner.log_images({name: _array(path)[None]}, step=step)

    def finish(self) -> None:
        """Brings all to the disk."""
        self.inner.finish()


class TensorBoard(Tracker):
    """Event files in RUN/tensorboard."""

    def __init__(self, run: Path, recipe: Recipe) -> None:
        from accelerate.tracking import TensorBoardTracker

        folder = run / "tensorboard"
        shutil.rmtree(folder, ignore_errors=True)
        self.where = f"tensorboard --logdir {folder}"
        self.inner = TensorBoardTracker(_name(run), folder, purge_step=0)  # a TensorBoard that has it open forgets the rest
        self.inner.start()
        self.inner.writer.add_hparams(settings(recipe), {}, run_name=".")
        self.inner.writer.add_text("recipe", f"```toml\n{dump_recipe(recipe)}```")

    def picture(self, name: str, path: Path, step: int) -> None:
        """Takes a picture of a step."""
        self.inner.log_images({name: _array(path)[None]}, step=step, dataformats="NHWC")


class Wandb(Tracker):
    """A run in RUN/wandb: offline, to be sent by `wandb sync`; online where the user is logged in and WANDB_MODE allows it."""

    def __init__(self, run: Path, recipe: Recipe) -> None:
        self.folder = run / "wandb"
        mode, asked = os.environ.get("WANDB_MODE") or None, ("online", "shared")
        if mode in (None, *asked):
            if logged_in():
                mode = mode or "online"
            else:
                self.warning = f"wandb is not logged in, so WANDB_MODE={mode} has to wait: going on offline" if mode else ""
                mode = "offline"
        try:
            self._start(run, recipe, mode, self._id())
        except Exception as problem:
            if mode not in asked:
                raise
            self.warning = f"wandb cannot log in ({brief(problem, 80)}): going on offline"
            self._start(run, recipe, "offline", uuid4().hex[:8])

    def _id(self) -> str:
        """The run's name on the server, once and for all: that of its newest folder, RUN/wandb/run-DATE-ID."""
        there = sorted(self.folder.glob("*run-*-*"), key=lambda folder: folder.name.split("-")[-2])
        return there[-1].name.rpartition("-")[2] if there else uuid4().hex[:8]

    def _start(self, run: Path, recipe: Recipe, mode: str | None, id: str) -> None:
        from accelerate.tracking import WandBTracker
        from wandb import Settings

        for old in self.folder.glob("offline-run-*"):
            shutil.rmtree(old, ignore_errors=True)
        patience = float(os.environ.get("WANDB_INIT_TIMEOUT") or PATIENCE)
        silent = Settings(silent=True, console="off", disable_git=True, init_timeout=patience)
        project = os.environ.get("WANDB_PROJECT") or PROJECT
        self.inner = WandBTracker(
            project, name=_name(run), id=id, resume="allow", mode=mode, dir=run, config=settings(recipe), settings=silent
        )
        self.inner.start()
        self.inner.run.config.update({"recipe": dump_recipe(recipe)}, allow_val_change=True)
        self.heard = self.inner.run.step - 1 if mode != "offline" and self.inner.run.resumed else 0
        self.where = f"wandb sync {self.folder}/offline-run-*" if mode == "offline" else self.inner.run.url or str(self.folder)


class Trackio(Tracker):
    """A local database in RUN/trackio."""

    def __init__(self, run: Path, recipe: Recipe) -> None:
        from accelerate.tracking import TrackioTracker

        folder = run / "trackio"
        shutil.rmtree(folder, ignore_errors=True)
        self.where = f"TRACKIO_DIR={folder} trackio show"
        for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
            del sys.modules[name]  # it reads its folder when it is imported, and this may be the second training of a process
        about = {**settings(recipe), "recipe": dump_recipe(recipe)}
        with _environment({"TRACKIO_DIR": str(folder.absolute()), **dict.fromkeys(AWAY)}):
            self.inner = TrackioTracker(
                PROJECT, name=_name(run), config=about, embed=False, auto_log_cpu=False, auto_log_gpu=False
            )
            self.inner.start()

    def picture(self, name: str, path: Path, step: int) -> None:
        """Takes a picture of a step."""
        import trackio

        self.inner.log({name: trackio.Image(_array(path))}, step=step)

    def finish(self) -> None:
        """Brings all to the disk."""
        import trackio

        trackio.finish()  # accelerate's would leave the run to be finished once more when the interpreter ends


TRACKERS: dict[str, type[Tracker]] = {"tensorboard": TensorBoard, "wandb": Wandb, "trackio": Trackio}
EXTRAS = {"tensorboard": "track"}  # the extra that brings a tracker; else it is called as the tracker


def check_trackers(names: Iterable[str]) -> None:
    """Raises UsageError for a tracker that is not known or not installed."""
    for name in names:
        if name not in TRACKERS:
            raise unknown("tracker", name, TRACKERS)
        if find_spec(name) is None:
            raise missing(name, EXTRAS.get(name, name))


def open_tracker(name: str, run: Path, recipe: Recipe) -> Any:
    """The tracker of that name, open. Raises whatever its package raises."""
    with silence():
        return TRACKERS[name](run, recipe)  # type: ignore[call-arg]


def settings(recipe: Recipe) -> dict[str, bool | str | float | int]:
    """The recipe's fields as hyper-parameters: lists as text, what is not set left out."""
    values = ((field.name, getattr(recipe, field.name)) for field in heeded(recipe.family))
    return {
        name: " ".join(map(str, value)) if isinstance(value, tuple) else value for name, value in values if value is not None
    }


def logged_in() -> bool:
    """Whether wandb could log in without asking: a key in the environment or in the netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


@contextmanager
def silence() -> Iterator[None]:
    """Trackers talk a lot; inside this block nobody hears it."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


@contextmanager
def _environment(changes: dict[str, str | None]) -> Iterator[None]:
    """Environment variables, set or taken away (None) inside the block."""
    before = {name: os.environ.get(name) for name in changes}

    def put(values: dict[str, str | None]) -> None:
        for name, value in values.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})

    with ExitStack() as after:
        after.callback(put, before)
        put(changes)
        yield


def _name(run: Path) -> str:
    return run.absolute().name


def _array(path: Path) -> Any:
    """A picture file as uint8 (H, W, 3)."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))
