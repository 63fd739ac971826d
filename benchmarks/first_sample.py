"""How long the first pictures take: a fresh Python that imports inkbloom and draws with the weights that come with it.

Run it with: python benchmarks/first_sample.py [--runs 5] [--pictures 16] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from machine import Quiet, about, show, write

LIMIT = 2.0  # seconds from the import to the pictures
SCRIPT = """
import json, sys, time
began = time.perf_counter()
from inkbloom import Run
imported = time.perf_counter()
pictures = Run().sample(int(sys.argv[1]))
print(json.dumps([imported - began, time.perf_counter() - imported]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="fresh processes (default: 5)")
    parser.add_argument("--pictures", type=int, default=16, metavar="N", help="pictures drawn (default: 16)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    machine = about()
    show(machine)
    quiet, times = Quiet(), []
    for turn in range(args.runs + 1):
        command = [sys.executable, "-c", SCRIPT, str(args.pictures)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        if turn:  # the first run warms the disk cache
            times.append(json.loads(done.stdout))
    rows = {}
    for name, spent in zip(("import", f"{args.pictures} pictures"), zip(*times, strict=True), strict=True):
        rows[name] = {"median": statistics.median(spent), "range": [min(spent), max(spent)]}
        print(f"{name:12} {rows[name]['median']:.2f} s, the median of {args.runs} ({min(spent):.2f} .. {max(spent):.2f})")
    print(f"goal: pictures within {LIMIT} s of the import")
    write(args.json, {"machine": machine, "meanwhile": quiet.told(), "runs": args.runs, "rows": rows})


if __name__ == "__main__":
    main()
