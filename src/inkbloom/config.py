"""The recipe: everything that decides a training run, as one flat table of plain values.

A recipe is a TOML file with the fields below; the same fields are the flags of `inkbloom train` and the keyword arguments
of `inkbloom.train`. This file imports nothing heavy, so that `--help` answers at once; the registries named by its
`Literal` types live beside the code that they list.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, replace
from itertools import pairwise
from typing import Any, Literal, get_args, get_type_hints

from .errors import OWN, UsageError, own_name, plain, shown, unknown
from .given import size_text, typed, written

FamilyName = Literal["diffusion", "vae", "gan"]
NetName = Literal["basic", "unet2d", "ink"]
UpsamplerName = Literal["auto", "transposed", "resize"]
PathName = Literal["lerp", "cosine", "vp"]
TargetName = Literal["x0", "eps", "v"]
LossName = Literal["auto", "squared", "pseudo_huber"]
NoiseName = Literal["uniform", "gaussian"]
TimesName = Literal["uniform", "logit_normal"]
SolverName = Literal["euler", "heun", "dpmpp_2m", "ancestral"]
SpacingName = Literal["uniform", "shifted", "logsnr"]
OptimizerName = Literal["adam", "adamw", "muon"]
ScheduleName = Literal["constant", "linear", "cosine"]
PrecisionName = Literal["auto", "fp32", "bf16"]
CompileName = Literal["auto", "on", "off"]
PixelRange = Literal["0..1", "-1..1"]
SplitName = Literal["train", "all"]
AugmentName = Literal["mirror", "shift", "turn", "zoom", "colour"]
ExportName = Literal["diffusers", "onnx", "torch", "page"]


def _f(default: Any, help: str, *families: FamilyName, within: tuple[float, float] | None = None) -> Any:
    """A field of a recipe. `families`: those that heed it, none named: all. `within`: the range of its values."""
    return field(default=default, metadata={"help": help, "families": families or get_args(FamilyName), "within": within})


@dataclass(frozen=True, repr=False)
class Recipe:
    """One training run. The defaults are sensible for small images; a recipe file states what it changes."""

    about: str = _f("", "one line for `inkbloom recipes`")
    family: FamilyName = _f("diffusion", "what is trained")

    # data
    data: str = _f(
        "digits", "source: a name such as digits, the path of a folder or file of images, or hf:NAME for a set of the hub"
    )
    split: SplitName = _f("train", "train keeps hold-out and reference images unseen; all trains on everything")
    size: str = _f("", "bring images to N or HxW pixels (centre crop, resize); empty: as they are")
    pixels: PixelRange = _f("-1..1", "range of the pixel values that the network sees")
    flip: bool = _f(False, "mirror each image left-right with probability 1/2")
    augment: float = _f(
        0.0,
        "probability of each small change in augment_with; the network is told of them and does not draw them",
        "diffusion",
        within=(0, 1),
    )
    augment_with: tuple[AugmentName, ...] = _f(
        get_args(AugmentName), "the small changes that augment makes to images; colour: to colour images only", "diffusion"
    )
    skip_broken: bool = _f(False, "leave out files that cannot be read instead of stopping")
    background: str = _f("auto", "what shows through transparent pictures: white, black, #rrggbb; auto: decided by looking")

    # network
    net: NetName = _f("ink", "the network", "diffusion")
    widths: tuple[int, ...] = _f((), "channels of each level; empty: the network's own", within=(1, 4096))
    layers: int = _f(0, "blocks in each level; 0: the network's own", "diffusion", within=(0, 64))
    kernel: int = _f(3, "ink: side of its square kernels, odd", "diffusion", within=(1, 15))
    upsampler: UpsamplerName = _f(
        "auto", "how ink, vae and gan double the size: transposed convolution, or resize and convolve; auto: the network's own"
    )
    timed: bool = _f(True, "tell the network the noise level (off: it always gets t = 0)", "diffusion")
    labels: bool = _f(True, "condition on the class labels where the source has them")

    # diffusion
    path: PathName = _f("lerp", "how signal and noise mix along t", "diffusion")
    target: TargetName = _f("x0", "what the network predicts", "diffusion")
    loss_on: TargetName = _f("x0", "where the error is taken", "diffusion")
    loss: LossName = _f("auto", "how errors are counted; auto: squared, with a teacher pseudo_huber", "diffusion")
    loss_cap: float = _f(
        400.0,
        "largest weight that taking the loss on another target than the network's may give an image",
        "diffusion",
        within=(1e-6, 1e12),
    )
    noise: NoiseName = _f("gaussian", "kind of noise", "diffusion")
    times: TimesName = _f("uniform", "how noise levels are drawn in training", "diffusion")
    t_mean: float = _f(0.0, "logit_normal: mean of logit(t)", "diffusion", within=(-100, 100))
    t_std: float = _f(1.0, "logit_normal: standard deviation of logit(t)", "diffusion", within=(1e-6, 100))
    label_drop: float = _f(0.1, "share of labels hidden in training, for classifier-free guidance", "diffusion", within=(0, 1))
    clusters: int = _f(
        0, "split each class, or all images without labels, into so many clusters, and condition on them", "diffusion",
        within=(0, 1000),
    )  # fmt: skip
    train_guidance: float = _f(
        1.0, "guidance that training builds into the network; sampling needs none then", "diffusion", within=(1, 100)
    )
    teacher: str = _f("", "run, weights file or `pretrained`: learn to take several of its solver's steps in one", "diffusion")
    teacher_steps: int = _f(3, "steps of the teacher that one step stands for", "diffusion", within=(1, 100))

    # vae, gan
    latent: int = _f(16, "vae, gan: numbers that a picture is drawn from", "vae", "gan", within=(1, 4096))
    kl: float = _f(1.0, "vae: weight of the divergence from the prior (beta)", "vae", within=(0, 1e6))
    penalty: float = _f(1.0, "gan: weight of the gradient penalty on real images (R1)", "gan", within=(0, 1e6))

    # training
    steps: int | None = _f(None, "optimizer steps", within=(1, 10**9))
    epochs: int | None = _f(None, "passes over the data, instead of steps", within=(1, 10**6))
    init: str = _f("", "run, weights file or `pretrained` to take the first weights from, as far as they fit")
    stretches: tuple[int, ...] = _f(
        (), "steps after which the schedule begins anew; a finished run that is trained on notes them here", within=(1, 10**9)
    )
    batch_size: int = _f(64, "images in a step, over all processes", within=(1, 2**20))
    short_batches: bool = _f(False, "end each epoch with its short last batch (off: epochs run into each other)")
    optimizer: OptimizerName = _f("adamw", "optimizer")
    lr: float = _f(2e-3, "peak learning rate", within=(0, 1e3))
    betas: tuple[float, ...] = _f((0.9, 0.999), "adam, adamw: decays of the averages of the gradient and of its square")
    weight_decay: float = _f(0.0, "decoupled weight decay (adamw, muon)", within=(0, 1e3))
    warmup: float = _f(0.0, "share of the steps over which the learning rate rises from 0", within=(0, 1))
    schedule: ScheduleName = _f("cosine", "fall of the learning rate to 0 after the warm-up")
    clip: float = _f(0.0, "largest gradient norm; 0: no clipping", within=(0, 1e9))
    ema: float = _f(0.0, "length of the average of the weights, as a share of the steps; 0: none", within=(0, 1))
    seed: int = _f(0, "seed of everything random", within=(0, 2**32 - 1))
    precision: PrecisionName = _f("auto", "auto: bf16 where a probe shows it faster, else fp32")
    compile: CompileName = _f("auto", "torch.compile; auto: where a C++ compiler is installed")

    # along the way
    checkpoint_every: int = _f(500, "steps between checkpoints; the end is always saved", within=(1, 10**9))
    preview_every: int = _f(0, "steps between previews; 0: only at the end", within=(0, 10**9))
    holdout_every: int = _f(0, "steps between hold-out losses; 0: only at the end", "diffusion", within=(0, 10**9))

    # sampling
    sample_steps: int = _f(40, "solver steps", "diffusion", within=(1, 10_000))
    solver: SolverName = _f("euler", "how to walk from noise to image", "diffusion")
    spacing: SpacingName = _f("uniform", "where the steps lie between t = 1 and t = 0", "diffusion")
    sample_times: tuple[float, ...] = _f(
        (), "noise levels to step from, falling from 1, one a step; empty: by spacing", "diffusion"
    )
    clip_x0: bool = _f(False, "hold every prediction of the image within the pixel range", "diffusion")
    guidance: float = _f(1.0, "0 ignores the class, 1 is plain, above 1 is guided", "diffusion", within=(0, 100))

    def resolved(self, **changes: Any) -> Recipe:
        """A checked copy with some fields changed. Raises UsageError for an unknown field or a value that does not fit."""
        if changes.get("steps") is not None and "epochs" not in changes:
            changes["epochs"] = None
        elif changes.get("epochs") is not None and "steps" not in changes:
            changes["steps"] = None
        for name in changes:
            if name not in HINTS:
                raise unknown("recipe field", name, HINTS)
        recipe = replace(self, **changes)
        check(recipe)
        if "about" not in changes and any(getattr(self, f.name) != getattr(recipe, f.name) for f in deciding()):
            recipe = replace(recipe, about="")  # it was said of the other recipe
        return recipe

    def __post_init__(self) -> None:
        for name in HINTS:
            object.__setattr__(self, name, typed(name, getattr(self, name), HINTS[name], name in OWN_FIELDS))

    def __repr__(self) -> str:
        length = f"{self.steps:,} steps" if self.steps else f"{self.epochs} epochs"
        net = f", net {self.net}" if self.family == "diffusion" else ""
        return f"Recipe({self.family} of {shown(self.data, 60)}{net}, {length} of {self.batch_size} images)"

    def __str__(self) -> str:
        return dump_recipe(self).rstrip()


HINTS: dict[str, Any] = get_type_hints(Recipe)
BESIDE = ("about", "skip_broken", "checkpoint_every", "preview_every", "holdout_every")
"""Fields that a run may change on the way: they do not touch its weights."""
OWN_FIELDS = ("net", "path", "target", "loss_on", "loss", "noise", "times", "solver", "spacing")
"""Fields whose names stand for a network or a function: in Python an object of one's own may stand there instead."""


