"""The card: what it says of sets whose answer is known, that its floor is real, and that no number is misreported."""

import json
import math
from dataclasses import replace
from statistics import fmean, stdev

import pytest
import torch

from inkbloom.data import Data
from inkbloom.data.slices import split_slices
from inkbloom.errors import DataError, UsageError
from inkbloom.evaluation.baseline import baseline, dealt, labels_in_turn, set_size
from inkbloom.evaluation.card import finite, make_card, measure
from inkbloom.evaluation.card_file import read_card, write_card
from inkbloom.evaluation.distances import fd
from inkbloom.evaluation.judge import Judge, JudgeNet
from inkbloom.evaluation.measures import QUICK, SLOW
from inkbloom.evaluation.table import table

COUNT = 600  # 60 in hold-out and reference


def pictures(count, seed=0):
    """uint8 (count, 1, 8, 8) of three kinds: bright left, right, or top half, each with noise of its own; and the kinds."""
    dice = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=dice)
    images = torch.full((count, 1, 8, 8), 60.0)
    for label, half in enumerate((images[..., :4], images[..., 4:], images[:, :, :4])):
        half[labels == label] += 120
    return (images + 25 * torch.randn(images.shape, generator=dice)).clamp(0, 255).round().to(torch.uint8), labels


class Halves(JudgeNet):
    """A judge that needs no training: its features are the means of the image's sixteen 2x2 corners."""

    def forward(self, x):
        features = torch.nn.functional.avg_pool2d(x, 2).flatten(1) * self.factor
        left, right, top = x[..., :4].mean((1, 2, 3)), x[..., 4:].mean((1, 2, 3)), x[:, :, :4].mean((1, 2, 3))
        bottom = x[:, :, 4:].mean((1, 2, 3))
        return features, 200 * torch.stack([left - right, right - left, top - bottom], 1)


def judge(factor=1.0, classes=("0", "1", "2"), size=(8, 8)):
    net = Halves(1, 3, 16).freeze()
    net.factor = factor
    return Judge("halves", "ab" * 32, "pooled", 16, classes, size, 1, "mine", 1.0, net)


@pytest.fixture(scope="module")
def data():
    images, labels = pictures(COUNT)
    return Data(images, labels, ("0", "1", "2"), split_slices(COUNT, labels), "made")


@pytest.fixture(scope="module")
def real(data):
    return baseline(data, judge())


@pytest.fixture(scope="module")
def unseen():
    return pictures(180, seed=1)


def card_of(images, labels, real, **made):
    return measure(images, labels, real, made=made)[0]


# ---- what it says


def test_unseen_images_score_as_the_floor_does(real, unseen):
    card = card_of(*unseen, real)
    assert card["blocks"] == 3
    for name in ("recall", "coverage", "precision", "density", "near"):
        assert abs(card[name] - card["floor"][name]) <= 5 * card["floor_sd"][name] + 1e-9, name
    assert card["fd"] < card["floor"]["fd"] + 0.2  # their classes are not dealt out as the floor's are
    assert card["classes"]["agreement"] == card["classes"]["ceiling"] == card["floor"]["agreement"] == 1
    assert card["near_range"][0] <= card["near"] <= card["near_range"][1]
    assert abs(card["copying_z"]) < 3


def test_copies_show_in_memorisation_alone(data, real):
    train = data.take("train")
    card, pairs = measure(train.images[:180], train.labels[:180], real, made={})
    assert card["near"] == card["near_shifted"] == card["near_ratio"] == 1
    assert card["copying_z"] < -10
    assert card["fd"] < card["floor"]["fd"] + 0.2
    assert len(pairs) == 16
    assert all(torch.equal(train.images[image], train.images[neighbour]) for image, neighbour in pairs)


def test_a_missing_class_shows_in_histogram_and_distance(real, unseen):
    images, labels = unseen
    kept = labels != 2
    kept[kept.nonzero().flatten()[60:]] = False
    card = card_of(images[kept], labels[kept], real)
    assert card["classes"]["share"][2] == 0
    assert card["classes"]["tv"] == pytest.approx(card["classes"]["reference_share"][2])
    assert card["classes"]["tv"] > card["floor"]["tv"] + 5 * card["floor_sd"]["tv"]
    assert card["fd"] > card["floor"]["fd"] + 5 * card["floor_sd"]["fd"]
    assert card["classes"]["agreement"] == 1


