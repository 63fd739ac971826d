"""The training loop: which images, which learning rate, what an average is, and what happens when a number is lost."""

import json
import math
import re
import shlex
import signal
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import inkbloom
from inkbloom import device as devices
from inkbloom.config import Recipe
from inkbloom.data import Data, load_data
from inkbloom.data.pixels import affordable, to_floats
from inkbloom.diffusion import NOISES, PATHS
from inkbloom.errors import Diverged
from inkbloom.evaluation import holdout
from inkbloom.evaluation.holdout import IMAGES, LEVELS, holdout_loss, mean_image_loss, wiener_loss
from inkbloom.philox import Draw
from inkbloom.training import session
from inkbloom.training.batches import Plan, epoch_order, share
from inkbloom.training.fit import fit
from inkbloom.training.prepare import assemble
from inkbloom.training.state import learning_rate

CPU = torch.device("cpu")
TINY = Recipe().resolved(
    net="ink", widths=(16,), layers=1, steps=12, batch_size=8, precision="fp32", compile="off", schedule="constant"
)


def images(count=20, channels=1, size=(8, 8), classes=0, seed=0):
    numbers = np.random.default_rng(seed)
    pixels = torch.from_numpy(numbers.integers(0, 256, (count, channels, *size), np.uint8))
    labels = torch.arange(count) % classes if classes else None
    return Data(pixels, labels, tuple("abcdef"[:classes]), {}, "test")


def made(recipe=TINY, data=None):
    """A training that has not begun."""
    return assemble(recipe, data or images(), CPU)


def trained(recipe=TINY, data=None):
    """(state, all steps) of a finished training."""
    training = made(recipe, data)
    return training.state, list(fit(training))


