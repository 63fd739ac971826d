"""The family `gan`: its losses and penalty by hand, two phases that leave each other alone, and runs of it."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import inkbloom
from inkbloom.config import Recipe
from inkbloom.families import Spec, build
from inkbloom.families.gan import squared_gradient_norm
from inkbloom.philox import Draw
from inkbloom.store.weights import load_family

RECIPE = Recipe().resolved(family="gan", steps=10, latent=3, widths=[4, 6])
GAN_FIELDS = {"family": "gan", "net": None, "layers": None, "sample_steps": None, "latent": 3, "lr": 0.01, "optimizer": "adam"}
SHAPE = (1, 9, 8)


def draw(count, seed=5, first=0):
    return Draw(seed, np.arange(first, first + count))


def pictures(count):
    return 2 * torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(2)) - 1


def made(**changes):
    return build(Spec(RECIPE.resolved(**changes), 1, SHAPE[1:], ("a", "b", "c")))


# ---- the losses


class Linear(nn.Module):
    """A discriminator of one linear layer: its gradient is its weight, whatever the picture."""

    num_classes = 0

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)) / 9)

    def forward(self, x, y=None):
        return (x * self.weight).sum((1, 2, 3))


def test_the_losses_of_a_linear_discriminator_by_hand():
    family, x, y = made(penalty=3.0), pictures(10), torch.arange(10) % 3
    family.discriminator = critic = Linear()
    fake = [family.decode(draw(10).normal("noise", 3, draw=k), y) for k in (0, 1)]
    real_score, first, second = ((part * critic.weight).sum((1, 2, 3)) for part in (x, *fake))
    length = critic.weight.square().sum()
    loss, values = family("discriminate", x, y, draw(10))
    by_hand = -torch.log(torch.sigmoid(real_score)).mean() - torch.log(1 - torch.sigmoid(first)).mean() + 1.5 * length
    torch.testing.assert_close(loss, by_hand)
    torch.testing.assert_close(values["r1"], length)
    assert values["accuracy"] == ((real_score > 0).float().mean() + (first < 0).float().mean()) / 2
    loss.backward()
    theirs = torch.autograd.grad(by_hand, critic.weight)[0]
    torch.testing.assert_close(critic.weight.grad, theirs)
    loss, values = family("generate", x, y, draw(10))
    torch.testing.assert_close(loss, -torch.log(torch.sigmoid(second)).mean())
    assert values == {}


def test_the_penalty_is_the_squared_gradient_by_differences():
    torch.manual_seed(0)
    critic = made().discriminator.double()
    x, y = pictures(2).double().requires_grad_(), torch.tensor([0, 2])
    found = squared_gradient_norm(critic(x, y), x)
    gradient = torch.zeros_like(x)
    with torch.no_grad():
        for place in np.ndindex(*SHAPE):
            step = torch.zeros(SHAPE, dtype=torch.float64)
            step[place] = 1e-6
            gradient[(slice(None), *place)] = (critic(x + step, y) - critic(x - step, y)) / 2e-6
    torch.testing.assert_close(found, gradient.square().sum((1, 2, 3)), rtol=1e-4, atol=1e-9)
    found.sum().backward()  # the penalty can itself be learned from
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in critic.encoder.down.parameters() if p.dim() > 1)


def test_the_class_enters_by_projection():
    """The difference between two classes is linear in the features: <e_y - e_y', phi(x)>."""
    critic, x = made().discriminator, pictures(4)
    zero, one = (critic(x, torch.full((4,), label)) for label in (0, 1))
    apart = (critic.encoder(x) * (critic.label.weight[1] - critic.label.weight[0])).sum(1)
    torch.testing.assert_close(one - zero, apart / 16)
    assert (one - zero).abs().min() > 0


# ---- two phases


def test_each_phase_moves_its_own_parameters_alone():
    family, x, y = made(), pictures(6), torch.arange(6) % 3
    assert set(family.phases) == {"discriminate", "generate"}
    named = dict(family.named_parameters())
    owned = [id(p) for phase in family.phases.values() for p in phase.values()]
    assert sorted(owned) == sorted(map(id, named.values()))
    for phase in family.phases:
        family.zero_grad()
        family(phase, x, y, draw(6))[0].backward()
        mine = {id(p) for p in family.phases[phase].values()}
        with_gradient = {id(p) for p in named.values() if p.grad is not None}
        assert with_gradient == mine


