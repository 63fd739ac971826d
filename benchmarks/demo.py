"""The first ten minutes of a newcomer: clones the repository and runs `make demo`, with a clock on each phase.

    python benchmarks/demo.py [--clone DIR] [--json FILE]      DIR: where the clone goes; default a temporary folder

Installation is the file target .venv/.installed (downloads included, unless pip has them in its cache); then `make demo`
echoes the commands that it runs, and the clock of a phase starts when its command appears.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import Quiet, about, show, write

ROOT = Path(__file__).resolve().parent.parent
PHASES = {"training": "inkbloom train", "sampling": "inkbloom sample"}


def timed(command: list[str], folder: Path) -> float:
    """Runs a command to its end; seconds. Raises CalledProcessError."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)
    return time.perf_counter() - begin


def demo(folder: Path) -> dict[str, float]:
    """Runs `make demo`, passing on what it prints; the seconds of each phase. Exits where it fails."""
    starts: dict[str, float] = {}
    with subprocess.Popen(["make", "demo"], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            for phase, command in PHASES.items():
                if command in line and phase not in starts:
                    starts[phase] = time.perf_counter()
    end = time.perf_counter()
    if process.returncode or len(starts) < len(PHASES):
        sys.exit(f"make demo: exit code {process.returncode}, phases seen: {', '.join(starts) or 'none'}")
    return {"training": starts["sampling"] - starts["training"], "sampling": end - starts["sampling"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clone", type=Path, metavar="DIR", help="must not exist yet; it is kept")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    machine = about()
    show(machine)
    quiet = Quiet()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.clone or Path(temporary) / "inkbloom").resolve()
        spent: dict[str, Any] = {"clone": timed(["git", "clone", "--quiet", str(ROOT), str(folder)], ROOT)}
        spent["installation"] = timed(["make", ".venv/.installed"], folder)
        spent |= demo(folder)
        spent["together"] = sum(spent.values())
        print()
        for phase, value in spent.items():
            print(f"{phase:12} {value:7.1f} s")
    meanwhile = quiet.told()
    print("machine meanwhile: " + ", ".join(f"{name} {value}" for name, value in meanwhile.items()))
    write(args.json, {"machine": machine, "meanwhile": meanwhile, "seconds": spent})


if __name__ == "__main__":
    main()
