"""R1, R2, R9 and R14: killed, stopped or doubled at any moment, a training ends with the bits of one that was left in peace."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from trials import KILL, KINDS, TEAR, Fault, Place

STOPPED = {signal.SIGTERM: (143, -signal.SIGTERM), signal.SIGINT: (130, -signal.SIGINT)}  # before Python starts, the system's
GRACE = 5  # seconds that a stop may take


def random_kills(place: Place, trials: int) -> dict[str, Any]:
    """R1: SIGKILL at random moments, up to twenty in one run, over all families and optimizers."""
    chance, failures, kills = random.Random(1), [], dict.fromkeys(KINDS, 0)
    while sum(kills.values()) < trials:
        for name, changes in KINDS.items():
            recipe, run = place.recipe(**changes), place.new_run()
            seconds = place.whole(recipe)[1].seconds
            for _ in range(chance.choice([1, 1, 2, 3, 20])):
                ended = place.train(recipe, run, kill=[(chance.uniform(0.01, seconds), signal.SIGKILL)])
                kills[name] += ended.code == -signal.SIGKILL
                if ended.code not in (0, -signal.SIGKILL):
                    failures.append(f"{name}: {ended.said.strip()[-200:]}")
            if wrong := place.goes_on(recipe, run):
                failures.append(f"{name}: {wrong}")
    return {"trials": sum(kills.values()), "failures": failures, "kills": kills}


def every_call(place: Place, stride: int = 1) -> dict[str, Any]:
    """R2: SIGKILL before each call that changes a file, and in the middle of each write: of a first save, saves with pruning,
    the last save, `latest`, logs, previews and report. Each killed run is then trained to its end, over the rubbish.
    """
    recipe = place.recipe(steps=10, checkpoint_every=2)
    calls, failures, trials = place.whole(recipe)[1].calls, [], 0
    for what, told in ((KILL, "killed"), (TEAR, "torn")):
        for call in range(1, calls + 1, stride):
            run = place.new_run()
            ended = place.train(recipe, run, Fault(call, what))
            trials += 1
            wrong = f"ended with {ended.code}" if ended.code != -signal.SIGKILL else place.goes_on(recipe, run)
            if wrong:
                failures.append(f"{told} at call {call} of {calls}: {wrong}")
    return {"trials": trials, "failures": failures, "calls": calls}


def signals(place: Place, warm: int, cold: int) -> dict[str, Any]:
    """R9: SIGTERM or SIGINT at a random moment, in forks and in whole processes, imports included: the exit code is right, it
    takes five seconds at most, no traceback is printed, no step is lost.
    """
    chance, failures, recipe = random.Random(9), [], place.recipe(steps=40, checkpoint_every=1000)
    _, alone = place.whole(recipe)
    slowest, whole = 0.0, 0.0

    def judge(run: Path, number: int, code: int, said: str, late: float, where: str, step: int = 0) -> None:
        nonlocal slowest
        slowest = max(slowest, late)
        if code not in (0, *STOPPED[signal.Signals(number)]):
            failures.append(f"{where}: exit code {code}: {said.strip()[-200:]}")
        elif "Traceback" in said or "(a bug)" in said:
            failures.append(f"{where}: {said.strip()[-300:]}")
        elif late > GRACE:
            failures.append(f"{where}: {late:.1f} s after the signal")
        elif step and not (run / f"checkpoints/step-{step:08d}/manifest.json").exists():
            failures.append(f"{where}: step {step} is lost")
        elif wrong := place.goes_on(recipe, run):
            failures.append(f"{where}: {wrong}")

    for _ in range(warm):
        run, number, when = place.new_run(), chance.choice(list(STOPPED)), chance.uniform(0.01, alone.seconds)
        ended = place.train(recipe, run, kill=[(when, number)])
        judge(run, number, ended.code, ended.said, ended.seconds - when, f"after {when:.3f} s of a fork", ended.step)
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    for trial in range(cold + 1):
        run, number, when = place.new_run(), chance.choice(list(STOPPED)), chance.uniform(0.01, whole)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "inkbloom", "train", str(recipe), "--out", str(run), "--quiet"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        )  # fmt: skip
        if trial:
            time.sleep(when)
            process.send_signal(number)
        said = process.communicate(timeout=120)[0]
        if trial:
            judge(run, number, process.returncode, said, time.monotonic() - began - when, f"after {when:.3f} s of a process")
        else:
            whole = time.monotonic() - began
    return {"trials": warm + cold, "failures": failures, "slowest": round(slowest, 2)}


def races(place: Place, trials: int) -> dict[str, Any]:
    """R14: two trainings in one folder at the same time: one trains, the other ends with exit code 8."""
    recipe, failures = place.recipe(), []
    for trial in range(trials):
        run = place.new_run()
        started = [place.start(["train", recipe, "--out", run, "--quiet"], run) for _ in range(2)]
        ended = [place.wait(each) for each in started]
        if sorted(each.code for each in ended) != [0, 8]:
            failures.append(f"race {trial}: " + "; ".join(f"{each.code} {each.said.strip()[-100:]}" for each in ended))
        elif wrong := place.goes_on(recipe, run):
            failures.append(f"race {trial}: {wrong}")
    return {"trials": trials, "failures": failures}