def test_noise_is_above_the_floor_and_wrong_labels_lower_the_agreement(real, unseen):
    images, labels = unseen
    spoiled = (images + 60 * torch.rand(images.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 255).to(torch.uint8)
    card = card_of(spoiled, (labels + (torch.arange(180) % 4 == 0)) % 3, real)
    assert card["fd"] > 5 * card["floor"]["fd"]
    assert card["kid"] > card["floor"]["kid"] + 5 * card["floor_sd"]["kid"]
    assert card["classes"]["agreement"] == 0.75


def test_the_spread_is_over_the_blocks_and_leftovers_are_no_block(real, unseen):
    images, labels = unseen
    parts = [card_of(images[first : first + 60], labels[first : first + 60], real) for first in (0, 60, 120)]
    whole, more = card_of(images, labels, real), card_of(*(torch.cat([part, part[:59]]) for part in unseen), real)
    for name in ("fd", "kid", "recall", "coverage", "precision", "density", "near"):
        values = [part[name] for part in parts]
        assert whole[name] == more[name] == pytest.approx(fmean(values))
        assert whole["sd"][name] == pytest.approx(stdev(values))
        assert parts[0]["sd"][name] is None
    assert more["blocks"] == 3
    assert more["classes"]["share"] == pytest.approx(
        [float((torch.cat([labels, labels[:59]]) == kind).double().mean()) for kind in range(3)]
    )


def test_the_floor_is_made_of_real_images_with_the_same_code(data, real):
    """FD written out for the draws of hold-out and reference together, features by hand."""
    pool = torch.cat([data.take(name).images for name in ("holdout", "reference")])
    features = torch.nn.functional.avg_pool2d(pool.float() / 255, 2).flatten(1)
    features = features / float(f"{features[60:].double().square().mean().sqrt():.4g}")
    labels = torch.cat([data.take(name).labels for name in ("holdout", "reference")])
    values = []
    for draw in range(1, 51):
        order = dealt(0, 120, labels, draw)
        assert sorted(order.tolist()) == list(range(120))
        assert (labels[order[:60]].bincount() - labels[order[60:]].bincount()).abs().max() <= 1
        values.append(fd(features[order[:60]], features[order[60:]]))
    assert real.floor["fd"] == pytest.approx(fmean(values), rel=1e-4)
    assert real.floor_sd["fd"] == pytest.approx(stdev(values), rel=1e-3)
    assert (real.draws, real.slow_draws) == (50, 50)
    assert set(real.floor) == set(real.floor_sd) == {*QUICK, *SLOW}
    assert real.floor["near"] == pytest.approx(0.02, abs=0.02)


def test_the_scale_of_the_features_does_not_matter(data, real, unseen):
    large = baseline(data, judge(factor=1000.0))
    assert large.extractor.scale == pytest.approx(1000 * real.extractor.scale, rel=1e-3)
    one, other = card_of(*unseen, real), card_of(*unseen, large)
    for name in ("fd", "kid", "recall", "coverage"):
        assert one[name] == pytest.approx(other[name], rel=1e-3)


def test_equal_images_give_equal_numbers_and_global_chance_is_left_alone(data, real, unseen):
    torch.manual_seed(5)
    first, again = card_of(*unseen, real), judge()
    torch.manual_seed(6)
    before = torch.random.get_rng_state()
    assert card_of(*unseen, baseline(data, again)) == first
    assert torch.equal(torch.random.get_rng_state(), before)


# ---- what stands in it


def test_header_and_public_names(data, unseen):
    card = make_card(*unseen, data, judge(), made={"seed": 3}, holdout={"loss": [1.0]})
    assert card["header"] == {
        "card": 1, "judge": "halves", "judge_sha256": "ab" * 32, "layer": "pooled", "d": 16, "scale": card["header"]["scale"],
        "n": 60, "source": "made", "reference_sha256": data.take("reference").fingerprint(), "size": [8, 8], "channels": 1,
    }  # fmt: skip
    assert card["header"]["scale"] > 0
    assert {"floor", "floor_sd", "fd", "kid", "recall", "coverage", "near", "sd", "blocks", "classes", "made"} <= set(card)
    assert (card["made"], card["holdout"]) == ({"seed": 3}, {"loss": [1.0]})
    assert json.loads(json.dumps(card, allow_nan=False)) == card


def test_the_header_tells_other_references_and_sizes_of_set(data, real):
    other = data.labels.clone()
    other[data.slices["reference"][0]] = (other[data.slices["reference"][0]] + 1) % 3
    assert baseline(replace(data, labels=other), None).reference_sha256 != real.reference_sha256
    assert baseline(data, None, 30).n == 30


def test_without_a_judge_the_rest_is_there(data, unseen):
    card = make_card(*unseen, data, None, made={})
    judged = make_card(*unseen, data, judge(), made={})
    assert card["header"]["judge"] is card["header"]["scale"] is card["classes"] is None
    for name in ("fd", "kid", "recall", "coverage", "precision", "density"):
        assert card[name] is card["floor"][name] is card["sd"][name] is None
    for name in ("near", "near_range", "near_shifted", "near_ratio", "copying_z"):
        assert card[name] == judged[name]
    assert card["floor"]["near"] == pytest.approx(judged["floor"]["near"], abs=0.01)
    text = "\n".join(table(card | {"made": {"images": 180}}))
    assert "FD" not in text
    assert "None" not in text


def test_labels_count_only_for_a_judge_of_the_same_classes(data, unseen):
    images, labels = unseen
    for card in (
        make_card(images, labels, data, judge(classes=("a", "b", "c")), made={}),
        make_card(images, None, data, judge(), made={}),
        make_card(images, None, replace(data, labels=None, classes=()), judge(), made={}),
    ):
        assert card["classes"]["agreement"] is None
        assert sum(card["classes"]["share"]) == pytest.approx(1)
        assert card["fd"] is not None
        assert "label agreement" not in "\n".join(table(card | {"made": {"images": 180}}))


def test_a_class_that_the_reference_lacks_is_drawn_by_nobody_and_breaks_nothing(data, unseen):
    named = replace(data, classes=("0", "1", "2", "3"))
    assert set(labels_in_turn(named, 60).tolist()) == {0, 1, 2}
    card = make_card(*unseen, named, judge(), made={})
    assert card["classes"]["names"] == ["0", "1", "2"]
    assert card["fd"] is not None


def test_classes_in_turn_have_the_histogram_of_the_reference(data):
    reference = data.take("reference").labels
    assert labels_in_turn(data, 60).bincount().tolist() == reference.bincount().tolist()
    sorted_first = replace(data, images=data.images[data.labels.argsort()], labels=data.labels.sort().values)
    few = labels_in_turn(sorted_first, 20).bincount(minlength=3)  # not only the first class of a sorted reference
    assert abs(few / 20 - reference.bincount() / 60).max() < 0.06
    assert labels_in_turn(replace(data, labels=None), 60) is None


def test_identical_images_still_give_numbers(real):
    card = card_of(torch.full((60, 1, 8, 8), 90, dtype=torch.uint8), None, real)
    assert json.dumps(card, allow_nan=False)
    assert card["recall"] == 0
    assert card["fd"] > card["floor"]["fd"]


def test_what_is_no_number_becomes_nothing():
    assert finite({"a": [math.nan, 1.0], "b": (math.inf, "x")}) == {"a": [None, 1.0], "b": [None, "x"]}


# ---- what is refused


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda images: images[:59], "59 images: a card of N = 60 needs 60 at least"),
        (lambda images: images[:1], "1 image: a card of N = 60"),
        (lambda images: images[:0], "0 images"),
        (lambda images: images[..., :7], "images of 1 x 8 x 7, where made has uint8 of 1 x 8 x 8"),
        (lambda images: images.expand(-1, 3, -1, -1), "images of 3 x 8 x 8"),
        (lambda images: images.float(), "float32 images"),
        (lambda images: images.float() * math.nan, "float32 images"),
    ],
)
def test_images_that_do_not_fit_are_refused(real, unseen, spoil, said):
    with pytest.raises(DataError, match=said):
        card_of(spoil(unseen[0]), None, real)


