"""Solvers walk from noise to image: each is a generator that yields (x, x0) after every step.

`x` is the picture after the step and `x0` the denoiser's guess that made it: the tutorial's "input" of the next step and
its "model prediction". All share one signature:

    solver(denoise, x, times, path, noise) -> Iterator[(x, x0)]

`times` falls from the noise level of `x` to 0; no solver asks the denoiser at t = 0. `noise(k)` gives new Gaussian noise
for step k = 1, 2, ...; only `ancestral` uses it. A function of one's own with this signature is a solver too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from inspect import signature
from itertools import pairwise

import torch
from torch import Tensor

from .diffusion import Denoise, Path, lerp, noise_in
from .errors import UsageError, entry, own_name

Steps = Iterator[tuple[Tensor, Tensor]]
StepNoise = Callable[[int], Tensor]
Solver = Callable[[Denoise, Tensor, Tensor, Path, StepNoise | None], Steps]


def euler(denoise: Denoise, x: Tensor, times: Tensor, path: Path, noise: StepNoise | None = None) -> Steps:
    """Take the picture apart and mix it again with a little less noise: DDIM (Song et al. 2021, Eq. 12 with sigma = 0).

    On `lerp` this is Euler's method for flow matching, and the tutorial's rule  x (1 - m) + x0 m,  m = 1 / (steps left).
    """
    for t, s in pairwise(times):
        x0 = denoise(x, t)
        eps, d = noise_in(x, x0, path(t)), path(s)
        x = d.a * x0 + d.s * eps
        yield x, x0


def heun(denoise: Denoise, x: Tensor, times: Tensor, path: Path, noise: StepNoise | None = None) -> Steps:
    """Heun's method on dx/dt = a' x0 + s' eps (Karras et al. 2022, Algorithm 1); the last step is Euler's: 2n - 1 calls."""
    for t, s in pairwise(times):
        x0 = denoise(x, t)
        c, d = path(t), path(s)
        eps = noise_in(x, x0, c)
        if d.s == 0:
            x = d.a * x0 + d.s * eps
        else:
            velocity = c.da * x0 + c.ds * eps
            ahead = x + (s - t) * velocity
            ahead_x0 = denoise(ahead, s)
            ahead_velocity = d.da * ahead_x0 + d.ds * noise_in(ahead, ahead_x0, d)
            x = x + (s - t) * (velocity + ahead_velocity) / 2
        yield x, x0


def dpmpp_2m(denoise: Denoise, x: Tensor, times: Tensor, path: Path, noise: StepNoise | None = None) -> Steps:
    """DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2): extrapolates x0 in log(a / s); first order at both ends."""
    old: Tensor | None = None
    h_old = torch.ones(())
    for t, s in pairwise(times):
        x0 = denoise(x, t)
        c, d = path(t), path(s)
        h = (d.a / d.s).log() - (c.a / c.s).log()
        guess = x0 if old is None or d.s == 0 else x0 + h / (2 * h_old) * (x0 - old)
        x = d.s / c.s * x - d.a * torch.expm1(-h) * guess
        old, h_old = x0, h
        yield x, x0


def ancestral(denoise: Denoise, x: Tensor, times: Tensor, path: Path, noise: StepNoise | None = None) -> Steps:
    """Euler, but part of the old noise is replaced by new noise: DDPM's sampler (Song et al. 2021, Eq. 16 with eta = 1).

    Raises ValueError without `noise`.
    """
    if noise is None:
        raise ValueError("ancestral needs noise(k), the new Gaussian noise of step k")
    for k, (t, s) in enumerate(pairwise(times), start=1):
        x0 = denoise(x, t)
        c, d = path(t), path(s)
        new = 1 - (c.a * d.s / (d.a * c.s)) ** 2
        x = d.a * x0 + d.s * ((1 - new).sqrt() * noise_in(x, x0, c) + new.sqrt() * noise(k))
        yield x, x0


SOLVERS: dict[str, Solver] = {"euler": euler, "heun": heun, "dpmpp_2m": dpmpp_2m, "ancestral": ancestral}


def check_call(solver: Solver) -> None:
    """Raises UsageError for a solver of one's own that cannot be called as solvers are."""
    with suppress(ValueError):  # of what Python knows no signature
        wanted = signature(solver)
        try:
            wanted.bind(*range(5))
        except TypeError:
            told = f"the solver {own_name(solver)} takes {wanted}"
            raise UsageError(f"{told}: give it the five arguments (denoise, x, times, path, noise)") from None


