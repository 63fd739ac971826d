"""What is told beside every figure."""

import json

import torch

from inkbloom.bench.machine import Quiet, about
from inkbloom.bench.peaks import peaks


def test_the_machine_is_told_in_plain_values():
    told = about()
    assert {"cpu", "cores", "memory_gb", "torch", "inkbloom", "commit", "date"} <= told.keys()
    assert json.loads(json.dumps(told)) == told


def test_shares_of_time_lie_between_nothing_and_all():
    told = Quiet().told()
    assert told["seconds"] >= 0
    assert all(0 <= told[name] <= 1 for name in ("steal", "others") if name in told)


def in_a_second(works, device, budget):
    for work in works.values():
        work()
    return {name: [1.0] for name in works}


def test_peaks_cover_both_precisions(monkeypatch):
    monkeypatch.setattr("inkbloom.bench.peaks.SIDE", 32)
    monkeypatch.setattr("inkbloom.bench.peaks.BATCH", 1)
    monkeypatch.setattr("inkbloom.bench.peaks.COPIED", 2**12)
    monkeypatch.setattr("inkbloom.bench.peaks.in_turn", in_a_second)
    rows = {row.figures["what"]: row.figures for row in peaks(torch.device("cpu"), True)}
    kinds = [f"{kind} {precision}" for kind in ("matmul", "conv forward", "conv training") for precision in ("fp32", "bf16")]
    assert set(rows) == {*kinds, "copy"}
    assert rows["matmul fp32"]["best"] == 2e-9 * 32**3
    assert rows["conv training bf16"]["best"] == 3 * rows["conv forward fp32"]["best"]
