"""Weights files whose headers lie are refused before anything is read."""

import json

import pytest
import torch

from inkbloom.store import tensors


def headed(header, body=b""):
    """A safetensors file with that header."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text + body


EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}


@pytest.mark.parametrize("count", [100_000, 1_000_000])
def test_a_crowd_of_empty_tensors_is_refused_after_a_look_at_the_header(count, monkeypatch):
    monkeypatch.setattr(tensors, "load", lambda data: pytest.fail("it was read"))
    many = headed({f"{number:x}": EMPTY for number in range(count)})
    with pytest.raises(ValueError, match="too many"):
        tensors.load_tensors(many)
    with pytest.raises(ValueError, match="too many"):
        tensors.unpack(many)


def test_a_header_that_claims_to_be_huge_is_refused(monkeypatch):
    monkeypatch.setattr(tensors, "load", lambda data: pytest.fail("it was read"))
    with pytest.raises(ValueError, match="too many"):
        tensors.load_tensors((2**30).to_bytes(8, "little") + b" " * 100)


def test_what_a_large_network_has_is_read():
    made = {f"layer.{number}.weight": torch.full((2,), float(number)) for number in range(3000)}
    back, about = tensors.unpack(tensors.pack(made, {"data_offsets": ["data_offsets"] * 100}))
    assert back.keys() == made.keys()
    assert back["layer.2999.weight"].tolist() == [2999.0, 2999.0]
    assert len(about["data_offsets"]) == 100
