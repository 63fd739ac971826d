"""The recipes `tutorial` and `tutorial-basic` are the tutorial's system, number for number.

The tutorial's formulas stand here once more, spelled out plainly, and are fed the same weights and the same random
numbers as inkbloom's. What must agree: 1e-9 in float64, and in float32 1e-5 of the largest value.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diffusers import UNet2DModel
from torch import Tensor, nn

import inkbloom
from inkbloom import device, philox
from inkbloom.data import Data, load_data
from inkbloom.families import Spec
from inkbloom.recipe_files import load_recipe
from inkbloom.sampling import history, request
from inkbloom.store.log import from_hex, read
from inkbloom.training.batches import Plan, epoch_order
from inkbloom.training.fit import fit
from inkbloom.training.prepare import Training, assemble
from inkbloom.training.state import State

RECIPES = ("tutorial", "tutorial-basic")
SHAPE = (1, 28, 28)
CPU = torch.device("cpu")
STEPS = 20
# (batch size, images) of the short trainings: four steps an epoch, the last with half a batch or so
SMALL = {"tutorial": (4, 14), "tutorial-basic": (16, 58)}


# The tutorial, plainly


class PlainBasic(nn.Module):
    """Section 3.4: six 5x5 convolutions, halved twice by the maximum, doubled twice by repetition, skips added."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 32, 64, 64, 64, 32, 1)
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, kernel_size=5, padding=2) for i, o in pairwise(widths))

    def forward(self, x: Tensor, timestep: int) -> Tensor:
        def layer(k: int, h: Tensor) -> Tensor:
            h = self.convolutions[k](h)
            return h * torch.sigmoid(h)

        def double(h: Tensor) -> Tensor:
            return h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

        large = layer(0, x)
        middle = layer(1, F.max_pool2d(large, 2))
        small = layer(3, layer(2, F.max_pool2d(middle, 2)))
        return layer(5, double(layer(4, double(small) + middle)) + large)


class PlainUNet(nn.Module):
    """Section 3.5: the library's model with the tutorial's arguments and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        down, up = ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D")
        self.model = UNet2DModel(
            sample_size=28,
            in_channels=1,
            out_channels=1,
            layers_per_block=2,
            block_out_channels=(32, 64, 64),
            down_block_types=down,
            up_block_types=up,
        )

    def forward(self, x: Tensor, timestep: int) -> Tensor:
        return self.model(x, timestep).sample


PLAIN = {"tutorial": PlainUNet, "tutorial-basic": PlainBasic}


def corrupted(x: Tensor, u: Tensor, amount: Tensor) -> Tensor:
    """Section 3.3: each image keeps 1 - amount of itself and gets the amount in noise."""
    amount = amount[:, None, None, None]
    return (1 - amount) * x + amount * u


def mean_square(prediction: Tensor, x: Tensor) -> Tensor:
    """The loss: the prediction against the clean image."""
    return ((prediction - x) ** 2).sum() / x.numel()


def adam(parameters: list[Tensor], history: list[list[Tensor]], lr: float = 1e-3, corrected: bool = True) -> list[Tensor]:
    """Kingma and Ba 2015, Algorithm 1, after one step for each entry of `history` (the gradients of all parameters)."""
    out = []
    for place, p in enumerate(parameters):
        m, v = torch.zeros_like(p), torch.zeros_like(p)
        for t, gradients in enumerate(history, start=1):
            m = 0.9 * m + 0.1 * gradients[place]
            v = 0.999 * v + 0.001 * gradients[place] ** 2
            m_hat, v_hat = (m / (1 - 0.9**t), v / (1 - 0.999**t)) if corrected else (m, v)
            p = p - lr * m_hat / (v_hat.sqrt() + 1e-8)
        out.append(p)
    return out


@torch.no_grad()
def forty_steps(net: nn.Module, x: Tensor, steps: int = 40, late: int = 0) -> tuple[list[Tensor], list[Tensor]]:
    """Section 3.6: (inputs, predictions); step i moves 1 / (steps - i) of the way to the prediction."""
    inputs, predictions = [x], []
    for i in range(steps):
        prediction = net(x, 0)
        share = 1 / (steps - i + late)
        x = (1 - share) * x + share * prediction
        inputs.append(x)
        predictions.append(prediction)
    return inputs, predictions


def numbers_of(step: int, batch: int, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(noise, amounts) of the `count` images in the batch of a step."""
    index = step * batch + np.arange(count)
    noise = torch.from_numpy(philox.uniform(seed, "noise", index, 784)).reshape(count, *SHAPE)
    return noise, torch.from_numpy(philox.uniform(seed, "time", index, 1))[:, 0]


