"""Errors that a user can mend: one line each, with the exit code of their kind."""

from __future__ import annotations

import errno
import math
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from typing import Any

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class InkbloomError(Exception):
    """What is wrong, where, and how to fix it, in one line. `code` is the exit status of the command."""

    code = 1

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(InkbloomError):
    """A wrong flag, recipe or setting."""

    code = 2


class DataError(InkbloomError):
    """A source of images that cannot be used."""

    code = 3


class CheckpointError(InkbloomError):
    """A checkpoint or a weights file that is missing, damaged or of another kind."""

    code = 4


class DiskError(InkbloomError):
    """A file that could not be written."""

    code = 5


class Diverged(InkbloomError):
    """A loss or a weight stopped being a finite number."""

    code = 6


class OutOfMemory(InkbloomError):
    """The job does not fit in memory."""

    code = 7


class Busy(InkbloomError):
    """Another process holds the run."""

    code = 8


class Interrupted(InkbloomError):
    """A signal asked the command to stop; `code` is 128 + the signal's number."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.code = 128 + signal


STEERING = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]"
)  # a terminal, or the order of its letters


def harmless(text: str) -> str:
    """`text` with a '?' for each letter that would steer the terminal it is printed on; its lines and tabs stay."""
    return STEERING.sub("?", text)


def shown(text: Path | str, room: int = 72) -> str:
    """`text` on one printable line of at most `room` characters; a long one keeps its end, which tells files apart."""
    line = "".join(letter if letter.isprintable() else "?" for letter in str(text))
    return line if len(line) <= room else "…" + line[1 - room :]


def plain(value: float, digits: int = 6) -> str:
    """The number with so many digits that count, as people write it: '150' and '0.00001'; huge ones as `powers` has them."""
    return powers(value, digits) if 1e15 <= abs(value) < math.inf else f"{Decimal(f'{value:.{digits}g}'):f}"


def powers(value: float, digits: int = 1) -> str:
    """The number with so many digits that count and a power of ten: '3×10⁸'."""
    front, power = f"{value:.{digits - 1}e}".split("e")
    return f"{front.rstrip('0').rstrip('.') if '.' in front else front}×10{str(int(power)).translate(RAISED)}"


def brief(text: object, room: int = 60) -> str:
    """The first line of `text`, in at most `room` printable characters; a long one keeps its start."""
    lines = str(text).strip().splitlines() or [""]
    line = "".join(letter if letter.isprintable() else "?" for letter in lines[0])
    return line if len(line) <= room else line[: room - 1] + "…"


def entry(kind: str, given: Any, registry: Mapping[str, Any]) -> Any:
    """What a registry holds under the name `given`; an object of the caller's own, of the same contract, as it is.

    Raises UsageError for an unknown name.
    """
    if callable(given):
        return given
    if not isinstance(given, str) or given not in registry:
        raise unknown(kind, given, registry)
    return registry[given]


OWN = "own:"  # before the name of an object of one's own, where a registry name stands in a recipe


def own_name(thing: Any) -> str:
    """What an object of one's own is called: its own name, or that of its class."""
    return brief(getattr(thing, "__name__", type(thing).__name__), 40)


def unknown(kind: str, name: object, names: Iterable[str]) -> UsageError:
    """The error for a name that is none of `names`: it lists them, or the first of many, and puts the nearest first."""
    lower, typed = {known.lower(): known for known in names}, brief(name, 40)
    near = get_close_matches(typed.lower(), lower, n=1) or [known for known in lower if typed and typed.lower() in known][:1]
    hint = f"did you mean '{lower[near[0]]}'? " if near else ""
    listed = (
        f"known: {shorten(', '.join(lower.values()), 170 if len(lower) <= 16 else 120, placeholder=' …')}"
        if len(lower) <= 16 or not near
        else ""
    )
    return UsageError(f"unknown {kind} '{typed}': {hint}{listed}".rstrip())


def missing(package: str, extra: str) -> UsageError:
    """The error for a package that only one feature needs and that is not installed; `extra` brings it."""
    return UsageError(f"{package} is not installed: pip install 'inkbloom[{extra}]'")


def no_recipe(name: str, names: Iterable[str]) -> UsageError:
    """The error for a name that is no recipe: a run, a file or images may have been meant, or the nearest of `names`."""
    if (config := Path(name) / "config.toml").is_file():
        meant = f"a run goes on with `inkbloom train {shlex.quote(str(config))} --out {shlex.quote(name)}`"
    elif Path(f"{name}.toml").is_file():
        meant = f"did you mean {shown(name)}.toml?"
    elif ":" in name or Path(name).is_dir():
        source = shlex.quote(name if ":" in name else f"folder:{name}")
        meant = f"images go to --data, as in `inkbloom train fast --data {source}`"
    else:
        return unknown("recipe", name, names)
    return UsageError(f"unknown recipe '{brief(name, 40)}': {meant}")


NO_MEMORY = re.compile(  # as torch, oneDNN (out of memory, and no word of it), NumPy and the loader of libraries say it
    r"out of memory|can(?:'t|not) allocate memory|unable to allocate|bad_?alloc|could not create a primitive(?! desc)"
    r"|failed to map segment(?!.*not permitted)",
    re.IGNORECASE,
)


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error of any library means that memory ran out."""
    number = problem.errno if isinstance(problem, OSError) else None
    return isinstance(problem, MemoryError) or number == errno.ENOMEM or bool(NO_MEMORY.search(str(problem)))


def disk_error(problem: Exception, path: Path, needed: int = 0) -> DiskError:
    """A failed write, told as what happened, where, and what to do.

    Takes any exception, because safetensors reports a full disk as its own SafetensorError.
    `needed` is the size in bytes of what was being written.
    """
    text = str(problem)
    number = problem.errno if isinstance(problem, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text:
        sizes = f" ({needed:,} bytes needed, {_free(path):,} free)" if needed else ""
        return DiskError(f"disk full{sizes} ({path}): free some space and run the same command again")
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DiskError(f"no permission to write ({path}): choose another place, or change its permissions")
    if number in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return DiskError(f"a file stands where a folder is needed, or the reverse ({path}): choose another place")
    if number == errno.ENOENT:
        return DiskError(f"a folder on the way is missing or cannot be made ({path}): make it, or choose another place")
    why = problem.strerror if isinstance(problem, OSError) and problem.strerror else text
    return DiskError(f"cannot write ({path}): {why}")


def _free(path: Path) -> int:
    """Bytes free on the volume that `path` is on, or will be."""
    there = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), Path())
    return shutil.disk_usage(there).free
