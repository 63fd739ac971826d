"""What the environment says of a training: torchrun is heard, whatever else would sway one is left alone and told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # what it gives each process, all or none
MPI = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
SWAYING = ("ACCELERATE_", "FSDP_", "FP8_", "MEGATRON_LM_", "PARALLELISM_CONFIG_", "PMI_", "OMPI_", "MV2_", "FORK_LAUNCHED")
"""How the names of variables begin that accelerate takes settings from, which are the recipe's here."""
ASKING = (
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "ACCELERATE_MIXED_PRECISION", "ACCELERATE_DYNAMO_BACKEND",
    "ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP", "ACCELERATE_USE_MEGATRON_LM", "ACCELERATE_USE_PARALLELISM_CONFIG",
    "ACCELERATE_USE_SAGEMAKER", "ACCELERATE_USE_CPU", "ACCELERATE_TORCH_DEVICE", "ACCELERATE_CPU_AFFINITY",
)  # fmt: skip
COUNTS = ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", *MPI)  # 1 asks for nothing


class Place(NamedTuple):
    """The place of this process among those of a training; alone it is the first."""

    rank: int = 0
    local_rank: int = 0
    world: int = 1


def among_many() -> Place | None:
    """The place that torchrun gave this process; None for one that stands alone, or of which too little or nonsense is said."""
    if not all(os.environ.get(name) for name in TORCHRUN):
        return None
    try:
        place = Place(*(int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")))
    except ValueError:
        return None
    return place if 0 <= place.local_rank <= place.rank < place.world else None


def own_place() -> Place:
    """The place of this process."""
    return among_many() or Place()


def not_followed() -> str:
    """What the environment asks for and inkbloom does not do, in one line; '' where it asks for nothing."""
    names = [*ASKING, *MPI, *(() if among_many() else ("RANK", "LOCAL_RANK", "WORLD_SIZE"))]
    asked = [f"{name}={os.environ[name]}" for name in names if not _says_nothing(name, os.environ.get(name, ""))]
    if not asked:
        return ""
    return (
        f"not followed from the environment: {', '.join(asked)}; the recipe decides, and torchrun alone starts many processes"
    )


def _says_nothing(name: str, value: str) -> bool:
    return value.lower() in ("", "no", "none", "false", "0") or (name in COUNTS and value == "1")


@contextmanager
def unswayed() -> Iterator[None]:
    """Inside the `with` block the environment has none of the variables that would sway a training."""
    hidden = SWAYING if among_many() else (*SWAYING, *TORCHRUN)
    held = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(hidden)}
    try:
        yield
    finally:
        os.environ.update(held)
