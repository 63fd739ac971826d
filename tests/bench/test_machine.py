"""What is told beside every figure."""

import json

import torch

from inkbloom.bench.machine import Quiet, about
from inkbloom.bench.peaks import highest, peaks
from inkbloom.bench.timing import Row


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


def test_the_peak_of_a_precision_is_its_fastest_work():
    best = {"matmul fp32": 229.0, "conv training fp32": 422.0, "matmul bf16": 958.0, "conv forward bf16": 750.0, "copy": 9999.0}
    assert highest([Row("", {"what": what, "best": rate}) for what, rate in best.items()]) == {"fp32": 422.0, "bf16": 958.0}
