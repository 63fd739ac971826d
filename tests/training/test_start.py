"""Weights to begin with: what fits does there what it did before; what does not is said; what makes no sense is refused."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import inkbloom
from inkbloom.config import Recipe
from inkbloom.data import load_data
from inkbloom.errors import CheckpointError, UsageError
from inkbloom.evaluation.image_set import draw_set
from inkbloom.families import Spec, build
from inkbloom.store.folder import load_training_nets
from inkbloom.store.weights import load_family, pack
from inkbloom.training.start import check_init, take_init
from inkbloom.training.state import State

from .test_resume import Crash, stopping

CPU = torch.device("cpu")
NETS = {
    "ink": {"widths": (16, 32), "layers": 1},
    "ink, transposed": {"widths": (16,), "layers": 1, "upsampler": "transposed", "kernel": 5},
    "basic": {"net": "basic", "widths": (8, 16, 16)},
    "unet2d": {"net": "unet2d", "widths": (8, 16), "layers": 1},
    "gan": {"family": "gan", "widths": (8, 16), "latent": 4},
    "gan, resize": {"family": "gan", "widths": (8, 16), "latent": 4, "upsampler": "resize"},
    "vae": {"family": "vae", "widths": (8, 16), "latent": 4},
}
LABELLED = [name for name in NETS if name != "basic"]
CATS = ("cat", "dog", "owl")


def spec(channels=1, classes=(), size=(12, 12), own=None, **fields):
    return Spec(Recipe(steps=4, ema=0.5, **fields), channels, size, classes, own or {})


@pytest.fixture
def weights(tmp_path):
    """weights(spec) -> (a weights file of random numbers, the family that it holds)."""

    def make(made_for, name="source"):
        family, chance = build(made_for).eval(), torch.Generator().manual_seed(1)
        for parameter in family.net.parameters():
            parameter.data.copy_(0.2 * torch.randn(parameter.shape, generator=chance))
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(pack(family.net, made_for, 7, "ema"))
        return path, family

    return make


def begun(path, made_for):
    """(the state that begins with those weights, what is said of it)."""
    fields = {**{name: getattr(made_for.recipe, name) for name in made_for.recipe.__dataclass_fields__}, "init": str(path)}
    state = State(Spec(Recipe(**fields), made_for.channels, made_for.size, made_for.classes, made_for.own), CPU)
    said = take_init(state)
    state.family.eval()
    return state, said


def answers(family, x, y=None):
    """What a network says of pictures x (or of its latents) for the classes y."""
    given = torch.linspace(-1, 1, 4 * len(x)).reshape(len(x), 4)
    with torch.no_grad():
        match family.recipe.family:
            case "diffusion":
                return family._predict(family.net, x, torch.linspace(0.1, 0.9, len(x)), y)
            case "gan":
                return family.net(given, y)
            case _:
                return family.net(x, given, y)[0]


def pictures(channels=1, size=(12, 12)):
    return torch.randn(3, 1, *size, generator=torch.Generator().manual_seed(2)).expand(-1, channels, -1, -1)


def close(found, expected):
    assert expected.std() > 1e-3  # the weights say something
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


# ---- what fits does what it did


@pytest.mark.parametrize("name", NETS)
def test_the_same_network_takes_all(name, weights):
    path, theirs = weights(spec(**NETS[name]))
    state, said = begun(path, spec(**NETS[name]))
    total = sum(p.numel() for p in state.family.parameters())
    taken = sum(p.numel() for p in theirs.net.parameters())
    assert said[0].startswith(f"init: {taken:,} of {total:,} weights are those of ")
    assert "after step 7" in said[0]
    assert len(said) == 1
    for ours in (state.family.net, state.ema.module):
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.net.parameters(), strict=True))
    assert state.origin["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", NETS)
def test_grey_to_colour_and_back(name, weights):
    """A grey picture, once with one channel and once with three, means the same before and after."""
    for theirs, ours in ((1, 3), (3, 1)) if name != "basic" else ((1, 3),):  # which ends with a SiLU, not with a convolution
        path, source = weights(spec(theirs, **NETS[name]), str(theirs))
        state, said = begun(path, spec(ours, **NETS[name]))
        assert f"brought from {'grey to colour' if ours == 3 else 'colour to grey'}" in said[0]
        before = answers(source, pictures(theirs))
        close(answers(state.family, pictures(ours)), before.mean(1, keepdim=True).expand(-1, ours, -1, -1))


@pytest.mark.parametrize("name", ["ink", "unet2d", "basic"])
def test_another_size_changes_nothing(name, weights):
    path, source = weights(spec(**NETS[name]))
    state, _ = begun(path, spec(size=(16, 20), **NETS[name]))
    x = pictures(size=(16, 20))
    close(answers(state.family, x), answers(source, x))


@pytest.mark.parametrize("name", LABELLED)
def test_classes_go_by_their_names(name, weights):
    path, source = weights(spec(classes=CATS, **NETS[name]))
    state, said = begun(path, spec(classes=("ant", "dog", "eel", "cat"), **NETS[name]))
    assert "2 classes taken by their names, new ones begin as no class in particular: ant, eel" in said[0]
    x = pictures()
    close(answers(state.family, x, torch.tensor([3, 1, 3])), answers(source, x, torch.tensor([0, 1, 0])))
    close(answers(state.family, x, torch.tensor([0, 2, 0])), answers(source, x))
    if state.family.iterative:
        close(answers(state.family, x), answers(source, x))


@pytest.mark.parametrize("name", LABELLED)
def test_as_many_classes_that_are_others(name, weights):
    path, source = weights(spec(classes=CATS, **NETS[name]))
    for classes, numbers in ((("x", "y", "z"), ""), (("0", "1", "2"), " (numbers are no names)")):
        state, said = begun(path, spec(classes=classes, data="npz:other", **NETS[name]))
        assert f"its 3 classes are others{numbers}, and begin as no class in particular" in said[0]
        close(answers(state.family, pictures(), torch.tensor([0, 1, 2])), answers(source, pictures()))


@pytest.mark.parametrize("name", LABELLED)
def test_without_classes_and_with_the_first_ones(name, weights):
    x, y = pictures(), torch.tensor([0, 1, 2])
    path, source = weights(spec(classes=CATS, **NETS[name]))
    state, said = begun(path, spec(**NETS[name]))
    assert "without classes it begins with what they draw for no class in particular" in said[0]
    close(answers(state.family, x), answers(source, x))
    path, source = weights(spec(**NETS[name]), "none")
    state, said = begun(path, spec(classes=CATS, **NETS[name]))
    assert "they knew no classes, and the 3 of this begin alike" in said[0]
    close(answers(state.family, x, y), answers(source, x))


def test_numbers_mean_the_same_in_the_same_source(weights):
    path, source = weights(spec(classes=("0", "1", "2"), **NETS["ink"]))
    x, y = pictures(3), torch.tensor([0, 1, 2])
    for data in ("digits", "tinted-digits"):
        state, said = begun(path, spec(3, ("0", "1", "2"), data=data, **NETS["ink"]))
        assert "classes" not in said[0]
        close(answers(state.family, x, y), answers(source, pictures(), y).expand(-1, 3, -1, -1))


def test_what_does_not_fit_begins_anew_and_is_said(weights):
    path, source = weights(spec(widths=(16, 32), layers=2))
    state, said = begun(path, spec(widths=(16, 48), layers=1))
    own = dict(state.family.net.named_parameters())
    theirs = dict(source.net.named_parameters())
    fits = {key for key in own if key in theirs and own[key].shape == theirs[key].shape}
    assert {key for key in own if key in theirs and torch.equal(own[key], theirs[key])} == fits
    taken = sum(own[key].numel() for key in fits)
    assert said[0].startswith(f"init: {taken:,} of {sum(p.numel() for p in own.values()):,} weights")
    assert re.search(
        r"of other widths and layers, so anew: \S+, \S+ and \d+ more; [\d,]+ of theirs have no place here$", said[0]
    )


def test_half_precision_is_taken_as_it_is(weights, tmp_path):
    _, source = weights(spec(**NETS["ink"]))
    (tmp_path / "half.safetensors").write_bytes(pack(source.net, source.spec, 7, "ema", torch.float16))
    state, _ = begun(tmp_path / "half.safetensors", spec(**NETS["ink"]))
    for ours, theirs in zip(state.family.net.parameters(), source.net.parameters(), strict=True):
        assert ours.dtype is torch.float32
        assert torch.equal(ours, theirs.half().float())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"path": "cosine", "target": "v"}, "was trained with path lerp, not cosine, target x0, not v: "),
        ({"noise": "uniform"}, "noise gaussian, not uniform: "),
        ({"pixels": "0..1", "timed": False}, "timed on, not off, pixels -1..1, not 0..1: "),
    ],
)
def test_weights_for_another_way_are_features(changes, said, weights):
    path, _ = weights(spec(**NETS["ink"]))
    _, lines = begun(path, spec(**NETS["ink"], **changes))
    assert len(lines) == 2
    assert lines[1].startswith("warning: ")
    assert said in lines[1]
    assert lines[1].endswith("at first its weights are features, no model")


class Tiny(torch.nn.Module):
    """A network of one's own, which says where its classes are by nothing but its shape."""

    def __init__(self, channels, size, num_classes):
        super().__init__()
        self.num_classes = num_classes
        self.into, self.out = (torch.nn.Conv2d(i, o, 3, padding=1) for i, o in ((channels, 8), (8, channels)))
        self.kind = torch.nn.Embedding(num_classes + 1, 8)

    def forward(self, x, t, y=None):
        y = torch.full((len(x),), self.num_classes) if y is None else y
        return self.out(torch.tanh(self.into(x) + self.kind(y)[:, :, None, None] + t[:, None, None, None]))


