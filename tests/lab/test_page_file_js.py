"""Files that the page should not believe: each is one FileProblem with its code, and never a model."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save

ONE = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
TWO = {**ONE, "b": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}}


def file_of(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(**changes):
    return {"a": {**ONE["a"], **changes}}


EIGHT = struct.pack("<2f", 1, 2)
HOSTILE = {
    "nothing": (b"", "foreign"),
    "a few bytes": (b"abc", "foreign"),
    "a zip": (b"PK\x03\x04" + bytes(100), "foreign"),
    "a page": (b"<!doctype html><p>not found" + bytes(20), "foreign"),
    "an endless header": (struct.pack("<Q", 2**63) + b"{}", "foreign"),
    "a header longer than the file": (struct.pack("<Q", 500) + b'{"a": 1}', "truncated"),
    "no JSON": (file_of(b"{oops"), "header"),
    "a list": (file_of([1, 2]), "foreign"),
    "no UTF-8": (file_of(b'{"\xff\xfe": 1}'), "header"),
    "deep JSON": (file_of(b'{"a":' * 300_000 + b"1" + b"}" * 300_000), "header"),
    "metadata that are no texts": (file_of({"__metadata__": {"page": 3}}), "header"),
    "an entry that is none": (file_of({"a": 5}), "header"),
    "a negative size": (file_of(entry(shape=[-2]), EIGHT), "header"),
    "a fractional size": (file_of(entry(shape=[1.5]), EIGHT), "header"),
    "no offsets": (file_of({"a": {"dtype": "F32", "shape": [2]}}, EIGHT), "header"),
    "offsets as texts": (file_of(entry(data_offsets=["0", "8"]), EIGHT), "header"),
    "an unknown dtype": (file_of(entry(dtype="F8_E4M3", data_offsets=[0, 2]), EIGHT), "dtype"),
    "a dtype of JavaScript's": (file_of(entry(dtype="constructor"), EIGHT), "dtype"),
    "a wrong size": (file_of(entry(shape=[3]), EIGHT), "size"),
    "offsets that run back": (file_of(entry(data_offsets=[8, 0]), EIGHT), "size"),
    "a huge shape": (file_of(entry(shape=[2**40, 2**40]), EIGHT), "size"),
    "a cut file": (file_of(TWO, EIGHT), "truncated"),
    "tensors that overlap": (file_of({**ONE, "b": {**ONE["a"], "data_offsets": [4, 12]}}, bytes(12)), "overlap"),
    "a hole": (file_of({**ONE, "b": {**ONE["a"], "data_offsets": [12, 20]}}, bytes(20)), "gap"),
    "more bytes than tensors": (file_of(ONE, bytes(12)), "gap"),
    "a NaN": (file_of(ONE, struct.pack("<2f", 1, float("nan"))), "not-finite"),
    "an infinite half": (file_of(entry(dtype="F16", data_offsets=[0, 4]), b"\x00\x3c\x00\x7c"), "not-finite"),
    "another program's tensors": (file_of(ONE, EIGHT), "foreign"),
    "weights without the page's table": (file_of({**ONE, "__metadata__": {"inkbloom": "{}"}}, EIGHT), "foreign"),
    "a table that is no JSON": (file_of({"__metadata__": {"page": "x", "inkbloom": "{}"}}), "header"),
    "another format": (file_of({"__metadata__": {"page": '{"format": 2}', "inkbloom": "{}"}}), "format"),
    "nothing of a network": (file_of({"__metadata__": {"page": '{"format": 1}', "inkbloom": "{}"}}), "sampling"),
}
OPENING = "return caught(async () => { page_file.openNetwork(await bytesOf(path)); });"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(engine, served, name):
    served.files["/hostile"], code = HOSTILE[name]
    assert engine(OPENING, "page_file", path="/hostile")["code"] == code


def step(number, **changes):
    return lambda page: page["steps"][number].update(changes)


def sampling(**changes):
    return lambda page: page["sampling"].update(changes)


EDITS = {
    "an unknown operation": (step(1, op="attention"), "operation"),
    "an operation of JavaScript's": (step(1, op="constructor"), "operation"),
    "a weight that is not there": (step(1, weights=["nowhere"]), "weights"),
    "an input that comes later": (step(0, inputs=["conv2d"]), "steps"),
    "a name twice": (step(1, name="pixel_unshuffle"), "steps"),
    "another shape": (step(1, shape=[48, 14, 13]), "steps"),
    "a shape that is none": (step(1, shape="large"), "steps"),
    "padding without end": (step(1, padding=[10**9, 1]), "steps"),
    "a stride of nothing": (step(1, stride=[0, 0]), "steps"),
    "another weight": (step(1, weights=["head.weight", "head.bias"]), "steps"),
    "a step that is none": (lambda page: page["steps"].insert(1, None), "steps"),
    "no steps": (lambda page: page["steps"].clear(), "steps"),
    "an end that is no picture": (lambda page: page["steps"].pop(), "steps"),
    "too much to compute": (step(20, shape=[48, 400, 400]), "large"),
    "another path": (sampling(path="own:spiral"), "sampling"),
    "a path of JavaScript's": (sampling(path="toString"), "sampling"),
    "times that rise": (sampling(times=[0.1, 0.5, 0]), "sampling"),
    "times that do not end": (sampling(times=[1, 0.5]), "sampling"),
    "a wall of pixels": (sampling(shape=[1, 10**5, 10**5]), "sampling"),
    "a range that is none": (sampling(range=[1, None]), "sampling"),
    "classes beyond the list": (sampling(trained=[11]), "sampling"),
    "no sampling": (lambda page: page.update(sampling=None), "sampling"),
}


@pytest.mark.parametrize("name", EDITS)
def test_hostile_tables(engine, served, page_files, name):
    edit, code = EDITS[name]
    served.files["/hostile"] = page_files["ink"].changed(edit=edit)
    assert engine(OPENING, "page_file", path="/hostile")["code"] == code


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "I32", "I64", "U8"])
def test_numbers_of_every_kind(engine, served, dtype):
    import torch
    from safetensors.torch import save

    kinds = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "I32": "int32", "I64": "int64", "U8": "uint8"}
    values = torch.tensor([[0, 1, 2.5], [-0.1, 6e-8, 200]]) if dtype[-1] in "26" and dtype[0] in "FB" else torch.arange(6) * 40
    tensor = values.reshape(2, 3).to(getattr(torch, kinds[dtype]))
    served.files["/numbers"] = save({"odd": torch.zeros(3, dtype=torch.uint8), "a": tensor})
    code = "const {tensors} = safetensors.readSafetensors(await bytesOf('/numbers')); return packed(tensors.get('a'));"
    assert (engine(code, "safetensors") == tensor.float().numpy()).all()


def test_every_half_there_is(engine, served):
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    served.files["/halves"] = save({"a": halves})
    code = "return packed(safetensors.readSafetensors(await bytesOf('/halves')).tensors.get('a'));"
    assert (engine(code, "safetensors") == halves.astype(np.float32)).all()
