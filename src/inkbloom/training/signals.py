"""Ctrl-C, SIGTERM and a terminal that closes end a command; in a training they raise a flag that its loop reads after every
step. A second Ctrl-C ends the process at once."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGHUP = getattr(signal, "SIGHUP", None)  # Windows has none
MOMENT = 0.02  # seconds


class Stop:
    """`signal` is the number of the signal that asked for the end, or 0."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number


class Ending:
    """Ends a command when a signal comes, by KeyboardInterrupt or SystemExit. `signal` is its number, or 0.

    An import would swallow these, or break halfway and for good. So a signal that falls into one comes again a moment later,
    until no import is under way.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._waiting = self._again = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._waiting and not self._again and number == signal.SIGINT:
            os._exit(128 + number)
        self.signal, self._again = number, False
        self._waiting = _importing(frame)
        if not self._waiting:
            raise self.exception()
        timer = threading.Timer(MOMENT, self._come_again)
        timer.daemon = True
        timer.start()

    def _come_again(self) -> None:
        self._again = True
        _thread.interrupt_main(signal.Signals(self.signal))

    def exception(self) -> BaseException:
        """What the signal raises."""
        return KeyboardInterrupt() if self.signal == signal.SIGINT else SystemExit(128 + self.signal)


def _importing(frame: FrameType | None) -> bool:
    """Whether an import is under way where a signal came."""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


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