def test_a_network_of_one_s_own(weights):
    own = {"own": {"net": Tiny}, "net": "own:Tiny"}
    path, source = weights(spec(classes=CATS, **own))
    state, said = begun(path, spec(3, ("dog", "elk"), **own))
    assert "1 classes taken by their names" in said[0]
    x = pictures()
    close(answers(state.family, pictures(3), torch.tensor([0, 0, 1]))[:2, :1], answers(source, x, torch.tensor([1, 1, 1]))[:2])
    close(answers(state.family, pictures(3), torch.tensor([0, 0, 1]))[2:, :1], answers(source, x)[2:])


# ---- whole runs


@pytest.fixture(scope="module")
def made(tmp_path_factory, source):
    """made(name, **changes) -> the run of a tiny recipe, kept for all tests of this file."""
    from ..conftest import TINY

    folder, runs = tmp_path_factory.mktemp("made"), {}

    def run(name, **changes):
        if name not in runs:
            fields = {
                key: value for key, value in {"data": source(), **TINY, "steps": 4, **changes}.items() if value is not None
            }
            inkbloom.train(Recipe(**fields), out=folder / name, quiet=True)
            runs[name] = folder / name
        return runs[name]

    return run


def test_where_it_began_is_told_and_needed_once(made, recipe, command, outcome, tmp_path):
    """The record in log, page, card and weights; the source may be gone when the run is resumed."""
    shutil.copytree(made("plain"), tmp_path / "source")
    path = recipe(init=str(tmp_path / "source"))
    ema = made("plain") / "checkpoints/step-00000004/ema.safetensors"
    digest = hashlib.sha256(ema.read_bytes()).hexdigest()
    whole = command("train", path, "--out", tmp_path / "whole")
    assert re.search(r"weights are those of \S*source after step 4\n", whole.out)
    with stopping(13, Crash):
        command("train", path, "--out", tmp_path / "stopped")
    shutil.rmtree(tmp_path / "source")
    ended = command("train", path, "--out", tmp_path / "stopped")
    assert (ended.code, ended.err) == (0, "")
    assert "init: " not in ended.out
    assert outcome(tmp_path / "stopped") == outcome(tmp_path / "whole")
    for name in ("report.html", "README.md"):
        told = (tmp_path / "whole" / name).read_text()
        assert digest in told
        assert "after step 4" in told
    state = json.loads((tmp_path / "whole/checkpoints/step-00000024/state.json").read_text())
    assert (state["init"]["sha256"], state["init"]["step"], state["init"]["from"]) == (digest, 4, str(tmp_path / "source"))
    header = (tmp_path / "whole/checkpoints/step-00000024/ema.safetensors").read_bytes()
    assert digest.encode() in header[: int.from_bytes(header[:8], "little") + 8]
    run = inkbloom.Run(tmp_path / "whole")
    assert run.recipe.init == str(tmp_path / "source")
    drawn = draw_set(run.family, load_data(run.recipe.data), 5, 5, origin={})
    assert (drawn.made["init"], "stretches" in drawn.made) == (run.recipe.init, False)  # what an evaluation card keeps
    assert command("train", recipe(), "--out", tmp_path / "whole").error.startswith("the folder holds a run of another recipe")


