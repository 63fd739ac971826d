"""Checkpoints that are complete or absent, and that notice a single changed bit.

    RUN/checkpoints/step-00001000/  the files of one checkpoint, and manifest.json with the SHA-256 of each
    RUN/checkpoints/latest          the name of the newest, for whoever looks into the folder; nothing here relies on it

The newest is the one of the largest step, and nothing else says which that is. `commit` builds a checkpoint in a temporary
folder, brings every byte of it to the disk, and only then gives it its name. A crash at any point therefore leaves the older
checkpoints as they were, and at most rubbish, which `sweep` removes. Contents are plain bytes: what they mean is the business
of the caller. One process writes at a time: the one that holds the run's lock (lock.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ..errors import CheckpointError, DiskError, disk_error
from ..files import LEFTOVER, make_folder, sync_folder, temporary, write_file

FORMAT = 1
MANIFEST = "manifest.json"
LATEST = "latest"
ASIDE = "aside-"  # before the name of a checkpoint that a training could not go on from

_STEP = re.compile(r"step-([0-9]{8,})")


# ---- writing


def commit(folder: Path, step: int, files: dict[str, bytes], keep: int = 3) -> Path:
    """Saves `files` (name -> contents) as the checkpoint of `step` in `folder`, and returns where it stands.

    A valid checkpoint of that step that is already there is kept; a damaged one is replaced. When the new one is safe,
    `follow` does what follows from it.

    Raises DiskError; the older checkpoints are then as they were, and the same call may be tried again.
    """
    checkpoint = folder / _name(step)
    unfinished = temporary(checkpoint)
    try:
        make_folder(folder)
        if not _intact(checkpoint):
            _build(unfinished, step, files)
            if checkpoint.is_dir():
                _discard(checkpoint)
            os.rename(unfinished, checkpoint)
        sync_folder(folder)
        sync_folder(folder.parent)
    except OSError as problem:
        raise disk_error(problem, checkpoint, sum(map(len, files.values()))) from problem
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    follow(checkpoint, keep)
    return checkpoint


def follow(checkpoint: Path, keep: int = 3) -> None:
    """What follows from a checkpoint that a training saved, or goes on from: newer ones, which it could not go on from, step
    aside as `aside-step-...`, `latest` names it, and older ones are pruned, so that `keep` (at least 1) remain with it.

    Call it only while holding the run's lock. Raises DiskError.
    """
    folder, step = checkpoint.parent, number(checkpoint)
    try:
        for newer in (other for other in steps(folder) if number(other) > step):
            _put_aside(newer)
        if _said(folder / LATEST) != checkpoint.name:
            write_file(folder / LATEST, f"{checkpoint.name}\n".encode())
        older = [other for other in steps(folder) if number(other) < step]
        for other in older[: max(0, len(older) - keep + 1)]:
            _discard(other)
    except OSError as problem:
        raise disk_error(problem, checkpoint) from problem


def withdraw(folder: Path, step: int) -> None:
    """Puts the checkpoint of `step` aside, where it stands: it turned out to be of no use. Raises DiskError."""
    kept = [other for other in steps(folder) if number(other) < step]
    if (checkpoint := folder / _name(step)).is_dir():
        try:
            _put_aside(checkpoint)
        except OSError as problem:
            raise disk_error(problem, checkpoint) from problem
        if kept:
            follow(kept[-1])


def _put_aside(checkpoint: Path) -> None:
    _remove_folder(aside := checkpoint.with_name(ASIDE + checkpoint.name))
    os.rename(checkpoint, aside)
    sync_folder(checkpoint.parent)


def _said(latest: Path) -> str:
    try:
        return latest.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def sweep(folder: Path) -> list[Path]:
    """Removes what crashed writers left in `folder` (the checkpoints' or the run's), and returns what it removed.

    That is every file and folder that still bears a temporary name. A damaged checkpoint stays, also one without a manifest,
    which no crash leaves: its files may be of use to someone. Call it only while holding the run's lock. Raises DiskError.
    """
    try:
        rubbish = [path for path in sorted(folder.iterdir()) if LEFTOVER.fullmatch(path.name)]
        for path in rubbish:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        return rubbish
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise disk_error(problem, folder) from problem


def _build(folder: Path, step: int, files: dict[str, bytes]) -> None:
    _remove_folder(folder)
    folder.mkdir()
    for name, data in files.items():
        _write(folder / name, data)
    _write(folder / MANIFEST, _manifest(step, files))
    sync_folder(folder)


def _discard(checkpoint: Path) -> None:
    """Removes a checkpoint, whose name disappears at one stroke: no crash can leave half of it under that name."""
    rubbish = temporary(checkpoint.with_name(f"old-{checkpoint.name}"))
    _remove_folder(rubbish)
    os.rename(checkpoint, rubbish)
    sync_folder(checkpoint.parent)
    _remove_folder(rubbish)


def _remove_folder(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


# ---- reading


def read(checkpoint: Path) -> dict[str, bytes]:
    """The files of a checkpoint (name -> contents), every bit of them verified against its manifest.

    Raises CheckpointError where a file is missing, additional or changed, the manifest included, where the folder bears
    another step's name, and where the format is unknown.
    """
    try:
        own_name, listed = _read_manifest(checkpoint / MANIFEST)
        if checkpoint.absolute().name != own_name:
            raise _damaged(f"this is {own_name} under another name", checkpoint)
        if odd := sorted({path.name for path in checkpoint.iterdir()} ^ {MANIFEST, *listed}):
            raise _damaged("missing file" if odd[0] in listed else "file that does not belong here", checkpoint / odd[0])
        files = {}
        for name, (size, digest) in listed.items():
            if (checkpoint / name).stat().st_size != size:
                raise _damaged(f"not {size} bytes long", checkpoint / name)
            files[name] = (checkpoint / name).read_bytes()
            if _sha256(files[name]) != digest:
                raise _damaged("changed since it was saved", checkpoint / name)
        return files
    except OSError as problem:
        raise _damaged(problem.strerror or str(problem), Path(problem.filename or checkpoint)) from problem


def steps(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, intact or not, by rising step; none where there is no folder. Raises DiskError."""
    try:
        found = [path for path in folder.iterdir() if _STEP.fullmatch(path.name) and path.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as problem:
        raise DiskError(f"cannot read the folder ({folder}): {problem.strerror}; check its permissions") from problem
    return sorted(found, key=number)


def latest(folder: Path) -> Path | None:
    """The newest checkpoint, intact or not, or None where there is none yet. Raises DiskError."""
    return next(reversed(steps(folder)), None)


def newest_intact(
    folder: Path, check: Callable[[dict[str, bytes], Path], object] = lambda files, where: None
) -> tuple[Path, dict[str, bytes], list[str]] | None:
    """The newest checkpoint that is wholly as it was saved: where it stands, its files, and one line for each newer one
    that is damaged. None where there are no checkpoints. Raises CheckpointError where all are damaged, DiskError.

    check: raises CheckpointError for the files of one, and where it stands, that does not belong to the run.
    """
    damaged: list[str] = []
    for checkpoint in reversed(steps(folder)):
        try:
            files = read(checkpoint)
            check(files, checkpoint)
            return checkpoint, files, damaged
        except CheckpointError as problem:
            damaged.append(str(problem))
    if damaged:
        raise CheckpointError(f"no intact checkpoint among {len(damaged)} ({folder}): restore one from a copy or train anew")
    return None


def _intact(checkpoint: Path) -> bool:
    try:
        read(checkpoint)
    except CheckpointError:
        return False
    return True


def number(checkpoint: Path) -> int:
    """The step of a checkpoint, as its folder's name has it."""
    return int(checkpoint.name.removeprefix("step-"))


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _damaged(what: str, where: Path) -> CheckpointError:
    return CheckpointError(f"{what} ({where}): damaged checkpoint, restore it from a copy or resume from an older one")


# ---- the manifest: JSON whose last entry is the hash of all the bytes before that entry


def _manifest(step: int, files: dict[str, bytes]) -> bytes:
    listed = {name: {"size": len(data), "sha256": _sha256(data)} for name, data in files.items()}
    text = json.dumps({"format": FORMAT, "step": step, "files": listed}, indent=1)
    body = text.removesuffix("\n}").encode()
    return body + _seal(body)


def _read_manifest(path: Path) -> tuple[str, dict[str, tuple[int, str]]]:
    """The name that the checkpoint's folder must bear, and name -> (size, SHA-256) of every file."""
    data = path.read_bytes()
    body = data[: -len(_seal(b""))]
    if data != body + _seal(body):
        raise _damaged("changed since it was saved", path)
    try:
        table = json.loads(data)
        if table["format"] != FORMAT:
            raise CheckpointError(f"format {table['format']}, not {FORMAT} ({path}): use the inkbloom version that saved it")
        return _name(table["step"]), {name: (entry["size"], entry["sha256"]) for name, entry in table["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _damaged("not a manifest", path) from None


def _seal(body: bytes) -> bytes:
    return f',\n "sha256": "{_sha256(body)}"\n}}\n'.encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
