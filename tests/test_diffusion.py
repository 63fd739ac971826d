"""The theory against closed forms, autograd, scipy and diffusers."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inkbloom.diffusion import (
    NOISES,
    PATHS,
    PICTURE_PATHS,
    TARGETS,
    TIMES,
    clipped,
    cosine,
    guided,
    lerp,
    loss_weight,
    noise_in,
    split,
    ve,
    vp,
)
from inkbloom.philox import Draw
from inkbloom.solvers import euler

F64 = torch.float64
patient = settings(deadline=None, max_examples=50)
paths = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
picture_paths = pytest.mark.parametrize("path", PICTURE_PATHS.values(), ids=PICTURE_PATHS)


def times(shape, low=0.0, high=1.0):
    return torch.linspace(low, high, math.prod(shape), dtype=F64).reshape(shape)


def pair(shape=(6, 2, 3, 5), seed=0):
    """An image and its noise, float64."""
    return torch.randn(2, *shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


# ---- paths


def test_what_the_paths_are_at_places_known_by_heart():
    t = torch.tensor([0, 1 / 3, 1 / 2, 1], dtype=F64)
    for path, a, s in (
        (lerp, [1, 2 / 3, 1 / 2, 0], [0, 1 / 3, 1 / 2, 1]),
        (cosine, [1, math.sqrt(3) / 2, math.sqrt(1 / 2), 0], [0, 1 / 2, math.sqrt(1 / 2), 1]),
        (ve, [1, 1, 1, 1], [0.01, 0.01 * 5000 ** (1 / 3), math.sqrt(0.5), 50]),
    ):
        c = path(t)
        torch.testing.assert_close(c.a, torch.tensor(a, dtype=F64), rtol=1e-14, atol=1e-15)
        torch.testing.assert_close(c.s, torch.tensor(s, dtype=F64), rtol=1e-14, atol=1e-15)


def test_vp_is_ddpm_at_every_step():
    """diffusers sums its betas in float32: its alpha-bar is good to about 1e-6 of itself, the exact product to 1e-9."""
    from diffusers import DDPMScheduler

    t = torch.arange(1, 1001, dtype=F64) / 1000
    c = vp(t)
    scheduler = DDPMScheduler(1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
    torch.testing.assert_close(c.a**2, scheduler.alphas_cumprod.double(), rtol=1e-5, atol=0)
    exact = torch.from_numpy(np.cumprod(1 - np.linspace(1e-4, 0.02, 1000)))
    torch.testing.assert_close(c.a**2, exact, rtol=1e-8, atol=0)
    torch.testing.assert_close(c.s**2, 1 - exact, rtol=1e-5, atol=0)


def test_vp_is_smooth_between_the_steps():
    """From step to step log a falls by an even and slowly growing amount, at ten places within each step as well."""
    log_a = vp(torch.arange(0, 10_001, dtype=F64) / 10_000).a.log()
    fall = -log_a.diff()
    assert (fall > 0).all()
    # half of beta a whole step; a tenth of that here. beta grows by 0.0199 over the path
    assert (fall.diff() - 0.0199 / 2 / 10_000 / 10).abs().max() < 1e-8


@paths
@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=["float32", "float64"])
def test_the_clean_end_is_a_positive_zero(path, dtype):
    """dpmpp_2m takes log(a / s) at t = 0: +infinity is harmless there, while -0 would make it the log of -infinity."""
    for t in (torch.zeros((), dtype=dtype), torch.zeros(20, dtype=dtype)):
        assert (1 / path(t).s == math.inf).all()


@paths
def test_no_amount_is_negative(path):
    """In single precision cos(pi / 2) is -4e-8, whose logarithm is none."""
    for dtype in (torch.float32, F64):
        c = path(torch.tensor([0, 1e-7, 1 - 1e-7, 1], dtype=dtype))
        assert c.a.min() >= 0
        assert c.s.min() >= 0


@pytest.mark.parametrize("path", [cosine, vp], ids=["cosine", "vp"])
def test_variance_preserving(path):
    for dtype, tolerance in ((F64, 1e-12), (torch.float32, 3e-7)):
        c = path(torch.linspace(0, 1, 1001, dtype=dtype))
        assert (c.a**2 + c.s**2 - 1).abs().max() < tolerance


@paths
def test_the_signal_falls_and_the_noise_rises(path):
    c = path(torch.linspace(0, 1, 1001, dtype=F64))
    assert (c.a.diff() < 0).all()
    assert (c.s.diff() > 0).all()
    assert c.a[0] == 1
    assert c.s[0] == 0
    assert c.a[-1] < 0.0064  # vp keeps a trace of the image: sqrt(alpha-bar) of DDPM's last step
    assert c.s[-1] > 0.9999


@picture_paths
def test_derivatives_are_those_that_autograd_finds(path):
    t = torch.linspace(0.002, 0.998, 400, dtype=F64).requires_grad_()
    c = path(t)
    for name, value, derivative in (("a", c.a, c.da), ("s", c.s, c.ds)):
        (want,) = torch.autograd.grad(value.sum(), t, retain_graph=True) if value.requires_grad else (torch.zeros_like(t),)
        torch.testing.assert_close(derivative.detach(), want, rtol=1e-9, atol=1e-12, msg=lambda m, name=name: f"d{name}: {m}")


@picture_paths
def test_derivatives_are_those_of_finite_differences(path):
    """Central differences, in case a path hides a function from autograd."""
    t, h = torch.linspace(0.01, 0.99, 99, dtype=F64), 1e-4
    c, before, after = path(t), path(t - h), path(t + h)
    for value in (0, 1):
        torch.testing.assert_close(c[2 + value], (after[value] - before[value]) / (2 * h), rtol=1e-3, atol=1e-5)


@picture_paths
@given(shape=st.lists(st.integers(1, 3), max_size=4), dtype=st.sampled_from([torch.float32, F64]))
@patient
def test_coefficients_keep_shape_and_dtype(path, shape, dtype):
    t = torch.rand(shape, dtype=dtype)
    for value in path(t):
        assert value.shape == t.shape
        assert value.dtype == dtype


# ---- targets


@paths
@pytest.mark.parametrize("target", TARGETS)
@given(t=st.floats(0.01, 0.99), seed=st.integers(0, 99))
@patient
def test_split_undoes_the_mixture(path, target, t, seed):
    x0, eps = pair((2, 1, 3, 3), seed)
    c = path(torch.full((2, 1, 1, 1), t, dtype=F64))
    out = {"x0": x0, "eps": eps, "v": c.da * x0 + c.ds * eps}[target]
    got_x0, got_eps = split(out, c.a * x0 + c.s * eps, c, target)
    torch.testing.assert_close(got_x0, x0, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got_eps, eps, rtol=1e-9, atol=1e-9)


def test_targets_are_what_their_names_say():
    """A known mixture: x0 = 2, eps = 5 on lerp moves at 5 - 2 = 3; on cosine at t = 1/3 at pi/2 (5 cos 30° - 2 sin 30°)."""
    for path, t, v in ((lerp, 0.25, 3), (cosine, 1 / 3, math.pi / 2 * (5 * math.sqrt(3) / 2 - 2 / 2))):
        c = path(torch.tensor(t, dtype=F64))
        for target, want in (("x0", 2), ("eps", 5), ("v", v)):
            p, q = TARGETS[target](c)
            assert float(p * 2 + q * 5) == pytest.approx(want, rel=1e-12)


@paths
def test_v_is_the_velocity_of_the_mixture(path):
    x0, eps = pair()
    t = times((6, 1, 1, 1), 0.05, 0.95)
    p, q = TARGETS["v"](path(t))
    torch.autograd.gradcheck(lambda t: path(t).a * x0 + path(t).s * eps, t.clone().requires_grad_())
    _, moved = torch.autograd.functional.jvp(lambda t: path(t).a * x0 + path(t).s * eps, t, torch.ones_like(t))
    torch.testing.assert_close(p * x0 + q * eps, moved, rtol=1e-9, atol=1e-9)


@paths
@pytest.mark.parametrize("loss_on", TARGETS)
@pytest.mark.parametrize("target", TARGETS)
def test_loss_weights_measured(path, target, loss_on):
    """Spoil the right answer, work out what that means for the other target, and compare the squared errors themselves."""
    x0, eps = pair()
    error = torch.randn(x0.shape, dtype=F64, generator=torch.Generator().manual_seed(1))
    c = path(times((6, 1, 1, 1), 0.05, 0.95))
    quantities = {"x0": lambda x0, eps: x0, "eps": lambda x0, eps: eps, "v": lambda x0, eps: c.da * x0 + c.ds * eps}
    spoiled = split(quantities[target](x0, eps) + error, c.a * x0 + c.s * eps, c, target)
    measured = (quantities[loss_on](*spoiled) - quantities[loss_on](x0, eps)) ** 2
    torch.testing.assert_close(loss_weight(c, target, loss_on) * error**2, measured, rtol=1e-6, atol=1e-9)


def test_loss_weights_by_hand():
    """On lerp: v = eps - x0 and x0 = x - t v, so an error e of x0 is one of e / t in v and of e (1 - t) / t in eps."""
    t = torch.tensor([0.1, 0.5, 0.8], dtype=F64)
    torch.testing.assert_close(loss_weight(lerp(t), "x0", "v"), 1 / t**2)
    torch.testing.assert_close(loss_weight(lerp(t), "v", "x0"), t**2)
    torch.testing.assert_close(loss_weight(lerp(t), "x0", "eps"), ((1 - t) / t) ** 2)
    torch.testing.assert_close(loss_weight(lerp(t), "eps", "v"), 1 / (1 - t) ** 2)
    abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=F64), 0)
    snr = abar / (1 - abar)  # eps-loss is x0-loss times the signal-to-noise ratio (Salimans and Ho 2022)
    torch.testing.assert_close(loss_weight(vp(torch.arange(1, 1001) / 1000), "x0", "eps").double(), snr, rtol=1e-4, atol=0)


def test_loss_cap():
    t = torch.tensor([0.0, 0.01, 0.05, 0.5, 1.0])
    assert loss_weight(lerp(t), "x0", "v", 400.0).tolist() == pytest.approx([400, 400, 400, 4, 1])
    assert loss_weight(lerp(t), "x0", "v", 3.0).tolist() == pytest.approx([3, 3, 3, 3, 1])
    assert loss_weight(lerp(t), "x0", "x0", 0.5) == 1  # nothing is moved, so nothing is weighed


@paths
@pytest.mark.parametrize("loss_on", TARGETS)
@pytest.mark.parametrize("target", TARGETS)
def test_both_ends_train_in_single_precision(path, target, loss_on):
    """At t = 0 and 1, which uniform times do meet (0) or nearly meet (1): finite input, target, loss and gradient."""
    x0, eps = (value.float() for value in pair())
    t = torch.tensor([0, 2**-24, 1e-4, 1 - 1e-4, 1 - 2**-24, 1]).reshape(6, 1, 1, 1)
    c = path(t)
    assert all(torch.isfinite(value).all() for value in c)
    p, q = TARGETS[target](c)
    out = torch.zeros_like(x0).requires_grad_()
    weight = loss_weight(c, target, loss_on, 400.0)
    assert torch.isfinite(torch.as_tensor(weight)).all()
    loss = (weight * (out - (p * x0 + q * eps)) ** 2).mean()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(out.grad).all()


@paths
@pytest.mark.parametrize("target", ["x0", "v"])
def test_split_at_the_noisy_end(path, target):
    """x0 and v need no step away from t = 1; in single precision either."""
    x0, eps = (value.float() for value in pair())
    c = path(torch.ones(6, 1, 1, 1))
    p, q = TARGETS[target](c)
    got, _ = split(p * x0 + q * eps, c.a * x0 + c.s * eps, c, target)
    torch.testing.assert_close(got, x0, rtol=1e-4, atol=1e-4)


# ---- what is wrapped round a denoiser


@paths
def test_noise_in_finds_the_noise_that_was_mixed_in(path):
    x0, eps = pair()
    c = path(times((6, 1, 1, 1), 0.05, 1))
    torch.testing.assert_close(noise_in(c.a * x0 + c.s * eps, x0, c), eps, rtol=1e-9, atol=1e-9)


def test_noise_in_belongs_to_the_guess_not_to_the_truth():
    """Whatever x0 is said to be, mixing it with its noise gives x again."""
    x, guess = pair()
    c = cosine(times((6, 1, 1, 1), 0.05, 1))
    torch.testing.assert_close(c.a * guess + c.s * noise_in(x, guess, c), x)


def test_clipped_holds_the_range():
    far = clipped(lambda x, t: 10 * x, -1, 1)
    x = torch.tensor([-3.0, -0.1, 0.0, 0.05, 3.0])
    assert far(x, torch.tensor(0.5)).tolist() == pytest.approx([-1, -1, 0, 0.5, 1])


@paths
def test_clipping_keeps_image_and_noise_consistent(path):
    """After a step of euler to level s from level t, x must hold the clipped x0 with just the noise that fits it."""
    x, _ = pair()
    t, s = torch.tensor([0.6, 0.4], dtype=F64)
    ((after, x0),) = euler(clipped(lambda x, t: 5 * x, -1, 1), x, torch.stack([t, s]), path)
    assert x0.abs().max() == 1
    c, d = path(t), path(s)
    torch.testing.assert_close((after - d.a * x0) / d.s, (x - c.a * x0) / c.s)


def test_guided_mixes_and_calls_only_whom_it_needs():
    calls = []

    def answers(name, value):
        def denoise(x, t):
            calls.append(name)
            return torch.full_like(x, value)

        return denoise

    x, t = torch.zeros(2, 1, 2, 2), torch.tensor(0.5)
    for scale, want, called in (
        (0, 10, ["unconditional"]),
        (1, 3, ["conditional"]),
        (2, -4, ["conditional", "unconditional"]),
        (0.5, 6.5, ["conditional", "unconditional"]),
    ):
        calls.clear()
        out = guided(answers("unconditional", 10.0), answers("conditional", 3.0), scale)(x, t)
        assert out.flatten().tolist() == [want] * 8
        assert sorted(calls) == called


# ---- noise and times


@pytest.mark.parametrize(("noise", "name"), [("uniform", "uniform"), ("gaussian", "norm")], ids=["uniform", "gaussian"])
def test_noises_have_their_distribution(noise, name):
    values = NOISES[noise](Draw(0, np.arange(50)), "noise", 1, 20, 20)
    assert values.shape == (50, 1, 20, 20)
    assert stats.kstest(values.flatten().double().numpy(), name).pvalue > 1e-3
    other = NOISES[noise](Draw(0, np.arange(50)), "noise", 1, 20, 20, step=1)
    assert not torch.equal(values, other)


def test_uniform_times_are_the_numbers_themselves():
    u = torch.rand(10)
    assert TIMES["uniform"](u, 3.0, 5.0) is u


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-1.2, 0.8), (2.0, 3.0)])
def test_logit_normal_times_are_quantiles(mean, std):
    """Against scipy's inverse normal distribution; a share u of all times lies below the time of u."""
    u = torch.linspace(0.001, 0.999, 999, dtype=F64)
    t = TIMES["logit_normal"](u, mean, std)
    np.testing.assert_allclose(t.numpy(), 1 / (1 + np.exp(-stats.norm.ppf(u.numpy(), mean, std))), rtol=1e-10)
    logit = (t / (1 - t)).log().numpy()
    np.testing.assert_allclose(stats.norm.cdf(logit, mean, std), u.numpy(), rtol=1e-9)


def test_logit_normal_times_stay_finite_and_ordered_at_both_ends():
    u = torch.cat([torch.zeros(1), torch.arange(1, 1000) / 1000, torch.tensor([1 - 2**-24])])
    for mean, std in ((0.0, 1.0), (-100.0, 100.0), (100.0, 100.0)):
        t = TIMES["logit_normal"](u, mean, std)
        assert t.min() >= 0
        assert t.max() <= 1
        assert all(later >= earlier for earlier, later in pairwise(t.tolist()))
    assert TIMES["logit_normal"](u, 0.0, 1.0)[0] == pytest.approx(1 / (1 + math.exp(-stats.norm.ppf(2**-25))), rel=1e-3)
