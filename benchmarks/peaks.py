"""What the machine can do at most, on all its cores at once: matrix products, 3x3 convolutions, copies.

Run it with: python benchmarks/peaks.py [--quick] [--json FILE]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from machine import about, flags, print_rows, show, write
from timing import Work, in_turn, spread

from inkbloom.bench.rows import Row
from inkbloom.device import best_device

SIDE = 1024  # of the square matrices
WIDTH, PIXELS, BATCH = 64, 14, 128  # the convolution: 3x3, 64 to 64 channels at 14 x 14, as in the networks here
COPIED = 2**27  # bytes: larger than any cache
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def peaks(device: torch.device, quick: bool) -> Iterator[Row]:
    """GFLOP/s of matrix products and of 3x3 convolutions in fp32 and bf16, GB/s of copying memory: best and median."""
    works: dict[str, tuple[Work, float]] = {}
    for name, dtype in DTYPES.items():
        works[f"matmul {name}"] = _matmul(device, dtype), 2e-9 * SIDE**3
    forward = 2e-9 * BATCH * PIXELS**2 * WIDTH**2 * 9
    for name, dtype in DTYPES.items():
        works[f"conv forward {name}"] = _conv(device, dtype, False), forward
        works[f"conv training {name}"] = _conv(device, dtype, True), 3 * forward
    works["copy"] = _copy(device), 2e-9 * COPIED  # every byte is read and written
    taken = in_turn({name: work for name, (work, _) in works.items()}, device, 2 if quick else 8)
    for name, (_, amount) in works.items():
        unit = "GB/s" if name == "copy" else "GFLOP/s"
        rate = spread([amount / seconds for seconds in taken[name]])
        figures = {"what": name, "unit": unit, "best": rate["high"], **rate}
        yield Row(f"{name:20} {rate['high']:9.1f} {unit} best, {rate['median']:.1f} median", figures)


def highest(figures: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Precision -> GFLOP/s of the fastest work among the figures of `peaks`: on some machines a product of matrices, on others
    a convolution."""
    return {name: max(row["best"] for row in figures if row["what"].endswith(name)) for name in DTYPES}


def _matmul(device: torch.device, dtype: torch.dtype) -> Work:
    a = torch.full((SIDE, SIDE), 0.5, device=device, dtype=dtype)
    return lambda: a @ a


def _conv(device: torch.device, dtype: torch.dtype, training: bool) -> Work:
    def tensor(*shape: int) -> torch.Tensor:
        made = torch.full(shape, 0.5, device=device, dtype=dtype).to(memory_format=torch.channels_last)
        return made.requires_grad_(training)

    x, weight = tensor(BATCH, WIDTH, PIXELS, PIXELS), tensor(WIDTH, WIDTH, 3, 3)
    gradient = torch.ones_like(x)

    def work() -> None:
        out = F.conv2d(x, weight, padding=1)
        if training:
            torch.autograd.grad(out, (x, weight), gradient)

    return work


def _copy(device: torch.device) -> Work:
    source, target = (torch.ones(COPIED // 4, device=device) for _ in range(2))
    return lambda: target.copy_(source)


def main() -> None:
    args = flags(__doc__).parse_args()
    machine = about()
    show(machine)
    write(
        args.json, {"quick": args.quick, "machine": machine, "parts": {"peaks": print_rows(peaks(best_device(), args.quick))}}
    )


if __name__ == "__main__":
    main()