def weights(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# ---- which images


@pytest.mark.parametrize(("count", "batch"), [(10, 3), (9, 3), (1, 1), (7, 10), (1, 4), (40, 16), (1000, 64)])
def test_short_batches_see_every_image_once_an_epoch(count, batch):
    plan = Plan(5, count, batch, short_batches=True)
    steps = math.ceil(count / batch)
    assert plan.steps_in(3) == 3 * steps
    for epoch in range(3):
        seen = [plan.images(epoch * steps + step) for step in range(steps)]
        assert {len(part) for part in seen[:-1]} <= {batch}
        assert sorted(np.concatenate(seen)) == list(range(count))
        assert {plan.epoch_of(epoch * steps + step) for step in range(steps)} == {epoch}


@pytest.mark.parametrize(("count", "batch"), [(10, 3), (9, 3), (1, 1), (7, 10), (1, 4), (3, 10), (40, 16), (1000, 64)])
def test_full_batches_run_into_the_next_epoch(count, batch):
    plan = Plan(5, count, batch, short_batches=False)
    steps = 3 * count  # the images of 3 * batch whole epochs
    seen = [plan.images(step) for step in range(steps)]
    assert {len(part) for part in seen} == {batch}
    for epoch in np.concatenate(seen).reshape(-1, count):
        assert sorted(epoch) == list(range(count))
    assert [plan.epoch_of(step) for step in range(steps)] == [step * batch // count for step in range(steps)]
    assert plan.steps_in(7) == max(1, 7 * count // batch)


def test_the_order_follows_from_seed_and_epoch_alone():
    first = epoch_order(3, 2, 100).copy()
    epoch_order(0, 0, 50), epoch_order(1, 1, 50)  # others push it out of the cache
    np.random.default_rng(0), torch.manual_seed(1)
    assert (epoch_order(3, 2, 100) == first).all()
    for other in (epoch_order(3, 1, 100), epoch_order(4, 2, 100), np.arange(100)):
        assert (other != first).mean() > 0.9


def test_orders_are_uniform():
    """Each image is as likely to come first as any other: chi-squared over 2,000 epochs of 10, 9 degrees of freedom."""
    firsts = np.bincount([epoch_order(0, epoch, 10)[0] for epoch in range(2000)], minlength=10)
    assert ((firsts - 200) ** 2 / 200).sum() < 27.9  # the 99.9th percentile


@pytest.mark.parametrize("world", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 8, 64, 129])
def test_shares_cut_a_batch_into_pieces(count, world):
    pieces = [np.arange(count)[share(count, rank, world)] for rank in range(world)]
    assert (np.concatenate(pieces) == np.arange(count)).all()
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


# ---- the learning rate


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 1.0])
def test_the_learning_rate_rises_and_falls(schedule, warmup):
    recipe = replace(TINY, steps=200, lr=0.5, warmup=warmup, schedule=schedule)
    rates = [learning_rate(step, recipe) for step in range(200)]
    warm = int(200 * warmup)
    assert rates[:warm] == pytest.approx([0.5 * (step + 1) / (warm + 1) for step in range(warm)])
    if warm < 200:
        assert rates[warm] == 0.5
        assert all(early >= late for early, late in zip(rates[warm:], rates[warm + 1 :], strict=False))
        assert rates[-1] == 0.5 if schedule == "constant" else 0 < rates[-1] <= 0.501 / (200 - warm)
    if schedule != "constant" and warm < 200:
        middle = rates[(200 + warm) // 2]
        assert middle == pytest.approx(0.25, abs=0.01)
    assert min(rates) > 0


def test_the_optimizer_takes_the_learning_rate():
    recipe = replace(TINY, warmup=0.25, schedule="cosine")
    _, steps = trained(recipe)
    assert [step.lr for step in steps] == [learning_rate(step, recipe) for step in range(12)]
    still, _ = trained(replace(recipe, lr=0.0))
    assert equal(weights(still.family.net), weights(made(recipe).state.family.net))


# ---- a step


def test_adam_clipped_and_averaged_as_written_by_hand():
    """Twelve steps against a loop that does the same in the plainest words: torch's own Adam, one tensor at a time."""
    recipe = replace(TINY, optimizer="adam", clip=0.05, ema=0.5, flip=True)
    training = made(recipe)
    state, family = training.state, made(recipe).state.family
    net = family.net
    start = weights(net)
    mean = {name: tensor.clone() for name, tensor in net.named_parameters()}
    adam = torch.optim.Adam(net.parameters(), lr=recipe.lr, foreach=False)
    for number, step in enumerate(fit(training)):
        picked = training.plan.images(number)
        draw = Draw(recipe.seed, number * 8 + np.arange(8))
        x = to_floats(training.train.images[torch.from_numpy(picked)], recipe.pixels)
        mirrored = draw.uniform("flip", 1)[:, 0] < 0.5
        x[mirrored] = x[mirrored].flip(-1)
        adam.zero_grad()
        loss = family("denoise", x, None, draw)[0]
        loss.backward()
        norm = math.sqrt(sum(float(p.grad.double().square().sum()) for p in net.parameters()))
        assert float(step.grad_norm) == pytest.approx(norm, rel=1e-4)
        assert norm > 0.05  # or clipping would have nothing to do
        for parameter in net.parameters():
            parameter.grad *= 0.05 / norm
        adam.step()
        decay = min(1 - 1 / 6, (1 + number) / (10 + number)) if number else 0.0
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                mean[name] = decay * mean[name] + (1 - decay) * parameter
        assert float(step.losses["denoise"]) == pytest.approx(loss.item(), rel=1e-4)
    assert state.step == 12
    assert not equal(start, weights(state.family.net))
    assert mirrored.any()
    for name, parameter in state.family.net.named_parameters():
        torch.testing.assert_close(parameter, dict(net.named_parameters())[name], atol=2e-5, rtol=1e-3)
    for name, parameter in state.ema.module.named_parameters():
        torch.testing.assert_close(parameter, mean[name], atol=2e-5, rtol=1e-3)


def test_the_average_knows_the_shares_of_the_clusters():
    """Whose sizes are far from alike: eight images in ten are the same."""
    data = images(20)
    data.images[:16] = data.images[0]
    state, _ = trained(replace(TINY, labels=False, clusters=3, ema=0.5), data)
    shares = state.family.net.shares
    assert sorted(shares[0].tolist())[-1] >= 0.8
    assert torch.equal(state.ema.module.shares, shares)


@pytest.mark.parametrize(("clip", "scale"), [(0.0, 1.0), (1e6, 1.0), (1e-3, None)])
def test_gradients_are_clipped_to_their_norm(clip, scale):
    """One step of plain descent moves the weights by lr times the gradient, or by lr times the norm that is allowed."""
    recipe = replace(TINY, steps=1, clip=clip, lr=1.0)
    training = made(recipe)
    state = training.state
    state.optimizers = {"denoise": torch.optim.SGD(state.family.net.parameters(), lr=1.0)}
    before = weights(state.family.net)
    (step,) = fit(training)
    moved = math.sqrt(sum(float((before[name] - now).square().sum()) for name, now in weights(state.family.net).items()))
    assert moved == pytest.approx(float(step.grad_norm) * scale if scale else clip, rel=1e-3)


@pytest.mark.parametrize("target", ["x0", "eps", "v"])
def test_one_batch_is_learnt_by_heart(target):
    recipe = replace(TINY, steps=150, batch_size=4, lr=5e-3, target=target, loss_on=target, path="cosine")
    _, steps = trained(recipe, replace(images(4), images=structured(4, 0)))
    losses = [float(step.losses["denoise"]) for step in steps]
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:5])


