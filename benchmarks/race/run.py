"""The race: the same digits, the same minutes of training, one judge, for inkbloom and for others from their packages.

    python benchmarks/race/environments.py                          once: virtual environments for three of them
    python benchmarks/race/run.py --minutes 3 --recipes fast-uncond fast
    python benchmarks/race/run.py --minutes 3 --seeds 3 --best --racers smalldiffusion torchcfm     best effort

Each racer trains in a process of its own, one after the other, on the 8,000 training images of `digits`, until its clock
says so; the clock stands still while it draws (common.py). What it drew at the times of the ladder is then measured in this
process, all by one judge. A race that was broken off goes on where it stopped: delete --work to begin anew. Results go to
benchmarks/results/race-MINUTES.json and .md (race-MINUTES-best for best effort).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environments import FOLDER, is_ready, python_of

from inkbloom.bench.machine import Quiet, about, peak_gflops
from inkbloom.bench.scoring import T30, read_t30, t30_of
from inkbloom.data import Data, load_data
from inkbloom.data.npz import write_npz
from inkbloom.evaluation.baseline import Baseline, baseline
from inkbloom.evaluation.card import measure
from inkbloom.evaluation.judge import Judge, judge_for, load_judge
from inkbloom.files import replacing

HERE = Path(__file__).resolve().parent
OURS = "inkbloom"
RACERS = {  # name -> script; its environment has its name
    OURS: "inkbloom_recipe.py",
    "tutorial": "tutorial.py",
    "diffusers": "diffusers_loop.py",
    "smalldiffusion": "smalldiffusion_unet.py",
    "denoising-diffusion": "denoising_diffusion.py",
    "torchcfm": "torchcfm_mnist.py",
}
LADDER = (0.5, 1, 2, 3, 5, 10, 20, 30, 60)  # minutes
EARLY = (0.1, 0.15, 0.2, 0.25, 0.33, 0.42, 0.75)  # looks at inkbloom besides: drawing is cheap there, and it is early
ROWS = ("fd", "kid", "recall", "coverage", "near")
SURE = 0.9  # the judge's probability of a class, above which a picture is recognisable
RESULTS = Path("benchmarks/results")


def run_racer(name: str, recipe: str, seed: int, data: Path, out: Path, args: argparse.Namespace) -> dict[str, Any]:
    """What the racer told about itself, or {'failed': why}. One that has finished with the same code is not run again."""
    told, samples = out / "samples.json", out / "samples.npz"
    ladder = sorted({*args.ladder, *(m for m in EARLY if m < args.minutes and name == OURS)})
    asked = {"commit": args.commit, "recipe": recipe, "count": args.count, "ladder": ladder}
    if told.exists():
        before = json.loads(told.read_text())
        if before["finished"] and before.get("asked") == asked:
            return before
    if not is_ready(name, args.environments):
        return {"failed": "no environment: run benchmarks/race/environments.py"}
    out.mkdir(parents=True, exist_ok=True)
    words = [str(python_of(name, args.environments)), str(HERE / RACERS[name]), "--data", str(data), "--out", str(samples)]
    words += ["--minutes", f"{args.minutes:g}", "--count", str(args.count), "--seed", str(seed), "--recipe", recipe]
    words += ["--ladder", *(f"{m:g}" for m in ladder)] + (["--best"] if args.best else [])
    quiet, limit = Quiet(), 60 * (args.minutes + args.patience)
    with (out / "log.txt").open("w") as log:
        try:
            code = subprocess.run(words, stdout=log, stderr=subprocess.STDOUT, timeout=limit, check=False).returncode
        except subprocess.TimeoutExpired:
            code = "timeout"
    if code:
        return {"failed": f"exit code {code}" if code != "timeout" else f"stopped after {limit / 60:g} min", "log": str(out)}
    found = json.loads(told.read_text()) | {"asked": asked, "meanwhile": quiet.told()}
    told.write_text(json.dumps(found, indent=1) + "\n")
    return found


def judged(told: dict[str, Any], out: Path, data: Data, real: Baseline, judge: Judge) -> None:
    """Adds the rows of the card to each moment; `sure`: the share of which the judge is; `classes`: shares of the rarest and
    the commonest by its extractor.
    """
    for moment in told.get("moments", []):
        with np.load(out / moment["file"]) as file:
            images = torch.from_numpy(file["images"]).reshape(-1, data.channels, *data.size)
            labels = torch.from_numpy(file["labels"]) if "labels" in file else None
        card, _ = measure(images, labels, real, made={"file": moment["file"], "images": len(images)})
        sure, seen = judge.look(images).probabilities.max(1)
        shares = seen.bincount(minlength=len(data.classes)) / len(seen)
        moment |= {row: card[row] for row in ROWS}
        moment |= {"sure": float((sure > SURE).double().mean()), "classes": [float(shares.min()), float(shares.max())]}


def code_lines(script: Path) -> int:
    """Lines of a script that hold code: no comments, no docstrings, no blanks."""
    tokens = tokenize.generate_tokens(io.StringIO(script.read_text(encoding="utf-8")).readline)
    idle = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    before = tokenize.NEWLINE
    for token in tokens:
        statement = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.NL)
        docstring = token.type == tokenize.STRING and statement
        if token.type not in idle and not docstring:
            lines |= set(range(token.start[0], token.end[0] + 1))
        before = token.type if token.type != tokenize.COMMENT else before
    return len(lines)


def time_to(goal: float, moments: list[dict[str, Any]]) -> float | None:
    """Minutes of the first moment whose FD is at or below the goal, or None."""
    return next((moment["minutes"] for moment in moments if moment["fd"] <= goal), None)


def table(result: dict[str, Any]) -> str:
    """The results as Markdown: FD minus its floor and KID at the times of the ladder, medians over the seeds."""
    columns = result["ladder"]
    floor, t30 = result["floor"]["fd"], result["t30"]
    head = ["racer", "version", "parameters", "images/s", *(f"{m:g} min" for m in columns), "to T30", "NFE", "code", "MiB"]
    lines = [
        f"Cells: FD - floor / KID x 1000 (judge {result['judge']}, N = {result['n']}, floor FD {floor:.2f}, "
        f"KID {result['floor']['kid']:.2f}). T30: {'not known' if t30 is None else format(t30['fd'], '.2f')}. "
        f"{'Best effort' if result['best'] else 'As shipped'}, {result['seeds']} seed(s); code: lines of the racer's script.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    for racer in result["racers"]:
        runs = [run for run in racer["runs"] if "failed" not in run]
        if not runs:
            lines.append(f"| {racer['name']} | {racer['runs'][0]['failed']} |{' |' * (len(head) - 2)}")
            continue
        first, last = runs[0], [run["moments"][-1] for run in runs]
        cells = [_cell([_at(run["moments"], m) for run in runs], floor, m) for m in columns]
        times = [None if t30 is None else time_to(t30["fd"], run["moments"]) for run in runs]
        reached = [t for t in times if t is not None]
        to_t30 = f"> {result['minutes']:g} min" if len(reached) < len(runs) else f"{statistics.median(reached):.2f} min"
        rate = statistics.median(run["images_per_second"] for run in runs)
        version = first["versions"].get(
            {"denoising-diffusion": "denoising-diffusion-pytorch"}.get(racer["racer"], racer["racer"])
        )
        line = [
            racer["name"],
            version or "-",
            f"{first['parameters']:,}",
            f"{rate:,.0f}",
            *cells,
            "-" if t30 is None else to_t30,
        ]
        line += [str(last[0]["nfe"]), str(racer["code_lines"]), f"{max(run['peak_mib'] for run in runs):,.0f}"]
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines) + "\n"


def _at(moments: list[dict[str, Any]], minutes: float) -> dict[str, Any] | None:
    """The look of that rung; the last one where the racer had ended before; None where one step went past it and the next."""
    found = next((moment for moment in moments if moment["rung"] == minutes), None)
    ended = moments[-1] if moments[-1]["minutes"] < minutes else None
    return found or ended


def _cell(looks: list[dict[str, Any] | None], floor: float, minutes: float) -> str:
    found = [look for look in looks if look is not None]
    if not found:
        return "-"
    excess, kid = (statistics.median(look[name] for look in found) for name in ("fd", "kid"))
    when = statistics.median(look["minutes"] for look in found)
    late = f" (at {when:.1f})" if abs(when - minutes) > 0.1 * minutes else ""
    return f"{excess - floor:.2f} / {kid:.2f}{late}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3, metavar="M", help="of each racer's training clock (default: 3)")
    parser.add_argument("--racers", nargs="+", choices=RACERS, default=list(RACERS), metavar="NAME", help=", ".join(RACERS))
    parser.add_argument("--recipes", nargs="+", default=["fast"], metavar="RECIPE", help="inkbloom's (default: fast)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 .. N - 1 (default: 1)")
    parser.add_argument("--best", action="store_true", help="best effort instead of as shipped")
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="pictures (default: 1000, what the judge wants)")
    parser.add_argument("--ladder", type=float, nargs="*", metavar="M", help="minutes at which pictures are drawn")
    parser.add_argument("--patience", type=float, default=90, metavar="M", help="minutes for drawing; then it is stopped")
    parser.add_argument("--environments", type=Path, default=FOLDER, metavar="DIR", help=f"default: {FOLDER}")
    parser.add_argument("--work", type=Path, metavar="DIR", help="pictures and logs (default: build/race/MINUTES)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help=f"default: {RESULTS}")
    parser.add_argument("--t30", type=Path, default=T30["digits"], metavar="FILE", help="card of the tutorial's run")
    args = parser.parse_args()
    name = f"{args.minutes:g}{'-best' if args.best else ''}"
    t30 = read_t30(args.t30)
    args.ladder = [m for m in (LADDER if args.ladder is None else args.ladder) if m < args.minutes]
    work = args.work or Path("build/race") / name
    work.mkdir(parents=True, exist_ok=True)

    data = load_data("digits")
    train, file = data.take("train"), work / "digits.npz"
    write_npz(file, [train.images.permute(0, 2, 3, 1).numpy()], len(train.images), train.labels.numpy())
    result: dict[str, Any] = {
        "minutes": args.minutes,
        "ladder": [*args.ladder, args.minutes],
        "best": args.best,
        "seeds": args.seeds,
        "count": args.count,
        "images": len(train.images),
        "machine": {**about(), "peak_gflops": peak_gflops(), "omp_num_threads": os.environ.get("OMP_NUM_THREADS")},
    }
    args.commit = result["machine"]["commit"]
    print(", ".join(f"{name} {value}" for name, value in result["machine"].items()), flush=True)
    racers = [(racer, recipe) for racer in args.racers for recipe in (args.recipes if racer == OURS else [""])]
    runs: dict[tuple[str, str], list[tuple[dict[str, Any], Path]]] = {pair: [] for pair in racers}
    for seed in range(args.seeds):  # seed by seed, so that a slow hour of the machine falls on all alike
        for racer, recipe in racers:
            out = work / "-".join(part for part in (racer, recipe.replace("/", "_"), str(seed)) if part)
            print(f"{racer} {recipe}, seed {seed} ...", flush=True)
            runs[racer, recipe].append((run_racer(racer, recipe or "fast", seed, file, out, args), out))
            print(f"  {runs[racer, recipe][-1][0].get('failed') or f'{out}'}", flush=True)
    found = [
        (f"{racer} {recipe}".strip(), racer, code_lines(HERE / RACERS[racer]), raced) for (racer, recipe), raced in runs.items()
    ]

    print("judging ...", flush=True)
    judge = load_judge(judge_for("digits"))
    real = baseline(data, judge, args.count if args.count < 1000 else None)
    for _, _, _, raced in found:
        for told, out in raced:
            judged(told, out, data, real, judge)
    result |= {"judge": judge.name, "judge_sha256": judge.sha256, "n": real.n, "floor": dict(real.floor)}
    result |= {"floor_sd": dict(real.floor_sd), "t30": t30_of(t30, real)}
    result["racers"] = [
        {"name": title, "racer": racer, "code_lines": lines, "runs": [told for told, _ in raced]}
        for title, racer, lines, raced in found
    ]
    args.results.mkdir(parents=True, exist_ok=True)
    for path, text in ((f"race-{name}.json", json.dumps(result, indent=1) + "\n"), (f"race-{name}.md", table(result))):
        with replacing(args.results / path) as out:
            out.write(text.encode())
        print(f"written: {args.results / path}")
    print(f"\n{table(result)}")


if __name__ == "__main__":
    main()