def evaluations(solver: str | Solver, steps: int, guidance: float = 1.0) -> int:
    """NFE: network evaluations for one sample; a solver of one's own is run once on a single number and its calls are counted.

    Raises UsageError for a solver that yields nothing.
    """
    calls = _counted(solver, steps) if callable(solver) else 2 * steps - 1 if solver == "heun" else steps
    return calls * (1 if guidance in (0, 1) else 2)


def steps_for(solver: str | Solver, nfe: int, guidance: float = 1.0) -> int:
    """The most steps that cost at most `nfe` network evaluations; at least 1."""
    return max(1, bisect_right(range(1, nfe + 1), nfe, key=lambda steps: evaluations(solver, steps, guidance)))


def _counted(solver: Solver, steps: int) -> int:
    """How often a solver asks the denoiser on its way over so many steps."""
    calls = 0

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return x

    one = torch.ones(1, 1, 1, 1)
    done = sum(1 for _ in solver(denoise, one, torch.linspace(1, 0, steps + 1, dtype=torch.float64), lerp, lambda k: one))
    if not done:
        raise UsageError(f"the solver {own_name(solver)} yields nothing: yield (x, x0) after every step")
    return calls


def _uniform(u: Tensor, path: Path, start: float) -> Tensor:
    """Equal steps in t, as in the tutorial."""
    return start * (1 - u)


def _shifted(u: Tensor, path: Path, start: float, shift: float = 3.0) -> Tensor:
    """More steps at the noise end: t -> k t / (1 + (k - 1) t) with k = 3 (Esser et al. 2024, Eq. 23)."""
    t = 1 - u
    return start * shift * t / (1 + (shift - 1) * t)


def _logsnr(u: Tensor, path: Path, start: float, noisy: float = 0.995, clean: float = 0.02) -> Tensor:
    """Equal steps in log(a / s), which is infinite at both ends: from t = 0.995 to 0.02, then on to `start` and 0.

    Where `start` itself is close to 0.02 or below, the equal steps end at half of it.
    """
    first, last = (_log_ratio(path, u.new_tensor(t)) for t in (min(start, noisy), min(start / 2, clean)))
    inner = torch.linspace(0, 1, len(u) - 1, dtype=u.dtype)
    return torch.cat([_time_of(path, torch.lerp(first, last, inner)), u.new_zeros(1)])


def _log_ratio(path: Path, t: Tensor) -> Tensor:
    c = path(t)
    return c.a.log() - c.s.log()


def _time_of(path: Path, log_ratio: Tensor) -> Tensor:
    """The t at which log(a / s) has these values, by bisection: it falls on every path."""
    low, high = torch.zeros_like(log_ratio), torch.ones_like(log_ratio)
    for _ in range(60):
        middle = (low + high) / 2
        too_clean = _log_ratio(path, middle) > log_ratio
        low, high = torch.where(too_clean, middle, low), torch.where(too_clean, high, middle)
    return (low + high) / 2


Spacing = Callable[[Tensor, Path, float], Tensor]
"""spacing(u: (steps + 1,) from 0 to 1, path, start) -> the times, which fall from `start` to 0."""
SPACINGS: dict[str, Spacing] = {"uniform": _uniform, "shifted": _shifted, "logsnr": _logsnr}


def step_times(steps: int, spacing: str | Spacing, path: Path, start: float = 1.0) -> Tensor:
    """(steps + 1,) float64 times from `start` in (0, 1] down to exactly 0."""
    times = entry("spacing", spacing, SPACINGS)(torch.linspace(0, 1, steps + 1, dtype=torch.float64), path, start)
    times[0], times[-1] = start, 0.0
    return times