def plain_losses(
    net: nn.Module, images: Tensor, batch: int, steps: int = STEPS, lr: float = 1e-3, keep_short: bool = True, corrupt=corrupted
) -> list[float]:
    """The first losses of the tutorial's loop: epochs of shuffled batches, the last of each as short as it comes."""
    optimizer, loss_of = torch.optim.Adam(net.parameters(), lr=lr), nn.MSELoss()
    losses: list[float] = []
    for epoch in range(steps):
        shuffled = torch.from_numpy(epoch_order(0, epoch, len(images)))
        for picked in shuffled.split(batch):
            if len(losses) == steps or (len(picked) < batch and not keep_short):
                continue
            x = images[picked].float() / 255
            loss = loss_of(net(corrupt(x, *numbers_of(len(losses), batch, len(x))), 0), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


# Both, side by side


def same(ours: Tensor, plain: Tensor) -> None:
    """Asserts equality to 1e-9 in float64, to 1e-5 of the largest value in float32."""
    assert ours.shape == plain.shape
    assert ours.dtype == plain.dtype
    allowed = 1e-9 if ours.dtype == torch.float64 else 1e-5 * plain.abs().max()
    assert (ours - plain).abs().max() <= allowed


def flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


class WideDraw(philox.Draw):
    """The same random numbers as float64."""

    def _tensor(self, values, shape):
        return super()._tensor(values, shape).double()


def fresh(name: str, **changes: object) -> State:
    return State(Spec(load_recipe(name).resolved(**{"steps": STEPS, **changes}), 1, (28, 28)), CPU)


def training_of(name: str, data: Data, **changes: object) -> Training:
    return assemble(load_recipe(name).resolved(**{"steps": STEPS, **changes}), data, CPU)


def plain_copy(name: str, state: State) -> nn.Module:
    """The plain network with the weights of inkbloom's."""
    net = PLAIN[name]()
    weights = [tensor.detach().clone() for tensor in state.family.net.parameters()]
    with torch.no_grad():
        for p, value in zip(net.parameters(), weights, strict=True):
            p.copy_(value)
    return net.to(weights[0].dtype)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=RECIPES)
def name(request) -> str:
    return request.param


@cache
def some_digits() -> Data:
    """The first 64 training digits, with their labels, which the tutorial loads and ignores."""
    data = load_data("digits")
    return replace(data, images=data.images[:64], labels=data.labels[:64], slices={})


def of_them(count: int) -> Data:
    return replace(some_digits(), images=some_digits().images[:count], labels=some_digits().labels[:count])


@cache  # and not a fixture, which pytest would make anew for each order of parameters
def train_both(name: str) -> SimpleNamespace:
    batch, count = SMALL[name]
    data = of_them(count)
    training = training_of(name, data, batch_size=batch)
    state = training.state
    start = plain_copy(name, state)
    plain = copy.deepcopy(start)
    steps = list(fit(training))
    losses = plain_losses(plain, data.images, batch)
    return SimpleNamespace(state=state, start=start, plain=plain, data=data, batch=batch, steps=steps, losses=losses)


@pytest.fixture
def trained(name) -> SimpleNamespace:
    """Twenty steps of inkbloom's loop and of the plain one, from the same weights, with the same random numbers."""
    return train_both(name)