def test_labels_and_label_drop_change_what_is_learnt():
    runs = {}
    for drop in (0.0, 0.5, 1.0):
        state, _ = trained(replace(TINY, label_drop=drop), images(classes=3))
        fresh = made(TINY, images(classes=3)).state.family.net.condition.label.weight
        runs[drop] = (state.family.net.condition.label.weight != fresh).any(1).tolist()
    assert runs == {0.0: [True] * 3 + [False], 0.5: [True] * 4, 1.0: [False] * 3 + [True]}
    unlabelled = made(replace(TINY, labels=False), images(classes=3))
    assert (unlabelled.conditions, unlabelled.state.family.num_classes, unlabelled.state.spec.classes) == (None, 0, ())


def test_first_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    one = weights(made().state.family.net)
    torch.manual_seed(2)
    assert equal(one, weights(made().state.family.net))
    assert not equal(one, weights(made(replace(TINY, seed=1)).state.family.net))


# ---- numbers that are none


def poison(state, where, value):
    if where == "weight":
        state.family.net.norm.gain.data[3] = value
    elif where == "weights":  # finite, but their squares are not
        for parameter in (*state.family.net.parameters(), *state.ema.module.parameters()):
            parameter.data += value
    elif where == "average":
        state.ema.module.norm.gain.data[3] = value
    else:
        parameter = state.family.net.norm.gain
        state.optimizers["denoise"].state[parameter]["exp_avg"][3] = value


def poisoned(where, value, at):
    """`fit` with one number replaced after step `at`; the loss and the gradient as they are reported."""

    def worse(training):
        for step in session_fit(training):
            if step.number == at:
                if where == "loss":
                    step = step._replace(losses={"denoise": torch.tensor(value)})
                elif where == "gradient":
                    step = step._replace(grad_norm=torch.tensor(value))
                else:
                    poison(training.state, where, value)
            yield step

    session_fit = session.fit
    return mock.patch.object(session, "fit", worse)


def not_finite(run):
    """Every place on disk under `run` that holds a number that is none."""
    found = [path for path in run.rglob("*.jsonl") if re.search(r"nan|inf|NaN|Infinity", path.read_text())]
    found += [path for path in run.rglob("*.json") if re.search(r"NaN|Infinity", path.read_text())]
    for path in run.rglob("*.safetensors"):
        found += [(path, name) for name, tensor in load_file(path).items() if not tensor.isfinite().all()]
    return found


@pytest.mark.parametrize("at", [1, 7, 10, 13, 24])
@pytest.mark.parametrize(
    ("where", "value"),
    [("loss", math.nan), ("loss", math.inf), ("gradient", -math.inf), ("weight", math.nan), ("average", math.inf),
     ("optimizer", math.nan), ("weights", 1e30)],
)  # fmt: skip
def test_numbers_that_are_none_never_reach_the_disk(where, value, at, recipe, command, checkpoints, tmp_path):
    words, run = ("train", recipe(holdout_every=1), "--out", tmp_path / "run", "--quiet"), tmp_path / "run"
    with poisoned(where, value, at):
        ended = command(*words)
    assert ended.code == 6
    named = int(re.search(r"step (\d+)", ended.error)[1])
    assert at <= named <= min(24, at + {"average": 5, "optimizer": 2}.get(where, 1))
    assert len(ended.error.replace(str(tmp_path), "")) <= 200
    assert not_finite(run) == []
    kept = list(range(5, at, 5))[-3:]
    if (where, at) == ("weights", 24):
        del kept[0]  # the save before the look that noticed had already pruned it
    assert checkpoints(run) == kept
    assert command(*words).code == 0  # it was but a moment's fault: from the last good step on, all goes well
    assert max(checkpoints(run)) == 24


