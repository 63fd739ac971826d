"""A network, a solver, functions and arrays from outside: trained, resumed, evaluated, compared and sampled like ours."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import inkbloom
from inkbloom.config import OWN_FIELDS, Recipe, named
from inkbloom.diffusion import noise_in
from inkbloom.errors import CheckpointError, DataError, InkbloomError, Interrupted, UsageError
from inkbloom.families.spec import REGISTRIES
from inkbloom.solvers import evaluations, steps_for

SMALL = {"steps": 12, "batch_size": 8, "compile": "off", "precision": "fp32", "checkpoint_every": 5, "quiet": True}


class TinyNet(nn.Module):
    """Two convolutions, with time and label added between them."""

    def __init__(self, channels=1, size=(12, 12), num_classes=0):
        super().__init__()
        self.first, self.last = nn.Conv2d(channels, 8, 3, padding=1), nn.Conv2d(8, channels, 3, padding=1)
        self.time, self.label = nn.Linear(1, 8), nn.Embedding(num_classes + 1, 8)

    def forward(self, x, t, y=None):
        shift = self.time(t[:, None]) + (0 if y is None else self.label(y))
        return self.last(F.silu(self.first(x) + shift[:, :, None, None]))


def my_solver(denoise, x, times, path, noise):
    """Euler's rule, written anew."""
    for t, s in pairwise(times):
        x0 = denoise(x, t)
        x = path(s).a * x0 + path(s).s * noise_in(x, x0, path(t))
        yield x, x0


@pytest.fixture(scope="module")
def arrays():
    labels = np.arange(240) % 3
    rows, columns = np.mgrid[:12, :12]
    waves = 0.5 + 0.45 * np.sin(columns * (1 + labels[:, None, None]) + rows / 2)
    return waves.astype(np.float32), labels


@pytest.fixture(scope="module")
def data(arrays):
    return inkbloom.images(*arrays)


@pytest.fixture
def run(data, tmp_path):
    return inkbloom.train("fast", net=TinyNet, data=data, out=tmp_path / "run", **SMALL)


# ---- a network


def test_a_network_of_ones_own_is_trained_opened_sampled_and_compared(run, data, tmp_path):
    assert run.step == 12
    assert isinstance(run.family.net, TinyNet)
    assert run.recipe.net == "own:TinyNet"
    pictures = run.sample(6, seed=1)
    assert pictures.shape == (6, 12, 12, 1)
    again = inkbloom.Run(run.path, net=TinyNet)
    assert (again.sample(6, seed=1) == pictures).all()
    weights = run.path / "checkpoints" / "step-00000012" / "ema.safetensors"
    assert (inkbloom.Run(weights, net=TinyNet).sample(6, seed=1) == pictures).all()
    card = inkbloom.evaluate(run, data=data, judge="none")
    assert json.loads((run.path / "card.json").read_text())["made"]["images"] == card["made"]["images"] == 120
    ours = inkbloom.train("fast", data=data, out=tmp_path / "ours", widths=[16], layers=1, **SMALL)
    found = inkbloom.compare(run, ours, html=tmp_path / "compare.html")
    assert ("net", ["own:TinyNet", "ink"]) in found.settings
    assert "own:TinyNet" in (run.path / "report.html").read_text()


def test_the_network_really_is_trained_and_gets_every_label_and_the_null_label(data, tmp_path):
    class Recorder(TinyNet):
        def forward(self, x, t, y=None):
            seen.append(y)
            return super().forward(x, t, y)

    seen = []
    run = inkbloom.train("fast", net=Recorder, data=data, out=tmp_path / "run", **SMALL)
    first = TinyNet(1, (12, 12), 3)
    assert not any(torch.equal(a, b) for a, b in zip(first.parameters(), run.family.net.parameters(), strict=True))
    assert all(y is not None for y in seen)
    assert {int(label) for y in seen for label in y} == {0, 1, 2, 3}  # 3 means no class


def test_a_module_is_taken_as_it_is_and_left_alone(data, tmp_path):
    net = TinyNet(num_classes=3)
    before = [p.clone() for p in net.parameters()]
    run = inkbloom.train("fast", net=net, data=data, out=tmp_path / "run", lr=0.0, weight_decay=0.0, **SMALL)
    for mine, given, kept in zip(run.family.net.parameters(), net.parameters(), before, strict=True):
        assert torch.equal(given, kept)
        torch.testing.assert_close(mine, kept)  # at a learning rate of 0 the average is the beginning


