"""The page's networks against PyTorch's, step by step: both page files, and every operation that a list may hold."""

import json

import numpy as np
import pytest
import torch

from inkbloom.exports.graph import graph_of, play

PLAYED = """
const {steps, weights, parity} = page_file.openNetwork(await bytesOf(file));
const values = net.play(steps, weights, {x, t, y});
return [parity.worst, ...steps.map((step) => packed(values.get(step.name)))];
"""


@pytest.mark.parametrize("name", ["ink", "basic"])
def test_every_step_is_pytorchs(engine, page_files, name):
    """Two inputs that are not the file's own; and the file's own proof is as good."""
    file, numbers = page_files[name], np.random.default_rng(0)
    for t, y in ((0.3, 4), (0.97, 10)):
        x = numbers.normal(size=(1, 28, 28)).astype(np.float32)
        worst, *answers = engine(PLAYED, "net page_file", file=f"/{name}", x=x, t=t, y=y if name == "ink" else None)
        with torch.no_grad():
            expected = play(file.steps, file.tensors, torch.tensor(x)[None], torch.tensor([t]), torch.tensor([y]))
        assert worst < 1e-4
        assert len(answers) == len(file.steps) > 10
        for step, answer in zip(file.steps, answers, strict=True):
            torchs = expected[step["name"]][0].numpy()
            assert answer.shape == torchs.shape
            assert np.abs(answer - torchs).max() < 1e-4, step