def test_it_begins_there_and_not_with_the_optimizer_s_past(made, recipe, command, tmp_path):
    """At rate 0 the weights stay the source's average, and live and averaged weights are the same."""
    first = made("averaged", ema=1.0)
    path = recipe(init=str(first), lr=0.0, steps=2)
    assert command("train", path, "--out", tmp_path / "run", "--quiet") == (0, "", "")
    newest = tmp_path / "run/checkpoints/step-00000002"
    expected = load_file(first / "checkpoints/step-00000004/ema.safetensors")
    for name in ("model", "ema"):
        found = load_file(newest / f"{name}.safetensors")
        assert all(torch.equal(found[key], expected[key]) for key in expected)
    live = load_file(first / "checkpoints/step-00000004/model.safetensors")
    assert not all(torch.equal(live[key], expected[key]) for key in expected)


GAN = {"family": "gan", "net": None, "layers": None, "sample_steps": None}


def test_a_gan_takes_the_discriminator_of_a_run_and_of_a_file_there_is_none(made, recipe, command, tmp_path):
    source = made("gan", **GAN)
    newest = source / "checkpoints/step-00000004"
    words = {"lr": 0.0, "steps": 1, **GAN}
    assert "discriminator" not in command("train", recipe(init=str(source), **words), "--out", tmp_path / "run").out
    theirs, ours = (load_training_nets(run, inkbloom.Run(run).family)["discriminator"] for run in (source, tmp_path / "run"))
    assert all(torch.equal(a, b) for a, b in zip(theirs.parameters(), ours.parameters(), strict=True))
    ended = command("train", recipe(init=str(newest / "ema.safetensors"), **words), "--out", tmp_path / "file")
    assert "the discriminator begins anew, there is none" in ended.out


