"""A clock for work that a device does on its own."""

from __future__ import annotations

import time

import torch


def now(device: torch.device) -> float:
    """Seconds, read once all work given to the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
