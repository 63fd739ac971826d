"""Classes that had no training image: kept in the weights file, never drawn, refused when asked for."""

import json

import numpy as np
import pytest
import torch

import inkbloom
from inkbloom.api.narrate import introduction
from inkbloom.config import Recipe
from inkbloom.data.dataset import Data
from inkbloom.errors import CheckpointError, UsageError
from inkbloom.evaluation.image_set import draw_set
from inkbloom.families import Spec, build
from inkbloom.sampling import labels_of, pictures, request
from inkbloom.store import tensors
from inkbloom.store.weights import load_family, pack
from inkbloom.training.prepare import prepare

CPU = torch.device("cpu")
SMALL = {"widths": (16,), "layers": 1, "batch_size": 8, "sample_steps": 2, "precision": "fp32", "compile": "off"}
RECIPE = Recipe(steps=2, **SMALL)
FAMILIES = {"diffusion": RECIPE, "vae": Recipe(family="vae", steps=2, batch_size=8, widths=(8,))}


def family(recipe=RECIPE, untrained=(1,), classes=("a", "b", "c")):
    return build(Spec(recipe, 1, (8, 8), classes, {}, untrained)).eval()


def images(labels, slices):
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (len(labels), 1, 8, 8), np.uint8))
    names = ("a", "b", "c")
    return Data(pixels, torch.tensor(labels), names, {name: torch.tensor(index) for name, index in slices.items()}, "x")


@pytest.mark.parametrize("recipe", FAMILIES.values(), ids=FAMILIES)
def test_the_trained_classes_take_turns(recipe):
    net = family(recipe)
    assert net.trained == (0, 2)
    assert labels_of(net, request(net, 6), 0, 6).tolist() == [0, 2, 0, 2, 0, 2]
    assert labels_of(net, request(net, 6), 3, 6).tolist() == [2, 0, 2]
    drawn = torch.cat([labels for _, labels in pictures(net, request(net, 5))])
    assert drawn.tolist() == [0, 2, 0, 2, 0]
    everything = family(recipe, ())
    assert labels_of(everything, request(everything, 6), 0, 6).tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("asked", ["b", 1, ["a", "b"]])
def test_one_that_was_not_trained_is_refused(asked):
    with pytest.raises(UsageError, match=r"class 'b' had no training image, so the model cannot draw any: ask for another"):
        request(family(), 4, label=asked)
    assert request(family(), 4, label=["a", "c"]).labels == (0, 2)


def test_the_weights_file_keeps_it_and_files_without_it_open():
    net = family()
    packed = pack(net.net, net.spec, 5, "live")
    opened, _ = load_family(packed, "x")
    assert opened.trained == (0, 2)
    ordinary = family(untrained=())
    body = pack(ordinary.net, ordinary.spec, 5, "live")
    weights, about = tensors.unpack(body)
    assert "untrained" not in about  # as older versions wrote it, byte for byte
    assert load_family(body, "x")[0].trained == (0, 1, 2)
    for damaged in ([0, 1, 2], [7], [-1], "b"):
        with pytest.raises(CheckpointError, match="damaged description"):
            load_family(tensors.pack(weights, {**about, "untrained": damaged}), "x")


def test_a_training_finds_it_out_and_says_so():
    data = images([0, 0, 0, 0, 2, 2, 2, 2, 1], {"train": [0, 1, 4, 5], "holdout": [2, 6, 8], "reference": [3, 7]})
    training = prepare(RECIPE, data, CPU)
    assert training.state.spec.untrained == (1,)
    assert "classes: 2 are trained; class 'b' never drawn, for want of training images" in list(introduction(training))
    assert prepare(RECIPE.resolved(split="all"), data, CPU).state.spec.untrained == ()
    assert prepare(RECIPE.resolved(labels=False), data, CPU).state.spec.untrained == ()


def test_a_card_draws_the_reference_classes_that_were_trained():
    data = images([1, 0, 2, 1], {"train": [1, 2], "holdout": [1, 2], "reference": [0, 1, 2, 3]})
    drawn = draw_set(family(), data, 4, 4, origin={})
    assert drawn.labels.tolist() == [0, 2, 0, 2]


def test_held_out_images_of_it_are_denoised_as_of_no_class():
    net = family()
    with torch.no_grad():
        for parameter in net.parameters():  # a new network's head is 0 and shows nothing
            parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    x, t = torch.randn(2, 1, 8, 8), torch.tensor(0.5)
    plain, told = net.denoiser(None)(x, t), net.denoiser(torch.tensor([1, 1]))(x, t)
    assert torch.equal(plain, told)
    known = family(untrained=())
    known.load_state_dict(net.state_dict())
    assert not torch.equal(plain, known.denoiser(torch.tensor([1, 1]))(x, t))  # it would see the difference


def test_gaps_in_the_numbers_end_to_end(tmp_path):
    """Labels 1 to 3, as in EMNIST's letters: the class 0 that nobody has is not drawn."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    data = inkbloom.images(pixels, labels=1 + np.arange(60) % 3)
    assert data.notes == ("no image of class '0': never drawn",)
    run = inkbloom.train(RECIPE, data=data, out=tmp_path / "run", quiet=True)
    assert [labels.tolist() for _, labels in run.stream(run.request(6))] == [[1, 2, 3, 1, 2, 3]]
    assert "The classes take turns: 1, 2, 3." in (tmp_path / "run" / "report.html").read_text()
    assert "never drawn, for want of training images: 0" in (tmp_path / "run" / "README.md").read_text()
    files = {"npz": tmp_path / "drawn.npz", "json": tmp_path / "drawn.json"}
    inkbloom.sample(run, 6, out=tmp_path / "drawn", **files, quiet=True)
    assert json.loads(files["json"].read_text())["classes"] == ["1", "2", "3"]
    assert np.load(tmp_path / "drawn.npz")["labels"].tolist() == [1, 2, 3, 1, 2, 3]
