"""The recipe: everything that decides a training run, as one flat table of plain values.

A recipe is a TOML file with the fields below; the same fields are the flags of `inkbloom train` and the keyword arguments
of `inkbloom.train`. This file imports nothing heavy, so that `--help` answers at once; the registries named by its
`Literal` types live beside the code that they list.
"""

from __future__ import annotations

import json
import tomllib
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields, replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import UsageError, brief, shown, unknown

FamilyName = Literal["diffusion", "vae", "gan"]
NetName = Literal["basic", "unet2d", "ink"]
UpsamplerName = Literal["transposed", "resize"]
PathName = Literal["lerp", "cosine", "vp"]
TargetName = Literal["x0", "eps", "v"]
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


def _f(default: Any, help: str, *families: FamilyName) -> Any:
    """A field of a recipe; `families` are those that heed it, none named: all."""
    return field(default=default, metadata={"help": help, "families": families or get_args(FamilyName)})


@dataclass(frozen=True)
class Recipe:
    """One training run. The defaults are sensible for small images; a recipe file states what it changes."""

    about: str = _f("", "one line for `inkbloom recipes`")
    family: FamilyName = _f("diffusion", "what is trained")

    # data
    data: str = _f("digits", "source: digits, fashion-mnist, idx:PATH, npz:PATH, folder:PATH")
    split: SplitName = _f("train", "train keeps hold-out and reference images unseen; all trains on everything")
    size: str = _f("", "bring images to N or HxW pixels (centre crop, resize); empty: as they are")
    pixels: PixelRange = _f("-1..1", "range of the pixel values that the network sees")
    flip: bool = _f(False, "mirror each image left-right with probability 1/2")
    skip_broken: bool = _f(False, "leave out files that cannot be read instead of stopping")

    # network
    net: NetName = _f("ink", "the network", "diffusion")
    widths: tuple[int, ...] = _f((), "channels of each level; empty: the network's own")
    layers: int = _f(0, "blocks in each level; 0: the network's own", "diffusion")
    kernel: int = _f(3, "ink: side of its square kernels, odd", "diffusion")
    transposed: bool = _f(
        False, "ink: double the size by transposed convolutions (off: nearest pixels, then a kernel)", "diffusion"
    )
    timed: bool = _f(True, "tell the network the noise level (off: it always gets t = 0)", "diffusion")
    labels: bool = _f(True, "condition on the class labels where the source has them")

    # diffusion
    path: PathName = _f("lerp", "how signal and noise mix along t", "diffusion")
    target: TargetName = _f("x0", "what the network predicts", "diffusion")
    loss_on: TargetName = _f("x0", "where the squared error is taken", "diffusion")
    loss_cap: float = _f(
        400.0, "largest weight that taking the loss on another target than the network's may give an image", "diffusion"
    )
    noise: NoiseName = _f("gaussian", "kind of noise", "diffusion")
    times: TimesName = _f("uniform", "how noise levels are drawn in training", "diffusion")
    t_mean: float = _f(0.0, "logit_normal: mean of logit(t)", "diffusion")
    t_std: float = _f(1.0, "logit_normal: standard deviation of logit(t)", "diffusion")
    label_drop: float = _f(0.1, "share of labels hidden in training, for classifier-free guidance", "diffusion")
    groups: int = _f(0, "split each class, or all images without labels, into so many groups, and tell them too", "diffusion")
    train_guidance: float = _f(1.0, "guidance that training builds into the network; sampling needs none then", "diffusion")
    teacher: str = _f("", "run, weights file or `pretrained`: learn to take several of its solver's steps in one", "diffusion")
    teacher_steps: int = _f(3, "steps of the teacher that one step stands for", "diffusion")

    # vae, gan
    latent: int = _f(16, "vae, gan: numbers that a picture is drawn from", "vae", "gan")
    upsampler: UpsamplerName = _f(
        "transposed", "vae, gan: how a layer doubles the size; resize: nearest, then 3x3", "vae", "gan"
    )
    kl: float = _f(1.0, "vae: weight of the divergence from the prior (beta)", "vae")
    penalty: float = _f(1.0, "gan: weight of the gradient penalty on real images (R1)", "gan")

    # training
    steps: int | None = _f(None, "optimizer steps")
    epochs: int | None = _f(None, "passes over the data, instead of steps")
    batch_size: int = _f(64, "images in a step, over all processes")
    short_batches: bool = _f(False, "end each epoch with its short last batch (off: epochs run into each other)")
    optimizer: OptimizerName = _f("adamw", "optimizer")
    lr: float = _f(2e-3, "peak learning rate")
    betas: tuple[float, ...] = _f((0.9, 0.999), "adam, adamw: decays of the averages of the gradient and of its square")
    weight_decay: float = _f(0.0, "decoupled weight decay (adamw, muon)")
    warmup: float = _f(0.0, "share of the steps over which the learning rate rises from 0")
    schedule: ScheduleName = _f("cosine", "fall of the learning rate to 0 after the warm-up")
    clip: float = _f(0.0, "largest gradient norm; 0: no clipping")
    ema: float = _f(0.0, "length of the average of the weights, as a share of the steps; 0: none")
    seed: int = _f(0, "seed of everything random")
    precision: PrecisionName = _f("auto", "auto: bf16 where a probe shows it faster, else fp32")
    compile: CompileName = _f("auto", "torch.compile; auto: where a C++ compiler stands")

    # along the way
    checkpoint_every: int = _f(500, "steps between checkpoints; the end is always saved")
    preview_every: int = _f(0, "steps between previews; 0: only at the end")
    holdout_every: int = _f(0, "steps between hold-out losses; 0: only at the end", "diffusion")

    # sampling
    sample_steps: int = _f(40, "solver steps", "diffusion")
    solver: SolverName = _f("euler", "how to walk from noise to image", "diffusion")
    spacing: SpacingName = _f("uniform", "where the steps lie between t = 1 and t = 0", "diffusion")
    sample_times: tuple[float, ...] = _f(
        (), "noise levels to step from, falling from 1, one a step; empty: by spacing", "diffusion"
    )
    clip_x0: bool = _f(False, "hold every prediction of the image within the pixel range", "diffusion")
    guidance: float = _f(1.0, "0 ignores the class, 1 is plain, above 1 is guided", "diffusion")

    def resolved(self, **changes: Any) -> Recipe:
        """A checked copy with some fields changed. Raises UsageError for an unknown field or a value that does not fit."""
        if changes.get("steps") is not None and "epochs" not in changes:
            changes["epochs"] = None
        elif changes.get("epochs") is not None and "steps" not in changes:
            changes["steps"] = None
        typed = {name: _typed(name, value) for name, value in changes.items()}
        recipe = replace(self, **typed)
        check(recipe)
        return recipe


