"""The family `diffusion`: its loss written out plainly, what the network is given, and sampling that no batch can change."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from inkbloom import philox
from inkbloom.config import Recipe
from inkbloom.data.pixels import RANGES, to_bytes
from inkbloom.diffusion import PATHS, TARGETS, split
from inkbloom.families import Diffusion, Spec, build
from inkbloom.philox import Draw
from inkbloom.recipe_files import load_recipe
from inkbloom.sampling import final, request, trajectory
from inkbloom.solvers import SOLVERS

F64 = torch.float64
PLAIN = Recipe().resolved(steps=10, target="x0", loss_on="x0", loss_cap=1e12)
SHAPE = (1, 9, 8)


class Wavy(nn.Module):
    """A network of one smooth formula of picture, time and class; it remembers what it was asked."""

    def __init__(self, num_classes=0):
        super().__init__()
        self.gain, self.num_classes, self.asked = nn.Parameter(torch.tensor(1.3)), num_classes, []

    def forward(self, x, t, y=None):
        self.asked.append((x, t, y))
        shift = torch.zeros_like(t) if y is None else torch.where(y == self.num_classes, 0, y + 1).to(t)
        return torch.sin(self.gain * x + t[:, None, None, None]) + 0.1 * shift[:, None, None, None]


def diffusion(net, **changes):
    return Diffusion(net, Spec(PLAIN.resolved(**changes), SHAPE[0], SHAPE[1:], tuple(map(str, range(net.num_classes)))))


def draw(count, seed=5, first=0):
    return Draw(seed, np.arange(first, first + count))


def pictures(count, shape=SHAPE, dtype=F64):
    return torch.rand(count, *shape, dtype=dtype, generator=torch.Generator().manual_seed(2)) * 2 - 1


def numbers(function, purpose, count, shape, seed=5):
    values = function(seed, purpose, np.arange(count), math.prod(shape))
    return torch.from_numpy(values.reshape(count, *shape)).to(F64)


# ---- the loss


def answers(path, target, out, x, t):
    """(x0, eps, velocity) that an output stands for, with the algebra of each case done by hand."""
    if path == "lerp":
        if target == "x0":
            x0, eps = out, (x - (1 - t) * out) / t
        elif target == "eps":
            x0, eps = (x - t * out) / (1 - t), out
        else:
            x0, eps = x - t * out, x + (1 - t) * out
        return x0, eps, eps - x0
    cos, sin, w = torch.cos(math.pi / 2 * t), torch.sin(math.pi / 2 * t), math.pi / 2
    if target == "x0":
        x0, eps = out, (x - cos * out) / sin
    elif target == "eps":
        x0, eps = (x - sin * out) / cos, out
    else:
        x0, eps = cos * x - sin * out / w, sin * x + cos * out / w
    return x0, eps, w * (cos * eps - sin * x0)


@pytest.mark.parametrize("loss_on", TARGETS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("path", "noise"), [("lerp", "gaussian"), ("lerp", "uniform"), ("cosine", "gaussian")])
def test_the_loss_is_the_mean_squared_error_of_what_the_output_stands_for(path, noise, target, loss_on):
    count, x0 = 40, pictures(40)
    t = numbers(philox.uniform, "time", count, (1, 1, 1))
    eps = numbers(philox.normal if noise == "gaussian" else philox.uniform, "noise", count, SHAPE)
    a, s = (1 - t, t) if path == "lerp" else (torch.cos(math.pi / 2 * t), torch.sin(math.pi / 2 * t))
    net = Wavy().double()
    x = a * x0 + s * eps
    guess = answers(path, target, net(x, t.flatten()), x, t)
    truth = (x0, eps, eps - x0 if path == "lerp" else math.pi / 2 * (a * eps - s * x0))
    which = list(TARGETS).index(loss_on)
    want = ((guess[which] - truth[which]) ** 2).mean()

    family = diffusion(net, path=path, noise=noise, target=target, loss_on=loss_on)
    loss, values = family("denoise", x0, None, draw(count))
    assert values == {}
    torch.testing.assert_close(loss, want, rtol=1e-8, atol=0)


def test_the_loss_on_vp_is_ddpms():
    """|| eps - net(sqrt(alpha-bar) x0 + sqrt(1 - alpha-bar) eps) ||^2, alpha-bar interpolated in its logarithm."""
    count, x0 = 40, pictures(40)
    t, eps = numbers(philox.uniform, "time", count, (1, 1, 1)), numbers(philox.normal, "noise", count, SHAPE)
    log_abar = np.concatenate([[0], np.cumsum(np.log1p(-np.linspace(1e-4, 0.02, 1000)))])
    abar = torch.from_numpy(np.exp(np.interp(t.flatten().numpy(), np.arange(1001) / 1000, log_abar))).reshape(count, 1, 1, 1)
    net = Wavy().double()
    want = ((net(abar.sqrt() * x0 + (1 - abar).sqrt() * eps, t.flatten()) - eps) ** 2).mean()
    loss, _ = diffusion(net, path="vp", target="eps", loss_on="eps")("denoise", x0, None, draw(count))
    torch.testing.assert_close(loss, want, rtol=1e-4, atol=0)


def test_the_cap_holds_each_picture_down():
    """x0-prediction, loss on v, lerp: the error of each picture counts 1 / t^2 times, and 9 times at the most."""
    count, x0 = 200, pictures(200)
    t, eps = numbers(philox.uniform, "time", count, (1, 1, 1)), numbers(philox.normal, "noise", count, SHAPE)
    net = Wavy().double()
    error = (net((1 - t) * x0 + t * eps, t.flatten()) - x0) ** 2
    loss, _ = diffusion(net, loss_on="v", loss_cap=9)("denoise", x0, None, draw(count))
    torch.testing.assert_close(loss, (torch.clamp(1 / t**2, max=9) * error).mean(), rtol=1e-8, atol=0)


def test_a_pseudo_huber_loss_counts_distances():
    """sqrt(error^2 + 0.01^2) - 0.01, where taking the loss on another target weighs it as it weighs a square."""
    count, x0 = 200, pictures(200)
    t, eps = numbers(philox.uniform, "time", count, (1, 1, 1)), numbers(philox.normal, "noise", count, SHAPE)
    net = Wavy().double()
    length = torch.sqrt((net((1 - t) * x0 + t * eps, t.flatten()) - x0) ** 2 + 1e-4) - 0.01
    for changes, weight in (({}, 1), ({"loss_on": "v", "loss_cap": 9}, torch.clamp(1 / t**2, max=9))):
        loss, _ = diffusion(net, loss="pseudo_huber", **changes)("denoise", x0, None, draw(count))
        torch.testing.assert_close(loss, (weight * length).mean(), rtol=1e-8, atol=0)
    by_name, left_open = (diffusion(net, loss=loss)("denoise", x0, None, draw(count))[0] for loss in ("squared", "auto"))
    assert by_name == left_open


def test_times_of_training_follow_the_recipe():
    net = Wavy()
    diffusion(net, times="logit_normal", t_mean=-1.0, t_std=0.5)("denoise", pictures(2000), None, draw(2000))
    ((_, t, _),) = net.asked
    logit = torch.log(t / (1 - t))
    assert float(logit.mean()) == pytest.approx(-1, abs=0.05)
    assert float(logit.std()) == pytest.approx(0.5, abs=0.03)


def test_a_network_that_is_not_timed_gets_zero():
    """The noise level of the mixture itself stays what it was."""
    timely, blind = Wavy(), Wavy()
    for net, timed in ((timely, True), (blind, False)):
        family = diffusion(net, timed=timed)
        family("denoise", pictures(8), None, draw(8))
        family.denoiser()(pictures(8), torch.tensor(0.5, dtype=F64))
    (x, t, _), (_, level, _) = timely.asked
    (same_x, zero, _), (_, none, _) = blind.asked
    assert torch.equal(x, same_x)
    assert t.min() > 0
    assert level.tolist() == [0.5] * 8
    assert not zero.any()
    assert not none.any()


def test_a_picture_draws_the_same_in_any_batch():
    """What each picture of a batch becomes, and its time, depend on its own number alone."""
    net, x0 = Wavy(num_classes=4), pictures(6)
    family, y = diffusion(net, label_drop=0.5), torch.arange(6) % 4
    family("denoise", x0, y, draw(6))
    for k in range(6):
        family("denoise", x0[k : k + 1], y[k : k + 1], draw(1, first=k))
    whole, *alone = net.asked
    assert all(torch.equal(torch.cat(rows), batch) for rows, batch in zip(zip(*alone, strict=True), whole, strict=True))


# ---- labels


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_labels_are_dropped_at_their_share(share):
    count, net = 4000, Wavy(num_classes=4)
    y = torch.arange(count) % 4
    diffusion(net, label_drop=share)("denoise", torch.zeros(count, 1, 1, 1), y, draw(count))
    ((_, _, given),) = net.asked
    dropped = given == 4
    assert torch.equal(given[~dropped], y[~dropped])
    assert float(dropped.double().mean()) == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / count))
    for label in range(4):  # whatever the label is
        mine = dropped[y == label].double()
        assert float(mine.mean()) == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / len(mine)))
    assert y.max() == 3  # the caller's labels are left alone


def test_which_labels_are_dropped_has_nothing_to_do_with_the_time():
    count, net = 4000, Wavy(num_classes=4)
    labels = torch.zeros(count, dtype=torch.long)
    diffusion(net, label_drop=0.5)("denoise", torch.zeros(count, 1, 1, 1), labels, draw(count))
    ((_, t, given),) = net.asked
    assert abs(float(t[given == 4].mean() - t[given == 0].mean())) < 4 * math.sqrt(1 / 12 * 4 / count)


def test_a_network_with_classes_always_gets_some_label():
    """Its null class where none is meant: in training without labels, and in sampling."""
    net = Wavy(num_classes=4)
    family = diffusion(net, label_drop=0.0)
    family("denoise", pictures(8), None, draw(8))
    family.denoiser()(pictures(8), torch.tensor(0.5, dtype=F64))
    assert [y.tolist() for _, _, y in net.asked] == [[4] * 8] * 2


def test_without_classes_no_label_is_dropped():
    net, y = Wavy(num_classes=0), torch.arange(8)
    diffusion(net, label_drop=1.0)("denoise", pictures(8), y, draw(8))
    assert net.asked[0][2] is None or torch.equal(net.asked[0][2], y)


@pytest.mark.parametrize("name", ["tutorial", "tutorial-basic", "fast", "ddpm"])
def test_every_shipped_recipe_trains_on_labelled_pictures(name):
    """Those that make no use of labels, too: one loss and its gradients."""
    recipe = load_recipe(name)
    family = build(Spec(recipe, 1, (16, 16), tuple("0123456789") if recipe.labels else ()))
    loss, _ = family("denoise", pictures(2, (1, 16, 16), torch.float32), torch.tensor([3, 9]), draw(2))
    loss.backward()
    assert torch.isfinite(loss)
    assert family.num_classes == (10 if recipe.labels else 0)
    assert any(p.grad.abs().max() > 0 for p in family.parameters())


# ---- its denoiser


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("target", TARGETS)
@torch.no_grad()
def test_the_denoiser_is_the_split_of_the_output(path, target):
    net, x, t = Wavy(num_classes=3).double(), pictures(5), torch.tensor(0.4, dtype=F64)
    family = diffusion(net, path=path, target=target)
    y = torch.tensor([0, 1, 2, 3, 0])
    for label in (None, y):
        c = PATHS[path](t)
        want, _ = split(net(x, t.expand(5), label), x, c, target)
        torch.testing.assert_close(family.denoiser(label)(x, t), want)


@torch.no_grad()
def test_an_x0_denoiser_is_the_network():
    net, x, t = Wavy().double(), pictures(5), torch.tensor(0.4, dtype=F64)
    torch.testing.assert_close(diffusion(net).denoiser()(x, t), net(x, t.expand(5)))


@torch.no_grad()
def test_guidance_leads_away_from_no_class():
    """With the null class at w0 and the picture's own at w1, the answer is w0 + scale (w1 - w0); here w1 - w0 = .1 (y + 1)."""
    net, x, t = Wavy(num_classes=3).double(), pictures(4), torch.tensor(0.4, dtype=F64)
    family, y = diffusion(net), torch.tensor([0, 1, 2, 2])
    base = torch.sin(1.3 * x + 0.4)
    for scale in (0.0, 1.0, 2.5):
        want = base + scale * 0.1 * (y + 1)[:, None, None, None]
        torch.testing.assert_close(family.denoiser(y, scale)(x, t), want, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(family.denoiser(None, 2.5)(x, t), base, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pixels", RANGES)
@torch.no_grad()
def test_clipping_comes_last(pixels):
    """After guidance, and to the range of the pixels; without `clip_x0` the same answer leaves it."""
    x, t, y = pictures(50), torch.tensor(0.4, dtype=F64), torch.zeros(50, dtype=torch.long)
    low, high = RANGES[pixels]
    free = diffusion(Wavy(num_classes=1).double(), pixels=pixels).denoiser(y, 5.0)(x, t)
    held = diffusion(Wavy(num_classes=1).double(), pixels=pixels, clip_x0=True).denoiser(y, 5.0)(x, t)
    assert free.max() > high
    assert free.min() < 0
    torch.testing.assert_close(held, free.clamp(low, high))


# ---- where sampling starts


@pytest.mark.parametrize(("path", "target", "start"), [
    ("lerp", "eps", 0.999), ("cosine", "eps", 0.999), ("vp", "eps", 1.0),
    ("lerp", "x0", 1.0), ("lerp", "v", 1.0), ("cosine", "x0", 1.0), ("cosine", "v", 1.0), ("vp", "x0", 1.0), ("vp", "v", 1.0),
])  # fmt: skip
def test_the_noisiest_level(path, target, start):
    """Where the path holds no image at all, eps cannot tell one."""
    family = diffusion(Wavy(), path=path, target=target)
    assert family.last_time == start
    x, level = family.begin(draw(3))
    assert level == start
    s = PATHS[path](torch.tensor(start, dtype=F64)).s
    torch.testing.assert_close(x, (s * numbers(philox.normal, "sample", 3, SHAPE)).float())
    assert x.dtype == torch.float32


@pytest.mark.parametrize("noise", ["gaussian", "uniform"])
def test_a_start_from_a_picture(noise):
    """Image-to-image: the picture, mixed with the noise of its level; the solver then begins at that level."""
    picture, net = pictures(1, dtype=torch.float32), Wavy()
    family = diffusion(net, noise=noise)
    x, level = family.begin(draw(4), (picture, 0.25))
    z = numbers(philox.normal if noise == "gaussian" else philox.uniform, "sample", 4, SHAPE).float()
    assert level == 0.25
    torch.testing.assert_close(x, 0.75 * picture + 0.25 * z)
    settings = {"steps": 5, "solver": "euler", "spacing": "uniform"}
    list(family.sample(draw(4), start=(picture, 0.25), **settings))
    assert [float(t[0]) for _, t, _ in net.asked] == pytest.approx([0.25, 0.2, 0.15, 0.1, 0.05])
    torch.testing.assert_close(net.asked[0][0], x)


def test_a_start_beyond_the_noisiest_level_is_that_level():
    family = diffusion(Wavy(), target="eps")
    assert family.begin(draw(1), (pictures(1), 1.0))[1] == 0.999
    assert family.begin(draw(1), (pictures(1), 0.5))[1] == 0.5


@torch.no_grad()
def test_a_start_close_to_the_picture_gives_it_back():
    """With the perfect denoiser for that one picture, from any level."""
    picture = pictures(1, dtype=torch.float32)

    class Knows(nn.Module):
        num_classes = 0

        def forward(self, x, t, y=None):
            return picture.expand_as(x)

    family = diffusion(Knows())
    for level in (0.01, 0.5, 1.0):
        *_, (x, _) = family.sample(draw(2), steps=6, solver="dpmpp_2m", spacing="logsnr", start=(picture, level))
        torch.testing.assert_close(x, picture.expand_as(x), rtol=1e-4, atol=1e-4)


# ---- sampling in batches


@pytest.fixture(scope="module")
def inked():
    """An `ink` of random weights that knows classes: what it samples is no picture, but it depends on everything."""
    torch.manual_seed(0)
    family = build(Spec(PLAIN.resolved(widths=[16], layers=1, target="v"), 1, (12, 10), tuple("abc")))
    for parameter in family.parameters():
        nn.init.normal_(parameter, std=0.2 if parameter.dim() < 2 else parameter[0].numel() ** -0.5)
    return family.eval()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_the_size_of_a_batch_changes_no_picture(inked, solver, guidance):
    """Seven pictures at once, or in batches of three: within one grey level."""
    wanted = request(inked, 7, seed=3, steps=8, solver=solver, guidance=guidance)
    together = final(inked, wanted, 0, 7)
    apart = torch.cat([final(inked, wanted, first, last) for first, last in ((0, 3), (3, 6), (6, 7))])
    torch.testing.assert_close(together, apart, rtol=1e-3, atol=1e-3)
    grey = [to_bytes(x, inked.recipe.pixels).int() for x in (together, apart)]
    assert (grey[0] - grey[1]).abs().max() <= 1
    assert together.std(0).mean() > 0.1  # as noise of another picture would make them


@pytest.mark.parametrize("solver", ["euler", "ancestral"])
def test_noise_is_bit_equal_in_any_batch(solver):
    """The start, and the fresh noise of each step: with a network of one formula nothing else differs, to the last bit."""
    family = diffusion(Wavy(num_classes=3))
    wanted = request(family, 7, seed=3, steps=8, solver=solver)
    together = list(trajectory(family, wanted, 0, 7))
    for first, last in ((0, 3), (3, 4), (4, 7)):
        for (x, x0), (all_x, all_x0) in zip(trajectory(family, wanted, first, last), together, strict=True):
            assert torch.equal(x, all_x[first:last])
            assert torch.equal(x0, all_x0[first:last])


def test_fresh_noise_is_that_of_its_step():
    """ancestral: draw k of the sampling purpose, Gaussian; the start is draw 0. Nothing is drawn twice."""
    family = diffusion(Wavy())
    (first, _), *_ = family.sample(draw(2), steps=4, solver="ancestral", spacing="uniform")
    start, _ = family.begin(draw(2))
    x0 = family.denoiser()(start, torch.tensor(1.0, dtype=F64))
    z = torch.from_numpy(philox.normal(5, "sample", np.arange(2), math.prod(SHAPE), draw=1)).reshape(2, *SHAPE)
    torch.testing.assert_close(first, 0.25 * x0 + 0.75 * z)  # from t = 1 no old noise is kept


def test_seeds_differ_and_repeat(inked):
    def sampled(seed):
        return final(inked, request(inked, 2, seed=seed, steps=3), 0, 2)

    assert torch.equal(sampled(1), sampled(1))
    assert not torch.allclose(sampled(1), sampled(2))


# ---- as fit sees it


def test_phases_own_every_parameter_once(inked):
    owned = [parameter for phase in inked.phases.values() for parameter in phase.values()]
    assert list(inked.phases) == ["denoise"]
    assert {id(p) for p in owned} == {id(p) for p in inked.parameters()}
    assert len(owned) == len(list(inked.parameters()))


def test_build_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    want = torch.rand(3)
    torch.manual_seed(1)
    one, other = (build(Spec(PLAIN.resolved(widths=[16], layers=1, seed=seed), 1, (8, 8))) for seed in (0, 1))
    assert torch.equal(torch.rand(3), want)
    assert not torch.equal(next(one.net.stem.parameters()), next(other.net.stem.parameters()))


# ---- guidance built in by training


def test_the_target_moves_by_what_the_class_adds():
    family, x, y = diffusion(Wavy(3), train_guidance=2.0, label_drop=0.5), pictures(40), torch.arange(40) % 3
    loss, _ = family("denoise", x, y, draw(40))
    (noisy, t, labels), (same, again, none) = family.net.asked
    assert torch.equal(noisy, same)
    assert torch.equal(t, again)
    assert none.tolist() == [3] * 40
    hidden = labels == 3
    assert 5 < hidden.sum() < 35
    plain = torch.sin(1.3 * noisy + t[:, None, None, None])
    adds = 0.1 * torch.where(hidden, 0, labels + 1)[:, None, None, None]
    torch.testing.assert_close(loss, (plain + adds - (x + adds / 2)).square().mean())


def test_a_guidance_of_one_asks_the_network_once():
    family = diffusion(Wavy(3))
    family("denoise", pictures(4), torch.arange(4) % 3, draw(4))
    assert len(family.net.asked) == 1


class Table(nn.Module):
    """One grey for each class, and one for no class, whatever the picture."""

    channels_last = False

    def __init__(self):
        super().__init__()
        self.num_classes, self.grey = 2, nn.Parameter(torch.zeros(3, dtype=F64))

    def forward(self, x, t, y):
        return self.grey[y][:, None, None, None].expand_as(x)


@pytest.mark.parametrize("guidance", [1.0, 1.5, 3.0])
def test_what_is_learnt_is_the_guided_answer(guidance):
    """Classes that are all -0.5 and all 0.5: with its class C = -+0.5, without D = 0, guided D + w (C - D)."""
    family = diffusion(Table(), train_guidance=guidance, label_drop=0.25)
    y = torch.arange(400) % 2
    x = (y.to(F64) - 0.5)[:, None, None, None].expand(-1, *SHAPE)
    optimizer = torch.optim.SGD(family.parameters(), lr=0.5)
    for step in range(200):
        optimizer.zero_grad()
        family("denoise", x, y, draw(400, first=400 * step))[0].backward()
        optimizer.step()
    low, high, none = family.net.grey.tolist()
    assert (low, high) == pytest.approx((-0.5 * guidance, 0.5 * guidance), abs=0.02)
    assert none == pytest.approx(0, abs=0.05)


# ---- noise levels of the recipe's own


def test_a_recipe_may_name_the_levels_to_step_from():
    levels = (1.0, 0.7, 0.2)
    family = diffusion(Wavy(), sample_steps=3, sample_times=levels)
    wanted = request(family, 2)
    list(trajectory(family, wanted, 0, 2))
    assert [float(t[0]) for _, t, _ in family.net.asked] == pytest.approx(levels)
    x = family.begin(draw(2, seed=0))[0]
    times = torch.tensor([*levels, 0], dtype=F64)
    by_hand = list(SOLVERS[family.recipe.solver](family.denoiser(), x, times, family.path, None))
    ours = list(trajectory(family, wanted, 0, 2))
    assert all(torch.equal(a, b) for a, b in zip(ours[-1], by_hand[-1], strict=True))


@pytest.mark.parametrize("asked", [{"steps": 3}, {"nfe": 3}, {"solver": "heun"}, {"spacing": "shifted"}])
def test_whoever_asks_for_other_steps_gets_them(asked):
    family = diffusion(Wavy(), sample_steps=3, sample_times=(1.0, 0.7, 0.2))
    list(trajectory(family, request(family, 2, **asked), 0, 2))
    assert 0.7 not in [round(float(t[0]), 6) for _, t, _ in family.net.asked]


def test_from_a_picture_the_levels_begin_where_it_does():
    family = diffusion(Wavy(), sample_steps=3, sample_times=(1.0, 0.7, 0.2))
    start = (torch.zeros(1, *SHAPE, dtype=torch.uint8), 0.5)
    list(trajectory(family, request(family, 2, start=start), 0, 2))
    assert [float(t[0]) for _, t, _ in family.net.asked] == pytest.approx((0.5, 0.35, 0.1))


@pytest.mark.parametrize(
    ("asked", "steps", "guidance", "asked_of_the_network"),
    [
        ({"nfe": 8}, 8, 1.0, 8),  # 4 guided steps are worse than 8 plain ones
        ({"nfe": 15}, 15, 1.0, 15),
        ({"nfe": 16}, 8, 1.5, 16),
        ({"nfe": 1}, 1, 1.0, 1),  # and within the budget
        ({"nfe": 8, "guidance": 1.5}, 4, 1.5, 8),  # whoever asks for guidance gets it
        ({"nfe": 8, "guidance": 1}, 8, 1.0, 8),
        ({"nfe": 9, "solver": "heun"}, 5, 1.0, 9),
        ({"steps": 4}, 4, 1.5, 8),
        ({}, 10, 1.5, 20),
    ],
)
def test_a_small_budget_is_spent_on_steps_rather_than_on_guidance(asked, steps, guidance, asked_of_the_network):
    family = diffusion(Wavy(3), guidance=1.5, sample_steps=10)
    wanted = request(family, 2, **asked)
    assert (wanted.steps, wanted.guidance) == (steps, guidance)
    list(trajectory(family, wanted, 0, 2))
    assert len(family.net.asked) == wanted.nfe == asked_of_the_network
    assert ("not guided by 1.5" in wanted.how) == (guidance == 1 and "guidance" not in asked)
