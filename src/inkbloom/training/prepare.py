"""All that a training needs, put together once: the recipe settled, the images with their conditions, the state, the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from ..config import Recipe
from ..data import Data
from ..data.labels import untrained
from ..device import choose_compile, choose_precision
from ..errors import DataError
from ..families import Spec
from ..store.weights import NO_OWN
from .batches import Plan
from .processes import make_accelerator
from .state import State


@dataclass(frozen=True, eq=False)
class Training:
    """A training, ready to begin or to be resumed.

    train: the images to train on. conditions: (N,) what the network is conditioned on, or None. holdout: images that are
    never trained on, None where there are none.
    """

    state: State
    train: Data
    conditions: Tensor | None
    holdout: Data | None
    plan: Plan
    accelerator: Accelerator

    @property
    def recipe(self) -> Recipe:
        """The settled recipe."""
        return self.state.spec.recipe


def images_to_train_on(data: Data, recipe: Recipe) -> Data:
    """The slice of a source that the recipe trains on; a set without slices as a whole. Raises DataError where it is empty."""
    images = data.take(recipe.split) if data.slices else data
    if not len(images.images):
        raise DataError(f"no images to train on ({recipe.data}): the slice {recipe.split} is empty; use --split all")
    return images


def counted(recipe: Recipe, count: int) -> Recipe:
    """The recipe with its steps counted, for `count` images."""
    return replace(recipe, steps=recipe.steps or Plan.of(recipe, count).steps_in(recipe.epochs or 1), epochs=None)


def settled(recipe: Recipe, device: torch.device) -> tuple[Recipe, list[str]]:
    """The recipe with precision and compiling decided, and why, a line each."""
    precision, why_precision = choose_precision(recipe, device)
    compiled, why_compiled = choose_compile(recipe, device)
    recipe = recipe.resolved(precision=precision, compile="on" if compiled else "off")
    return recipe, [f"precision: {precision} ({why_precision})", f"compile: {recipe.compile} ({why_compiled})"]


def assemble(recipe: Recipe, data: Data, device: torch.device, own: Mapping[str, Any] = NO_OWN) -> Training:
    """The training of a settled recipe, with first weights; `session` resumes it, or gives a student its teacher's weights.

    Raises DataError, UsageError.
    """
    images = images_to_train_on(data, recipe)
    accelerator = make_accelerator(device, recipe.precision)
    classes = data.classes if recipe.labels else ()
    spec = Spec(recipe, data.channels, data.size, classes, own, untrained(classes, images.labels))
    spec.check_own()
    state = State(spec, accelerator.device)
    conditions = state.family.conditions_of(images.images, images.labels)
    unseen = data.take("holdout") if "holdout" in data.slices and recipe.split != "all" else None
    holdout = unseen if unseen is not None and len(unseen.images) else None
    return Training(state, images, conditions, holdout, Plan.of(recipe, len(images.images)), accelerator)


def prepare(recipe: Recipe, data: Data, device: torch.device, own: Mapping[str, Any] = NO_OWN) -> Training:
    """The same, whatever the recipe leaves open: steps, precision, compiling."""
    return assemble(settled(counted(recipe, len(images_to_train_on(data, recipe).images)), device)[0], data, device, own)
