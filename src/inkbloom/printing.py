"""Printing that ends no work: what an encoding lacks is written otherwise, and of a stream that failed no more is asked."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from .errors import DiskError, harmless

PLAIN = {"±": "+-", "→": "->", "…": "...", "–": "-", "−": "-", "×": "x", "·": ".", "█": "#", "░": "."}  # in any encoding
READER_GONE = 141  # the exit code that a shell gives a command in front of `| head -1`: 128 + SIGPIPE
CLOSED = OSError(errno.EBADF, "it is closed")


def _in_plain_letters(problem: UnicodeError) -> tuple[str, int]:
    """For `codecs`: what stands in place of the letters that an encoding lacks."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    lacking = problem.object[problem.start : problem.end]
    return "".join(PLAIN.get(letter) or letter.encode("ascii", "backslashreplace").decode() for letter in lacking), problem.end


codecs.register_error("inkbloom", _in_plain_letters)


class Steady:
    """A text stream that takes whatever is written: any letter, and all that comes after its file failed, which is lost.

    `problem`: how it failed, or None. needed: what is printed is all there is, so where that fails the work ends, with
    READER_GONE and no word or with DiskError.
    """

    def __init__(self, stream: TextIO | None, needed: bool = False) -> None:
        self.stream: Any = stream or io.StringIO()  # Python has none where the descriptor is closed or there is no console
        self.problem = None if stream else CLOSED
        self.needed = needed

    def write(self, text: str) -> int:
        """Takes the text."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        self._try(lambda: self.stream.write(text.encode(encoding, "inkbloom").decode(encoding)))
        return len(text)

    def flush(self) -> None:
        """Brings what was written to its file."""
        if not self.problem:
            self._try(self.stream.flush)

    def _try(self, act: Callable[[], object]) -> None:
        if not self.problem:
            try:
                act()
            except (OSError, ValueError) as problem:  # ValueError: it has been closed meanwhile
                self.problem = problem if isinstance(problem, OSError) else CLOSED
                self._abandon()
        if self.problem and self.needed:
            if isinstance(self.problem, BrokenPipeError):
                raise SystemExit(READER_GONE)
            raise DiskError(f"cannot print ({self.why}): send the output elsewhere")

    def _abandon(self) -> None:
        """Lets what still waits in buffers go nowhere, or the interpreter would complain of it when it ends."""
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    @property
    def why(self) -> str:
        """How it failed, in words."""
        return f"standard output: {self.problem.strerror or self.problem}" if self.problem else ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def steady(stream: TextIO | None) -> Any:
    """The stream, or None where Python has none, as one that ends no work."""
    return stream if isinstance(stream, Steady) else Steady(stream)


def say(line: str, stream: TextIO | None = None) -> None:
    """Prints a line at once, to standard output if not told otherwise; names of files in it steer no terminal."""
    print(harmless(line), file=steady(stream or sys.stdout), flush=True)


@contextmanager
def steady_streams() -> Iterator[Steady]:
    """Makes standard output and error steady inside the `with` block. It gives the output, `needed` until told otherwise."""
    _fill_descriptors()
    before, out = (sys.stdout, sys.stderr), Steady(sys.stdout, needed=True)
    sys.stdout, sys.stderr = out, steady(sys.stderr)
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = before


def _fill_descriptors() -> None:
    """Opens those of the descriptors 0 to 2 that are closed: else the next file gets their number, and prints get into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