def test_a_stopped_training_goes_on_to_the_same_bits(data, tmp_path, monkeypatch):
    from inkbloom.training import session

    whole = inkbloom.train("fast", net=TinyNet, data=data, out=tmp_path / "whole", **SMALL)
    commit = session.commit

    def stop_after(*args, **kept):
        commit(*args, **kept)
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "commit", stop_after)
    with pytest.raises(KeyboardInterrupt):
        inkbloom.train("fast", net=TinyNet, data=data, out=tmp_path / "run", **SMALL)
    monkeypatch.setattr(session, "commit", commit)
    assert inkbloom.Run(tmp_path / "run", net=TinyNet).step == 5
    resumed = inkbloom.train("fast", net=TinyNet, data=data, out=tmp_path / "run", **SMALL)
    for one, other in zip(whole.family.net.parameters(), resumed.family.net.parameters(), strict=True):
        assert torch.equal(one, other)


def test_ctrl_c_in_a_notebook_keeps_the_run_resumable(data, tmp_path, monkeypatch):
    """SIGINT while a cell trains: the step is saved, the error is one line, and the same call goes on."""
    import signal

    def interrupt(u, mean, std):
        if not asked:
            asked.append(signal.raise_signal(signal.SIGINT))
        return u

    asked = []
    call = {"net": TinyNet, "data": data, "out": tmp_path / "run", "times": interrupt, **SMALL}
    with pytest.raises(Interrupted, match=r"stopped after step 1 .*: the same command goes on from there") as caught:
        inkbloom.train("fast", **call)
    assert caught.value._render_traceback_() == [f"Interrupted: {caught.value}"]
    assert inkbloom.train("fast", **call).step == 12


def test_a_foreign_weights_file_names_its_network_and_opens_with_it_only(run):
    weights = run.path / "checkpoints" / "step-00000012" / "model.safetensors"
    for where in (run.path, weights):
        with pytest.raises(UsageError, match=r"net 'TinyNet' is not part of inkbloom: give it in Python, as in net=\.\.\. \("):
            inkbloom.Run(where)
    with pytest.raises(CheckpointError, match="weights do not fit the network"):
        inkbloom.Run(run.path, net=Wider)
    with pytest.raises(UsageError, match=r"net=\.\.\. for a model with inkbloom's own net 'ink': leave it out"):
        inkbloom.Run(net=TinyNet)
    with pytest.raises(UsageError, match="unknown part of a model 'nett': did you mean 'net'"):
        inkbloom.Run(run.path, nett=TinyNet)


class Wider(TinyNet):
    """The same with one convolution more."""

    def __init__(self, channels=1, size=(12, 12), num_classes=3):
        super().__init__(channels, size, num_classes)
        self.more = nn.Conv2d(8, 8, 3, padding=1)


def test_the_command_line_says_that_such_a_run_needs_python(run, command):
    for words in (("sample", run.path), ("evaluate", run.path), ("train", run.path / "config.toml", "--out", run.path)):
        ended = command(*words)
        assert ended.code == 2
        assert ended.err.count("\n") == 1
        assert "in Python" in ended.err or "given in Python" in ended.err
    assert command("train", "fast", "--net", "own:TinyNet", "--out", run.path / "x").code == 2


class Silent(TinyNet):
    """Ignores its label."""

    def forward(self, x, t, y=None):
        return super().forward(x, t, None)


class Wrong(TinyNet):
    """Gives pictures that are too large."""

    def forward(self, x, t, y=None):
        return F.interpolate(super().forward(x, t, y), scale_factor=2)


class Bare(nn.Module):
    """Has no parameters."""

    def forward(self, x, t, y=None):
        return x


