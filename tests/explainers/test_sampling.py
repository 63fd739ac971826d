"""The topic `sampling`: the trajectory against the solver's own rule, its numbers against numpy, its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inkbloom import Run
from inkbloom.errors import UsageError
from inkbloom.explainers import sampling
from inkbloom.explainers.canvas import lettering
from inkbloom.explainers.example import digit_image
from inkbloom.explainers.fonts import FAMILIES, families
from inkbloom.explainers.options import Options
from inkbloom.explainers.sampling import WORDS, explain_sampling, moving, rule_of, still
from inkbloom.explainers.trajectory import levels_of, trajectory_of
from inkbloom.families import Spec, build
from inkbloom.recipe_files import load_recipe
from inkbloom.sampling import history
from inkbloom.store.weights import pack


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """recipe -> a weights file of a small network of that recipe, untrained."""
    folder = tmp_path_factory.mktemp("weights")

    def make(name, **changes):
        spec = Spec(load_recipe(name).resolved(steps=1, **changes), 1, (16, 16), ("a", "b"))
        path = folder / f"{name}.safetensors"
        path.write_bytes(pack(build(spec).net, spec, 0, "live"))
        return path

    return make


@pytest.fixture(scope="module")
def tutorial(weights):
    """The trajectory of the tutorial's basic net, 40 steps, and its run."""
    run = Run(weights("tutorial-basic"))
    return run, trajectory_of(run, run.request(4))


def test_the_trajectory_is_the_runs_history(tutorial):
    run, trajectory = tutorial
    inputs, predictions = run.history(run.request(4))
    assert np.array_equal(trajectory.inputs, inputs.transpose(0, 1, 4, 2, 3))
    assert np.array_equal(trajectory.predictions, predictions.transpose(0, 1, 4, 2, 3))


def test_the_levels_are_those_that_the_network_is_given(weights):
    """Against what it really gets: a hook on the network."""
    for name in ("fast", "ddpm"):
        changes = {} if name == "fast" else {"net": "ink", "widths": [16], "layers": 1, "sample_steps": 5}
        run = Run(weights(name, **changes))
        request, levels = run.request(2), []
        hook = run.family.net.register_forward_pre_hook(lambda net, given, levels=levels: levels.append(float(given[1][0])))
        list(run.stream(request))
        hook.remove()
        seen = sorted(set(levels), reverse=True)
        assert levels_of(run.family, request) == pytest.approx(seen, abs=1e-6)


def test_the_tutorials_steps_mix_evenly(tutorial):
    """t falls from 1 in 40 equal steps; x goes 1 / (40 - i) of the way to the prediction (section 3.6)."""
    _, trajectory = tutorial
    assert trajectory.t == pytest.approx(np.arange(40, 0, -1) / 40)
    x, x0 = trajectory.inputs / 255, trajectory.predictions / 255
    for step in (0, 10, 38):
        mixed = x[step] + (x0[step] - x[step]) / (40 - step)
        assert np.abs(mixed - x[step + 1]).max() < 2 / 255


def test_the_numbers_are_distances_between_the_pictures(tutorial):
    """In [0, 1] no pixel is cut off by the bytes, but for their rounding."""
    _, trajectory = tutorial
    x, x0 = trajectory.inputs / 255, trajectory.predictions / 255

    def rms(difference):
        return np.sqrt((difference**2).mean((1, 2, 3, 4)))

    assert trajectory.left == pytest.approx(rms(x[:-1] - x[-1]), abs=2e-3)
    if x0.min() > 0 and x0.max() < 1:
        assert trajectory.wrong == pytest.approx(rms(x0 - x[-1]), abs=2e-3)
        assert trajectory.moved[1:] == pytest.approx(rms(x0[1:] - x0[:-1]), abs=2e-3)
    assert np.isnan(trajectory.moved[0])
    assert trajectory.wrong[-1] == pytest.approx(0, abs=1e-6)  # the last step goes all the way


