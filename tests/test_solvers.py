"""The solvers against closed forms, scipy's integrator and the schedulers of diffusers; and where they put their steps."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from inkbloom.diffusion import PATHS, Coef, guided, lerp, vp
from inkbloom.solvers import SOLVERS, SPACINGS, ancestral, dpmpp_2m, euler, evaluations, heun, step_times, steps_for

F64 = torch.float64
SPREAD = 0.7  # standard deviation of a Gaussian data set, whose best denoiser is known
paths = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
solvers = pytest.mark.parametrize("solver", SOLVERS)


def last(steps):
    *_, (x, _) = steps
    return x


def gaussian(path, spread=SPREAD):
    """The posterior mean of x0 ~ N(0, spread^2) given x."""

    def denoise(x, t):
        c = path(t)
        return c.a * spread**2 / (c.a**2 * spread**2 + c.s**2) * x

    return denoise


def deviation(path, t, spread=SPREAD):
    """The standard deviation of x at time t."""
    c = path(torch.as_tensor(t, dtype=F64))
    return (c.a**2 * spread**2 + c.s**2).sqrt()


def fresh_noise(shape, dtype=F64):
    """fresh(k) as a solver wants it; its seeds are none of those given to `random`."""
    return lambda k: torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(1000 + k))


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


# ---- the tutorial's rule


def tutorial(net, x, steps):
    """Section 3.6: mix 1 / (steps left) of the prediction in, and keep everything."""
    inputs, predictions = [x], []
    for i in range(steps):
        pred = net(x)
        mix = 1 / (steps - i)
        x = x * (1 - mix) + pred * mix
        inputs.append(x)
        predictions.append(pred)
    return inputs, predictions


@pytest.mark.parametrize(("dtype", "tolerance"), [(F64, 1e-12), (torch.float32, 1e-5)], ids=["float64", "float32"])
@torch.no_grad()
def test_euler_is_the_tutorials_rule(dtype, tolerance):
    """Forty steps with a network of convolutions: every input and every prediction."""
    torch.manual_seed(0)
    conv = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 5, padding=2), torch.nn.SiLU(), torch.nn.Conv2d(8, 1, 5, padding=2), torch.nn.SiLU()
    ).to(dtype)
    start = torch.rand(4, 1, 28, 28, dtype=dtype)
    inputs, predictions = tutorial(conv, start, 40)
    steps = list(euler(lambda x, t: conv(x), start, step_times(40, "uniform", lerp), lerp))
    assert len(steps) == 40
    for want, guess, (x, x0) in zip(inputs[1:], predictions, steps, strict=True):
        assert x.dtype == dtype
        assert (x - want).norm() <= tolerance * want.norm()
        assert (x0 - guess).norm() <= tolerance * guess.norm()


# ---- accuracy


def error(solver, path, steps, start=0.98, end=0.02):
    """How far a solver from x = 1.3 ends from the exact end: on Gaussian data x keeps its rank, so it grows as the spread."""
    x = torch.full((1,), 1.3, dtype=F64)
    want = x * deviation(path, end) / deviation(path, start)
    times = torch.linspace(start, end, steps + 1, dtype=F64)
    return float((last(SOLVERS[solver](gaussian(path), x, times, path, None)) - want).abs())


@paths
@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2), ("dpmpp_2m", 2)])
def test_order_of_convergence(path, solver, order):
    coarse, middle, fine = (error(solver, path, n) for n in (40, 80, 160))
    assert math.log2(coarse / middle) == pytest.approx(order, abs=0.25)
    assert math.log2(middle / fine) == pytest.approx(order, abs=0.25)
    assert fine < (2e-2 if order == 1 else 1e-3)


@paths
@pytest.mark.parametrize(("solver", "steps"), [("euler", 400), ("heun", 200), ("dpmpp_2m", 400)])
def test_all_the_way_from_noise_to_image(path, solver, steps):
    """From t = 1 to exactly 0."""
    assert error(solver, path, steps, 1.0, 0.0) < 6e-3


@paths
def test_heun_against_an_integrator_of_scipy(path):
    """A denoiser that is not linear, so that nothing cancels by symmetry: dx/dt = a' x0 + s' eps, solved to 1e-10."""
    mixing = random(3, 3) * 0.5

    def denoise(x, t):
        return torch.tanh(x @ mixing + t)

    def velocity(t, x):
        x, t = torch.from_numpy(x), torch.tensor(t, dtype=F64)
        c, x0 = path(t), denoise(x, t)
        return (c.da * x0 + c.ds * (x - c.a * x0) / c.s).numpy()

    start = random(3, seed=1)
    want = solve_ivp(velocity, (0.95, 0.1), start.numpy(), rtol=1e-10, atol=1e-10).y[:, -1]
    for steps, tolerance in ((50, 3e-3), (500, 3e-5)):
        got = last(heun(denoise, start, torch.linspace(0.95, 0.1, steps + 1, dtype=F64), path))
        np.testing.assert_allclose(got.numpy(), want, atol=tolerance)


@torch.no_grad()
def test_two_points_from_uniform_noise():
    """Data of 0 (share .3) and 1 (share .7), mixed with U[0, 1) on lerp. Where both are possible, x fits 0 and 1 equally
    well, so the exact denoiser answers .7 there, and 0 or 1 elsewhere; euler must arrive at 0 and 1 in just these shares.
    """

    def denoise(x, t):
        zero, one = (x >= 0) & (x < t), (x >= 1 - t) & (x < 1)
        return torch.where(zero & one, 0.7, torch.where(one, 1.0, 0.0).to(x))

    x = torch.rand(100_000, dtype=F64, generator=torch.Generator().manual_seed(0))
    end = last(euler(denoise, x, step_times(200, "uniform", lerp), lerp))
    assert (torch.minimum(end.abs(), (end - 1).abs()) < 1e-9).all()
    assert float(end.mean()) == pytest.approx(0.7, abs=0.006)


# ---- the schedulers of diffusers


def eps_model(mixing):
    return lambda x: torch.tanh(x @ mixing)


def vp_denoiser(mixing):
    """x0 of an eps-predicting map on our own path."""

    def denoise(x, t):
        c = vp(t)
        return (x - c.s * eps_model(mixing)(x)) / c.a

    return denoise


def in_double(scheduler):
    """diffusers sums its betas in float32; with the same table in float64, its formulas can be compared closely."""
    scheduler.alphas_cumprod = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=F64), 0)
    scheduler.one = scheduler.final_alpha_cumprod = torch.ones((), dtype=F64)
    return scheduler


def scheduled(scheduler, model, x, steps):
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        x = scheduler.step(model(x), t, x).prev_sample
    return x


@pytest.mark.parametrize("steps", [1, 10, 20, 50])
def test_euler_is_the_ddim_of_diffusers(steps):
    """Trailing timesteps 999, ... stand for our t = 1, ..., and alpha-bar 1 at their end for our t = 0."""
    from diffusers import DDIMScheduler

    mixing, x = random(6, 6) * 0.3, random(3, 6, seed=1)
    scheduler = DDIMScheduler(
        1000, 1e-4, 0.02, "linear", clip_sample=False, timestep_spacing="trailing", prediction_type="epsilon"
    )
    want = scheduled(in_double(scheduler), eps_model(mixing), x, steps)
    got = last(euler(vp_denoiser(mixing), x, step_times(steps, "uniform", vp), vp))
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 10, 20, 50])
def test_dpmpp_2m_is_that_of_diffusers(steps):
    """Order 2, midpoint form, first order at both ends, which is what diffusers does when it ends at sigma 0."""
    from diffusers import DPMSolverMultistepScheduler

    mixing, x = random(6, 6) * 0.3, random(3, 6, seed=1)
    scheduler = DPMSolverMultistepScheduler(
        1000,
        1e-4,
        0.02,
        "linear",
        solver_order=2,
        prediction_type="epsilon",
        algorithm_type="dpmsolver++",
        solver_type="midpoint",
        timestep_spacing="trailing",
        final_sigmas_type="zero",
    )
    want = scheduled(scheduler, eps_model(mixing), x, steps)
    got = last(dpmpp_2m(vp_denoiser(mixing), x, step_times(steps, "uniform", vp), vp))
    assert (got - want).abs().max() < 3e-5 * max(1, want.abs().max())


@pytest.mark.parametrize(("shift", "spacing"), [(1.0, "uniform"), (3.0, "shifted")])
def test_euler_is_the_flow_matching_of_diffusers(shift, spacing):
    """Its model gives the velocity eps - x0. The times are compared too: its shift is our spacing `shifted`."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    mixing, x = random(6, 6) * 0.3, random(3, 6, seed=1).float()
    velocity = lambda x: torch.tanh(x @ mixing.float())
    scheduler = FlowMatchEulerDiscreteScheduler(1000, shift=shift)
    scheduler.set_timesteps(sigmas=np.linspace(1, 0, 21)[:-1].tolist())
    times = step_times(20, spacing, lerp)
    torch.testing.assert_close(scheduler.sigmas.double(), times, rtol=1e-6, atol=1e-7)
    want = x
    for t in scheduler.timesteps:
        want = scheduler.step(velocity(want), t, want).prev_sample
    got = last(euler(lambda x, t: x - t * velocity(x), x, times, lerp))
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", [10, 50, 1000])
def test_one_ancestral_step_is_the_posterior_of_ddpm(steps):
    """Mean and variance of `fixed_small`, both from a step of diffusers' scheduler: its noise is set to 0, then to 1."""
    from unittest import mock

    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(
        1000, 1e-4, 0.02, "linear", variance_type="fixed_small", clip_sample=False, timestep_spacing="trailing"
    )
    in_double(scheduler).set_timesteps(steps)
    times = step_times(steps, "uniform", vp)
    x, eps = random(4, 5), random(4, 5, seed=1)
    for k in {0, 1, steps // 2, steps - 2, steps - 1}:
        t = scheduler.timesteps[k]
        assert float(times[k]) == pytest.approx((int(t) + 1) / 1000)
        c = vp(times[k])
        x0 = (x - c.s * eps) / c.a
        for noise in (0.0, 1.0):
            constant = torch.full_like(x, noise)
            with mock.patch("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *args, noise=constant, **kw: noise):
                want = scheduler.step(eps, int(t), x).prev_sample
            ((got, _),) = ancestral(lambda x, t, x0=x0: x0, x, times[k : k + 2], vp, lambda k, noise=constant: noise)
            torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


# ---- fresh noise


@paths
def test_ancestral_keeps_the_marginal(path):
    """At every step the spread of x is what the path prescribes, to the 2 % that 400 steps and 100,000 values leave."""
    fresh = fresh_noise((100_000,))
    times = step_times(400, "uniform", path)
    start = random(100_000) * deviation(path, 1.0)
    for s, (x, _) in zip(times[1:], ancestral(gaussian(path), start, times, path, fresh), strict=True):
        assert float(x.std() / deviation(path, s)) == pytest.approx(1, abs=0.025)


def test_ancestral_asks_for_the_noise_of_each_step_once():
    asked = []

    def fresh(k):
        asked.append(k)
        return torch.zeros(2)

    list(ancestral(gaussian(vp), torch.ones(2), step_times(7, "uniform", vp), vp, fresh))
    assert asked == [1, 2, 3, 4, 5, 6, 7]


def test_the_last_ancestral_step_adds_no_noise():
    x0 = random(4)
    times = torch.tensor([0.1, 0.0], dtype=F64)
    ((x, _),) = ancestral(lambda x, t: x0, random(4, seed=1), times, vp, lambda k: torch.full((4,), 1e6, dtype=F64))
    assert torch.equal(x, x0)


def test_ancestral_without_fresh_noise_is_refused():
    with pytest.raises(ValueError, match=r"needs noise\(k\)"):
        next(ancestral(gaussian(lerp), torch.ones(2), step_times(4, "uniform", lerp), lerp))


@pytest.mark.parametrize("solver", [euler, heun, dpmpp_2m], ids=["euler", "heun", "dpmpp_2m"])
def test_the_others_draw_nothing(solver):
    def fresh(k):
        raise AssertionError

    list(solver(gaussian(lerp), torch.ones(2), step_times(4, "uniform", lerp), lerp, fresh))


# ---- the contract


@paths
@solvers
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("start", [1.0, 0.6])
def test_single_precision_stays_finite_to_the_very_end(path, solver, spacing, start):
    torch.manual_seed(0)
    x = torch.randn(2, 1, 8, 8)
    steps = list(
        SOLVERS[solver](
            lambda x, t: torch.tanh(x), x, step_times(11, spacing, path, start), path, fresh_noise(x.shape, torch.float32)
        )
    )
    assert len(steps) == 11
    for x, x0 in steps:
        assert x.dtype == x0.dtype == torch.float32
        assert torch.isfinite(x).all()
    torch.testing.assert_close(x, x0)  # at t = 0 there is nothing but the image


@paths
@solvers
def test_the_denoiser_sees_the_time_of_its_input_and_never_zero(path, solver):
    """x is checked against t: for one image of known x0 = 2 and eps = .5 the trajectory is a x0 + s eps throughout."""
    seen = []
    x0, eps = torch.tensor([2.0], dtype=F64), torch.tensor([0.5], dtype=F64)

    def denoise(x, t):
        assert t.shape == ()
        c = path(t)
        if solver == "euler":
            torch.testing.assert_close(x, c.a * x0 + c.s * eps)
        seen.append(float(t))
        return x0

    c, times = path(torch.tensor(0.9, dtype=F64)), step_times(6, "uniform", path, 0.9)
    for s, (x, guess) in zip(
        times[1:], SOLVERS[solver](denoise, c.a * x0 + c.s * eps, times, path, lambda k: eps), strict=True
    ):
        assert torch.equal(guess, x0)
        if solver in ("euler", "dpmpp_2m"):  # exact for a denoiser that never changes its mind
            torch.testing.assert_close(x, path(s).a * x0 + path(s).s * eps)
    assert min(seen) > 0
    assert seen[0] == 0.9
    assert set(seen) == set(times[:-1].tolist())


def test_solvers_take_one_step_at_a_time():
    """Generators: nothing is computed before it is asked for."""
    calls = []

    def denoise(x, t):
        calls.append(float(t))
        return x

    for solver in SOLVERS.values():
        calls.clear()
        steps = solver(denoise, torch.ones(1), step_times(5, "uniform", lerp), lerp, lambda k: torch.zeros(1))
        assert calls == []
        next(steps)
        assert 1 <= len(calls) <= 2


def test_yielded_pictures_are_not_written_over():
    for solver in SOLVERS.values():
        kept = list(solver(gaussian(lerp), random(3), step_times(6, "uniform", lerp), lerp, fresh_noise((3,))))
        again = solver(gaussian(lerp), random(3), step_times(6, "uniform", lerp), lerp, fresh_noise((3,)))
        for (x, x0), (other_x, other_x0) in zip(kept, again, strict=True):
            assert torch.equal(x, other_x)
            assert torch.equal(x0, other_x0)


# ---- the cost


class Counted:
    """A network that counts how often it runs, with the class and without."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x, t):
        self.calls += 1
        return torch.tanh(x)


@given(
    st.sampled_from(sorted(SOLVERS)), st.integers(1, 30), st.sampled_from([0.0, 1.0, 2.5]), st.sampled_from(sorted(SPACINGS))
)
@settings(deadline=None, max_examples=60)
def test_evaluations_are_the_calls_of_the_network(solver, steps, guidance, spacing):
    net = Counted()
    denoise = guided(net, net, guidance)
    list(SOLVERS[solver](denoise, torch.ones(1), step_times(steps, spacing, lerp), lerp, lambda k: torch.zeros(1)))
    assert evaluations(solver, steps, guidance) == net.calls


@given(st.sampled_from(sorted(SOLVERS)), st.integers(1, 500), st.sampled_from([0.0, 1.0, 2.5]))
def test_steps_for_spends_what_there_is(solver, nfe, guidance):
    """The most steps within the budget; one step where even that is too dear."""
    steps = steps_for(solver, nfe, guidance)
    assert steps >= 1
    assert evaluations(solver, steps, guidance) <= nfe or steps == 1
    assert evaluations(solver, steps + 1, guidance) > nfe


# ---- where the steps lie


starts = st.one_of(st.just(1.0), st.floats(0.01, 1), st.floats(0.99, 1))


@paths
@pytest.mark.parametrize("spacing", SPACINGS)
@given(steps=st.integers(1, 50), start=starts)
@settings(deadline=None, max_examples=60)
@example(steps=1, start=1.0)
@example(steps=2, start=0.999)
@example(steps=3, start=0.995)
@example(steps=50, start=0.01)
def test_times_fall_from_the_start_to_zero(path, spacing, steps, start):
    times = step_times(steps, spacing, path, start)
    assert times.shape == (steps + 1,)
    assert times.dtype == F64
    assert times[0] == start
    assert times[-1] == 0
    assert all(later < earlier for earlier, later in pairwise(times.tolist()))


@paths
@pytest.mark.parametrize("start", [0.02, 0.005, 0.004, 1e-4])
def test_times_fall_from_a_start_close_to_the_image(path, start):
    times = step_times(8, "logsnr", path, start)
    assert times[0] == start
    assert times[-1] == 0
    assert all(later < earlier for earlier, later in pairwise(times.tolist()))
    x = torch.randn(4)
    assert torch.isfinite(last(dpmpp_2m(lambda x, t: torch.tanh(x), x, times, path))).all()


@given(st.integers(1, 50), st.floats(0.01, 1))
def test_uniform_times_are_evenly_spaced(steps, start):
    np.testing.assert_allclose(step_times(steps, "uniform", lerp, start), np.linspace(start, 0, steps + 1), atol=1e-14)


@paths
@pytest.mark.parametrize("start", [1.0, 0.997, 0.8, 0.05])
@pytest.mark.parametrize("steps", [3, 10, 40])
def test_logsnr_times_are_even_in_the_logarithm(path, start, steps):
    """Inside, from min(start, .995) to .02; the first and the last time are `start` and 0 themselves."""
    times = step_times(steps, "logsnr", path, start)
    inner = path(torch.cat([torch.tensor([min(start, 0.995)], dtype=F64), times[1:-1]]))
    rise = (inner.a / inner.s).log().diff()
    torch.testing.assert_close(rise, rise.mean().expand_as(rise), rtol=1e-6, atol=0)
    assert float(times[-2]) == pytest.approx(0.02)


def test_times_do_not_depend_on_where_they_are_computed():
    """Schedules are float64 on the CPU whatever the default dtype is."""
    want = [step_times(9, spacing, vp) for spacing in SPACINGS]
    torch.set_default_dtype(F64)
    try:
        got = [step_times(9, spacing, vp) for spacing in SPACINGS]
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(want, got, strict=True))


def test_a_path_of_ones_own_works():
    """A path is any function: here a quarter circle in degrees, which is `cosine` in other words."""

    def quarter(t):
        angle = torch.deg2rad(90 * t)
        return Coef(angle.cos(), angle.sin(), -angle.sin() * math.pi / 2, angle.cos() * math.pi / 2)

    x, times = random(5), torch.linspace(0.9, 0.1, 12, dtype=F64)
    for solver in (euler, heun, dpmpp_2m):
        got, want = (last(solver(gaussian(p), x, times, p)) for p in (quarter, PATHS["cosine"]))
        torch.testing.assert_close(got, want)