class Picky(TinyNet):
    """Takes no label."""

    def forward(self, x, t):
        return x


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (lambda **shape: Silent(**shape), "ignores its labels y: use them, or train with labels=False"),
        (lambda **shape: Wrong(**shape), r"gives \(2, 1, 24, 24\) for images of \(2, 1, 12, 12\): it must give their shape"),
        (lambda **shape: Bare(), "has no parameters to train"),
        (lambda **shape: Picky(**shape), r"fails at net\(x: \(2, 1, 12, 12\), t: \(2,\), y: \(2,\)\) \(TypeError: "),
        (lambda **shape: "ink", "is a str, no torch.nn.Module: give a module, or a function of"),
        (lambda: TinyNet(), r"cannot be made \(TypeError: .*\): give a module, or a function of"),
        (Bare(), "has no parameters to train"),
    ],
    ids=["ignores labels", "wrong shape", "no parameters", "other arguments", "no module", "other factory", "a bare module"],
)
def test_networks_that_do_not_keep_the_contract_are_one_line(net, message, data, tmp_path):
    with pytest.raises(UsageError, match=message) as caught:
        inkbloom.train("fast", net=net, data=data, out=tmp_path / "run", **SMALL)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_a_network_that_ignores_labels_is_fine_without_them(data, tmp_path):
    run = inkbloom.train("fast", net=Silent, data=data, labels=False, out=tmp_path / "run", **SMALL)
    assert run.family.num_classes == 0


# ---- functions


def test_every_name_may_be_a_function_of_ones_own(data, tmp_path):
    """Copies of our own functions under other names give the same bits as the names themselves."""
    registries = {"path": "cosine", "target": "v", "loss_on": "x0", "loss": "squared", "noise": "gaussian", "times": "uniform"}
    own = {field: REGISTRIES[field][name] for field, name in registries.items()}
    copies = {field: lambda *given, f=function, **more: f(*given, **more) for field, function in own.items()}
    small = {**SMALL, "widths": [16], "layers": 1}
    ours = inkbloom.train("fast", data=data, out=tmp_path / "ours", **registries, **small)
    theirs = inkbloom.train("fast", data=data, out=tmp_path / "theirs", **copies, **small)
    for one, other in zip(ours.family.net.parameters(), theirs.family.net.parameters(), strict=True):
        assert torch.equal(one, other)
    assert (ours.sample(3) == theirs.sample(3)).all()
    assert theirs.recipe.path == "own:<lambda>"
    with pytest.raises(UsageError, match="path '<lambda>' is not part of inkbloom"):
        inkbloom.Run(theirs.path)
    opened = inkbloom.Run(theirs.path, **{name: copies[name] for name in ("path", "target", "noise")})
    assert (opened.sample(3) == ours.sample(3)).all()
    records = [json.loads(line) for line in (theirs.path / "holdout.jsonl").read_text().splitlines()]
    assert records[-1]["wiener"] is None  # the variance of a strange noise is not known
    assert (
        records[-1]["loss"] == [json.loads(line) for line in (ours.path / "holdout.jsonl").read_text().splitlines()][-1]["loss"]
    )


def test_a_strange_function_makes_a_difference(data, tmp_path):
    small = {**SMALL, "widths": [16], "layers": 1}
    plain = inkbloom.train("fast", data=data, out=tmp_path / "plain", **small)
    absolute = inkbloom.train(
        "fast", data=data, out=tmp_path / "absolute", loss=lambda error, weight: (weight * error.abs()).mean(), **small
    )
    assert any(
        not torch.equal(one, other)
        for one, other in zip(plain.family.net.parameters(), absolute.family.net.parameters(), strict=True)
    )
    assert inkbloom.Run(absolute.path).sample(1).shape == (1, 12, 12, 1)  # sampling does not need the loss


def test_fields_that_take_objects_are_those_with_a_registry():
    assert set(OWN_FIELDS) == set(REGISTRIES)
    plain, own = named({"net": TinyNet, "path": "lerp", "steps": 3, "solver": my_solver})
    assert plain == {"net": "own:TinyNet", "path": "lerp", "steps": 3, "solver": "own:my_solver"}
    assert own == {"net": TinyNet, "solver": my_solver}
    with pytest.raises(UsageError, match="unknown optimizer"):
        Recipe().resolved(steps=1, optimizer="own:Lion")


# ---- a solver


def test_a_solver_of_ones_own_draws_what_the_same_rule_of_ours_draws(run):
    asked = {"seed": 3, "steps": 5, "spacing": "uniform"}
    assert (run.sample(4, solver=my_solver, **asked) == run.sample(4, solver="euler", **asked)).all()
    request = run.request(4, solver=my_solver, steps=5, guidance=1)
    assert request.how == "my_solver, 5 steps, 5 network evaluations each"
    assert len(run.history(request)[1]) == 5