def test_clusters_are_the_same_on_the_same_images_alone(made, recipe, source, command, tmp_path):
    first = made("clusters", clusters=2)
    for data, said in ((source(), False), (source(count=60), True)):
        ended = command("train", recipe(data=data, init=str(first), clusters=2, steps=1), "--out", tmp_path / str(said))
        assert ("its 6 clusters are others, and begin as none in particular" in ended.out) == said
        assert re.search(r"init: ([\d,]+) of \1 weights", ended.out)
    ended = command("train", recipe(init=str(first), steps=1), "--out", tmp_path / "without")
    assert re.search(r"init: ([\d,]+) of \1 weights", ended.out)


def test_in_python(made, source, tmp_path):
    data = inkbloom.images(np.random.default_rng(0).integers(0, 255, (30, 28, 28), np.uint8))
    changes = {"steps": 1, "batch_size": 2, "quiet": True, "precision": "fp32", "compile": "off", "optimizer": "adam"}
    run = inkbloom.train("quality", data=data, init=inkbloom.Run(), out=tmp_path / "shipped", **changes)
    assert run.recipe.init == "pretrained"  # and not where it is installed
    first = inkbloom.Run(made("plain"))
    for given in (first, Path(first.path), str(first.path)):
        out = tmp_path / type(given).__name__
        again = inkbloom.train(first.recipe, init=given, out=out, steps=1, quiet=True)
        assert again.recipe.init == str(first.path)