@cache
def step_both(name: str, dtype: torch.dtype) -> SimpleNamespace:
    state = fresh(name)
    state.family.net.load_state_dict(train_both(name).state.family.net.state_dict())
    state.family.to(dtype)
    plain = plain_copy(name, state)
    x = (some_digits().images[:5].double() / 255).to(dtype)
    noise, amounts = (tensor.to(dtype) for tensor in numbers_of(3, 128, 5))

    seen: list[tuple[Tensor, Tensor]] = []
    hook = state.family.net.register_forward_pre_hook(lambda module, args: seen.append(args[:2]))
    loss, extra = state.family("denoise", x, torch.arange(5), philox.Draw(0, 3 * 128 + np.arange(5)))
    loss.backward()
    hook.remove()

    noisy = corrupted(x, noise, amounts)
    prediction = plain(noisy, 0)
    plain_loss = mean_square(prediction, x)
    plain_loss.backward()
    return SimpleNamespace(
        state=state, plain=plain, x=x, noise=noise, amounts=amounts, seen=seen, loss=loss.detach(), extra=extra,
        noisy=noisy, prediction=prediction.detach(), plain_loss=plain_loss.detach(),
        gradients=[p.grad for p in state.family.net.parameters()], plain_gradients=[p.grad for p in plain.parameters()],
    )  # fmt: skip


@pytest.fixture(params=(torch.float64, torch.float32), ids=str)
def step_of_both(request, name) -> SimpleNamespace:
    """One forward and backward pass of both on five images, with weights that have learned a little."""
    return step_both(name, request.param)


# The settings