def test_evaluations_of_a_solver_are_counted():
    def twice(denoise, x, times, path, noise):
        for t in times[:-1]:
            x = denoise(denoise(x, t), t)
            yield x, x

    assert evaluations(twice, 7) == 14
    assert evaluations(twice, 7, guidance=2.0) == 28
    assert steps_for(twice, 9) == 4
    assert steps_for(twice, 1) == 1


def nothing(denoise, x, times, path, noise):
    return iter(())


def alone(denoise, x, times, path, noise):
    yield x


def once(denoise, x, times, path, noise):
    yield x, denoise(x, times[0])


def two_arguments(denoise, x):
    yield x, x


def too_small(denoise, x, times, path, noise):
    yield x[:, :, :-1], x


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (nothing, "yields nothing: yield"),
        (alone, "yields no"),
        (too_small, "yields no"),
        (once, r"yields 1 time for \d+ steps"),
        (two_arguments, r"takes \(denoise, x\): give it"),
    ],
)
def test_solvers_that_do_not_keep_the_contract_are_one_line(run, solver, message):
    with pytest.raises(UsageError, match=f"the solver {solver.__name__} {message}") as caught:
        run.sample(2, solver=solver)
    assert "\n" not in str(caught.value)


def test_a_solver_can_be_the_recipes_own(data, tmp_path):
    run = inkbloom.train("fast", data=data, solver=my_solver, out=tmp_path / "run", widths=[16], layers=1, **SMALL)
    assert run.request(1).solver is my_solver
    assert inkbloom.Run(run.path).sample(1, solver="euler").shape == (1, 12, 12, 1)
    with pytest.raises(UsageError, match="solver 'my_solver' is not part of inkbloom"):
        inkbloom.Run(run.path).sample(1)


# ---- arrays


def test_arrays_in_every_layout_are_the_same_images(arrays):
    waves, labels = arrays
    whole = (waves * 255).round().astype(np.uint8)
    expected = inkbloom.images(whole, labels=labels)
    for array in (waves, waves[..., None], waves[:, None], torch.from_numpy(waves), whole[..., None], torch.from_numpy(whole)):
        found = inkbloom.images(array, labels=torch.from_numpy(labels))
        assert torch.equal(found.images, expected.images)
        assert torch.equal(found.labels, expected.labels)
        assert found.fingerprint() == expected.fingerprint()
    assert expected.images.shape == (240, 1, 12, 12)
    assert expected.classes == ("0", "1", "2")
    assert {name: len(part) for name, part in expected.slices.items()} == {"train": 192, "holdout": 24, "reference": 24}
    colour = inkbloom.images(np.stack([whole] * 3, -1))
    assert colour.channels == 3
    assert colour.labels is None
    masks = inkbloom.images(waves > 0.5)
    assert masks.images.unique().tolist() == [0, 255]
    assert inkbloom.images(whole, labels=labels, classes=["a", "b", "c"]).classes == ("a", "b", "c")
    pixels = np.arange(9 * 64).reshape(9, 8, 8) % 251
    assert (inkbloom.images(pixels.astype(">i4")).images[:, 0].numpy() == pixels).all()


