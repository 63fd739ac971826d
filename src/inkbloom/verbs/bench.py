"""`inkbloom bench`: how fast this machine is, where a step's time goes, and how long good pictures take."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, UsageError

if TYPE_CHECKING:
    from ..bench.panel import Panel
    from ..bench.timing import Row
    from ..families import Family

PARTS = ("peaks", "step", "quality", "sampling", "growth")
BESIDE = ("tutorial-basic", "tutorial")  # recipes whose step is told beside the one asked for
T30 = Path("benchmarks/results/t30.json")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inkbloom bench`."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE and plots beside it")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=f"of: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a rough look in less than a minute")
    parser.add_argument("--recipe", default="fast", metavar="RECIPE", help="a name or a TOML file (default: fast)")
    parser.add_argument("--run", type=Path, metavar="RUN", help="sampling: the weights of this run instead of trained ones")
    parser.add_argument("--guidance", type=float, metavar="X", help="sampling: instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first training (default: 0)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="quality: trainings, one seed each (default: 1)")
    parser.add_argument(
        "--t30", type=Path, default=T30, metavar="FILE", help=f"the card of the tutorial's run (default: {T30})"
    )


def run(args: argparse.Namespace) -> int:
    """Measures part by part, printing as it goes; 0. Raises InkbloomError."""
    if args.seeds < 1:
        raise UsageError(f"seeds = {args.seeds}: must be 1 or more")
    from ..bench.machine import Quiet, about
    from ..bench.plots import plots
    from ..files import replacing

    bench = Bench(args)
    result: dict[str, Any] = {
        "bench": 1,
        "seed": args.seed,
        "recipe": args.recipe,
        "quick": args.quick,
        "machine": about(),
        "parts": {},
    }
    print(", ".join(f"{name} {value}" for name, value in result["machine"].items()), flush=True)
    for part in (part for part in PARTS if part in args.only):
        print(f"\n{part}", flush=True)
        quiet, rows = Quiet(), result["parts"].setdefault(part, {"rows": []})["rows"]
        for row in getattr(bench, part)():
            print(row.text, flush=True)
            if row.figures:
                rows.append(row.figures)
        meanwhile = result["parts"][part]["meanwhile"] = quiet.told()
        print("machine meanwhile: " + ", ".join(f"{name} {value}" for name, value in meanwhile.items()), flush=True)
        if args.json:
            with replacing(args.json) as file:
                file.write(json.dumps(result, indent=1).encode() + b"\n")
    if args.json:
        print(f"\njson: {args.json}")
        for path in plots({name: part["rows"] for name, part in result["parts"].items()}, args.json.with_suffix("")):
            print(f"plot: {path}")
    return 0


class Bench:
    """The parts, and what they share: each method is a generator of rows."""

    def __init__(self, args: argparse.Namespace) -> None:
        from ..config import load_recipe, parse_size
        from ..data import load_data
        from ..device import best_device

        self.args, self.device = args, best_device()
        self.recipe = load_recipe(args.recipe).resolved(seed=args.seed)
        self.data = load_data(self.recipe.data, parse_size(self.recipe.size), self.recipe.skip_broken)
        self.images = self.data.take(self.recipe.split)
        if not len(self.images.images):
            raise DataError(f"no images to train on ({self.recipe.data}): the slice {self.recipe.split} is empty")
        self.best: dict[str, float] = {}  # GFLOP/s by precision
        self.trained: Family | None = None

    @cached_property
    def panel(self) -> Panel | None:
        """The judge of the source with its reference, or None where none is shipped."""
        from ..bench.panel import panel_for

        return panel_for(self.data)

    @cached_property
    def t30(self) -> dict[str, float] | None:
        """FD and floor of the tutorial's run, where its card is there. Raises DataError."""
        from ..bench.panel import load_t30

        return load_t30(self.args.t30, self.panel.real) if self.panel else None

    def peaks(self) -> Iterator[Row]:
        """See bench/peaks.py."""
        from ..bench.peaks import highest, peaks

        rows = []
        for row in peaks(self.device, self.args.quick):
            rows.append(row)
            yield row
        self.best = highest(rows)

    def step(self) -> Iterator[Row]:
        """See bench/step.py: for the recipe, and for the tutorial's two on the same images."""
        from ..bench.step import step
        from ..bench.timing import Row
        from ..config import load_recipe

        if not self.best:
            for _ in self.peaks():
                pass
        recipes = {Path(self.args.recipe).name.removesuffix(".toml"): self.recipe}
        if not self.args.quick:
            recipes |= {name: load_recipe(name) for name in BESIDE if name not in recipes}
        for name, recipe in recipes.items():
            yield Row(f"{name}:", {})
            for row in step(recipe, self.images, self.device, self.args.quick, self.best):
                yield Row(f"  {row.text}", {"recipe": name, **row.figures} if row.figures else {})

    def quality(self) -> Iterator[Row]:
        """See bench/quality.py. The last training's weights are kept for `sampling`."""
        from ..bench.quality import quality
        from ..bench.timing import Row

        if self.panel is None:
            yield Row(f"no judge of {self.data.source} is shipped: nothing to measure quality by", {"judge": None})
            return
        floor, t30 = self.panel.floor, self.t30
        about = {**self.panel.about(), "t30": t30}
        known = f"T30 {t30['fd']:.3f}" if t30 else f"T30 not known ({self.args.t30} is missing): no ladder"
        yield Row(f"judge {about['judge']}, N = {about['n']}: real against real FD {floor['fd']:.3f}; {known}", about)
        yield from quality(self.recipe, self.data, self.device, self.panel, t30, self.args.seeds, self.args.quick, self._keep)

    def sampling(self) -> Iterator[Row]:
        """See bench/sampling.py: with the weights of --run, or of `quality`, or of a training made for it."""
        from ..bench.quality import SHORT, average_of, training
        from ..bench.sampling import sampling
        from ..bench.timing import Row

        if self.args.run:
            from ..run import Run

            model = Run(self.args.run)
            if model.shape != (self.data.channels, *self.data.size):
                raise UsageError(f"the run draws pictures of another size ({self.args.run}): give its recipe with --recipe")
            self._keep(model.family)
        if self.trained is None:
            for moment in training(self.recipe, self.images, self.device):
                if self.args.quick and moment.seconds > SHORT:
                    break
            self._keep(average_of(moment.state))
            yield Row(f"trained for it: {moment.seconds:.0f} s, {moment.step:,} steps", {"trained_steps": moment.step})
        assert self.trained is not None
        goal = self.t30["fd"] if self.t30 else None
        yield from sampling(self.trained, self.data, self.device, self.panel, goal, self.args.quick, self.args.guidance)

    def growth(self) -> Iterator[Row]:
        """See bench/growth.py."""
        from ..bench.growth import growth

        yield from growth(self.recipe, self.images, self.device, self.args.quick)

    def _keep(self, family: Family) -> None:
        self.trained = family
