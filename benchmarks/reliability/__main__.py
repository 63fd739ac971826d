"""What the documents promise of crashes, full disks, damage and signals, tried out: promise, trials, failures.

Run it with: python benchmarks/reliability [--only R1 R2] [--quick] [--json FILE]. It needs Linux and a C compiler.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from disk import damage, errors, power_loss
from kills import every_call, races, random_kills, signals
from trials import Place, import_all, with_shim

Check = Callable[[Place, bool], dict[str, Any]]
CHECKS: dict[str, tuple[str, Check]] = {
    "R1": ("killed at a random moment: the same bits", lambda place, quick: random_kills(place, 50 if quick else 1000)),
    "R2": ("killed at every change of a file: the same bits", lambda place, quick: every_call(place, 10 if quick else 1)),
    "R3": ("power loss: nothing reported as saved is lost", lambda place, quick: power_loss(place, 500 if quick else 5000)),
    "R4": ("a change of a file fails: the same bits in the end", lambda place, quick: errors(place, 10 if quick else 1)),
    "R5": ("a damaged checkpoint is noticed", lambda place, quick: damage(place, 1000 if quick else 10000)),
    "R9": (
        "stopped by a signal: in time, no step is lost",
        lambda place, quick: signals(place, *((25, 5) if quick else (240, 60))),
    ),
    "R14": ("two trainings in one folder: one trains", lambda place, quick: races(place, 20 if quick else 200)),
}


def controls() -> dict[str, Any]:
    """For each check what switches its protection off: the check must then fail."""
    import torch

    from inkbloom.store import checkpoint
    from inkbloom.training.signals import Stop

    write = checkpoint._write

    def anywhere(self: Any, purpose: str, *shape: int, draw: int = 0) -> torch.Tensor:
        return torch.randn(len(self.index), *shape)

    def careless(path: Path, data: bytes) -> None:
        with suppress(OSError):
            write(path, data)

    return {
        "R1": mock.patch("inkbloom.philox.Draw.normal", anywhere),
        "R2": mock.patch("inkbloom.store.log.Log.cut", return_value=None),
        "R3": mock.patch("os.fsync", return_value=None),
        "R4": mock.patch("inkbloom.store.checkpoint._write", careless),
        "R5": mock.patch("inkbloom.store.checkpoint._sha256", return_value="0" * 64),
        "R9": mock.patch("inkbloom.training.session.stop_signals", return_value=nullcontext(Stop())),
        "R14": mock.patch("filelock.FileLock.acquire", return_value=None),
    }


def main() -> int:
    """Runs the checks; 1 if one failed, or if one did not fail without its protection."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials, or fewer")
    parser.add_argument("--controls", action="store_true", help="switch off what protects: each check must then find failures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    args = parser.parse_args()
    with_shim()
    import_all()
    from machine import about, show, write

    machine = about()
    show(machine)
    print(f"{'':4} {'promise':50} {'trials':>7} {'failed':>7} {'minutes':>8}")
    results: dict[str, Any] = {}
    for name in args.only:
        promise, check = CHECKS[name]
        began = time.monotonic()
        with controls()[name] if args.controls else nullcontext():
            found = check(Place(), args.quick)
        minutes = round((time.monotonic() - began) / 60, 1)
        results[name] = {"promise": promise, **found, "minutes": minutes}
        print(f"{name:4} {promise:50} {found['trials']:7,} {len(found['failures']):7,} {minutes:8}", flush=True)
        for line in found["failures"][: 1 if args.controls else 10]:
            print(f"     {line}")
    write(args.json, {"command": " ".join(["python", *sys.argv]), "machine": machine, "checks": results})
    return int(any(bool(found["failures"]) != args.controls for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