def test_the_generator_draws_from_fresh_latents():
    """Those of the discriminator's phase would tell it what was just called fake; the same step draws the same again."""
    asked = []

    class Noted(Draw):
        def normal(self, purpose, *shape, draw=0):
            asked.append((purpose, draw))
            return super().normal(purpose, *shape, draw=draw)

    family, x, y = made(), pictures(6), torch.arange(6) % 3
    for phase in family.phases:
        family(phase, x, y, Noted(5, np.arange(6)))
    assert asked == [("noise", 0), ("noise", 1)]
    assert torch.equal(family("generate", x, y, draw(6))[0], family("generate", x, y, draw(6))[0])


def test_pictures_of_the_same_number_are_the_same_in_any_batch():
    family, y = made().eval(), torch.arange(6) % 3
    *_, (together, _) = family.sample(draw(6), y)
    apart = torch.cat([[x for x, _ in family.sample(draw(1, first=k), y[k : k + 1])][-1] for k in range(6)])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)


# ---- as a run


@pytest.fixture
def run(recipe, tmp_path):
    return inkbloom.train(recipe(**GAN_FIELDS, steps=120), out=tmp_path / "gan", quiet=True)


def newest(run):
    return run.path / "checkpoints" / (run.path / "checkpoints/latest").read_text().strip()


def test_training_beats_the_untrained_network(run, source, recipe, tmp_path):
    with np.load(source().partition(":")[2]) as archive:
        mean = archive["images"].mean(0)[..., 0]
    untrained = inkbloom.train(recipe(**GAN_FIELDS), out=tmp_path / "one", steps=1, lr=0.0, quiet=True)
    near, far = (np.abs(model.sample(60)[..., 0].mean(0) - mean).mean() for model in (run, untrained))
    assert near < far
    assert set(run.log()[0]["losses"]) == {"discriminate", "r1", "accuracy", "generate"}


def test_the_average_covers_the_generator_alone(run):
    """And so does a file that samples; the discriminator stands in a file of its own, which does not sample."""
    folder = newest(run)
    kinds = {}
    for name in ("model", "ema"):
        family, _ = load_family((folder / f"{name}.safetensors").read_bytes(), folder)
        kinds[name] = family
        assert family.training_nets == {}
    assert kinds["ema"].net.state_dict().keys() == kinds["model"].net.state_dict().keys()
    assert not any("encoder" in key for key in kinds["ema"].state_dict())
    with pytest.raises(inkbloom.errors.CheckpointError, match="do not fit the network"):
        load_family((folder / "discriminator.safetensors").read_bytes(), folder)


def test_a_weights_file_alone_can_be_sampled(run, tmp_path):
    (tmp_path / "alone.safetensors").write_bytes((newest(run) / "ema.safetensors").read_bytes())
    alone = inkbloom.Run(tmp_path / "alone.safetensors")
    assert np.array_equal(alone.sample(5, seed=3), run.sample(5, seed=3))


def test_a_run_without_its_discriminator_does_not_go_on(run, command, recipe):
    """Its file is one of the checkpoint's: missing, the checkpoint is damaged."""
    (newest(run) / "discriminator.safetensors").unlink()
    assert command("sample", run.path).code == 4


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--steps", 3), "steps with a gan"),
        (("--guidance", 1), "guidance with a gan"),
    ],
)
def test_requests_that_a_gan_cannot_fulfil(run, command, flags, words):
    ended = command("sample", run.path, *flags)
    assert ended.code == 2
    assert words in ended.error


def test_a_diffusion_has_no_plane(recipe, tmp_path, command):
    inkbloom.train(recipe(steps=1), out=tmp_path / "tiny", quiet=True)
    ended = command("sample", tmp_path / "tiny", "--plane")
    assert (ended.code, ended.error.split(":")[0]) == (2, "plane with a diffusion")


def test_evaluate_compare_and_report_take_any_family(recipe, source, tmp_path, command):
    data = source(count=200)
    run = inkbloom.train(recipe(**GAN_FIELDS, data=data), out=tmp_path / "gan", steps=3, quiet=True)
    inkbloom.train(recipe(data=data), out=tmp_path / "tiny", steps=2, quiet=True)
    ended = command("evaluate", run.path)
    assert ended.code == 0, ended.err
    card = json.loads((run.path / "card.json").read_text())
    assert (card["made"]["nfe"], card["made"]["solver"], card["made"]["guidance"], card["holdout"]) == (1, None, None, None)
    ended = command("compare", run.path, tmp_path / "tiny", "--html", tmp_path / "page.html")
    assert ended.code == 0, ended.err
    assert "their training losses measure different things" in ended.out
    page = (run.path / "report.html").read_text()
    assert "loss on x0" not in page
    assert "lerp" not in page
    assert "lerp" not in (run.path / "README.md").read_text()