HINTS: dict[str, Any] = get_type_hints(Recipe)


def heeded(family: str) -> list[Field[Any]]:
    """The fields of a recipe that mean something to a family, in their order."""
    return [f for f in fields(Recipe) if family in f.metadata["families"]]


def _typed(name: str, value: Any) -> Any:
    """`value` as the type of field `name`, or UsageError. Ints pass for floats, lists for tuples; nothing else is bent."""
    if name not in HINTS:
        raise unknown("recipe field", name, HINTS)
    hint = HINTS[name]
    if get_origin(hint) is Literal:
        if value not in get_args(hint) or not isinstance(value, str):
            raise unknown(name, value if isinstance(value, str) else _written(value), get_args(hint))
        return value
    if hint == tuple[int, ...] and isinstance(value, list | tuple):
        value = tuple(value)
        good = all(type(item) is int for item in value)
    elif hint == tuple[float, ...] and isinstance(value, list | tuple):
        good = all(type(item) in (int, float) and abs(item) < 1e300 for item in value)
        value = tuple(float(item) for item in value) if good else value
    elif hint == int | None:
        good = value is None or type(value) is int
    elif hint is float:
        good = type(value) in (int, float)
        with suppress(OverflowError):  # a whole number beyond all floats stays one, and is out of range
            value = float(value) if good else value
    else:
        good = type(value) is hint
    if not good:
        lists = {tuple[int, ...]: "list of whole numbers", tuple[float, ...]: "list of numbers"}
        wanted = lists.get(hint) or getattr(hint, "__name__", "whole number")
        raise UsageError(f"{name} = {_written(value)}: needs a {wanted}")
    if hint is str and any("\ud800" <= letter <= "\udfff" for letter in value):  # how Python reads a name in another encoding
        raise UsageError(f"{name} = {_written(value)}: not UTF-8; rename the file")
    return value


