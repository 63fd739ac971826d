"""The family `vae`: its bound against closed forms, its latents, and pictures that no batch can change."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

import inkbloom
from inkbloom.config import Recipe
from inkbloom.families import VAE, Spec, build
from inkbloom.families.noises import arc
from inkbloom.families.vae import divergence
from inkbloom.philox import Draw

RECIPE = Recipe().resolved(family="vae", steps=10, pixels="0..1", latent=3, widths=[4, 6])
VAE_FIELDS = {"family": "vae", "net": None, "layers": None, "sample_steps": None, "pixels": "0..1", "latent": 3, "lr": 0.01}


def spec(channels=1, size=(9, 8), classes=(), **changes):
    return Spec(RECIPE.resolved(**changes), channels, size, classes)


def draw(count, seed=5, first=0):
    return Draw(seed, np.arange(first, first + count))


def pictures(count, size=(9, 8), low=0.0):
    return low + (1 - low) * torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(2))


# ---- the bound


def test_divergence_is_that_of_two_gaussians():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(50, 4, dtype=torch.float64) * 2, torch.randn(50, 4, dtype=torch.float64)
    theirs = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(torch.zeros_like(mean), 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), theirs)
    assert divergence(torch.zeros(1, 4), torch.zeros(1, 4)) == 0


class Linear(nn.Module):
    """An encoder and a decoder of one linear layer each, as the family's network; mean and log variance are given."""

    num_classes, channels_last = 0, False

    def __init__(self, weight, bias, mean, log_variance):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.mean, self.log_variance = nn.Parameter(mean), nn.Parameter(log_variance)

    def forward(self, x, noise, y=None):
        z = self.mean + noise * (self.log_variance / 2).exp()
        return (
            (z @ self.weight.T + self.bias).unflatten(1, x.shape[1:]),
            self.mean.expand(len(x), -1),
            self.log_variance.expand(len(x), -1),
        )


def linear():
    torch.manual_seed(1)
    return Linear(torch.randn(12, 3) / 2, torch.randn(12), torch.randn(3), torch.randn(3) / 2)


@pytest.mark.parametrize(("pixels", "low"), [("0..1", 0.0), ("-1..1", -1.0)])
def test_the_loss_is_minus_the_elbo(pixels, low):
    """log p(x | z) + kl-weighted divergence by torch.distributions, at the latents that the draw gives."""
    net, x = linear(), pictures(400, (3, 4)).round()
    loss, parts = VAE(net, spec(size=(3, 4), kl=2.5, pixels=pixels))("elbo", low + (1 - low) * x, None, draw(400))
    z = net.mean + draw(400).normal("noise", 3) * (net.log_variance / 2).exp()
    likelihood = Bernoulli(logits=z @ net.weight.T + net.bias).log_prob(x.flatten(1)).sum(1).mean()
    apart = kl_divergence(Normal(net.mean, (net.log_variance / 2).exp()), Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(loss, 2.5 * apart - likelihood)
    torch.testing.assert_close(parts["reconstruction"], -likelihood)
    torch.testing.assert_close(parts["divergence"], apart)


def test_it_is_a_bound_and_tight_where_the_latents_say_nothing():
    """A decoder that ignores z: with the prior as encoder the bound is log p(x) itself, with any other it lies below."""
    x = pictures(64, (3, 4)).round()
    bias = torch.randn(12, generator=torch.Generator().manual_seed(3))
    exact = -Bernoulli(logits=bias).log_prob(x.flatten(1)).sum(1).mean()
    tight, loose = (Linear(torch.zeros(12, 3), bias, torch.full((3,), mean), torch.zeros(3)) for mean in (0.0, 0.7))
    torch.testing.assert_close(VAE(tight, spec(size=(3, 4)))("elbo", x, None, draw(64))[0], exact)
    torch.testing.assert_close(VAE(loose, spec(size=(3, 4)))("elbo", x, None, draw(64))[0], exact + 3 * 0.7**2 / 2)


def test_the_gradient_goes_through_the_random_latents():
    """d loss / d mean and d log variance, against differences of the loss itself with the same noise."""
    net, x = linear().double(), pictures(20, (3, 4)).round().double()
    family = VAE(net, spec(size=(3, 4)))

    class Doubled(Draw):
        def normal(self, *args, **more):
            return super().normal(*args, **more).double()

    noise = Doubled(5, np.arange(20))
    family("elbo", x, None, noise)[0].backward()
    for parameter in (net.mean, net.log_variance):
        for place in range(3):
            step = torch.zeros(3, dtype=torch.float64)
            step[place] = 1e-6
            with torch.no_grad():
                parameter += step
                above = family("elbo", x, None, noise)[0]
                parameter -= 2 * step
                below = family("elbo", x, None, noise)[0]
                parameter += step
            assert (above - below) / 2e-6 == pytest.approx(parameter.grad[place].item(), rel=1e-4, abs=1e-5)


# ---- pictures


def test_pictures_of_the_same_number_are_the_same_in_any_batch():
    family = build(spec(classes=("a", "b"))).eval()
    y = torch.arange(6) % 2
    *_, (together, _) = family.sample(draw(6), y)
    apart = torch.cat([[x for x, _ in family.sample(draw(1, first=k), y[k : k + 1])][-1] for k in range(6)])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)
    assert together.min() >= 0
    assert together.max() <= 1


def test_a_picture_grows_layer_by_layer():
    """One (x, x0) a layer, all of them pictures of full size that use the whole range; the last is what decode gives."""
    family = build(spec(3, (9, 12), pixels="-1..1")).eval()
    first, level = family.begin(draw(2))
    steps = list(family.sample(draw(2)))
    assert (level, len(steps)) == (1.0, 3)
    for x in (first, *(x for x, _ in steps[:-1])):
        assert x.shape == (2, 3, 9, 12)
        assert [(round(p.min().item(), 5), round(p.max().item(), 5)) for p in x] == [(-1, 1)] * 2
    assert all(torch.equal(x, x0) for x, x0 in steps)
    torch.testing.assert_close(steps[-1][0], family.decode(draw(2).normal("sample", 3)))


