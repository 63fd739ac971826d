"""Fits the few noise levels that a solver steps from: those whose pictures come closest to a finely solved trajectory's.

    python benchmarks/fit_steps.py runs/demo --steps 4

Every candidate starts from the same noise; what is made small is the root mean square difference of the final pictures from
those of 100 steps, by Nelder and Mead's search over the logits of the levels. Prints a line for a recipe's `sample_times`.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from scipy.optimize import minimize

from inkbloom.philox import Draw
from inkbloom.run import Run
from inkbloom.solvers import SOLVERS, SPACINGS, step_times

FINE = 100  # steps of the solution that counts as exact


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--solver", default="dpmpp_2m", choices=sorted(set(SOLVERS) - {"ancestral"}))
    parser.add_argument("--guidance", type=float, help="default: the recipe's")
    parser.add_argument("--images", type=int, default=100)
    args = parser.parse_args()

    run = Run(args.run)
    family, labels = run.family, None
    guidance = run.spec.recipe.guidance if args.guidance is None else args.guidance
    if family.num_classes:
        labels = torch.arange(args.images) % family.num_classes
    start, _ = family.begin(Draw(1234, np.arange(args.images)))

    @torch.no_grad()
    def solved(times: torch.Tensor) -> torch.Tensor:
        for x, _ in SOLVERS[args.solver](family.denoiser(labels, guidance), start, times, family.path, None):
            last = x
        return last

    def times_of(logits: np.ndarray) -> torch.Tensor:
        """Any numbers -> times from 1 to 0; the order of the numbers does not matter."""
        inner = np.sort(1 / (1 + np.exp(-logits)))[::-1]
        return torch.tensor([1.0, *inner, 0.0], dtype=torch.float64)

    fine = solved(step_times(FINE, "logsnr", family.path))

    def error(times: torch.Tensor) -> float:
        return float((solved(times) - fine).square().mean().sqrt())

    print("RMSE to 100 steps:")
    found = {name: step_times(args.steps, name, family.path) for name in SPACINGS}
    for name, times in found.items():
        print(f"  {name:8} {error(times):.4f}   {' '.join(f'{t:.3f}' for t in times[:-1].tolist())}", flush=True)
    best = min(found.values(), key=error)[1:-1].clamp(1e-3, 1 - 1e-3).numpy()
    fitted = minimize(
        lambda logits: error(times_of(logits)),
        np.log(best / (1 - best)),
        method="Nelder-Mead",
        options={"maxfev": 120, "xatol": 0.01, "fatol": 1e-5},
    )
    times = times_of(fitted.x)
    print(f"  fitted   {fitted.fun:.4f}   after {fitted.nfev} trials")
    print(f"sample_steps = {args.steps}\nsample_times = [{', '.join(f'{t:.3f}' for t in times[:-1].tolist())}]")


if __name__ == "__main__":
    main()