@pytest.mark.parametrize(("recipe", "net"), [("tutorial", "unet2d"), ("tutorial-basic", "basic")])
def test_every_field_of_the_recipe_is_the_tutorials(recipe, net):
    fields = asdict(load_recipe(recipe))
    assert fields.pop("about")
    for convenience in ("checkpoint_every", "preview_every", "holdout_every"):  # what these write down changes no number
        fields.pop(convenience)
    assert fields == {
        "family": "diffusion",
        # MNIST as it is, pixels in [0, 1]; `--data` puts the 60,000 in the place of the embedded digits
        "data": "digits", "split": "train", "size": "", "pixels": "0..1", "flip": False, "skip_broken": False,
        "background": "auto",  # of transparent pictures, of which MNIST has none
        "init": "", "stretches": (),  # first weights are drawn, and the schedule runs once
        "augment": 0.0, "augment_with": ("mirror", "shift", "turn", "zoom", "colour"),  # probability 0: nothing is done
        # the network's own widths and depth; no timestep, no label
        "net": net, "widths": (), "layers": 0, "kernel": 3, "upsampler": "auto", "timed": False, "labels": False,
        # x (1 - a) + u a with u and a uniform, predicting x
        "path": "lerp", "noise": "uniform", "times": "uniform", "target": "x0", "loss_on": "x0", "loss": "auto",
        # heeded only by other settings than the above
        "loss_cap": 400.0, "t_mean": 0.0, "t_std": 1.0, "label_drop": 0.1, "clusters": 0, "train_guidance": 1.0,
        "teacher": "", "teacher_steps": 3,
        # heeded only by other families
        "latent": 16, "kl": 1.0, "penalty": 1.0,
        # 30 epochs in batches of 128, Adam at a constant 1e-3, no average
        "epochs": 30, "steps": None, "batch_size": 128, "short_batches": True,
        "optimizer": "adam", "lr": 1e-3, "betas": (0.9, 0.999), "weight_decay": 0.0,
        "warmup": 0.0, "schedule": "constant", "clip": 0.0, "ema": 0.0,
        "seed": 0, "precision": "fp32", "compile": "off",
        # 40 equal steps, nothing clipped
        "sample_steps": 40, "solver": "euler", "spacing": "uniform", "sample_times": (), "clip_x0": False, "guidance": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(("images", "steps"), [(8_000, 1_890), (60_000, 14_070)])
def test_thirty_epochs_are_so_many_steps(name, images, steps):
    recipe = load_recipe(name)
    assert Plan(0, images, recipe.batch_size, recipe.short_batches).steps_in(recipe.epochs) == steps


def test_the_network_is_the_tutorials_down_to_its_first_weights(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(philox.words(0, "init", [0], 1)[0, 0]))
        plain = PLAIN[name]()
    state = fresh(name)
    ours = list(state.family.net.parameters())
    assert sum(p.numel() for p in ours) == {"tutorial": 1_707_009, "tutorial-basic": 309_057}[name]
    assert all(torch.equal(a, b) for a, b in zip(ours, plain.parameters(), strict=True))
    assert not list(state.family.buffers())
    if name == "tutorial":
        ours, theirs = (dict(net.config) for net in (state.family.net.unet, plain.model))
        assert (ours.pop("sample_size"), theirs.pop("sample_size")) == ((28, 28), 28)  # two ways to write the same
        assert {k: v for k, v in ours.items() if k[0] != "_"} == {k: v for k, v in theirs.items() if k[0] != "_"}


def test_each_epoch_shows_every_image_once_in_a_new_order():
    plan = Plan(0, 300, 128, short_batches=True)
    epochs = [np.concatenate([plan.images(step) for step in range(3 * e, 3 * e + 3)]) for e in range(3)]
    assert [len(plan.images(step)) for step in range(6)] == [128, 128, 44, 128, 128, 44]
    assert all(sorted(epoch) == list(range(300)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in [*epochs, range(300)]}) == 4


# One step


def test_corruption(step_of_both):
    ((noisy, _),) = step_of_both.seen
    same(noisy, step_of_both.noisy)


def test_the_network_gets_noise_level_zero(step_of_both):
    ((_, t),) = step_of_both.seen
    assert not t.any()


def test_loss(step_of_both):
    same(step_of_both.loss, step_of_both.plain_loss)
    assert step_of_both.extra == {}


def test_gradients(step_of_both):
    same(flat(step_of_both.gradients), flat(step_of_both.plain_gradients))
    assert step_of_both.plain_loss > 0.01
    assert flat(step_of_both.plain_gradients).abs().max() > 0.01  # there is something to compare


def adam_steps(step_of_both, name, **wrong) -> tuple[Tensor, Tensor]:
    """The weights after three steps from identical gradients: by inkbloom's optimizer, and by the written-out formula."""
    state = fresh(name)
    state.family.to(step_of_both.x.dtype)
    parameters = list(state.family.net.parameters())
    begin = [p.detach().clone() for p in parameters]
    history = [[scale * g for g in step_of_both.plain_gradients] for scale in (1.0, -0.3, 2.0)]
    (optimizer,) = state.optimizers.values()
    for gradients in history:
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g.clone()
        optimizer.step()
    moved = [(p.detach() - b) / 1e-3 for p, b in zip(parameters, begin, strict=True)]
    expected = [(p - b) / 1e-3 for p, b in zip(adam(begin, history, **wrong), begin, strict=True)]
    if step_of_both.x.dtype == torch.float64:
        return flat(moved), flat(expected)
    return flat([p.detach() for p in parameters]), flat(adam(begin, history, **wrong))


def test_adam_from_identical_gradients(step_of_both, name):
    same(*adam_steps(step_of_both, name))


# Training


def test_the_first_losses_agree(trained):
    ours = [float(step.losses["denoise"]) for step in trained.steps]
    assert len(ours) == len(trained.losses) == STEPS
    assert max(abs(a - b) for a, b in zip(ours, trained.losses, strict=True)) <= 1e-4
    assert {step.lr for step in trained.steps} == {1e-3}


def test_the_short_last_batch_of_an_epoch_is_kept(trained):
    short = len(trained.data.images) % trained.batch
    assert [step.images for step in trained.steps] == [trained.batch, trained.batch, trained.batch, short] * 5
    assert [step.epoch for step in trained.steps] == [epoch for epoch in range(5) for _ in range(4)]


def test_there_is_no_average_of_the_weights(trained):
    assert trained.state.ema is None
    assert trained.state.sampled is trained.state.family.net
    assert "ema.safetensors" not in trained.state.files()


def test_every_loss_is_kept_and_its_mean_over_an_epoch_printed(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(device, "best_device", lambda: CPU)
    # one step of sampling for the preview at the end of the larger network, or it would take longer than all the rest
    data = of_them(10)
    np.savez(tmp_path / "images.npz", images=data.images[:, 0].numpy(), labels=data.labels.numpy())
    changes = {"sample_steps": 1} if name == "tutorial" else {}
    inkbloom.train(
        name, out=tmp_path / "run", data=f"npz:{tmp_path / 'images.npz'}", split="all", batch_size=4, epochs=2, **changes
    )
    records = list(read(tmp_path / "run" / "log.jsonl"))
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert all(set(record["losses"]) == {"denoise"} for record in records)
    losses = [from_hex(record["losses"]["denoise"]) for record in records]
    assert losses == pytest.approx(plain_losses(plain_copy(name, fresh(name)), data.images, 4, steps=6), abs=1e-4)
    assert len(set(losses)) == 6

    printed = capsys.readouterr().out
    means = [f"{sum(losses[3 * epoch : 3 * epoch + 3]) / 3:.5f}" for epoch in (0, 1)]
    assert re.findall(r"epoch (\d+): mean loss ([\d.]+)", printed) == [("0", means[0]), ("1", means[1])]
    assert re.search(r"^device: cpu", printed, re.MULTILINE)
    newest = tmp_path / "run" / "checkpoints" / "step-00000006"
    assert not (newest / "ema.safetensors").exists()
    assert json.loads((newest / "state.json").read_text())["averaged"] == 0


def test_it_runs_on_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.best_device().type == "cuda"


# Sampling


def sampled(state: State, dtype: torch.dtype, count: int) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, predictions) of inkbloom's sampling by the recipe's own settings."""
    family = copy.deepcopy(state.family).to(dtype)
    wanted = request(family, count)
    assert (wanted.steps, wanted.nfe, wanted.solver, wanted.spacing) == (40, 40, "euler", "uniform")
    if dtype == torch.float32:
        return history(family, wanted, 0, count)
    draw = WideDraw(0, np.arange(count))
    with torch.no_grad():
        kept = list(family.sample(draw, steps=40, solver="euler", spacing="uniform"))
    return [family.begin(draw)[0], *(x for x, _ in kept)], [x0 for _, x0 in kept]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_forty_steps_of_sampling(trained, name, dtype):
    count = 8 if dtype == torch.float32 else 1
    inputs, predictions = sampled(trained.state, dtype, count)
    start = torch.from_numpy(philox.uniform(0, "sample", np.arange(count), 784)).reshape(count, *SHAPE).to(dtype)
    assert 0 <= start.min() < 0.01 < 0.99 < start.max() < 1
    expected_inputs, expected = forty_steps(plain_copy(name, trained.state).to(dtype), start)
    assert len(inputs) == 41
    assert len(predictions) == 40
    for ours, plain in zip([*inputs, *predictions], [*expected_inputs, *expected], strict=True):
        same(ours, plain)


def test_the_library_model_always_gets_timestep_zero():
    """In training and in sampling; asked of diffusers' model itself."""
    given: list[Tensor] = []
    training = training_of("tutorial", of_them(6), batch_size=2, steps=3)
    family = training.state.family
    model = family.net.unet
    assert type(model) is UNet2DModel
    model.register_forward_pre_hook(lambda module, args, kwargs: given.append(args[1]), with_kwargs=True)
    list(fit(training))
    assert len(given) == 3
    history(family, request(family, 1), 0, 1)
    assert len(given) == 43
    assert not torch.cat([torch.as_tensor(t).flatten() for t in given]).any()


# The comparisons can fail


def swapped(x, u, amount):
    return corrupted(u, x, amount)


def shared(x, u, amount):
    return corrupted(x, u, amount.mean().expand(len(x)))


def added(x, u, amount):
    return x + amount[:, None, None, None] * u


def centred(x, u, amount):
    return corrupted(x, u - 0.5, amount)


def gaussian(x, u, amount):
    return corrupted(x, torch.special.ndtri(u.double().clamp(2**-25, 1 - 2**-25)).to(u), amount)


WRONG = [swapped, shared, added, centred, gaussian]


def _words(value: object) -> str:
    """The name of a test case; alike in every process, as a function's own text is not."""
    return "-".join(getattr(v, "__name__", f"{k}={v}") for k, v in value.items()) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize("wrong", WRONG)
def test_another_corruption_is_told_apart(step_of_both, wrong):
    both = step_of_both
    noisy = wrong(both.x, both.noise, both.amounts)
    with pytest.raises(AssertionError):
        same(both.seen[0][0], noisy)
    with torch.no_grad(), pytest.raises(AssertionError):
        same(both.loss, mean_square(both.plain(noisy, 0), both.x))


def test_other_losses_and_gradients_are_told_apart(step_of_both):
    both = step_of_both
    against_noise = mean_square(both.prediction, both.noise)
    summed = ((both.prediction - both.x) ** 2).flatten(1).sum(1).mean()
    absolute = (both.prediction - both.x).abs().mean()
    for wrong in (against_noise, summed, absolute, both.plain_loss * (1 + 1e-4)):
        with pytest.raises(AssertionError):
            same(both.loss, wrong)
    with pytest.raises(AssertionError):
        same(flat(both.gradients), flat(both.plain_gradients) * (1 + 1e-4))


@pytest.mark.parametrize("wrong", [{"corrected": False}, {"lr": 1.1e-3}], ids=_words)
def test_another_optimizer_is_told_apart(step_of_both, name, wrong):
    with pytest.raises(AssertionError):
        same(*adam_steps(step_of_both, name, **wrong))


@pytest.mark.parametrize(
    ("recipe", "wrong"),
    [
        ("tutorial", {"corrupt": gaussian}),
        ("tutorial", {"lr": 2e-3}),
        *(("tutorial-basic", {"corrupt": corrupt}) for corrupt in WRONG),
        ("tutorial-basic", {"lr": 2e-3}),
        ("tutorial-basic", {"keep_short": False}),
    ],
    ids=_words,
)
def test_another_training_is_told_apart(recipe, wrong):
    trained = train_both(recipe)
    ours = [float(step.losses["denoise"]) for step in trained.steps]
    plain = plain_losses(copy.deepcopy(trained.start), trained.data.images, trained.batch, **wrong)
    assert max(abs(a - b) for a, b in zip(ours, plain, strict=True)) > 1e-3


def test_another_rule_of_steps_is_told_apart(trained, name):
    inputs, _ = sampled(trained.state, torch.float32, 2)
    late, _ = forty_steps(trained.plain, inputs[0], late=1)
    with pytest.raises(AssertionError):
        same(inputs[1], late[1])
    with pytest.raises(AssertionError):
        same(inputs[-1], late[-1])
    with torch.no_grad(), pytest.raises(AssertionError):
        same(inputs[1], forty_steps(trained.plain, 1 - inputs[0], steps=1)[0][1])


def test_a_network_that_knows_the_time_is_told_apart():
    timed, untimed = fresh("tutorial", timed=True), fresh("tutorial")
    x, draw = some_digits().images[:2].float() / 255, philox.Draw(0, np.arange(2))
    with torch.no_grad(), pytest.raises(AssertionError):
        same(timed.family("denoise", x, None, draw)[0], untimed.family("denoise", x, None, draw)[0])