NAN = np.full((20, 8, 8), np.nan)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"array": np.zeros((20, 8))}, r"images of float64 \(20, 8\): give \(N, H, W\)"),
        ({"array": np.zeros((20, 8, 8, 4), np.uint8)}, "lay the fourth channel"),
        ({"array": np.zeros((32, 32, 3), np.uint8)}, "this looks like one picture: give several"),
        ({"array": np.zeros((20, 8, 8, 5), np.uint8)}, "with C = 1 or 3"),
        ({"array": NAN}, "with a NaN or an infinity"),
        ({"array": np.full((20, 8, 8), np.inf)}, "with a NaN or an infinity"),
        ({"array": np.full((20, 8, 8), 256.0)}, r"from 256 to 256: floats must lie in \[0, 1\]"),
        ({"array": np.full((20, 8, 8), 16.0)}, r"floats must lie in \[0, 1\]"),
        ({"array": np.full((20, 8, 8), -1.5)}, r"floats must lie in \[0, 1\]"),
        ({"array": np.full((20, 8, 8), -1)}, r"whole numbers must lie in \[0, 255\]"),
        ({"array": np.full((20, 8, 8), 70_000)}, r"whole numbers must lie in \[0, 255\]"),
        ({"array": np.zeros((0, 8, 8))}, "give at least one image"),
        ({"array": np.zeros((20, 4, 4))}, "both sides must have 8 at least"),
        ({"array": np.array([["a"]])}, "images of type <U1"),
        ({"array": [np.zeros((8, 8)), np.zeros((9, 9))]}, "images that are no array|images of type object"),
        ({"array": np.zeros((20, 8, 8), complex)}, "images of type complex128"),
        ({"array": np.zeros((20, 8, 8)), "labels": np.zeros(19)}, "for 20 images: give one label an image"),
        ({"array": np.zeros((20, 8, 8)), "labels": np.full(20, 0.5)}, "give whole numbers from 0"),
        ({"array": np.zeros((20, 8, 8)), "labels": np.full(20, np.nan)}, "label NaN, as of images without a class"),
        ({"array": np.zeros((20, 8, 8)), "labels": np.full(20, -1)}, "label -1, as of images without a class"),
        ({"array": np.zeros((20, 8, 8)), "labels": np.full(20, -5)}, "label -5: number the classes from 0"),
        ({"array": np.zeros((20, 8, 8)), "labels": np.zeros(20, int), "classes": ["a", "a"]}, "different class names"),
        ({"array": np.zeros((20, 8, 8)), "labels": np.ones(20, int), "classes": ["a"]}, "different class names"),
        ({"array": np.zeros((20, 8, 8)), "classes": ["a"]}, "classes without labels"),
    ],
)
def test_arrays_that_are_no_images_are_one_line(given, message):
    with pytest.raises(DataError, match=message) as caught:
        inkbloom.images(**given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_run_on_arrays_asks_for_them_again(run):
    with pytest.raises(UsageError, match=r"data = own:images: images given in Python; give them again"):
        inkbloom.evaluate(inkbloom.Run(run.path, net=TinyNet), judge="none")


def test_other_arrays_are_not_taken_for_those_that_a_run_began_with(run, arrays):
    other = inkbloom.images(arrays[0][::-1].copy(), labels=arrays[1])
    with pytest.raises(DataError, match="the images are not those that this run began with"):
        inkbloom.train("fast", net=TinyNet, data=other, out=run.path, **SMALL)


# ---- in a notebook


def test_a_run_and_its_pictures_show_themselves(run):
    pictures = run.sample(4)
    assert pictures._repr_png_().startswith(b"\x89PNG")
    assert type(pictures / 255) is np.ndarray
    assert type(pictures.max()) is np.uint8
    assert pictures[0]._repr_png_().startswith(b"\x89PNG")
    assert pictures[0, 0]._repr_png_() is None
    html = run._repr_html_()
    assert re.search(r"own:TinyNet.*step 12", html)
    assert "data:image/png;base64," in html
    assert "<lambda>" not in html.split("<img")[0]


def test_errors_show_themselves_in_one_line():
    error = UsageError("steps = 0: must lie in [1, 5]")
    assert error._render_traceback_() == ["UsageError: steps = 0: must lie in [1, 5]"]
    assert issubclass(Interrupted, InkbloomError)


def test_report_and_model_card_say_how_such_a_run_is_repeated_and_opened(run):
    card = (run.path / "README.md").read_text()
    assert "inkbloom.train('fast', " in card
    assert "net=TinyNet" in card
    assert 'inkbloom.Run(".", net=net)' in card
    assert "inkbloom sample" not in card
    assert "inkbloom.train(&#39;fast&#39;" in (run.path / "report.html").read_text()


def test_a_network_of_ones_own_is_explained(run, tmp_path):
    files = inkbloom.explain("unet", run=run, layer="first", out=tmp_path / "unet")
    assert {"picture", "table", "kernels", "maps", "film"} == set(files)
    assert all(path.stat().st_size > 0 for path in files.values())
    assert "film" in inkbloom.explain("sampling", run=run, out=tmp_path / "sampling")
    assert (run.sample(2) == inkbloom.Run(run.path, net=TinyNet).sample(2)).all()  # looking changed nothing
