"""Convolution from its definition: sums written out, made to be read and looked at; networks use torch's fast ones.

Read in this order: `sizes` (what a kernel slides over, and how many numbers come out), `padding`, `discrete` (the sum itself),
`operands` (every term of one output number), `matrix`, `transposed`, `receptive` (fields of stacked layers), `continuous`
(the integral), `repeated` (many small blurs are one wide Gaussian), `kernels` (some to try).
"""

from __future__ import annotations

from .continuous import SIGNALS, Signal, box, convolve_functions, decay, gaussian, sliding_product, triangle
from .discrete import convolve, correlate, flipped
from .kernels import KERNELS, parse_kernel
from .matrix import matrix_of
from .operands import Operand, operands_of
from .padding import MODES, pad
from .receptive import Field, receptive_fields
from .repeated import power, powers, variances
from .sizes import PADDINGS, Axis, axes_of
from .transposed import (
    VIEWS,
    Stamp,
    inserted,
    overlaps,
    stamps,
    transposed_by_inserting,
    transposed_by_matrix,
    transposed_by_stamping,
)

__all__ = [
    "KERNELS",
    "MODES",
    "PADDINGS",
    "SIGNALS",
    "VIEWS",
    "Axis",
    "Field",
    "Operand",
    "Signal",
    "Stamp",
    "axes_of",
    "box",
    "convolve",
    "convolve_functions",
    "correlate",
    "decay",
    "flipped",
    "gaussian",
    "inserted",
    "matrix_of",
    "operands_of",
    "overlaps",
    "pad",
    "parse_kernel",
    "power",
    "powers",
    "receptive_fields",
    "sliding_product",
    "stamps",
    "transposed_by_inserting",
    "transposed_by_matrix",
    "transposed_by_stamping",
    "triangle",
    "variances",
]
