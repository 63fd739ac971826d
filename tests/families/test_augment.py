"""A network that is told of augmentation: what it learns of it does not show in what it draws."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import inkbloom
from inkbloom.config import Recipe
from inkbloom.data import Data, augment
from inkbloom.errors import UsageError
from inkbloom.families import Diffusion, build
from inkbloom.nets import TOLD, untold
from inkbloom.philox import Draw
from inkbloom.sampling import final, request
from inkbloom.store.weights import load_family, pack
from inkbloom.training.fit import fit
from inkbloom.training.prepare import assemble

CPU = torch.device("cpu")
PLAIN = Recipe().resolved(widths=(16,), layers=1, steps=6, batch_size=8, precision="fp32", compile="off", sample_steps=2)
TOLD_OF_ALL = PLAIN.resolved(augment=0.5)


def images(count=20, channels=3, size=(8, 8), classes=2):
    numbers = np.random.default_rng(0)
    pixels = torch.from_numpy(numbers.integers(0, 256, (count, channels, *size), np.uint8))
    labels = torch.arange(count) % classes if classes else None
    return Data(pixels, labels, tuple("abc"[:classes]), {}, "test")


def trained(recipe, data=None):
    training = assemble(recipe, data or images(), CPU)
    for _ in fit(training):
        pass
    return training.state


def calls(family):
    """How the network is called from now on: a list of what it is told of augmentation, None where nothing."""
    seen = []
    family.net.register_forward_pre_hook(lambda net, given: seen.append(given[3] if len(given) > 3 else None))
    return seen


@pytest.mark.parametrize("changes", [{}, {"clusters": 2}, {"train_guidance": 2.0}], ids=str)
def test_the_network_is_told_in_training_and_in_nothing_else(changes):
    state = trained(TOLD_OF_ALL.resolved(**changes))
    family = state.family.eval()
    seen = calls(family)
    x, draw = torch.rand(8, 3, 8, 8), Draw(0, np.arange(8))
    family("denoise", x, torch.arange(8) % 2, draw)
    assert len(seen) == (2 if "train_guidance" in changes else 1)
    expected = augment.drawn(draw, 0.5, augment.KINDS)
    assert all(torch.equal(a, expected) for a in seen)
    assert expected.any()
    seen.clear()
    final(family, request(family, 4), 0, 4)
    family.denoiser(torch.tensor([0, 1]), 2.0)(x[:2], torch.tensor(0.5))
    assert seen
    assert all(a is None for a in seen)


def test_the_loss_is_that_of_the_changed_images():
    """Augmented and told, against images that were changed beforehand, by a network that is told the same."""
    family, plain = build(trained(TOLD_OF_ALL).spec), None
    weight = next(value for name, value in family.net.named_parameters() if name.endswith(TOLD))
    x, y, draw = torch.rand(8, 3, 8, 8), torch.arange(8) % 2, Draw(5, np.arange(8))
    numbers = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in family.net.parameters():  # first weights of zero would hide what the network is told
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=numbers))
        weight.zero_()
    plain = Diffusion(untold(copy.deepcopy(family.net)), replace(family.spec, recipe=PLAIN))
    beforehand = augment.done(x, augment.drawn(draw, 0.5, augment.KINDS), PLAIN.pixels)
    loss = family("denoise", x, y, draw)[0]
    assert torch.equal(loss, plain("denoise", beforehand, y, draw)[0])
    assert not torch.equal(loss, plain("denoise", x, y, draw)[0])
    with torch.no_grad():
        weight.fill_(0.1)
    assert not torch.equal(loss, family("denoise", x, y, draw)[0])  # what it is told counts


def test_without_a_probability_nothing_changes():
    plain, named = trained(PLAIN), trained(PLAIN.resolved(augment_with=["mirror"]))
    assert not [name for name in plain.family.net.state_dict() if "augment" in name]
    for one, other in zip(plain.family.net.parameters(), named.family.net.parameters(), strict=True):
        assert torch.equal(one, other)
    told = trained(TOLD_OF_ALL).family.net.state_dict()
    extra = told.keys() - plain.family.net.state_dict().keys()
    assert [name.endswith(TOLD) for name in extra] == [True]


@pytest.mark.parametrize("changes", [{}, {"clusters": 2}], ids=str)
def test_a_model_ready_to_sample_has_forgotten_it_and_draws_the_same(changes, tmp_path):
    state = trained(TOLD_OF_ALL.resolved(**changes))
    file = pack(state.family.net, state.spec, 6, "live")
    opened, _ = load_family(file, tmp_path)
    assert not [name for name in opened.net.state_dict() if "augment" in name]
    assert opened.recipe.augment == 0.5
    whole = state.family.eval()
    opened.place(CPU)
    drawn = [final(family, request(family, 3), 0, 3) for family in (opened, whole)]
    assert torch.equal(*drawn)
    again, _ = load_family(pack(opened.net, opened.spec, 6, "live"), tmp_path)  # written without, it opens, too
    assert torch.equal(final(again.place(CPU), request(again, 3), 0, 3), drawn[0])


def test_a_model_trained_so_can_teach(tmp_path):
    data = inkbloom.images(np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8))
    inkbloom.train(TOLD_OF_ALL, data=data, out=tmp_path / "teacher", quiet=True)
    student = PLAIN.resolved(steps=2, teacher=str(tmp_path / "teacher"))
    assert inkbloom.train(student, data=data, out=tmp_path / "student", quiet=True).step == 2


def test_grey_images_have_no_colour():
    trained(TOLD_OF_ALL, images(channels=1))
    with pytest.raises(UsageError, match="grey images"):
        trained(TOLD_OF_ALL.resolved(augment_with=["colour"]), images(channels=1))


# ---- networks of one's own


class Own(nn.Module):
    """A convolution, to which what it is told is added."""

    def __init__(self, channels, size, num_classes, augment=0):
        super().__init__()
        self.num_classes = num_classes
        self.conv, self.label = nn.Conv2d(channels, channels, 3, padding=1), nn.Embedding(num_classes + 1, channels)
        self.told = nn.Linear(augment, channels, bias=False)

    def forward(self, x, t, y, a=None):
        c = self.label(y) if a is None else self.label(y) + self.told(a)
        return self.conv(x) + c[:, :, None, None]


class Deaf(Own):
    def forward(self, x, t, y, a=None):
        return super().forward(x, t, y)


class Unable(Own):
    def forward(self, x, t, y):
        return super().forward(x, t, y)


def test_a_network_of_ones_own_is_told(tmp_path):
    data = inkbloom.images(np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8), labels=np.arange(40) % 2)
    run = inkbloom.train(PLAIN, data=data, net=Own, augment=0.5, out=tmp_path / "own", quiet=True)
    assert run.family.net.told.weight.abs().sum() > 0
    assert run.sample(2).shape == (2, 8, 8, 3)
    for net, said in {
        Deaf: "ignores a, what it is told of augmentation: use it, or train with augment=0",
        Unable: "fails at net(x: (2, 3, 8, 8), t: (2,), y: (2,), a: (2, 8))",
        lambda channels, size, num_classes: Own(channels, size, num_classes, 8): "(channels, size, num_classes, augment)",
    }.items():
        with pytest.raises(UsageError) as raised:
            inkbloom.train(PLAIN, data=data, net=net, augment=0.5, out=tmp_path / "other", quiet=True)
        assert said in str(raised.value)


# ---- the leak, and none


def pointing_left(count=256):
    """Grey 8x8 pictures, each with a bright bar of a chance width, height and shade in its left half."""
    numbers = np.random.default_rng(0)
    pictures = np.zeros((count, 8, 8, 1), np.uint8)
    for picture in pictures:
        top, left = numbers.integers(0, 4), numbers.integers(0, 2)
        picture[top : top + numbers.integers(2, 5), left : left + numbers.integers(1, 3)] = numbers.integers(150, 256)
    return pictures


def share_to_the_right(**changes):
    recipe = Recipe().resolved(
        widths=(16,), layers=1, steps=400, batch_size=16, optimizer="muon", lr=5e-3, warmup=0.05, ema=0.1, loss_on="v",
        precision="fp32", compile="off", sample_steps=10, solver="dpmpp_2m", spacing="logsnr", **changes,
    )  # fmt: skip
    family = trained(recipe, inkbloom.images(pointing_left())).family.eval()
    bright = final(family, request(family, 200), 0, 200) + 1
    return float((bright[..., 4:].sum((1, 2, 3)) > bright[..., :4].sum((1, 2, 3))).double().mean())


def test_told_of_mirroring_it_draws_no_mirrored_picture_untold_it_does():
    told, untold = share_to_the_right(augment=0.5, augment_with=["mirror"]), share_to_the_right(flip=True)
    assert told < 0.1
    assert 0.3 < untold < 0.7
