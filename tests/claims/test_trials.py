"""Claims that rest on trainings: cards read where they are, verdicts by their rules, trainings made when asked for."""

import json
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from inkbloom.claims import catalogue, earlier, neighbours, timestep, trials, tuning
from inkbloom.claims.cards import gaussian
from inkbloom.claims.claim import Claim, Finding, Text
from inkbloom.claims.inverted import inverted
from inkbloom.claims.results import Results
from inkbloom.claims.trials import Trial
from inkbloom.data import load_data
from inkbloom.errors import UsageError
from inkbloom.evaluation.judge import load_judge
from inkbloom.evaluation.measures import FD
from inkbloom.recipe_files import load_recipe
from inkbloom.training.fit import fit
from inkbloom.training.prepare import prepare


@pytest.fixture
def cards(shelf, a_card):
    """cards(name=[FD of seed 0, ...]) publishes the cards of trials."""

    def publish(**found):  # one number for each seed, as FD and as KID
        for name, values in found.items():
            for seed, fd in enumerate(values):
                path = shelf / f"{name.replace('_', '-')}-{seed}.json"
                path.write_text(json.dumps(a_card(fd=fd, kid=fd, made={"seed": seed})))

    return publish


def test_cards_by_seed_ones_own_before_the_published(cards, a_card):
    trial = Trial("mine", "fast", seeds=(0, 1))
    cards(mine=[1.0, 2.0])
    assert {seed: card["kid"] for seed, card in trial.cards().items()} == {0: 1.0, 1: 2.0}
    trial.folder(1).mkdir(parents=True)
    (trial.folder(1) / "card.json").write_text(json.dumps(a_card(kid=7.0)))
    assert {seed: card["kid"] for seed, card in trial.cards().items()} == {0: 1.0, 1: 7.0}
    results = Results([trial])
    assert results.seeds == (0, 1)
    figure = results.figure("mine")
    assert (figure.value, figure.floor, figure.at, figure.n) == (4.0, 0.1, "mine", 1000)
    assert figure.spread == pytest.approx(18**0.5)
    assert results.excess("mine") == pytest.approx(3.9)
    assert results.figure("mine", FD, "here").floor == 1.9


def test_a_seed_that_is_missing_leaves_it_unmeasured(cards):
    cards(gaussian_told=[2, 2.1, 2], gaussian_blind=[9, 9, 9], uniform_told=[2, 2.1, 2], uniform_blind=[9, 9])
    assert timestep.TIMESTEP.measure(None) == ([], "not measured here", ())
    cards(uniform_blind=[9, 9, 9])
    assert timestep.TIMESTEP.measure(None).verdict == "holds"


def test_cards_of_different_headers_are_not_compared(cards, a_card):
    cards(mine=[1.0])
    other = Trial("other", "fast", seeds=(0,))
    other.folder(0).mkdir(parents=True)
    (other.folder(0) / "card.json").write_text(json.dumps(a_card(header={"n": 500})))
    with pytest.raises(UsageError, match="differ in n"):
        Results([Trial("mine", "fast", seeds=(0,)), other])


def test_without_cards_nothing_is_said(shelf):
    for claim in catalogue.CLAIMS.values():
        if claim.trials:
            assert claim.measure(None) == ([], "not measured here", ())


def test_a_difference_counts_from_twice_the_spread(cards):
    cards(a=[2.0, 2.2, 2.1], b=[1.95, 1.85, 2.0], c=[1.0, 1.1, 0.9], d=[1.01], e=[1.0])
    several, one = [Trial(name, "fast") for name in "abc"], [Trial(name, "fast", seeds=(0,)) for name in "de"]
    results = Results([*several, *one])
    assert not results.worse("a", "b")
    assert not results.worse("c", "a")
    assert results.worse("a", "c")
    assert not results.worse("d", "e")  # one seed has no spread of its own: that of the floor, .01, stands in


