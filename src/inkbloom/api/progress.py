"""What is told while something takes long: lines, and a bar where somebody can watch one, in a terminal or in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..errors import harmless
from ..printing import steady

Advance = Callable[[int, int | None, str], None]
"""advance(done, of how many or None where that is not known, what is going on)."""
SEGMENTS = 30  # of a notebook's bar


class _Console(Console):
    """A console on which names of files and folders steer nothing."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Prints the objects."""
        super().print(*(harmless(each) if isinstance(each, str) else each for each in objects), **how)


def console_for(quiet: bool | None = False) -> Console:
    """Where lines are printed: nothing is coloured by guesswork, long lines stay whole, and no failure to print is raised.

    quiet: whether nothing is printed; None: only where nobody watches, which is outside a terminal or a notebook.
    """
    console = _Console(file=steady(sys.stdout), highlight=False, markup=False, emoji=False, soft_wrap=True)
    if console.width < 1:  # COLUMNS=0, as some shells have it
        console.width = 80
    console.quiet = not (console.is_terminal or console.is_jupyter) if quiet is None else quiet
    return console


@contextmanager
def progress(console: Console, total: int | None, what: str) -> Iterator[Advance]:
    """A function to call as work goes on. In a file or a pipe, and on a quiet console, it shows nothing."""
    if console.quiet or not (console.is_terminal or console.is_jupyter):
        yield lambda done, of, note: None
    elif console.is_jupyter:
        yield _in_notebook(what)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done, of, note: bar.update(task, completed=done, total=of, description=note or what)


def _in_notebook(what: str) -> Advance:
    """One line under the cell that is written over; it needs no widgets."""
    from IPython.display import display

    handle = display({"text/plain": what}, raw=True, display_id=True)

    def advance(done: int, of: int | None, note: str) -> None:
        filled = SEGMENTS * done // of if of else 0
        bar = f"{'█' * filled}{'░' * (SEGMENTS - filled)} {done:,} of {of:,}  " if of else ""
        handle.update({"text/plain": f"{bar}{note or what}"}, raw=True)

    return advance