def named(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the changes with 'own:NAME' in the place of each object of one's own, those objects by their field)."""
    own = {name: value for name, value in changes.items() if name in OWN_FIELDS and callable(value)}
    return {**changes, **{name: OWN + own_name(value) for name, value in own.items()}}, own


def heeded(family: str) -> list[Field[Any]]:
    """The fields of a recipe that mean something to a family, in their order."""
    return [f for f in fields(Recipe) if family in f.metadata["families"]]


def deciding() -> list[Field[Any]]:
    """The fields of a recipe that decide what a training leads to, in their order; chance and speed do not."""
    incidental = {*BESIDE, "seed", "precision", "compile"}
    return [f for f in fields(Recipe) if f.name not in incidental]


def check(recipe: Recipe) -> None:
    """Raises UsageError where a value is out of its range or two settings do not go together."""
    for mistakes in (_out_of_range, _of_other_families, _at_odds):
        if first := next(mistakes(recipe), None):
            raise UsageError(first)
    parse_size(recipe.size)
    parse_background(recipe.background)
    check_sampling(recipe.noise, recipe.solver, recipe.spacing)


def _out_of_range(recipe: Recipe) -> Iterator[str]:
    """Values that a field cannot take, whatever the others say."""
    for f in fields(Recipe):
        value = getattr(recipe, f.name)
        if f.metadata["within"] is None or value is None:
            continue
        low, high = f.metadata["within"]
        items = value if isinstance(value, tuple) else (value,)
        if not all(low <= item <= high for item in items):  # NaN lies nowhere
            told, must = (list(value), "each must") if isinstance(value, tuple) else (value, "must")
            yield f"{f.name} = {written(told)}: {must} lie in [{plain(low, 10)}, {plain(high, 10)}]"
    if len(recipe.betas) != 2 or not all(0 <= beta < 1 for beta in recipe.betas):
        yield f"betas = {written(list(recipe.betas))}: needs two numbers in [0, 1), as in [0.9, 0.999]"
    times = recipe.sample_times
    if times and not (times[0] == 1 and times[-1] > 0 and all(late < early for early, late in pairwise(times))):
        yield f"sample_times = {written(list(times))}: must fall from 1 and stay above 0, as in [1, 0.6, 0.3]"
    if not recipe.kernel % 2:
        yield f"kernel = {recipe.kernel}: must be odd, so that it has a middle; nearest: {recipe.kernel + 1}"


def _of_other_families(recipe: Recipe) -> Iterator[str]:
    """Fields that say something where the recipe's family does not listen."""
    for f in fields(Recipe):
        families, value = f.metadata["families"], getattr(recipe, f.name)
        if recipe.family not in families and value != f.default:
            told = f"{f.name} = {written(value)} with family {recipe.family}"
            yield f"{told}: for {' and '.join(families)} only; leave it out"


def _at_odds(recipe: Recipe) -> Iterator[str]:
    """Settings that do not go together."""
    times = recipe.sample_times
    if recipe.steps is recipe.epochs is None:
        yield "a recipe needs either steps or epochs: set --steps N"
    if recipe.steps is not None and recipe.epochs is not None:
        yield f"steps = {recipe.steps} and epochs = {recipe.epochs}: both say how long to train; give one of them"
    ends = (*recipe.stretches, recipe.steps) if recipe.steps else recipe.stretches
    if any(late <= early for early, late in pairwise(ends)):
        below = f", and end below steps = {recipe.steps}" if recipe.steps else ""
        yield f"stretches = {written(list(recipe.stretches))}: must rise{below}"
    if recipe.init and recipe.teacher:
        yield "init with a teacher: a student begins with its teacher's weights; leave out --init"
    if times and len(times) != recipe.sample_steps:
        yield f"sample_times holds {len(times)} levels for {recipe.sample_steps} steps: set sample_steps alike"
    for name, changed in (("kernel", recipe.kernel != 3), ("upsampler", recipe.upsampler != "auto")):
        if changed and recipe.family == "diffusion" and recipe.net != "ink":
            yield f"{name} with net {recipe.net}: its layers are as they are; leave out --{name}, or use --net ink"
    if recipe.augment and recipe.net in ("basic", "unet2d"):
        yield (
            f"augment with net {recipe.net}: it cannot be told what was done to an image, and would draw such pictures; "
            "use --net ink or --augment 0"
        )
    if recipe.augment and recipe.teacher:
        yield "augment with a teacher: a student sees no images, only what its teacher draws; set --augment 0"
    if recipe.augment and not recipe.augment_with:
        yield f"augment = {recipe.augment:g} with an empty augment_with: name what to do, as in --augment-with mirror shift"
    if recipe.noise == "uniform" and recipe.path != "lerp":
        yield (
            f"uniform noise with path {recipe.path}: only lerp is a mixture of image and noise that ends at the noise itself; "
            "use --path lerp or --noise gaussian"
        )
    if recipe.noise == "uniform" and recipe.times == "logit_normal":
        yield (
            "logit_normal times with uniform noise: they follow the signal-to-noise ratio, which does not rule uniform noise; "
            "use --times uniform or --noise gaussian"
        )
    if recipe.train_guidance > 1 and not recipe.label_drop:
        yield "train_guidance with label_drop 0: it needs a network that can do without; set --label-drop 0.1"
    if recipe.teacher and (recipe.solver != "euler" or recipe.spacing == "logsnr" or times or recipe.guidance != 1):
        yield (
            "a teacher's steps are joined evenly and for Euler: set --solver euler --spacing shifted (or uniform), leave out "
            "--sample-times, and build guidance in by --train-guidance instead of --guidance"
        )


def idle(recipe: Recipe) -> Iterator[str]:
    """What was set and is not heeded, as the field that it belongs to stands at its default, a line each."""
    for name, owner, mend in (("augment_with", "augment", "0.15"), ("teacher_steps", "teacher", "RUN")):
        field = next(f for f in fields(Recipe) if f.name == name)
        if getattr(recipe, name) != field.default and not getattr(recipe, owner):
            flags = [f"--{each.replace('_', '-')}" for each in (name, owner)]
            yield f"{flags[0]} does nothing without {flags[1]}: add {flags[1]} {mend}"


def check_sampling(noise: str, solver: str, spacing: str) -> None:
    """Raises UsageError for a solver or a spacing that makes sense for Gaussian noise only."""
    if noise == "uniform" and solver == "ancestral":
        raise UsageError(
            "ancestral with uniform noise: adding fresh noise keeps the distribution of a Gaussian only; "
            "use --solver euler or a model trained with gaussian noise"
        )
    if noise == "uniform" and spacing == "logsnr":
        raise UsageError(
            "logsnr spacing with uniform noise: the signal-to-noise ratio does not rule it; use --spacing shifted or uniform"
        )


def parse_size(size: Any) -> tuple[int, int] | None:
    """'' or None -> None; 32 or '32' -> (32, 32); '45x60' or (45, 60) -> (45, 60) as height x width. Raises UsageError."""
    text = "" if size is None else size_text(size)
    if not text:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise UsageError(f"size = '{shown(text)}': write N or HxW, as in 32 or 45x60")
    height, width = (int(parts[0]), int(parts[-1]))
    if not (8 <= height <= 1024 and 8 <= width <= 1024):
        raise UsageError(f"size = '{text}': height and width must lie in [8, 1024]")
    return height, width


def parse_background(text: Any) -> tuple[int, int, int] | None:
    """'white', 'black' or '#rrggbb' -> (red, green, blue) from 0 to 255; 'auto' -> None. Raises UsageError."""
    colour = {"white": "ffffff", "black": "000000"}.get(text, str(text).removeprefix("#"))
    if text == "auto":
        return None
    if not re.fullmatch("[0-9a-fA-F]{6}", colour):
        raise UsageError(f"background = {written(text)}: write auto, white, black or '#rrggbb', as in '#ffcc00'")
    return int(colour[:2], 16), int(colour[2:4], 16), int(colour[4:], 16)


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML, every field that is set and means something; `parse_recipe` reads it back to an equal recipe."""
    lines = []
    for f in heeded(recipe.family):
        if (value := getattr(recipe, f.name)) is not None:
            # JSON strings, numbers, booleans and lists are TOML too, but for the DEL character
            lines.append(f"{f.name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007F"))
    return "\n".join(lines) + "\n"


def differences(old: Recipe, new: Recipe) -> list[str]:
    """'field: old -> new' for each field that decides the result and differs in what it means, not in how it is written."""
    old, new = _spelled_out(old), _spelled_out(new)
    return [
        f"{f.name}: {getattr(old, f.name)} -> {getattr(new, f.name)}"
        for f in fields(Recipe)
        if f.name not in BESIDE and _meaning(old, f.name) != _meaning(new, f.name)
    ]


def _spelled_out(recipe: Recipe) -> Recipe:
    """The recipe with what `auto` means in the place of `auto`, where the recipe alone decides it."""
    usual: dict[str, Any] = {
        "upsampler": "resize" if recipe.family == "diffusion" else "transposed",
        "loss": "pseudo_huber" if recipe.teacher else "squared",
    }
    return replace(recipe, **{name: value for name, value in usual.items() if getattr(recipe, name) == "auto"})


def _meaning(recipe: Recipe, name: str) -> Any:
    """A field's value, however written; of a source its kind alone: a run that goes on compares the images themselves."""
    value = getattr(recipe, name)
    if name == "data":
        return value.partition(":")[0]
    if name in ("teacher", "init") and value:
        return os.path.realpath(os.path.expanduser(value))
    return parse_size(value) if name == "size" else parse_background(value) if name == "background" else value
