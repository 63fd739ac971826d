"""Ctrl-C, SIGTERM and a terminal that closes raise a flag that the training loop reads after every step; a second Ctrl-C
ends the process at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGHUP = getattr(signal, "SIGHUP", None)  # Windows has none


class Stop:
    """`signal` is the number of the signal that asked for the end, or 0."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """A flag that SIGINT, SIGTERM and SIGHUP raise inside the `with` block; outside the main thread nothing is caught."""
    stop = Stop()
    with handled(stop, "SIGINT", "SIGTERM", "SIGHUP"):
        yield stop


@contextmanager
def handled(handler: Callable[[int, FrameType | None], object], *names: str) -> Iterator[None]:
    """Inside the `with` block `handler` gets the signals of these names that the system has; in the main thread only.

    SIGHUP stays ignored where it was, as nohup has it: the work then outlives its terminal.
    """
    here = threading.current_thread() is threading.main_thread()
    numbers = [getattr(signal, name) for name in names if here and hasattr(signal, name)]
    ignored = [number for number in numbers if number == SIGHUP and signal.getsignal(number) is signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers if number not in ignored}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
