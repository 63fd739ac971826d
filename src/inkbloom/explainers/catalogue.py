"""The topics of `inkbloom explain` by name, for the help and for checks. Imports nothing heavy."""

from __future__ import annotations

ABOUT = {
    "convolution": "a kernel slides over an image, every product spelled out",
    "transposed": "a convolution and its transpose, with the zeros that are put in",
    "continuous": "two functions, their sliding product and its integral",
    "noising": "an image turns into noise, and why that is a convolution",
    "sampling": "what a trained network sees and predicts at each step",
    "unet": "every layer of a network: shapes, cost, kernels, feature maps",
}
TAKES: dict[str, tuple[str, ...]] = {
    "convolution": ("image", "digit", "kernel", "stride", "padding"),
    "transposed": ("image", "digit", "kernel", "stride", "padding"),
    "continuous": ("f", "g"),
    "noising": ("image", "digit"),
    "sampling": ("run", "label"),
    "unet": ("run", "net", "image", "digit", "layer", "t"),
}
"""Which settings a topic takes, beside the language and the folder."""
SIGNALS = ("box", "triangle", "gaussian", "decay", "ramp", "wave", "pulses")
"""The functions of the topic `continuous`."""
LANGUAGES = ("en", "zh")
