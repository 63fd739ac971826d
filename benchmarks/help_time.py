"""How fast the command answers: `inkbloom --help` beside a Python that does nothing, and what it loads for that.

Run it with: python benchmarks/help_time.py [--runs 20] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from machine import Quiet, about, show, write

HEAVY = ("torch", "numpy", "diffusers", "matplotlib", "rich")
LIMIT = 0.5  # seconds
SPY = """
import json, sys
from inkbloom.cli import main
main(sys.argv[1:])
print(json.dumps([name for name in {heavy} if name in sys.modules]), file=sys.stderr)
"""


def seconds(command: list[str]) -> float:
    """The wall time of one run. Raises CalledProcessError."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def loaded(words: list[str]) -> list[str]:
    """The heavy modules that this command line has loaded when it is done."""
    command = [sys.executable, "-c", SPY.format(heavy=HEAVY), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    modules: list[str] = json.loads(done.stderr.splitlines()[-1])
    return modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="runs of each command (default: 20)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    command = str(Path(sys.executable).with_name("inkbloom"))
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "inkbloom --help": [command, "--help"],
        "inkbloom train --help": [command, "train", "--help"],
    }
    machine = about()
    show(machine)
    quiet = Quiet()
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(args.runs + 1):
        for name, words in commands.items():
            spent = seconds(words)
            if turn:  # the first run of each warms the disk cache
                times[name].append(spent)
    rows: dict[str, dict[str, Any]] = {}
    for name, words in commands.items():
        modules = loaded(words[1:]) if words[0] == command else []
        low, middle, high = min(times[name]), statistics.median(times[name]), max(times[name])
        rows[name] = {"median": middle, "range": [low, high], "loaded": modules}
        told = ", ".join(modules) or "nothing heavy"
        print(f"{name:22} {middle:.3f} s, the median of {args.runs} ({low:.3f} .. {high:.3f}); loads {told}")
    print(f"goal: under {LIMIT} s")
    write(args.json, {"machine": machine, "meanwhile": quiet.told(), "runs": args.runs, "commands": rows})


if __name__ == "__main__":
    main()