def test_where_nothing_is_checked_the_poison_spreads(recipe, command, tmp_path, monkeypatch):
    monkeypatch.setattr("inkbloom.training.state.first_not_finite", lambda tensors: None)
    with poisoned("average", math.nan, 7):
        ended = command("train", recipe(split="all"), "--out", tmp_path / "run", "--quiet")
    assert ended.code == 4  # the report, which looks for itself, is the first to notice
    assert "not finite numbers" in ended.err
    assert not_finite(tmp_path / "run")


@pytest.mark.parametrize("clip", [0, 1])
@pytest.mark.parametrize("at", [1, 13])
def test_after_a_divergence_the_advice_can_be_followed(at, clip, recipe, command, checkpoints, tmp_path):
    words = ("train", recipe(clip=clip, optimizer="adam", lr=0.003), "--out", tmp_path / "run")
    with poisoned("loss", math.nan, at):
        ended = command(*words, "--quiet")
    assert ended.code == 6
    assert ("--clip" in ended.error) == (not clip)
    if at == 1:
        advised, out = [*words, *re.search(r"add (.*) to the same command", ended.error)[1].split()], tmp_path / "run"
    else:
        advised, out = shlex.split(re.search("`inkbloom (.*)`", ended.error)[1]), tmp_path / "run-2"
    done = command(*advised)
    assert done.code == 0, done.err
    assert max(checkpoints(out)) == 24
    assert "adam at 0.001\n" in done.out
    assert ("after step 10\n" in done.out) == (at == 13)  # it begins with the last good weights
    assert "lr = 0.001" in (out / "config.toml").read_text()


def test_a_run_that_explodes(recipe, command, tmp_path):
    ended = command(
        "train", recipe(net="basic", widths=[16, 16, 16], lr=1000.0, warmup=0.0, holdout_every=1), "--out", tmp_path / "run"
    )
    assert ended.code == 6
    assert re.search(r"step \d+", ended.error)
    assert not_finite(tmp_path / "run") == []


# ---- looking on


def test_looking_changes_nothing(recipe, command, outcome, tmp_path):
    ends = {}
    for every in (0, 1, 4):
        path = recipe(preview_every=every, holdout_every=every)
        assert command("train", path, "--out", tmp_path / str(every), "--quiet").code == 0
        ends[every] = outcome(tmp_path / str(every))
        state = load_file(next((tmp_path / str(every)).glob("checkpoints/step-00000024/ema.safetensors")))
        ends[every] |= {"tensors": {name: tensor.tolist() for name, tensor in state.items()}}
    for name in ("optimizer.safetensors", "log", "tensors", "counters"):
        assert ends[0][name] == ends[1][name] == ends[4][name]
    assert [len(end["holdout"].splitlines()) for end in ends.values()] == [1, 24, 6]


def test_an_average_swapped_in_would_be_noticed(recipe, command, outcome, tmp_path):
    """The control: a look that samples with the trained network itself, holding the average's weights for a while."""

    def swapped(state):
        state.family.net.load_state_dict(state.ema.module.state_dict())
        return {"ema": state.family}

    logs = []
    for every in (0, 4):
        with mock.patch.object(session, "sampling_copies", swapped):
            assert command("train", recipe(preview_every=every), "--out", tmp_path / str(every), "--quiet").code == 0
        logs.append(outcome(tmp_path / str(every))["log"])
    assert logs[0] != logs[1]


