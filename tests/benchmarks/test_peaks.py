"""Peaks: what is counted for each work, and which of them is the peak."""

import peaks as module
import torch
from peaks import highest, peaks


def in_a_second(works, device, budget):
    for work in works.values():
        work()
    return {name: [1.0] for name in works}


def test_peaks_cover_both_precisions(monkeypatch):
    monkeypatch.setattr(module, "SIDE", 32)
    monkeypatch.setattr(module, "BATCH", 1)
    monkeypatch.setattr(module, "COPIED", 2**12)
    monkeypatch.setattr(module, "in_turn", in_a_second)
    rows = {row.figures["what"]: row.figures for row in peaks(torch.device("cpu"), True)}
    kinds = [f"{kind} {precision}" for kind in ("matmul", "conv forward", "conv training") for precision in ("fp32", "bf16")]
    assert set(rows) == {*kinds, "copy"}
    assert rows["matmul fp32"]["best"] == 2e-9 * 32**3
    assert rows["conv training bf16"]["best"] == 3 * rows["conv forward fp32"]["best"]


def test_the_peak_of_a_precision_is_its_fastest_work():
    best = {"matmul fp32": 229.0, "conv training fp32": 422.0, "matmul bf16": 958.0, "conv forward bf16": 750.0, "copy": 9999.0}
    assert highest([{"what": what, "best": rate} for what, rate in best.items()]) == {"fp32": 422.0, "bf16": 958.0}