def test_sources_and_sizes_of_set_that_do_not_fit_are_refused(data):
    images, labels = pictures(180)
    with pytest.raises(DataError, match="18 images in the slice holdout or reference"):
        baseline(Data(images, labels, ("0", "1", "2"), split_slices(180, labels), "small"), judge())
    with pytest.raises(DataError, match="no slice reference"):
        set_size(replace(data, slices={name: index for name, index in data.slices.items() if name != "reference"}))
    with pytest.raises(DataError, match="no slice holdout"):
        set_size(replace(data, slices=data.slices | {"holdout": torch.zeros(0, dtype=torch.int64)}))
    for n in (-1, 0, 1, 19, 61):
        with pytest.raises(UsageError, match=rf"n = {n}: must lie in \[20, 60\]"):
            set_size(data, n)
    with pytest.raises(UsageError, match="judge halves looks at 9 x 8 x 1, the images are 8 x 8 x 1"):
        baseline(data, judge(size=(9, 8)))
    with pytest.raises(DataError, match="sees nothing"):
        baseline(data, judge(factor=0.0))


def test_a_card_of_a_file_whose_name_is_no_utf8(a_card, tmp_path):
    """A path of other bytes holds lone surrogates, which JSON can say and UTF-8 cannot."""
    card = a_card(made={"run": "runs/caf\udce9 名"})
    write_card(card, tmp_path / "card.json")
    assert read_card(tmp_path / "card.json") == card
    assert rb"caf\udce9 " + "名".encode() in (tmp_path / "card.json").read_bytes()