def test_previews_and_holdout_come_at_their_steps(recipe, command, tmp_path):
    ended = command("train", recipe(preview_every=10, holdout_every=7), "--out", tmp_path / "run")
    previews = sorted((tmp_path / "run/previews").iterdir())
    assert [path.name for path in previews] == [f"step-000000{step}.png" for step in (10, 20, 24)]
    with Image.open(previews[0]) as picture:
        assert picture.size == (8 * 17 + 1, 4 * 17 + 1)  # 8 x 2 live, 8 x 2 averaged, twice as large as 8x8, gaps of 1
    rows = [json.loads(line) for line in (tmp_path / "run/holdout.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [7, 14, 21, 24]
    for row in rows:
        assert row["levels"] == pytest.approx(LEVELS)
        assert f"step {row['step']}: hold-out x0 loss {np.mean([float.fromhex(x) for x in row['loss']]):.4f}" in ended.out
    losses = [np.mean([float.fromhex(x) for x in row["loss"]]) for row in rows]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("size", "most", "least", "count"), [((28, 28), 256, 32, 256), ((32, 32), 16, 4, 16), ((64, 64), 16, 4, 4)]
)
def test_what_stands_beside_a_training_is_bounded_by_its_pixels(size, most, least, count):
    assert affordable(most, size, least) == count
    for side in range(8, 1024, 8):
        pixels = affordable(256, (side, side), 32) * side * side
        assert pixels <= max(256 * 32 * 32, 32 * side * side)


def test_large_images_are_looked_at_in_smaller_numbers(source, command, recipe, tmp_path, monkeypatch):
    """The hold-out loss and its anchors are of the same images; a preview has fewer."""
    asked, seen = [], []
    monkeypatch.setattr(
        holdout, "holdout_loss", lambda denoiser, images, labels, **how: asked.append(images.shape) or [0.5] * 10
    )
    monkeypatch.setattr(holdout, "mean_image_loss", lambda train, images: seen.append(images.shape) or 0.5)
    run = tmp_path / "run"
    large = source(count=900, size=(64, 64))
    assert command("train", recipe(data=large, steps=1, batch_size=1), "--out", run).code == 0
    assert asked == seen == [(64, 1, 64, 64)]  # of 90
    preview = Image.open(next((run / "previews").iterdir()))
    assert preview.size[0] < 5 * (2 * 64 + 2)


def test_a_slow_step_is_logged_at_once(recipe, command, tmp_path, monkeypatch):
    """Whoever waits 25 seconds for a step should not have to wait for ten of them."""
    blocks = []
    real = session._settle
    monkeypatch.setattr(session, "_settle", lambda steps, *rest: blocks.append(len(steps)) or real(steps, *rest))
    assert command("train", recipe(steps=25, checkpoint_every=100), "--out", tmp_path / "quick").code == 0
    assert blocks == [10, 10, 5]
    blocks.clear()
    monkeypatch.setattr(session, "PATIENCE", 0)
    assert command("train", recipe(steps=3), "--out", tmp_path / "slow").code == 0
    assert blocks == [1, 1, 1]


def test_epoch_means_are_those_of_the_log(recipe, command, tmp_path):
    ended = command("train", recipe(short_batches=True), "--out", tmp_path / "run")
    records = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    for epoch in range(8):
        losses = [float.fromhex(r["losses"]["denoise"]) for r in records if r["epoch"] == epoch]
        assert len(losses) == 3
        assert f"epoch {epoch}: mean loss {np.mean(losses):.5f}\n" in ended.out
    assert [record["images"] for record in records[:3]] == [16, 16, 8]


def test_signals_are_given_back(recipe, command, tmp_path):
    """However a training ends, and even while its error is held: Ctrl-C must work again in a notebook."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with mock.patch("inkbloom.training.session.commit", side_effect=RuntimeError("no")):
        with pytest.raises(RuntimeError) as held:
            inkbloom.train(recipe(preview_every=3), out=tmp_path / "run", quiet=True)
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
        assert str(held.value) == "no"


# ---- device, precision, compiler


@pytest.mark.parametrize(("speedup", "choice"), [(2.0, "bf16"), (1.1, "fp32"), (0.5, "fp32")])
def test_auto_precision_is_what_the_probe_says(speedup, choice, monkeypatch):
    monkeypatch.setattr(devices, "bf16_speedup", lambda device: speedup)
    assert devices.choose_precision(replace(TINY, precision="auto"), CPU)[0] == choice
    for said in ("fp32", "bf16"):
        assert devices.choose_precision(replace(TINY, precision=said), CPU) == (said, "as the recipe says")
    assert devices.choose_precision(replace(TINY, precision="auto"), torch.device("mps"))[0] == "fp32"


def test_the_real_probe_leaves_no_trace():
    state = torch.random.get_rng_state()
    choice, why = devices.choose_precision(replace(TINY, precision="auto"), CPU)
    assert choice in ("fp32", "bf16")
    assert "x as fast" in why
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_never_half_precision(precision):
    seen = set()

    class Seen(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            out = operation(*args, **(kwargs or {}))
            seen.update(tensor.dtype for tensor in torch.utils._pytree.tree_leaves(out) if isinstance(tensor, torch.Tensor))
            return out

    with Seen():
        state, _ = trained(replace(TINY, steps=2, precision=precision, ema=0.5))
    assert torch.float16 not in seen
    assert (torch.bfloat16 in seen) == (precision == "bf16")
    for tensor in [*weights(state.family.net).values(), *weights(state.ema.module).values()]:
        assert tensor.dtype == torch.float32


def test_without_a_compiler_compile_is_off(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CXX", "g++")
    assert not devices.has_compiler()
    for said in ("auto", "on", "off"):
        assert devices.choose_compile(replace(TINY, compile=said), CPU)[0] is False
    monkeypatch.setattr(devices, "has_compiler", lambda: True)
    chosen = {said: devices.choose_compile(replace(TINY, compile=said), CPU)[0] for said in ("auto", "on", "off")}
    assert chosen == {"auto": True, "on": True, "off": False}


def test_a_compiler_that_fails_is_done_without(recipe, command, outcome, tmp_path, monkeypatch):
    def broken(*args, **options):
        raise RuntimeError("C++ compiler exploded")

    assert command("train", recipe(), "--out", tmp_path / "eager").code == 0
    monkeypatch.setattr(devices, "has_compiler", lambda: True)
    import torch._inductor.compile_fx as inductor

    monkeypatch.setattr(inductor, "compile_fx", broken)
    ended = command("train", recipe(compile="on"), "--out", tmp_path / "broken")
    assert ended.code == 0, ended.err
    assert "torch.compile failed, going on without it" in ended.out
    eager, other = outcome(tmp_path / "eager"), outcome(tmp_path / "broken")
    assert eager["log"] == other["log"]
    assert eager["optimizer.safetensors"] == other["optimizer.safetensors"]


def test_the_best_device_is_cuda_then_mps_then_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.best_device().type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.best_device() == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert devices.best_device() == torch.device("cuda", 0)  # alone it says nothing
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    assert devices.best_device() == torch.device("cuda", 3)


# ---- the hold-out loss and its anchors


def structured(count, seed, size=(8, 8)):
    """Images with few directions, as pictures have."""
    numbers = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(0, 1, (5, math.prod(size)))
    flat = numbers.normal(0, 1, (count, 5)) @ basis * 20 + 128 + numbers.normal(0, 4, (count, math.prod(size)))
    return torch.from_numpy(flat.clip(0, 255).astype(np.uint8).reshape(count, 1, *size))


@pytest.mark.parametrize(("path", "noise", "pixels"), [("lerp", "gaussian", "-1..1"), ("cosine", "gaussian", "0..1"),
                                                       ("vp", "gaussian", "-1..1"), ("lerp", "uniform", "0..1")])  # fmt: skip
def test_the_linear_denoiser_is_the_best_that_least_squares_finds(path, noise, pixels):
    """Against numpy's lstsq on 60,000 noisy pairs drawn from the training images, and its error on drawn noise."""
    known, held = structured(60, 0), structured(40, 1)
    found = wiener_loss(known, held, path=path, noise=noise, pixels=pixels)
    clean, unseen = (to_floats(x, pixels, torch.float64).flatten(1).numpy() for x in (known, held))
    scale = 1 if pixels == "0..1" else 4
    numbers = np.random.default_rng(7)

    def noisy(x, c):
        drawn = numbers.random(x.shape) if noise == "uniform" else numbers.normal(0, 1, x.shape)
        return float(c.a) * x + float(c.s) * drawn

    for level in (1, 4, 8):
        c = PATHS[path](torch.tensor(LEVELS[level], dtype=torch.float64))
        many, tests = np.repeat(clean, 1000, axis=0), np.repeat(unseen, 100, axis=0)
        design = np.c_[noisy(many, c), np.ones(len(many))]
        answer = np.linalg.lstsq(design, many, rcond=None)[0]
        error = np.mean((np.c_[noisy(tests, c), np.ones(len(tests))] @ answer - tests) ** 2) / scale
        assert found[level] == pytest.approx(error, rel=0.03)


def test_the_linear_denoiser_where_there_is_none():
    assert wiener_loss(structured(1, 0), structured(5, 1), path="lerp", noise="gaussian", pixels="0..1") is None
    large = torch.zeros(3, 1, 41, 40, dtype=torch.uint8)
    assert wiener_loss(large, large, path="lerp", noise="gaussian", pixels="0..1") is None


def test_the_mean_image_in_plain_words():
    known, held = structured(30, 0), structured(20, 1)
    mean = [sum(float(image.flatten()[k]) for image in known) / 30 / 255 for k in range(64)]
    error = sum((float(image.flatten()[k]) / 255 - mean[k]) ** 2 for image in held for k in range(64)) / 20 / 64
    assert mean_image_loss(known, held) == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize("pixels", ["0..1", "-1..1"])
@pytest.mark.parametrize("noise", ["gaussian", "uniform"])
def test_the_holdout_loss_of_known_denoisers(noise, pixels):
    held = structured(150, 1)  # more than two batches, the last one short
    labels = torch.arange(150) % 3
    low = 0 if pixels == "0..1" else -1
    how = {"path": "lerp", "noise": noise, "pixels": pixels}

    def seen_in_full(y):
        """The denoiser that knows the answer by its labels' place: perfect."""
        rows = to_floats(held[labels_of.index(tuple(y.tolist())) * 64 :][: len(y)], pixels)
        return lambda x, t: rows

    labels_of = [tuple(labels[first : first + 64].tolist()) for first in range(0, 150, 64)]
    assert holdout_loss(seen_in_full, held, labels, **how) == [0.0] * 10
    black = holdout_loss(lambda y: lambda x, t: torch.full_like(x, low), held, None, **how)
    plain = float((held.double() / 255).square().mean())
    assert black == pytest.approx([plain] * 10, rel=1e-5)
    doing_nothing = holdout_loss(lambda y: lambda x, t: x, held, None, **how)
    assert doing_nothing == holdout_loss(lambda y: lambda x, t: x, held, None, **how)
    draw = Draw(0, np.arange(150))
    for level, t in enumerate(LEVELS):
        drawn = NOISES[noise](draw, "holdout", 1, 8, 8, step=level)
        error = (t * (drawn - to_floats(held, pixels))).square().mean() / (1 if pixels == "0..1" else 4)
        assert doing_nothing[level] == pytest.approx(float(error), rel=1e-4)


def test_a_trained_network_beats_the_mean_image(source):
    """All three figures on the same set: what is learnt lies between the mean image and, nearly, the linear denoiser."""
    data = load_data(source(count=200))
    recipe = replace(TINY, steps=150, batch_size=32, lr=4e-3, schedule="cosine", loss_on="v", labels=False)
    known, held = data.take("train"), data.take("holdout")
    state, _ = trained(recipe, replace(known, labels=None, classes=()))
    assert len(held.images) <= IMAGES
    how = {"path": recipe.path, "noise": recipe.noise, "pixels": recipe.pixels}
    loss = holdout_loss(state.family.eval().denoiser, held.images, None, **how)
    linear = wiener_loss(known.images, held.images, **how)
    mean = mean_image_loss(known.images, held.images)
    assert np.mean(loss) < 0.7 * mean
    assert np.mean(linear) < 0.7 * mean


def test_a_diverged_state_is_not_turned_into_files():
    state, _ = trained(replace(TINY, steps=1, ema=0.5))
    assert set(state.files()) == {"model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json"}
    poison(state, "optimizer", math.nan)
    with pytest.raises(Diverged, match=r"step 1 \(denoise/norm.gain/exp_avg\)"):
        state.files()
