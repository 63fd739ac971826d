"""What a model is made for: its recipe, the shape of its images, its class names; and which function each name stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..config import OWN_FIELDS, Recipe
from ..diffusion import LOSSES, NOISES, PATHS, TARGETS, TIMES
from ..errors import OWN, UsageError, entry, unknown
from ..nets import NETS
from ..solvers import SOLVERS, SPACINGS

REGISTRIES: dict[str, Mapping[str, Any]] = {  # field of the recipe -> where its names are looked up
    "net": NETS,
    "path": PATHS,
    "target": TARGETS,
    "loss_on": TARGETS,
    "loss": LOSSES,
    "noise": NOISES,
    "times": TIMES,
    "solver": SOLVERS,
    "spacing": SPACINGS,
}
Shape = tuple[int, int, int]


@dataclass(frozen=True, repr=False)
class Spec:
    """A recipe and the data that it is for. `size`: (height, width); `classes`: the names, none where no labels are used.

    own: objects of one's own by the field of the recipe that they stand in for; there the recipe holds 'own:NAME'.
    untrained: the numbers of the classes that had no training image; they are never drawn.
    """

    recipe: Recipe
    channels: int
    size: tuple[int, int]
    classes: tuple[str, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict, compare=False)
    untrained: tuple[int, ...] = ()

    @property
    def shape(self) -> Shape:
        """(C, H, W) of the images."""
        return self.channels, *self.size

    @property
    def num_classes(self) -> int:
        """How many classes, 0 for none."""
        return len(self.classes)

    def __repr__(self) -> str:
        height, width = self.size
        return f"Spec({self.recipe!r}, {width} x {height} x {self.channels}, {len(self.classes):,} classes)"

    def given(self, name: str) -> Any:
        """What the recipe's field `name` holds, or the object of one's own that it stands for. Raises UsageError."""
        value = getattr(self.recipe, name)
        if name in self.own:
            return self.own[name]
        if value.startswith(OWN):
            raise UsageError(f"{name} '{value.removeprefix(OWN)}' is not part of inkbloom: give it in Python, as in {name}=...")
        return value

    def part(self, name: str) -> Any:
        """What the recipe's field `name` stands for: an entry of its registry, or an object of one's own. Raises UsageError."""
        return entry(name, self.given(name), REGISTRIES[name])

    def check_own(self, needed: tuple[str, ...] = OWN_FIELDS) -> None:
        """Raises UsageError where the recipe names an object of one's own that is needed and not given, or where one is given
        that the recipe does not name."""
        for name in self.own:
            if name not in OWN_FIELDS:
                raise unknown("part of a model", name, OWN_FIELDS)
            if not (value := getattr(self.recipe, name)).startswith(OWN):
                raise UsageError(f"{name}=... for a model with inkbloom's own {name} '{value}': leave it out")
        for name in needed:
            self.given(name)