def test_the_plane_is_that_of_the_two_latents_that_matter():
    family = build(spec(latent=4)).eval()
    with torch.no_grad():
        family.decoder.first.weight[:, [0, 2]] *= 1e-3
        family.decoder.first.weight[:, 3] *= 3
    seen = family.plane(3)
    quantile = Normal(0.0, 1.0).icdf(torch.tensor([1 / 6, 1 / 2, 5 / 6]))
    z = torch.tensor([[0, b, 0, a] for a in quantile for b in quantile])
    torch.testing.assert_close(seen, family.decode(z))
    assert build(spec(latent=1)).plane(3).shape == (3, 1, 9, 8)


def test_between_is_an_arc():
    """Both ends, equal angles, and lengths that turn evenly from one to the other where they are the same."""
    a, b = torch.tensor([3.0, 0, 0]), torch.tensor([0, 3.0, 0])
    points = arc(a, b, torch.linspace(0, 1, 5))
    torch.testing.assert_close(points[[0, -1]], torch.stack([a, b]))
    torch.testing.assert_close(points.norm(dim=1), torch.full((5,), 3.0))
    angles = torch.atan2(points[:, 1], points[:, 0])
    torch.testing.assert_close(angles, torch.linspace(0, math.pi / 2, 5))
    torch.testing.assert_close(arc(a, 2 * a, torch.linspace(0, 1, 3)), torch.stack([a, 1.5 * a, 2 * a]))
    assert torch.isfinite(arc(a, -a, torch.linspace(0, 1, 3))).all()


# ---- as a run


@pytest.fixture
def run(recipe, tmp_path):
    return inkbloom.train(recipe(**VAE_FIELDS, steps=60), out=tmp_path / "vae", quiet=True)


def test_training_beats_the_untrained_network(run, source, recipe, tmp_path):
    """Its mean picture is nearer to the mean of the images, and the bound on the log is far below where it began."""
    with np.load(source().partition(":")[2]) as archive:
        mean = archive["images"].mean(0)[..., 0]
    untrained = inkbloom.train(recipe(**VAE_FIELDS, steps=60), out=tmp_path / "one", steps=1, lr=0.0, quiet=True)
    near, far = (np.abs(model.sample(60)[..., 0].mean(0) - mean).mean() for model in (run, untrained))
    assert near < far / 2
    losses = [row["losses"]["elbo"] for row in run.log()]
    assert losses[-1] < losses[0] - 2
    assert set(run.log()[0]["losses"]) == {"elbo", "reconstruction", "divergence"}


def test_sample_writes_the_plane_and_what_lies_between(run, command):
    ended = command("sample", run.path, "-n", 4, "--plane", "--label", 1, "--between", 0, 2, "--history")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("4 pictures of class 1, one pass of the network each\n")
    for name in ("grid", "plane", "between", "history"):
        assert f"{name}: {run.path / 'samples' / name}.png" in ended.out
    assert run.plane(4, 2).shape == (16, 8, 8, 1)
    row = run.between(0, 1)
    with np.load(run.spec.recipe.data.partition(":")[2]) as archive:
        known = {image.tobytes() for image in archive["images"]}
    assert [picture.tobytes() in known for picture in row] == [True, *[False] * 9, True]


def test_encoded_pictures_come_back_as_themselves(run):
    """Reconstructions are nearer to their own original than to the other end."""
    row = run.between(0, 1).astype(int)
    assert np.abs(row[1] - row[0]).mean() < np.abs(row[1] - row[-1]).mean()
    assert np.abs(row[-2] - row[-1]).mean() < np.abs(row[-2] - row[0]).mean()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--steps", 3), "steps with a vae: it draws a picture in one pass; leave out --steps"),
        (("--nfe", 3), "nfe with a vae"),
        (("--solver", "heun"), "solver with a vae"),
        (("--spacing", "uniform"), "spacing with a vae"),
        (("--guidance", 2), "guidance with a vae"),
        (("--label", 7), "label = 7: the model knows the classes 0 to 2"),
        (("--between", 0, 999), "between = 999: the hold-out images are 0 to "),
        (("--between", -1, 0), "between = -1"),
    ],
)
def test_requests_that_a_vae_cannot_fulfil(run, command, flags, words):
    ended = command("sample", run.path, *flags)
    assert ended.code == 2
    assert words in ended.error


def test_a_weights_file_alone_can_be_sampled(run, tmp_path):
    newest = run.path / "checkpoints" / (run.path / "checkpoints/latest").read_text().strip()
    for name in ("model", "ema"):
        (tmp_path / f"{name}.safetensors").write_bytes((newest / f"{name}.safetensors").read_bytes())
    alone = inkbloom.Run(tmp_path / "ema.safetensors")
    assert np.array_equal(alone.sample(5, seed=3), run.sample(5, seed=3))
    assert np.array_equal(alone.plane(3), run.plane(3))
    assert not np.array_equal(inkbloom.Run(tmp_path / "model.safetensors").sample(5, seed=3), run.sample(5, seed=3))


def test_what_only_diffusions_have_is_absent(run):
    """No hold-out table, which asks for noisy pictures to be denoised, and no solver in the recipe on file."""
    assert not (run.path / "holdout.jsonl").exists() or (run.path / "holdout.jsonl").read_text() == ""
    assert "solver" not in (run.path / "config.toml").read_text()
    assert (run.path / "report.html").exists()
    assert "one pass" in run.request(3).how