def _written(value: Any) -> str:
    """The value as Python writes it, briefly."""
    try:
        return brief(repr(value))
    except ValueError:  # more digits than Python writes
        return f"{type(value).__name__} of thousands of digits"


_RANGES: dict[str, tuple[float, float]] = {
    "layers": (0, 64), "kernel": (1, 15), "loss_cap": (1e-6, 1e12), "t_mean": (-100, 100), "t_std": (1e-6, 100),
    "label_drop": (0, 1),
    "steps": (1, 10**9), "epochs": (1, 10**6), "batch_size": (1, 2**20), "lr": (0, 1e3), "weight_decay": (0, 1e3),
    "warmup": (0, 1), "clip": (0, 1e9), "ema": (0, 1), "seed": (0, 2**32 - 1), "checkpoint_every": (1, 10**9),
    "preview_every": (0, 10**9), "holdout_every": (0, 10**9), "sample_steps": (1, 10_000), "guidance": (0, 100),
    "groups": (0, 1000), "train_guidance": (1, 100), "teacher_steps": (1, 100), "latent": (1, 4096), "kl": (0, 1e6),
    "penalty": (0, 1e6),
}  # fmt: skip


def check(recipe: Recipe) -> None:
    """Raises UsageError where a value is out of its range or two settings do not go together."""
    for name, (low, high) in _RANGES.items():
        value = getattr(recipe, name)
        if value is not None and not low <= value <= high:  # NaN lies nowhere
            raise UsageError(f"{name} = {_written(value)}: must lie in [{low:.10g}, {high:.10g}]")
    if any(not 1 <= width <= 4096 for width in recipe.widths):
        raise UsageError(f"widths = {_written(list(recipe.widths))}: each must lie in [1, 4096]")
    if len(recipe.betas) != 2 or not all(0 <= beta < 1 for beta in recipe.betas):
        raise UsageError(f"betas = {_written(list(recipe.betas))}: needs two numbers in [0, 1), as in [0.9, 0.999]")
    times = recipe.sample_times
    if times and not (times[0] == 1 and times[-1] > 0 and all(late < early for early, late in pairwise(times))):
        raise UsageError(f"sample_times = {_written(list(times))}: must fall from 1 and stay above 0, as in [1, 0.6, 0.3]")
    if times and len(times) != recipe.sample_steps:
        raise UsageError(f"sample_times holds {len(times)} levels for {recipe.sample_steps} steps: set sample_steps alike")
    for f in fields(Recipe):
        families = f.metadata["families"]
        if recipe.family not in families and getattr(recipe, f.name) != f.default:
            value = _written(getattr(recipe, f.name))
            raise UsageError(f"{f.name} = {value} with family {recipe.family}: for {' and '.join(families)} only; leave it out")
    if not recipe.kernel % 2:
        raise UsageError(f"kernel = {recipe.kernel}: must be odd, so that it has a middle; nearest: {recipe.kernel + 1}")
    for name, other in (("kernel", recipe.kernel != 3), ("transposed", recipe.transposed)):
        if other and recipe.net != "ink":
            raise UsageError(f"{name} with net {recipe.net}: its layers are as they are; leave out --{name}, or use --net ink")
    parse_size(recipe.size)
    if (recipe.steps is None) == (recipe.epochs is None):
        raise UsageError("a recipe needs either steps or epochs: set --steps N")
    if recipe.noise == "uniform" and recipe.path != "lerp":
        raise UsageError(
            f"uniform noise with path {recipe.path}: only lerp is a mixture of image and noise that ends at the noise itself; "
            "use --path lerp or --noise gaussian"
        )
    if recipe.noise == "uniform" and recipe.times == "logit_normal":
        raise UsageError(
            "logit_normal times with uniform noise: they follow the signal-to-noise ratio, which does not rule uniform noise; "
            "use --times uniform or --noise gaussian"
        )
    if recipe.train_guidance > 1 and not recipe.label_drop:
        raise UsageError("train_guidance with label_drop 0: it needs a network that can do without; set --label-drop 0.1")
    if recipe.teacher and (recipe.solver != "euler" or recipe.spacing == "logsnr" or times or recipe.guidance != 1):
        raise UsageError(
            "a teacher's steps are joined evenly and for Euler: set --solver euler --spacing shifted (or uniform), leave out "
            "--sample-times, and build guidance in by --train-guidance instead of --guidance"
        )
    check_sampling(recipe.noise, recipe.solver, recipe.spacing)


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


