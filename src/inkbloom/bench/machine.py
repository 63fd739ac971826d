"""What stands beside every figure: the machine, the versions, and how quiet it was. Imports nothing heavy."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..versions import version

PACKAGES = ("inkbloom", "torch", "diffusers", "accelerate", "numpy")


def about() -> dict[str, Any]:
    """CPU, cores, memory, versions, commit and date; threads and GPU too, where torch is loaded already."""
    torch = sys.modules.get("torch")
    told: dict[str, Any] = {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "commit": _commit(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }
    if torch is not None:
        told["threads"] = torch.get_num_threads()
        told["capability"] = torch.backends.cpu.get_cpu_capability()
        if torch.cuda.is_available():
            told["gpu"] = torch.cuda.get_device_name()
    return told


def peak_gflops(size: int = 1024, rounds: int = 8) -> float:
    """fp32 matrix product, the best of a few: how fast the CPU is at this moment. Loads torch."""
    import torch

    a = torch.rand(size, size)
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - begin)
    return round(2e-9 * size**3 / best, 1)


class Quiet:
    """How quiet the machine was from here on: load, and the shares of CPU time that others took."""

    def __init__(self) -> None:
        self.load, self.ticks, self.own, self.begin = _load(), _ticks(), _own_seconds(), time.perf_counter()

    def told(self) -> dict[str, Any]:
        """`others` is the share of all CPU time that other processes used, `steal` what the host kept for itself."""
        out: dict[str, Any] = {"seconds": round(time.perf_counter() - self.begin, 1), "load": [self.load, _load()]}
        now = _ticks()
        if now and self.ticks:
            spent = [b - a for a, b in zip(self.ticks, now, strict=True)]
            total, idle, steal = max(sum(spent), 1), spent[3] + spent[4], spent[7]
            own = (_own_seconds() - self.own) * os.sysconf("SC_CLK_TCK")
            out["steal"] = round(steal / total, 4)
            out["others"] = round(max(0.0, (total - idle - steal - own) / total), 3)
        return out


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        kept = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        return f"{kept['model name']} (family {kept['cpu family']}, model {kept['model']})"
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    if not hasattr(os, "sysconf"):  # Windows
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)


def _commit() -> str:
    here = Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    try:
        if not git("ls-files", Path(__file__).name):  # installed somewhere inside another repository
            return "-"
        return git("rev-parse", "--short", "HEAD") + (" with changes" if git("status", "--porcelain", "..") else "")
    except OSError:
        return "-"


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _ticks() -> list[int]:
    """The CPU times of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; empty where there is none."""
    try:
        return [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return []


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
