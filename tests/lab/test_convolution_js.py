"""The page's convolutions against PyTorch's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F


def test_conv2d_over_a_sweep(engine):
    numbers, cases = np.random.default_rng(0), []
    for _ in range(150):
        k, s, d = (numbers.integers(1, most, 2).tolist() for most in (6, 4, 4))
        p = numbers.integers(0, 4, 2).tolist()
        inside = [d[axis] * (k[axis] - 1) + 1 - 2 * p[axis] for axis in (0, 1)]
        size = [int(numbers.integers(max(1, least), max(1, least) + 9)) for least in inside]
        inputs, outputs = numbers.integers(1, 6, 2).tolist()
        cases.append(
            {
                "x": numbers.normal(size=(inputs, *size)),
                "w": numbers.normal(size=(outputs, inputs, *k)),
                "b": numbers.normal(size=outputs) if numbers.random() < 0.7 else None,
                "told": {"stride": s, "padding": p, "dilation": d},
            }
        )
    check(engine, cases, "conv2d", lambda x, w, b, told: F.conv2d(x, w, b, **told))


def test_conv_transpose2d_over_a_sweep(engine):
    """Sizes, kernels, strides, paddings, output paddings and dilations, also padding beyond the kernel's reach."""
    numbers, cases = np.random.default_rng(1), []
    while len(cases) < 150:
        k, s, d = (numbers.integers(1, most, 2).tolist() for most in (6, 4, 4))
        p = numbers.integers(0, 4, 2).tolist()
        op = [int(numbers.integers(0, max(s[axis], d[axis]))) for axis in (0, 1)]
        size = numbers.integers(1, 9, 2).tolist()
        made = [(size[a] - 1) * s[a] - 2 * p[a] + d[a] * (k[a] - 1) + op[a] + 1 for a in (0, 1)]
        if min(made) < 1:
            continue
        inputs, outputs = numbers.integers(1, 6, 2).tolist()
        cases.append(
            {
                "x": numbers.normal(size=(inputs, *size)),
                "w": numbers.normal(size=(inputs, outputs, *k)),
                "b": numbers.normal(size=outputs) if numbers.random() < 0.7 else None,
                "told": {"stride": s, "padding": p, "dilation": d, "outputPadding": op},
            }
        )

    def torchs(x, w, b, told):
        told = dict(told)
        return F.conv_transpose2d(x, w, b, output_padding=told.pop("outputPadding"), **told)

    check(engine, cases, "convTranspose2d", torchs)


def check(engine, cases, name, torchs):
    """The page's answers to cases, all asked at once, against torch's."""
    given = {f"{part}{k}": case[part] for k, case in enumerate(cases) for part in ("x", "w", "b")}
    names = ", ".join(f"[x{k}, w{k}, b{k}]" for k in range(len(cases)))
    code = f"return [{names}].map(([x, w, b], k) => packed(conv.{name}(x, w, b, told[k])));"
    answers = engine(code, "conv", told=[case["told"] for case in cases], **given)
    for case, answer in zip(cases, answers, strict=True):
        x, w, b = (None if case[part] is None else torch.tensor(case[part], dtype=torch.float32) for part in ("x", "w", "b"))
        expected = torchs(x[None], w, b, case["told"])[0]
        assert answer.shape == tuple(expected.shape)
        np.testing.assert_allclose(answer, expected, atol=2e-5, rtol=1e-5)


def test_a_kernel_larger_than_the_picture_is_no_convolution(engine):
    code = "return caught(() => conv.conv2d(x, w));"
    assert "larger" in engine(code, "conv", x=np.zeros((1, 2, 2)), w=np.zeros((1, 1, 3, 3)))["message"]
    assert "channels" in engine(code, "conv", x=np.zeros((2, 4, 4)), w=np.zeros((1, 1, 3, 3)))["message"]


@pytest.mark.parametrize(("mode", "torchs"), [("zero", "constant"), ("reflect", "reflect"), ("circular", "circular")])
def test_borders(engine, mode, torchs):
    x = np.random.default_rng(2).normal(size=(2, 5, 4)).astype(np.float32)
    code = "return packed(conv.padded(x, {left: 3, right: 2, top: 4, bottom: 1}, mode));"
    expected = F.pad(torch.tensor(x)[None], (3, 2, 4, 1), mode=torchs)[0]
    assert (engine(code, "conv", x=x, mode=mode) == expected.numpy()).all()


def test_the_flip_is_scipys_convolution(engine):
    from scipy.signal import convolve2d

    numbers = np.random.default_rng(3)
    x, w = numbers.normal(size=(1, 9, 8)), numbers.normal(size=(1, 1, 3, 4))
    answer = engine("return packed(conv.conv2d(x, conv.flipped(w)));", "conv", x=x, w=w)
    np.testing.assert_allclose(answer[0], convolve2d(x[0], w[0, 0], "valid"), atol=1e-5)
