"""Seconds, taken as a shared machine allows: warmed up, in turn, and told with their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

Work = Callable[[], object]


class Row(NamedTuple):
    """One result: the line that is printed, and the figures that go into the JSON file."""

    text: str
    figures: dict[str, Any]


def now(device: torch.device) -> float:
    """A clock in seconds, read once all work given to the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def in_turn(works: Mapping[str, Work], device: torch.device, budget: float, least: int = 5) -> dict[str, list[float]]:
    """Seconds of each work, one after the other and back again (A B B A ...), so that a busy moment hits all alike.

    Each runs once unseen; then rounds go on until `budget` seconds have passed and `least` rounds are done.
    """
    for work in works.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    begin, order = now(device), list(works)
    while len(taken[order[0]]) < least or now(device) - begin < budget:
        for name in order:
            start = now(device)
            works[name]()
            taken[name].append(now(device) - start)
        order.reverse()
    return taken


def spread(values: Sequence[float]) -> dict[str, float | int]:
    """Median, range and number of some measurements."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "count": len(values)}
