"""The Python API's noun: a trained model, to sample from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from .config import parse_size
from .data import load_data
from .data.pixels import to_bytes, to_floats
from .device import best_device
from .errors import DataError, UsageError, shown, unknown
from .families import VAE, Latent
from .sampling import Order, drawn, order, starting_point, trajectory
from .store.folder import load_weights
from .store.log import number
from .store.log import read as read_log
from .store.pretrained import pretrained

if TYPE_CHECKING:
    from torch import Tensor


KINDS = ("ema", "live")


class Run:
    """A run's folder, or a single weights file, ready to sample; without a path the model that comes with inkbloom.

    `weights` is 'ema' (where there is one) or 'live'.
    Raises CheckpointError where there is no intact model, UsageError for other weights.
    """

    def __init__(self, path: str | Path | None = None, weights: str = "ema") -> None:
        if weights not in KINDS:
            raise unknown("weights", weights, KINDS)
        self.path = pretrained() if path is None else Path(path)
        self.family, self.spec, self.step = load_weights(self.path, weights)
        self.family.place(best_device())

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of its pictures."""
        return self.spec.channels, *self.spec.size

    def order(self, count: int = 16, **wishes: Any) -> Order:
        """A checked order; see `sampling.order` for what may be wished. Raises UsageError."""
        return order(self.family, count, **wishes)

    def sample(self, count: int = 16, **wishes: Any) -> NDArray[np.uint8]:
        """`count` pictures as uint8 (count, H, W, C). Wishes: seed, steps or nfe, solver, spacing, guidance, label or labels.

        With classes and no label, picture k is of class k mod K; with `labels`, a list, of the class that stands at k
        modulo its length. Raises UsageError.
        """
        return np.concatenate([pictures for pictures, _ in self.stream(self.order(count, **wishes))])

    def stream(self, wish: Order) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64] | None]]:
        """The pictures of an order in batches: (uint8 (B, H, W, C), their classes (B,) or None)."""
        for images, labels in drawn(self.family, self.shape, wish):
            yield images.permute(0, 2, 3, 1).numpy(), labels.numpy() if labels is not None else None

    def history(self, wish: Order) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Every step of an order, all in memory: inputs (steps + 1, N, H, W, C), the last being the pictures, and predictions.

        Row k of the inputs is what the network saw before step k + 1, row k of the predictions what it made of it.
        """
        steps = list(trajectory(self.family, self.shape, wish, 0, wish.count))
        start = starting_point(self.family, self.shape, wish, 0, wish.count)
        inputs = [self.pictures(x) for x in (start, *(x for x, _ in steps))]
        return np.stack(inputs), np.stack([self.pictures(x0) for _, x0 in steps])

    def plane(self, side: int = 15, label: int | None = None) -> NDArray[np.uint8]:
        """Pictures over two latents of a vae or a gan, uint8 (side * side, H, W, C), row by row; see `Latent.plane`.

        label: their class, default 0. Raises UsageError for a model without latents.
        """
        family = self.family
        if not isinstance(family, Latent):
            raise UsageError(f"plane with a {family.recipe.family}: only vae and gan draw from latents; leave out --plane")
        self.order(side * side, label=label)  # checked
        return self.pictures(family.plane(side, self._classes([label or 0])))

    def between(self, first: int, last: int, count: int = 9) -> NDArray[np.uint8]:
        """Two hold-out images of a vae's source, by their numbers, and `count` pictures on the way from one to the other.

        uint8 (count + 2, H, W, C): the first image, its reconstruction, ..., the last one's, the last image. Raises UsageError
        for another family or a number that is none, DataError where the source cannot be read.
        """
        family, recipe = self.family, self.spec.recipe
        if not isinstance(family, VAE):
            raise UsageError(f"between with a {recipe.family}: only a vae finds the latents of an image; leave out --between")
        held = load_data(recipe.data, parse_size(recipe.size), recipe.skip_broken).take("holdout")
        for place in (first, last):
            if not 0 <= place < len(held.images):
                raise UsageError(f"between = {place}: the hold-out images are 0 to {len(held.images) - 1}")
        if (held.channels, *held.size) != self.shape:
            raise DataError(f"images of another shape than the model's ({shown(recipe.data)}): restore those it was trained on")
        x = to_floats(held.images[[first, last]].to(next(family.parameters()).device), recipe.pixels)
        labels = None if held.labels is None else self._classes(held.labels[[first, last]].tolist())
        decoded = self.pictures(family.between(x, labels, count))
        return np.concatenate([self.pictures(x[:1]), decoded, self.pictures(x[1:])])

    def _classes(self, labels: list[int]) -> Tensor | None:
        """Labels as the family takes them; None where it knows no classes."""
        return torch.tensor(labels, device=next(self.family.parameters()).device) if self.family.classes else None

    def log(self) -> list[dict[str, Any]]:
        """Every step of the training as the run's log.jsonl has it, the losses as plain numbers; empty for a weights file."""
        records = read_log(self.path / "log.jsonl") if self.path.is_dir() else iter(())
        return [{**step, "losses": {name: number(loss) for name, loss in step["losses"].items()}} for step in records]

    def pictures(self, x: Tensor) -> NDArray[np.uint8]:
        """Floats (B, C, H, W) as the model sees them -> uint8 (B, H, W, C)."""
        pictures: NDArray[np.uint8] = to_bytes(x, self.spec.recipe.pixels).permute(0, 2, 3, 1).cpu().numpy()
        return pictures