# ---- what is refused: one line, and nothing is left behind


def test_weights_of_another_kind(weights, recipe, command, tmp_path):
    gan, _ = weights(spec(**NETS["gan"]), "gan")
    basic, _ = weights(spec(**NETS["basic"]), "basic")
    wide, _ = weights(spec(size=(8, 8), widths=(48,), layers=1), "wide")
    bad, source = weights(spec(size=(8, 8), widths=(16,), layers=1), "bad")
    source.net.head.bias.data[0] = torch.nan
    bad.write_bytes(pack(source.net, source.spec, 7, "ema"))
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "empty").mkdir()
    for given, code, said in (
        (gan, 2, "the weights to begin with are of the family gan, not diffusion (…"),
        (basic, 2, "basic.safetensors): add --net basic, or name others"),
        (wide, 2, "wide.safetensors): add --widths 48, or name others"),
        (bad, 4, f"weights that are not finite numbers ({bad}, head.bias): begin with others"),
        (tmp_path / "other.safetensors", 4, "not a weights file of inkbloom"),
        (tmp_path / "empty", 4, f"no trained run ({tmp_path / 'empty'})"),
        (tmp_path / "none", 4, f"no trained run ({tmp_path / 'none'})"),
    ):
        ended = command("train", recipe(init=str(given)), "--out", tmp_path / "run")
        assert (ended.code, said in ended.error) == (code, True), ended.err
        assert not [path for path in (tmp_path / "run").glob("*") if path.suffix != ".lock"]


def test_a_judge_is_no_beginning(recipe, command, tmp_path):
    import inkbloom.evaluation.judge as judge

    shipped = next(Path(judge.__file__).parents[1].rglob("*judge*.safetensors"), None) or next(
        path for path in Path(judge.__file__).parents[1].rglob("*.safetensors") if "pretrained" not in str(path)
    )
    ended = command("train", recipe(init=str(shipped)), "--out", tmp_path / "run")
    assert ended.code == 4
    assert "a judge, where a model is needed" in ended.error


def test_two_beginnings_at_once():
    with pytest.raises(UsageError, match="init with a teacher: a student begins with its teacher's weights; leave out --init"):
        Recipe(steps=1, sample_steps=4).resolved(teacher="pretrained", init="pretrained")


def test_a_file_is_looked_at_before_the_images_are_read(recipe, command, tmp_path):
    ended = command("train", recipe(init="nowhere", data="npz:nowhere.npz"), "--out", tmp_path / "run")
    assert ended.error.startswith("no trained run (nowhere)")
    with pytest.raises(CheckpointError):
        check_init(Recipe(steps=1, init="nowhere"))
    check_init(Recipe(steps=1))


def test_weights_that_began_elsewhere_still_sample(weights):
    path, source = weights(spec(**NETS["ink"]))
    state, _ = begun(path, spec(**NETS["ink"]))
    files = state.files()
    family, step = load_family(files["ema.safetensors"], path)
    assert step == 0
    assert torch.equal(answers(family, pictures()), answers(source, pictures()))