@pytest.mark.parametrize(
    ("blind", "verdict"), [((9, 9), "holds"), ((9, 2), "holds partly"), ((2, 9), "holds partly"), ((2, 2), "does not hold")]
)
def test_the_timestep(cards, blind, verdict):
    cards(gaussian_told=[2, 2.1, 2], gaussian_blind=[blind[0]] * 3, uniform_told=[2, 2.1, 2], uniform_blind=[blind[1]] * 3)
    found = timestep.TIMESTEP.measure(None)
    assert found.verdict == verdict
    assert found.seeds == (0, 1, 2)
    assert [figure.at for figure in found.figures[:4]] == [trial.name for trial in timestep.TRIALS]


def test_the_uniform_noise_is_the_tutorials():
    ours, theirs = load_recipe("fast").resolved(**timestep.UNIFORM), load_recipe("tutorial")
    for name in ("pixels", "noise", "path", "target", "loss_on", "times", "labels", "solver", "spacing", "sample_steps"):
        assert getattr(ours, name) == getattr(theirs, name), name


def test_neighbours(cards):
    cards(kernel_1=[9, 9.1, 9], fast=[2, 2.1, 2], kernel_5=[2, 2.1, 2], one_resolution=[2, 2.1, 2])
    found = neighbours.NEIGHBOURS.measure(None)
    assert found.verdict == "holds partly"
    assert [figure.at for figure in found.figures[:4]] == ["kernel-1", "kernel-3", "kernel-5", "one-resolution"]
    cards(one_resolution=[3, 3.1, 3])
    assert neighbours.NEIGHBOURS.measure(None).verdict == "holds"


def publish_equal(cards, **kid):
    for (family, _), trial in earlier.EQUAL.items():
        cards(**{trial.name: [kid.get(family, 2.9)] * len(trial.seeds)})


@pytest.mark.parametrize(("vae", "gan", "verdict"), [(9, 9, "holds"), (9, 2.9, "holds partly"), (2.9, 2.9, "does not hold")])
def test_what_came_before(cards, vae, gan, verdict):
    publish_equal(cards, vae=vae, gan=gan)
    found = earlier.IDEAL.measure(None)
    assert found.verdict == verdict
    assert found.seeds == (0, 1, 2)
    assert len(found.figures) == 4 * 9


def test_blame(cards):
    publish_equal(cards, vae=9, gan=4)
    cards(fast_transposed=[2.9] * 3, vae_resize=[5] * 3, gan_resize=[4] * 3)
    found = earlier.BLAME.measure(None)
    assert found.verdict == "holds partly"
    told = {figure.at: figure.value for figure in found.figures[:6]}
    assert told == {
        "fast transposed": 2.9, "fast resized": 2.9, "vae transposed": 9, "vae resized": 5,
        "gan transposed": 4, "gan resized": 4,
    }  # fmt: skip


def test_tuning(cards, a_card, shelf):
    cards(fast_uncond=[2.0, 2.1, 2.05])
    full = [shelf / f"{name}.json" for name in tuning.FULL]
    for path, verdict in zip(full, ["not measured here", "not measured here", "holds"], strict=True):
        path.write_text(json.dumps(a_card(kid=9.9)))
        assert tuning.TUNING.measure(None).verdict == verdict
    full[0].write_text(json.dumps(a_card(kid=2.05)))
    assert tuning.TUNING.measure(None).verdict == "holds partly"  # one seed no better
    for kid, verdict in ((2.1, "holds partly"), (2.0, "does not hold")):
        for path in full:
            path.write_text(json.dumps(a_card(kid=kid)))
        assert tuning.TUNING.measure(None).verdict == verdict


