"""The page's theory and its solvers against Python's, on all paths, targets, solvers and spacings."""

import numpy as np
import pytest
import torch

from inkbloom import diffusion, solvers
from inkbloom.diffusion import PICTURE_PATHS, TARGETS
from inkbloom.solvers import SOLVERS, SPACINGS, step_times

TIMES = [0.001, 0.02, 0.25, 0.5, 0.77, 0.995, 1.0]


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def test_the_tables_are_pythons(engine):
    told = engine(
        "return [diffusion.PATHS, diffusion.PICTURE_PATHS, diffusion.TARGETS, diffusion.NOISES, solvers.SOLVERS,"
        " solvers.SPACINGS].map((table) => Object.keys(table));",
        "diffusion solvers",
    )
    pythons = (diffusion.PATHS, PICTURE_PATHS, TARGETS, diffusion.NOISES, SOLVERS, SPACINGS)
    assert told == [list(table) for table in pythons]


@pytest.mark.parametrize("path", PICTURE_PATHS)
def test_paths(engine, path):
    answers = engine("return times.map((t) => diffusion.PICTURE_PATHS[path](t));", "diffusion", path=path, times=TIMES)
    for t, answer in zip(TIMES, answers, strict=True):
        for name, expected in PICTURE_PATHS[path](double(t))._asdict().items():
            assert answer[name] == pytest.approx(expected.item(), rel=1e-6, abs=1e-8), (t, name)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("path", PICTURE_PATHS)
def test_split(engine, path, target):
    """Inside (0, 1), where both x0 and eps can be had."""
    numbers = np.random.default_rng(0)
    x, out = numbers.normal(size=(2, 3, 5, 4)).astype(np.float32)
    code = """
        return times.map((t) => {
          const c = diffusion.PICTURE_PATHS[path](t);
          return [...diffusion.split(out, x, c, target), diffusion.noiseIn(x, out, c)].map(packed);
        });
    """
    times = [0.1, 0.4, 0.7, 0.9]
    for t, answer in zip(times, engine(code, "diffusion", x=x, out=out, path=path, target=target, times=times), strict=True):
        c, (x_, out_) = PICTURE_PATHS[path](double(t)), (torch.tensor(each).double() for each in (x, out))
        expected = [*diffusion.split(out_, x_, c, target), diffusion.noise_in(x_, out_, c)]
        for one, other in zip(answer, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * other.abs().max().item())


def test_guidance_and_clipping(engine):
    x = np.linspace(-3, 3, 12).reshape(1, 3, 4)
    code = """
        const times = (k) => (x, t) => diffusion.mixed(k * t, x, 0, x);
        const all = scales.map((scale) => diffusion.guided(times(1), times(3), scale)(x, 0.5));
        return [...all, diffusion.clipped(times(2), -1, 0.25)(x, 0.5)].map(packed);
    """
    *guided, clipped = engine(code, "diffusion", x=x, scales=[0, 1, 2.5])
    for answer, factor in zip(guided, (0.5, 1.5, 3.0), strict=True):
        np.testing.assert_allclose(answer, x * factor, rtol=1e-6)
    np.testing.assert_allclose(clipped, x.clip(-1, 0.25), rtol=1e-6)


@pytest.mark.parametrize("path", PICTURE_PATHS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_times(engine, path, spacing):
    cases = [(steps, start) for steps in (1, 2, 3, 20, 200) for start in (1.0, 0.999, 0.5, 0.01)]
    code = "return cases.map(([steps, start]) => solvers.stepTimes(steps, spacing, diffusion.PICTURE_PATHS[path], start));"
    answers = engine(code, "solvers diffusion", cases=cases, path=path, spacing=spacing)
    for (steps, start), answer in zip(cases, answers, strict=True):
        expected = step_times(steps, spacing, PICTURE_PATHS[path], start)
        np.testing.assert_allclose(answer, expected, atol=1e-7)


@pytest.mark.parametrize("path", PICTURE_PATHS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers(engine, path, solver):
    """The same denoiser, a blend that depends on x and t, and the same noise give the same steps."""
    numbers = np.random.default_rng(2)
    x, picture, *noises = numbers.normal(size=(9, 2, 3, 4)).astype(np.float32)
    code = """
        const path = diffusion.PICTURE_PATHS[name];
        const denoise = (x, t) => diffusion.mixed(0.3 * (1 - t), x, 0.5 + 0.5 * t, picture);
        const drawn = [[], n0, n1, n2, n3, n4, n5, n6];
        return spacings.map((spacing) => {
          const times = solvers.stepTimes(6, spacing, path, 0.99);
          return [...solvers.SOLVERS[solver](denoise, x, times, path, (k) => drawn[k])].map((pair) => pair.map(packed));
        });
    """
    given = {f"n{k}": noise for k, noise in enumerate(noises)} | {"spacings": list(SPACINGS), "solver": solver, "name": path}
    answers = engine(code, "solvers diffusion", x=x, picture=picture, **given)
    mean = torch.tensor(picture).double()

    def denoise(x, t):
        return 0.3 * (1 - t) * x + (0.5 + 0.5 * t) * mean

    for spacing, answer in zip(SPACINGS, answers, strict=True):
        times, begin = step_times(6, spacing, PICTURE_PATHS[path], 0.99), torch.tensor(x).double()
        steps = SOLVERS[solver](denoise, begin, times, PICTURE_PATHS[path], lambda k: torch.tensor(noises[k - 1]).double())
        for pair, expected in zip(answer, steps, strict=True):
            for one, other in zip(pair, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5 * other.abs().max().item())


def test_network_evaluations(engine):
    cases = [(solver, steps, guidance) for solver in SOLVERS for steps in (1, 7) for guidance in (0, 1, 1.1, 4)]
    answers = engine("return cases.map((case_) => solvers.evaluations(...case_));", "solvers", cases=cases)
    assert answers == [solvers.evaluations(*case) for case in cases]
