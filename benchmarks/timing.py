"""Seconds, taken as a shared machine allows: warmed up, in turn, and told with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

import torch

from inkbloom.bench.timing import now

Work = Callable[[], object]


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