def parse_size(text: str) -> tuple[int, int] | None:
    """'' -> None, '32' -> (32, 32), '45x60' -> (45, 60) as height x width. Raises UsageError."""
    if not text:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise UsageError(f"size = '{shown(text)}': write N or HxW, as in 32 or 45x60")
    height, width = (int(parts[0]), int(parts[-1]))
    if not (8 <= height <= 1024 and 8 <= width <= 1024):
        raise UsageError(f"size = '{text}': height and width must lie in [8, 1024]")
    return height, width


@cache
def recipe_names() -> tuple[str, ...]:
    """The names of the recipes that come with inkbloom."""
    folder = files("inkbloom") / "recipes"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_recipe(name: str) -> Recipe:
    """The recipe of that name, or the one in a file whose name ends in .toml. Raises UsageError."""
    if name.endswith(".toml"):
        try:
            text = Path(name).read_text(encoding="utf-8-sig")  # editors on Windows put a mark before the first letter
        except (OSError, ValueError) as problem:  # ValueError: not UTF-8, or no name that a file can have
            bytes_are_no_text = isinstance(problem, UnicodeDecodeError)
            why = "it is not UTF-8 text" if bytes_are_no_text else getattr(problem, "strerror", None) or brief(problem)
            raise UsageError(f"cannot read the recipe ({shown(name, 100)}): {why}") from None
    elif name in recipe_names():
        text = (files("inkbloom") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise unknown("recipe", name, recipe_names())
    return parse_recipe(text, name)


def parse_recipe(text: str, where: str) -> Recipe:
    """The recipe written in TOML `text`; `where` names it in errors. Raises UsageError."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:  # TOMLDecodeError is a ValueError; so is a number of too many digits
        raise UsageError(f"not a TOML file ({shown(where, 100)}): {brief(problem, 75)}") from None
    try:
        return Recipe().resolved(**table)
    except UsageError as problem:
        raise UsageError(f"{problem} ({shown(where, max(40, 197 - len(str(problem))))})") from None


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML, every field that is set and means something; `parse_recipe` reads it back to an equal recipe."""
    lines = []
    for f in heeded(recipe.family):
        if (value := getattr(recipe, f.name)) is not None:
            # JSON strings, numbers, booleans and lists are TOML too, but for the DEL character
            lines.append(f"{f.name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007F"))
    return "\n".join(lines) + "\n"


def differences(old: Recipe, new: Recipe) -> list[str]:
    """'field: old -> new' for each field that decides the result and differs."""
    free = {"about", "checkpoint_every", "preview_every", "holdout_every"}
    return [
        f"{f.name}: {getattr(old, f.name)} -> {getattr(new, f.name)}"
        for f in fields(Recipe)
        if f.name not in free and getattr(old, f.name) != getattr(new, f.name)
    ]
