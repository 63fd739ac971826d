"""The judge: a small classifier that never saw a generated image, and whose inner features say what an image shows.

Distances between sets of images are distances between their features, so a figure holds for one set of weights only. The
shipped weights have a name, and their SHA-256 in judges/judges.json; `inkbloom judge` made them and makes others.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Recipe
from ..data import Data
from ..errors import OWN, CheckpointError, UsageError, shown, unknown
from ..store import tensors

FORMAT = 1
JUDGES = {"digits": "digits-v1", "fashion-mnist": "fashion-mnist-v1"}  # source -> its shipped judge
WIDTHS, STRIDES = (16, 32, 64, 96), (1, 2, 2, 1)
MAKE = "train one with `inkbloom judge SOURCE`"
PLAIN = Recipe()  # images as they are
WEAK = 0.8  # accuracy below which a judge's distances are not to be believed
BATCH_PIXELS = 400_000  # looked at in one go, which bounds the memory whatever the size of the images


class JudgeNet(nn.Module):
    """Four 3x3 convolutions with batch norm, two of them halving the image, then `d` features and a linear classifier.

    `net(x: (N, C, H, W) in [0, 1]) -> (features (N, d), logits (N, K))`; H and W must be at least 8. 134,906 parameters for
    one channel, ten classes and d = 64.
    """

    def __init__(self, channels: int, classes: int, d: int = 64) -> None:
        super().__init__()
        self.channels, self.d, self.frozen = channels, d, False
        shapes = zip((channels, *WIDTHS), WIDTHS, STRIDES, strict=False)
        self.body = nn.Sequential(*(_block(before, after, stride) for before, after, stride in shapes))
        self.inner = nn.Linear(WIDTHS[-1] * 9, d)
        self.outer = nn.Linear(d, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.adaptive_avg_pool2d(self.body(x), 3)
        features = F.silu(self.inner(h.flatten(1)))
        return features, self.outer(features)

    def freeze(self) -> JudgeNet:
        """From here on in eval mode, whatever a module around it is told, and without gradients."""
        self.frozen = True
        return self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> JudgeNet:
        """Training mode, unless the network is frozen."""
        return super().train(mode and not self.frozen)


def _block(before: int, after: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.SiLU())


class Seen(NamedTuple):
    """What a judge makes of N images: features (N, d) and class probabilities (N, K), float32."""

    features: Tensor
    probabilities: Tensor


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained judge and what its figures depend on.

    sha256: of the weights file. layer, d: where the features come from, and how many there are. size: (height, width) of the
    images that it was trained on, from `source`. accuracy: share of the hold-out images that it names rightly, in [0, 1].
    """

    name: str
    sha256: str
    layer: str
    d: int
    classes: tuple[str, ...]
    size: tuple[int, int]
    channels: int
    source: str
    accuracy: float
    net: JudgeNet

    def __repr__(self) -> str:
        known = f"tells {len(self.classes)} classes of {shown(self.source)} apart, {self.accuracy:.1%} of the hold-out rightly"
        return f"Judge({self.name!r}: {known})"

    @torch.no_grad()
    def look(self, images: Tensor) -> Seen:
        """Features and probabilities of uint8 images (N, C, H, W).

        Raises UsageError for another size or other channels, CheckpointError where what it sees is not finite.
        """
        shape = (self.channels, *self.size)
        if images.dtype != torch.uint8 or images.ndim != 4 or tuple(images.shape[1:]) != shape:
            given = f"{str(images.dtype).removeprefix('torch.')} images of {tuple(images.shape[1:])}"
            raise UsageError(f"{given} (judge {self.name}): it looks at uint8 images of {shape}; train one for this source")
        pairs = [self.net(batch.float() / 255) for batch in images.split(max(1, BATCH_PIXELS // images[0].numel()))]
        features, logits = (torch.cat(part) for part in zip(*pairs, strict=True))
        if not tensors.all_finite(features, logits):
            raise CheckpointError(
                f"the judge answers with numbers that are not finite ({shown(self.name)}): give another --judge"
            )
        return Seen(features, logits.softmax(1))


def judge_for(source: str) -> str | None:
    """The name of the shipped judge of a source, or None: train one then, with `inkbloom judge`."""
    return JUDGES.get(source)


def choose_judge(name: str | Path | None, data: Data, recipe: Recipe = PLAIN) -> tuple[Judge | None, str]:
    """The judge asked for, or the one shipped for the source; without one, a line that says so and how to train one.

    recipe: says how the images were read. Raises UsageError for an unknown name, CheckpointError for a file that is no
    intact judge.
    """
    name = None if name is None else str(name)
    wanted = name or judge_for(data.source)
    if wanted == "none":
        return None, ""
    if wanted:
        judge = load_judge(wanted)
        if name or (judge.channels, judge.size) == (data.channels, data.size):
            return judge, doubts(judge, data)
        why = f"no judge: that of {data.source} looks at images of another size"
    elif data.labels is None:
        return None, f"no judge: {data.source} has no labels to train one on, so only what needs none is shown"
    else:
        why = f"no judge for {shown(data.source)}"
    return None, f"{why}: train one with `{training_of(data.source, recipe)}`, then add --judge judge.safetensors"


def training_of(source: str, recipe: Recipe = PLAIN) -> str:
    """What to write to train a judge of a source; for arrays, in Python."""
    if source.startswith(OWN):
        return "inkbloom.judge(images)"
    words = [source, *(["--size", recipe.size] if recipe.size else []), *(["--skip-broken"] if recipe.skip_broken else [])]
    words += [] if recipe.background == "auto" else ["--background", recipe.background]
    return f"inkbloom judge {shlex.join(words)} --out judge.safetensors"


def doubts(judge: Judge, data: Data) -> str:
    """Why the distances of this judge may say little, in one line; '' where nothing speaks against them."""
    if judge.accuracy < max(WEAK, 2 / len(judge.classes)):
        share = f"{judge.accuracy:.0%} of the real images that it was tried on"
        better = "train a better one, for more --epochs and into another --out"
        return f"warning: the judge '{shown(judge.name)}' names only {share} rightly, so its distances say little: {better}"
    if judge.source != data.source:
        return f"note: the judge '{shown(judge.name)}' was trained on {shown(judge.source)}, not on {shown(data.source)}"
    return ""


def shipped() -> dict[str, dict[str, Any]]:
    """name -> sha256, source, d, accuracy, seed and command of every shipped judge."""
    table: dict[str, dict[str, Any]] = json.loads((files("inkbloom.evaluation") / "judges" / "judges.json").read_bytes())
    return table


def load_judge(name_or_path: str) -> Judge:
    """A shipped judge by its name, or the one in a .safetensors file, whose stem is its name then.

    Raises UsageError for an unknown name; CheckpointError for a file that is missing, damaged or no judge, and for one
    with the name of a shipped one whose SHA-256 is not the recorded one.
    """
    table = shipped()
    if name_or_path in table:
        data = (files("inkbloom.evaluation") / "judges" / f"{name_or_path}.safetensors").read_bytes()
        return unpack(data, name_or_path, table[name_or_path]["sha256"])
    path = Path(name_or_path)
    if path.suffix != ".safetensors":
        raise unknown("judge", name_or_path, [*table, "FILE.safetensors"])
    try:
        return unpack(path.read_bytes(), path.stem, table.get(path.stem, {}).get("sha256"))
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise CheckpointError(f"cannot read the judge ({shown(path)}): {why}; check the path") from None


def pack(net: JudgeNet, *, source: str, classes: tuple[str, ...], size: tuple[int, int], accuracy: float, seed: int) -> bytes:
    """A judge as a safetensors file that says in its metadata what it is."""
    about = {
        "format": FORMAT,
        "kind": "judge",
        "layer": "penultimate",
        "d": net.d,
        "source": source,
        "classes": classes,
        "size": size,
        "channels": net.channels,
        "accuracy": accuracy,
        "seed": seed,
    }
    return tensors.pack(net.state_dict(), about)


def unpack(data: bytes, name: str, sha256: str | None = None) -> Judge:
    """The judge in a file that `pack` made; `sha256` is what the file's should be. Raises CheckpointError."""
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        mend = "install inkbloom again, or rename your own"
        raise CheckpointError(f"judge changed since it was shipped ({shown(name)}, SHA-256 {found[:12]}): {mend}")
    try:
        weights, about = tensors.unpack(data)
        kind = about["kind"]
    except (ValueError, KeyError):
        raise CheckpointError(f"not a judge, or a damaged one ({shown(name)}): {MAKE}") from None
    if kind != "judge" or about.get("format") != FORMAT:
        what = "weights of a model" if "recipe" in about else f"no judge of format {FORMAT}"
        raise CheckpointError(f"{what}, where a judge is needed ({shown(name)}): {MAKE}")
    try:
        return _judge(about, weights, name, found)
    except (ValueError, KeyError, TypeError, OverflowError, RuntimeError):
        raise CheckpointError(f"damaged judge ({shown(name)}): restore it from a copy, or {MAKE}") from None


def _judge(about: dict[str, Any], weights: dict[str, Tensor], name: str, sha256: str) -> Judge:
    classes = tuple(str(word) for word in about["classes"])
    height, width = (int(n) for n in about["size"])
    channels, d = int(about["channels"]), int(about["d"])
    if channels not in (1, 3) or not (1 <= d <= 4096 and 2 <= len(classes) <= 10_000 and min(height, width) >= 8):
        raise ValueError("a judge of an odd shape")
    if tensors.first_not_finite(weights) or not 0 <= float(about["accuracy"]) <= 1:
        raise ValueError("weights or an accuracy that are no numbers")
    with torch.random.fork_rng(devices=[]):
        net = JudgeNet(channels, len(classes), d)
    net.load_state_dict(weights)
    source, accuracy = str(about["source"]), float(about["accuracy"])
    return Judge(name, sha256, str(about["layer"]), d, classes, (height, width), channels, source, accuracy, net.freeze())
