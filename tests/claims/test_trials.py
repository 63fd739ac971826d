"""Claims that rest on trainings: cards read where they are, verdicts by their rules, trainings made when asked for."""

import json

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from inkbloom.claims import catalogue, earlier, neighbours, timestep, trials, tuning
from inkbloom.claims.claim import Claim, Finding, Text
from inkbloom.claims.results import Results
from inkbloom.claims.trials import Trial
from inkbloom.config import load_recipe
from inkbloom.data import load_data
from inkbloom.evaluation.measures import KID
from inkbloom.training.batches import Plan
from inkbloom.training.fit import fit, make_accelerator
from inkbloom.training.state import State
from inkbloom.training.weights import Spec


@pytest.fixture
def cards(tmp_path, monkeypatch, a_card):
    """cards(name=[FD of seed 0, ...]) publishes the cards of trials."""
    monkeypatch.chdir(tmp_path)
    trials.PUBLISHED.mkdir(parents=True)

    def publish(**found):
        for name, values in found.items():
            for seed, fd in enumerate(values):
                path = trials.PUBLISHED / f"{name.replace('_', '-')}-{seed}.json"
                path.write_text(json.dumps(a_card(fd=fd, kid=10 * fd, made={"seed": seed})))

    return publish


def test_cards_by_seed_ones_own_before_the_published(cards, a_card):
    trial = Trial("mine", "fast")
    cards(mine=[1.0, 2.0])
    assert {seed: card["fd"] for seed, card in trial.cards().items()} == {0: 1.0, 1: 2.0}
    trial.folder(1).mkdir(parents=True)
    (trial.folder(1) / "card.json").write_text(json.dumps(a_card(fd=7.0)))
    assert {seed: card["fd"] for seed, card in trial.cards().items()} == {0: 1.0, 1: 7.0}
    results = Results([trial])
    assert results.seeds == (0, 1)
    assert (results.figure("mine", "here").value, results.figure("mine", "here").floor) == (4.0, 1.9)
    assert results.figure("mine", "here").spread == pytest.approx(18**0.5)
    assert results.excess("mine") == pytest.approx(2.1)
    assert results.figure("mine", "", KID).floor == 0.1


def test_without_cards_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for claim in catalogue.CLAIMS.values():
        if claim.trials:
            assert claim.measure(None) == ([], "not measured here", ())


def test_a_difference_counts_from_twice_the_spread(cards):
    cards(a=[2.0, 2.2, 2.1], b=[1.95, 1.85, 2.0], c=[1.0, 1.1, 0.9])
    results = Results([Trial(name, "fast") for name in "abc"])
    assert not results.worse("a", "b")
    assert not results.worse("c", "a")
    assert results.worse("a", "c")


@pytest.mark.parametrize(
    ("blind", "verdict"), [((9, 9), "holds"), ((9, 2), "holds partly"), ((2, 9), "holds partly"), ((2, 2), "does not hold")]
)
def test_the_timestep(cards, blind, verdict):
    cards(gaussian_told=[2, 2.1], gaussian_blind=[blind[0], blind[0] + 0.1], uniform_told=[2, 2.1])
    cards(uniform_blind=[blind[1], blind[1] + 0.1])
    found = timestep.TIMESTEP.measure(None)
    assert found.verdict == verdict
    assert found.seeds == (0, 1)
    assert [figure.at for figure in found.figures[:4]] == [trial.name for trial in timestep.TRIALS]


def test_neighbours(cards):
    cards(kernel_1=[9, 9.1], kernel_3=[2, 2.1], kernel_5=[2, 2.1], one_resolution=[2, 2.1])
    assert neighbours.NEIGHBOURS.measure(None).verdict == "holds partly"
    cards(one_resolution=[3, 3.1])
    assert neighbours.NEIGHBOURS.measure(None).verdict == "holds"


def publish_equal(cards, vae, gan):
    for budget in earlier.BUDGETS:
        seeds = 1 if budget == 10000 else 2
        found = {"fast": 2.9, "vae": vae, "gan": gan}  # a floor of 1.9
        cards(**{f"{family}-{budget}": [fd + 0.01 * seed for seed in range(seeds)] for family, fd in found.items()})


@pytest.mark.parametrize(("vae", "gan", "verdict"), [(9, 9, "holds"), (9, 2.5, "holds partly"), (3.1, 2.5, "does not hold")])
def test_what_came_before(cards, vae, gan, verdict):
    publish_equal(cards, vae, gan)
    found = earlier.IDEAL.measure(None)
    assert found.verdict == verdict
    assert found.seeds == (0,)  # the longest budget has one seed
    assert len(found.figures) == 4 * 9


def test_blame(cards):
    publish_equal(cards, 9, 4)
    cards(fast_transposed=[2.9, 2.91], vae_resize=[5, 5.1], gan_resize=[4, 4.1])
    assert earlier.BLAME.measure(None).verdict == "holds partly"


def test_tuning(cards, a_card):
    cards(fast_uncond=[2.0, 2.1])
    assert tuning.TUNING.measure(None).verdict == "not measured here"
    tuning.TUTORIALS[0].write_text(json.dumps(a_card(fd=9.9)))
    assert tuning.TUNING.measure(None).verdict == "holds"
    tuning.TUTORIALS[0].write_text(json.dumps(a_card(fd=2.06)))
    assert tuning.TUNING.measure(None).verdict == "holds partly"  # .15 above the floor instead of .16
    tuning.TUTORIALS[0].write_text(json.dumps(a_card(fd=2.0)))
    assert tuning.TUNING.measure(None).verdict == "does not hold"


class Count(TorchDispatchMode):
    """Counts the FLOP of whatever runs, backward passes and gradients of gradients included."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if (packet := func._overloadpacket) in flop_registry:
            self.total += flop_registry[packet](*args, **(kwargs or {}), out_val=out)
        return out


def step_flops(name):
    data = load_data("digits")
    recipe = load_recipe(name).resolved(steps=2, precision="fp32")
    state = State(Spec(recipe, 1, data.size, data.classes), torch.device("cpu"))
    train = data.take("train")
    with Count() as count:
        next(
            iter(
                fit(
                    state,
                    train,
                    Plan(0, len(train.images), recipe.batch_size, False),
                    make_accelerator(torch.device("cpu"), "fp32"),
                )
            )
        )
    return count.total


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_equal_compute_is_counted(family):
    assert earlier.AS_FAST[family] == pytest.approx(step_flops("fast") / step_flops(family), rel=0.01)
    for budget in earlier.BUDGETS:
        steps = next(trial.changes["steps"] for trial in earlier.EQUAL if trial.name == f"{family}-{budget}")
        assert steps / budget == pytest.approx(earlier.AS_FAST[family], rel=0.01)


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
