"""Memory must not grow with the number of pictures: samples many, and few, into an .npz file, each in a process of its own.

Run it with: python benchmarks/sampling_memory.py [RUN] [--count 50000] [--json FILE]; RUN is runs/demo where not given.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import Quiet, about, show, write

FEW = 500


def measure(run: Path, count: int, more: list[str]) -> dict[str, Any]:
    """Draws `count` pictures: seconds, peak memory in MiB, and the size of the file in MB."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pictures.npz"
        words = ["sample", str(run), "--count", str(count), "--npz", str(file), "--out", folder, "--quiet", *more]
        begin = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "inkbloom", *words])
        _, status, usage = os.wait4(process.pid, 0)  # the peak of this child alone
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"inkbloom {' '.join(words)}: exit code {process.returncode}")
        spent = time.perf_counter() - begin
        peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        return {
            "count": count,
            "seconds": round(spent, 1),
            "pictures_per_second": round(count / spent, 1),
            "peak_mib": round(peak, 1),
            "file_mb": round(file.stat().st_size / 1e6, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/demo"), metavar="RUN")
    parser.add_argument("--count", type=int, default=50_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--more", nargs=argparse.REMAINDER, default=[], help="flags for `inkbloom sample`: --more --nfe 8")
    args = parser.parse_args()

    machine = about()
    show({"run": args.run, "flags": " ".join(args.more) or "-", "seed": 0, **machine})
    quiet = Quiet()
    few, many = (measure(args.run, count, args.more) for count in (FEW, args.count))
    for row in (few, many):
        print(", ".join(f"{name} {value:,}" for name, value in row.items()))
    growth = many["peak_mib"] - few["peak_mib"]
    each = 1024 * growth / max(1, args.count - FEW)
    rate = (args.count - FEW) / max(1e-9, many["seconds"] - few["seconds"])
    print(f"growth: {growth:.1f} MiB ({each:.2f} KiB a picture)")
    print(f"without the start of the program: {rate:,.0f} pictures/s")
    setting = {"run": str(args.run), "flags": args.more, "seed": 0}
    result = {"few": few, "many": many, "growth_mib": round(growth, 1), "pictures_per_second": round(rate, 1)}
    write(args.json, {**setting, "machine": machine, "meanwhile": quiet.told(), **result})


if __name__ == "__main__":
    main()
