"""The page's random numbers are Python's: integers equal, uniform ones bit for bit, Gaussian ones to rounding."""

import numpy as np
import pytest

from inkbloom import philox


def test_the_cipher(engine):
    numbers = np.random.default_rng(0)
    counters = numbers.integers(0, 2**32, (2000, 4))
    counters[:4] = [[0, 0, 0, 0], [2**32 - 1] * 4, [0xFFFF, 0x10000, 0xFFFF0000, 1], [1, 2, 3, 4]]
    keys = numbers.integers(0, 2**32, (20, 2))
    keys[:2] = [[0, 0], [2**32 - 1] * 2]
    code = "return keys.map((key) => counters.map((counter) => philox.philox(counter, key)));"
    answers = engine(code, "philox", counters=counters.tolist(), keys=keys.tolist())
    for key, answer in zip(keys.tolist(), answers, strict=True):
        expected = np.stack(philox.philox(tuple(counters.T), tuple(key)), 1)
        assert (np.array(answer, np.uint64) == expected).all()


def test_a_published_vector(engine):
    """Random123's known answers for philox4x32-10."""
    code = "return philox.philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);"
    assert engine(code, "philox") == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_numbers_of_an_image(engine, seed):
    cases = [
        (seed, purpose, index, count, draw)
        for purpose in ("order", "noise", "sample", "cluster")
        for index in (0, 1, 2**32 - 1, 2**32, 2**40 + 12345, 2**53 - 1)
        for count, draw in ((1, 0), (6, 3), (101, 2**31))
    ]
    code = "return cases.map((case_) => ['words', 'uniform', 'normal'].map((kind) => {"
    code += " const data = philox[kind](...case_); return packed({shape: [data.length], data}); }));"
    for (_, purpose, index, count, draw), answer in zip(cases, engine(code, "philox", cases=cases), strict=True):
        words, uniform, normal = answer
        assert (words == philox.words(seed, purpose, [index], count, draw)[0]).all()
        assert (uniform == philox.uniform(seed, purpose, [index], count, draw)[0]).all()
        np.testing.assert_allclose(normal, philox.normal(seed, purpose, [index], count, draw)[0], atol=2e-6)


def test_the_purposes_are_pythons(engine):
    told = engine("return philox.PURPOSES;", "philox")
    assert told.items() <= philox.PURPOSES.items()
    assert "sample" in told