def test_distances_are_measured_in_black_to_white():
    """Pixels of -1..1: the range counts as 1. Noise of variance 1 and a picture p lie (1 + p^2) / 4 apart, on average, if the
    picture did not owe the noise a little."""
    run = Run()
    trajectory = trajectory_of(run, run.request(8))
    final = trajectory.inputs[-1] / 127.5 - 1
    assert trajectory.left[0] == pytest.approx(np.sqrt((1 + (final**2).mean()) / 4), rel=0.05)


@pytest.mark.parametrize("solver", ["euler", "heun", "dpmpp_2m", "ancestral"])
def test_a_part_of_the_way_is_said_of_the_solver_that_goes_it(solver):
    """Whether each step ends between what the network saw and what it predicted, measured on the shipped model (path lerp)."""
    run = Run()
    request = run.request(2, solver=solver, steps=6, spacing="uniform", guidance=1)
    x, x0 = history(run.family, request, 0, 2)
    between = all(
        torch.allclose(after, before + share * (guess - before), atol=1e-4)
        for before, guess, after in zip(x[:-1], x0, x[1:], strict=True)
        for share in [((after - before) * (guess - before)).sum() / (guess - before).square().sum()]
    )
    assert (rule_of(run, request) == "part") == between == (solver == "euler")
    assert rule_of(run, request) in ("part", solver)


def test_on_other_paths_and_with_own_solvers_it_is_said_otherwise(weights):
    cosine = Run(weights("fast", path="cosine", widths=[16], layers=1))
    assert rule_of(cosine, cosine.request(1, solver="euler")) == "euler"

    def mine(denoise, x, times, path, noise=None):
        yield x, denoise(x, times[0])

    assert rule_of(cosine, cosine.request(1, solver=mine)) == "own"


@pytest.mark.parametrize("lang", FAMILIES)
def test_all_words_lie_on_the_paper(tutorial, lang, outside, chinese):
    with lettering(lang):
        for rule in ("part", "euler", "heun", "dpmpp_2m", "ancestral", "own"):
            said = WORDS[lang][rule].format(solver="my_solver_of_a_long_name")
            assert outside(still(tutorial[1], lang, "a title", said)) == []


def test_networks_that_draw_at_once_have_layers_instead_of_levels(weights):
    run = Run(weights("gan", widths=[4, 8]))
    trajectory = trajectory_of(run, run.request(2))
    assert trajectory.t is None
    assert len(trajectory.predictions) == 3  # a linear layer and two transposed convolutions


def skip_without_letters(lang):
    try:
        families(lang)
    except UsageError as problem:
        pytest.skip(str(problem))


@pytest.mark.parametrize("lang", FAMILIES)
def test_all_files_are_written(tmp_path, weights, lang):
    skip_without_letters(lang)
    run = weights("fast", widths=[16], layers=1)
    lines = list(explain_sampling(Options(tmp_path, digit_image(7), lang, run=run)))
    assert [line.text for line in lines] == [
        f"picture: {tmp_path / 'sampling.png'}",
        f"history: {tmp_path / 'sampling-history.png'}",
        f"film: {tmp_path / 'sampling.gif'}",
    ]
    assert Image.open(tmp_path / "sampling.gif").n_frames > Run(run).request(1).steps
    assert (tmp_path / "sampling.gif").stat().st_size < 3e6


def test_many_steps_have_a_short_film(tutorial, monkeypatch):
    monkeypatch.setattr(sampling, "FRAMES", 5)
    assert len(list(moving(tutorial[1], "en", "title", "rule"))) == 6  # and the result


def test_a_gan_is_drawn_layer_by_layer(tmp_path, weights):
    list(explain_sampling(Options(tmp_path, digit_image(7), run=weights("gan", widths=[4, 8]))))
    assert Path(tmp_path / "sampling.png").exists()
