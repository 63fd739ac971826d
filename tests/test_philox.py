"""The random numbers: published vectors, a second implementation, and that no row depends on its neighbours."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inkbloom import philox

patient = settings(deadline=None)  # a busy machine is no failure


def plain(counter, key):
    """Philox4x32-10 on Python's integers, as the paper's section 3.3 and its reference C code have it."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_published_vectors(counter, key, answer):
    """From kat_vectors of the authors' Random123."""
    counter, key, answer = ([int(word, 16) for word in words.split()] for words in (counter, key, answer))
    assert [int(word) for word in philox.philox(tuple(counter), tuple(key))] == answer
    assert plain(counter, key) == answer


word = st.integers(0, 2**32 - 1)


@patient
@given(st.tuples(word, word, word, word), st.tuples(word, word))
def test_philox_equals_plain_integers(counter, key):
    assert [int(value) for value in philox.philox(counter, key)] == plain(counter, key)


@patient
@given(word, st.sampled_from(sorted(philox.PURPOSES)), st.integers(0, 2**62), st.integers(0, 10_000), st.integers(1, 23))
def test_words_stand_where_the_contract_says(seed, purpose, image, draw, count):
    """key = (seed, purpose), counter = (block, draw, index low, index high); values run through the blocks."""
    key = seed, philox.PURPOSES[purpose]
    want = [word for block in range(6) for word in plain((block, draw, image % 2**32, image // 2**32), key)]
    assert philox.words(seed, purpose, [image], count, draw).tolist() == [want[:count]]


def test_purposes_never_share_a_number():
    assert len(set(philox.PURPOSES.values())) == len(philox.PURPOSES)


indices = st.lists(st.integers(0, 2**40), min_size=1, max_size=40)


@pytest.mark.parametrize("function", [philox.words, philox.uniform, philox.normal])
@patient
@given(index=indices, count=st.integers(1, 70), data=st.data())
def test_a_row_is_the_same_in_any_company(function, index, count, data):
    """Bit for bit, whatever the batch, its order, its size, and however many values are asked for."""
    together = function(7, "noise", index, count, draw=3)
    assert together.shape == (len(index), count)
    order = data.draw(st.permutations(range(len(index))))
    mixed = function(7, "noise", [index[k] for k in order], count, draw=3)
    assert mixed.tobytes() == together[order].tobytes()
    k = data.draw(st.integers(0, len(index) - 1))
    assert function(7, "noise", index[k : k + 1], count, draw=3).tobytes() == together[k].tobytes()
    more = function(7, "noise", index, count + data.draw(st.integers(0, 9)), draw=3)[:, :count]
    assert more.tobytes() == together.tobytes()


def test_rows_are_the_same_across_the_chunks_of_a_large_batch():
    """`words` works through a batch in chunks of about 8,192 blocks; the seams must not show."""
    for count in (4, 784, 40_000):
        index = np.arange(max(3, 3 * 8192 * 4 // count) + 5)
        all_rows = philox.words(1, "order", index, count)
        for k in (0, 1, len(index) // 2, len(index) - 1):
            assert all_rows[k].tobytes() == philox.words(1, "order", [k], count).tobytes()
    assert len(np.unique(philox.words(1, "order", np.arange(100_000), 1))) > 99_990  # a repeated chunk would halve this


@pytest.mark.parametrize("function", [philox.words, philox.uniform, philox.normal])
def test_nothing_asked_nothing_given(function):
    assert function(0, "noise", [], 3).shape == (0, 3)
    assert function(0, "noise", [1, 2], 0).shape == (2, 0)


def test_uniform_is_the_high_24_bits():
    words = philox.words(5, "time", range(50), 13)
    assert np.array_equal(philox.uniform(5, "time", range(50), 13).astype(np.float64), (words >> 8) / 2**24)


def test_normal_is_box_muller():
    """The float32 values against float64 arithmetic on the same words."""
    u = (philox.words(5, "noise", range(200), 100) >> 8).astype(np.float64).reshape(200, 50, 2)
    radius, angle = np.sqrt(-2 * np.log((u[..., 0] + 1) / 2**24)), 2 * np.pi * u[..., 1] / 2**24
    want = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(200, 100)
    got = philox.normal(5, "noise", range(200), 100)
    assert got.dtype == np.float32
    assert np.abs(got - want).max() < 5e-6  # 24-bit angles near 2 pi, times a radius of at most 5.8


def test_moments_and_distribution():
    """200,000 values, 400 images: each bound is about four standard errors wide."""
    u = philox.uniform(11, "noise", range(400), 500).astype(np.float64)
    z = philox.normal(11, "sample", range(400), 500).astype(np.float64)
    n = u.size
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 1 / 2) < 4 * (1 / 12 / n) ** 0.5
    assert abs(u.var() - 1 / 12) < 4 * (1 / 180 / n) ** 0.5
    assert abs(z.mean()) < 4 * n**-0.5
    assert abs(z.var() - 1) < 4 * (2 / n) ** 0.5
    assert abs((z**3).mean()) < 4 * (15 / n) ** 0.5
    assert abs((z**4).mean() - 3) < 4 * (96 / n) ** 0.5
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    assert np.isfinite(z).all()


def test_neighbours_are_uncorrelated():
    """Values of one pair, of neighbouring images, draws and seeds: correlations within four standard errors of 0."""
    base = philox.normal(0, "noise", range(200), 200)
    for other in (
        np.roll(base, 1, axis=1),
        philox.normal(0, "noise", range(1, 201), 200),
        philox.normal(0, "noise", range(200), 200, draw=1),
        philox.normal(1, "noise", range(200), 200),
        philox.normal(0, "sample", range(200), 200),
    ):
        assert abs(np.corrcoef(base.ravel(), other.ravel())[0, 1]) < 4 * base.size**-0.5


def test_every_part_of_the_address_counts():
    """Seeds, purposes, draws and images, the high half of the image's number included, give different rows."""
    rows = [
        philox.words(seed, purpose, [image], 4, draw).tobytes()
        for seed in (0, 1, philox.MAX_SEED)
        for purpose in philox.PURPOSES
        for image in (0, 1, 2**32 - 1, 2**32, 2**32 + 1, 2**33, 2**62)
        for draw in (0, 1, 1000)
    ]
    assert len(set(rows)) == len(rows)


@patient
@given(indices, st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(0, 5))
def test_draw_hands_out_the_rows_in_channel_height_width_order(index, channels, height, width, step):
    draw = philox.Draw(3, np.array(index))
    for name, purpose in (("uniform", "noise"), ("normal", "sample")):
        got = getattr(draw, name)(purpose, channels, height, width, draw=step)
        assert got.shape == (len(index), channels, height, width)
        assert got.dtype == torch.float32
        rows = getattr(philox, name)(3, purpose, index, channels * height * width, step)
        for c in range(channels):
            for h in range(height):
                first = (c * height + h) * width
                assert np.array_equal(got[:, c, h].numpy(), rows[:, first : first + width])


def test_draw_gives_one_number_each_without_a_shape():
    draw = philox.Draw(0, np.arange(5))
    assert draw.uniform("time").tolist() == philox.uniform(0, "time", range(5), 1)[:, 0].tolist()


def test_unknown_purpose():
    with pytest.raises(KeyError, match="nois"):
        philox.words(0, "nois", [0], 1)