def test_inverted_recognition_is_sure_and_leaves_the_judge_alone():
    judge, labels = load_judge("digits-v1"), torch.tensor([3, 8])
    before = {name: tensor.clone() for name, tensor in judge.net.state_dict().items()}
    one, again = (inverted(judge.net, labels, 28, seed=5) for _ in range(2))
    assert torch.equal(one, again)
    assert one.dtype == torch.uint8
    assert one.shape == (2, 1, 28, 28)
    assert judge.look(one).probabilities.argmax(1).tolist() == [3, 8]
    assert all(torch.equal(tensor, before[name]) for name, tensor in judge.net.state_dict().items())
    unclimbed = inverted(judge.net, labels, 28, seed=5, steps=0)
    assert judge.look(unclimbed).probabilities[range(2), labels].min() < 0.01


def test_the_linear_denoisers_pictures_have_the_mean_and_covariance_of_the_images():
    dice = torch.Generator().manual_seed(0)
    mixing = torch.randn(4, 4, generator=dice, dtype=torch.float64)
    train = (128 + 8 * (torch.randn(3000, 4, generator=dice, dtype=torch.float64) @ mixing)).round().clamp(0, 255)
    drawn = gaussian(train.to(torch.uint8).view(-1, 1, 2, 2), 20000).flatten(1).double()
    torch.testing.assert_close(drawn.mean(0), train.mean(0), atol=1, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), train.T.cov(), atol=12, rtol=0.05)


class Count(TorchDispatchMode):
    """Counts the FLOP of whatever runs, backward passes and gradients of gradients included."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if (packet := func._overloadpacket) in flop_registry:
            self.total += flop_registry[packet](*args, **(kwargs or {}), out_val=out)
        return out


def step_flops(name, **changes):
    recipe = load_recipe(name).resolved(steps=2, precision="fp32", compile="off", **changes)
    training = prepare(recipe, load_data("digits"), torch.device("cpu"))
    with Count() as count:
        next(fit(training))
    return count.total


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_equal_compute_is_counted(family):
    assert earlier.AS_FAST[family] == pytest.approx(step_flops("fast") / step_flops(family), rel=0.01)
    for budget in earlier.BUDGETS:
        assert earlier.EQUAL[family, budget].changes["steps"] / budget == pytest.approx(earlier.AS_FAST[family], rel=0.01)


def test_one_resolution_takes_as_many():
    flat = next(trial for trial in neighbours.TRIALS if trial.name == "one-resolution")
    assert step_flops("fast", **flat.changes) == pytest.approx(step_flops("fast"), rel=0.03)


def test_full_makes_what_is_missing_and_goes_on(command, recipe, source, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trials, "PICTURES", 20)
    trial = Trial("tiny", str(recipe(data=source(count=200))), {"steps": 2}, (0, 1))

    def measure(lab):
        results = Results([trial])
        return Finding([], "holds" if results.complete else "not measured here", results.seeds)

    words = [Text("So.", "如此。")] * 2
    claim = Claim(Text("A claim.", "说法。"), "1", *words, measure, (trial,))
    monkeypatch.setattr(
        catalogue, "CLAIMS", {"one": claim, "two": Claim(Text("B.", "乙。"), "1", *words, lambda lab: Finding([], "holds"))}
    )
    assert "training:" not in command("claims", "--full", "--only", "two").out
    command("claims", "--json", "quick.json")
    assert json.loads((tmp_path / "quick.json").read_text(encoding="utf-8"))[0]["verdict"] == "not measured here"
    assert not trials.MADE.exists()
    done = command("claims", "--full", "--json", "claims.json")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("training:") == 2
    assert json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))[0]["seeds"] == [0, 1]
    assert "training:" not in command("claims", "--full").out
    monkeypatch.setattr(catalogue, "CLAIMS", {"one": replace(claim, trials=(replace(trial, changes={"steps": 2, "lr": 0.5}),))})
    assert "another recipe" in command("claims", "--full").error  # old cards do not stand in for a training that has changed


def test_a_file_that_cannot_be_written_is_told_before_hours_of_training(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = command("claims", "--full", "--json", tmp_path)
    assert done.code == 5
    assert "a file stands where a folder is needed" in done.error
    assert not trials.MADE.exists()
