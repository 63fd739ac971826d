"""The Python API's noun: a trained model, to sample from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .config import Recipe
from .data import Data, class_numbers, load_for
from .data.labels import listed
from .data.own_picture import hole_in, own_mask, own_picture
from .data.pixels import to_bytes, to_floats
from .device import best_device
from .errors import DataError, UsageError, shown, unknown
from .families import VAE, Family, Latent, Spec
from .families.family import Start
from .figures.images import Pictures, as_pictures, data_uri, png, sheet
from .given import native, number, place, whole, written
from .sampling import GAUSSIAN, MOST, STRIPS, Request, between, history, pictures, request
from .store.folder import load_weights
from .store.log import from_hex
from .store.log import read as read_log
from .store.pretrained import pretrained

KINDS = ("ema", "live")
ASKED = tuple(signature(request).parameters)[2:]  # what may be asked of a sampling


class Run:
    """A run's folder, or a single weights file, ready to sample; without one the model that comes with inkbloom.

    `weights` is 'ema' (where there is one) or 'live'. own: objects of one's own that the model was trained with, by the name
    of the recipe's field, such as net=TinyNet; see docs/bring-your-own.md.
    Raises CheckpointError where there is no intact model, UsageError for other weights, and for a model with a network of
    one's own that is not given.
    """

    def __init__(self, where: str | Path | None = None, weights: str = "ema", **own: Any) -> None:
        if weights not in KINDS:
            raise unknown("weights", weights, KINDS)
        self.weights, self.path = weights, pretrained() if where is None else place("run", where)
        self.family, self.step = load_weights(self.path, weights, own)
        self.family.place(best_device())

    @property
    def spec(self) -> Spec:
        """What the model was made for: recipe, shape, class names."""
        return self.family.spec

    @property
    def recipe(self) -> Recipe:
        """The recipe that it was trained by."""
        return self.family.recipe

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of its pictures."""
        return self.family.spec.shape

    def request(self, count: int = 16, **asked: Any) -> Request:
        """A checked request; see `sampling.request` for what may be asked. Raises UsageError.

        start: (a picture, the noise level in (0, 1] to bring it to); the picture is a file's path, a PIL image, or an array
        (H, W) or (H, W, C) of bytes. mask: the same, or booleans (H, W), as large as the picture or as the model's: bright
        where the picture is to be drawn anew. Elsewhere it is kept to the pixel; `redraws` says how often each step is taken so
        that both fit, default 5. With a mask, start may be a picture alone, for level 1; so it may if it has a transparent
        hole, which then is the mask. Raises DataError where a picture or a mask cannot be used.
        """
        for name in asked:
            if name not in ASKED:
                raise unknown("setting", name, ASKED)
        if asked.get("start") is not None:
            asked["start"], asked["mask"] = start_from(asked["start"], asked.get("mask"), self.spec)
        return request(self.family, count, **asked)

    def sample(self, count: int = 16, **asked: Any) -> Pictures:
        """`count` pictures as uint8 (count, H, W, C), an array that shows itself in a notebook.

        asked: seed, steps or nfe, solver, spacing, guidance, label, start, mask, redraws. label: a class by its name or its
        number, or a list of them, which are drawn in turn; without it all that were trained are. `solver` is a name or a
        function of one's own. start, mask, redraws: see `request`. Raises UsageError, DataError.
        """
        return as_pictures(np.concatenate([batch for batch, _ in self.stream(self.request(count, **asked))]))

    def stream(self, request: Request) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64] | None]]:
        """The pictures of a request in batches: (uint8 (B, H, W, C), their labels (B,) or None)."""
        for images, labels in pictures(self.family, request):
            yield images.permute(0, 2, 3, 1).numpy(), labels.numpy() if labels is not None else None

    def history(self, request: Request | int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Every step of a request, all in memory: inputs (steps + 1, N, H, W, C), the last being the pictures, and predictions.

        A number asks for so many pictures.
        Row k of the inputs is what the network saw before step k + 1, row k of the predictions is its prediction there.
        """
        wanted = request if isinstance(request, Request) else self.request(request)
        inputs, predictions = history(self.family, wanted, 0, wanted.count)
        return np.stack([self.as_bytes(x) for x in inputs]), np.stack([self.as_bytes(x0) for x0 in predictions])

    def plane(self, side: int = 15, label: int | str | None = None) -> Pictures:
        """Pictures over two latents of a vae or a gan, uint8 (side * side, H, W, C), row by row; see `Latent.plane`.

        label: their class by name or number, default the first. Raises UsageError for a model without latents.
        """
        family = self.family
        if not isinstance(family, Latent):
            raise UsageError(f"plane with a {family.recipe.family}: only vae and gan draw from latents; leave out --plane")
        labels = self.request(whole("side", side, 1, 100) ** 2, label=label).labels
        return as_pictures(self.as_bytes(family.plane(side, self._labels([*labels, *family.trained, 0][:1]))))

    def strip(self, what: str, values: Sequence[Any] | None = None, count: int = 8, **asked: Any) -> NDArray[np.uint8]:
        """The same `count` pictures for each value of one setting, from the same noise: uint8 (values, count, H, W, C).

        what: 'solver', 'spacing', 'steps', 'guidance', 'redraws', or 'at', the noise level that `start` is brought to, which
        then is a picture alone. values: default those of STRIPS that suit the model. asked: as in `sample`. Raises UsageError,
        DataError.
        """
        rows = self.strip_requests(what, values, count, **asked)
        return np.stack([np.concatenate([batch for batch, _ in self.stream(row)]) for row in rows])

    def strip_requests(self, what: str, values: Sequence[Any] | None = None, count: int = 8, **asked: Any) -> list[Request]:
        """The requests of `strip`, one for each value."""
        if what not in STRIPS:
            raise unknown("strip", what, STRIPS)
        if not self.family.iterative or self.family.fixed_steps:
            kind = "few-step model" if self.family.fixed_steps else self.recipe.family
            raise UsageError(f"strip with a {kind}: the way to its pictures is fixed; leave out --strip")
        if asked.get(what) is not None:
            raise UsageError(f"strip = '{what}' and {what} itself both set: leave out --{what}")
        if what == "at" and isinstance(asked.get("start"), tuple | list | None):
            raise UsageError("strip = 'at' varies how much noise a picture gets: give it with --from FILE, without --at")
        if values is None:
            values = [value for value in STRIPS[what] if self.recipe.noise != "uniform" or value not in GAUSSIAN]
        given = native(values)
        several = list(given) if isinstance(given, list | tuple) else [given]
        if not several:
            raise UsageError("values = []: a strip needs one value or more")
        return [
            self.request(count, **{**asked, **({"start": (asked["start"], value)} if what == "at" else {what: value})})
            for value in several
        ]

    def between(self, first: int | str, last: int | str, count: int = 9, data: Data | None = None, **asked: Any) -> Pictures:
        """`count` pictures on the way from picture `first` to picture `last`, both included: uint8 (count, H, W, C).

        first, last: numbers of pictures that `sample(**asked)` gives, however many, or names of classes, whose first pictures
        are taken. Noise and class go from the one to the other: Gaussian noise on an arc around 0, of other noise ever more
        numbers are exchanged, and of two classes the predicted x0 are mixed. A vae takes two hold-out images of its source
        instead, or the first ones of two classes, and puts each before its reconstruction: (count + 2, H, W, C); data: the
        source, where it is not one that the recipe can name. asked: as in `sample`. Raises UsageError for what is no picture,
        and for a solver that draws new noise, DataError where the source cannot be read.
        """
        count = whole("count", count, 1, 10_000)
        if isinstance(self.family, VAE):
            return self._between_held(first, last, count, data)
        if asked.get("start") is not None:
            raise UsageError("between with --from: it goes from one noise to another; leave out one of them")
        wanted = self.request(**asked)
        if wanted.solver in GAUSSIAN:
            raise UsageError(f"between with {wanted.solver}: its new noise in each step would hide the way; use --solver euler")
        ends = [_picture_of(end, self.family, wanted) for end in (first, last)]
        way = between(self.family, wanted, ends[0], ends[1], count)
        return as_pictures(np.concatenate([self.as_bytes(x) for x in way]))

    def _between_held(self, first: int | str, last: int | str, count: int, data: Data | None) -> Pictures:
        """See `between`: the hold-out images of a vae's source, and the pictures between them."""
        family, recipe = self.family, self.recipe
        assert isinstance(family, VAE)
        held = (data or load_for(recipe)).in_order(self.spec.classes).take("holdout")
        ends = [_number_of(end, held) for end in (first, last)]
        if (held.channels, *held.size) != self.shape:
            raise DataError(f"images of another shape than the model's ({shown(recipe.data)}): restore those it was trained on")
        if held.labels is not None and (never := set(held.labels[ends].tolist()) & set(self.spec.untrained)):
            names = [held.classes[number] for number in sorted(never)]
            raise UsageError(f"between = {written([first, last])}: {listed(names)} had no training image; name other images")
        x = to_floats(held.images[ends].to(next(family.parameters()).device), recipe.pixels)
        labels = None if held.labels is None else self._labels(held.labels[ends].tolist())
        shares = torch.linspace(0, 1, count, device=x.device)
        with torch.no_grad():
            decoded = self.as_bytes(family.between(family.net.encode(x, labels)[0], labels, shares))
        return as_pictures(np.concatenate([self.as_bytes(x[:1]), decoded, self.as_bytes(x[1:])]))

    def _labels(self, labels: list[int]) -> Tensor | None:
        """Labels as the family takes them; None where it knows no classes."""
        return torch.tensor(labels, device=next(self.family.parameters()).device) if self.family.num_classes else None

    def log(self) -> list[dict[str, Any]]:
        """Every step of the training as the run's log.jsonl has it, the losses as plain numbers; empty for a weights file."""
        records = read_log(self.path / "log.jsonl") if self.path.is_dir() else iter(())
        return [{**step, "losses": {name: from_hex(loss) for name, loss in step["losses"].items()}} for step in records]

    def as_bytes(self, x: Tensor) -> NDArray[np.uint8]:
        """Floats (B, C, H, W) as the model sees them -> uint8 (B, H, W, C)."""
        images: NDArray[np.uint8] = to_bytes(x, self.recipe.pixels).permute(0, 2, 3, 1).cpu().numpy()
        return images

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}: {self.family.title}, {self.family.summary}; step {self.step:,})"

    def _repr_html_(self) -> str:
        """What a notebook shows: what it is, and 16 pictures that it draws."""
        return f'<p>{escape(repr(self))}</p><img src="{data_uri(png(sheet(self.sample(16))))}">'


def start_from(start: Any, mask: Any, spec: Spec) -> tuple[Start, Tensor | None]:
    """What sampling starts from: a picture in the model's size and colours with a noise level, and what of it is drawn anew.

    Raises UsageError, DataError.
    """
    alone = not isinstance(start, tuple | list)
    if not alone and len(start) != 2:
        raise UsageError(f"start = {written(start)}: needs a picture and a noise level, as in ('cat.png', 0.7)")
    picture, level = (start, 1.0) if alone else start
    hole = hole_in(picture, spec.size) if alone and mask is None else None
    image = own_picture(picture, spec.channels, spec.size, spec.recipe.background, paper=hole is None)
    drawn = hole if mask is None else own_mask(mask, picture, spec.size)
    if alone and drawn is None:
        raise UsageError("from a whole picture: say how much noise it gets, --at 0.7, or what is drawn anew, --mask FILE")
    return (image, number("at", level)), drawn


def _picture_of(end: Any, family: Family, request: Request) -> int:
    """The number of the picture asked for: itself, or that of the first one of a class. Raises UsageError."""
    if isinstance(end, str) and not _is_number(end) and family.num_classes:
        (label,) = class_numbers(end, family.spec.classes[: family.num_classes])
        in_turn = request.labels or family.trained
        if label not in in_turn:
            why = "--label leaves out this class" if request.labels else "this class had no training image"
            raise UsageError(f"between = {written(end)}: {why}")
        return in_turn.index(label)
    return whole("between", int(end) if _is_number(end) else end, 0, MOST["count"])


def _is_number(end: Any) -> bool:
    return isinstance(end, str) and end.removeprefix("-").isdecimal()


def _number_of(end: Any, held: Data) -> int:
    """The number of the hold-out image asked for: itself, or that of the first image of a class. Raises UsageError."""
    if isinstance(end, str) and not _is_number(end) and held.labels is not None:
        (label,) = class_numbers(end, held.classes)
        if not (held.labels == label).any():
            raise UsageError(f"between = {written(end)}: no hold-out image is of this class; give a number")
        return int((held.labels == label).nonzero()[0])
    number = whole("between", int(end) if _is_number(end) else end)
    if not 0 <= number < len(held.images):
        raise UsageError(f"between = {written(number)}: the hold-out images are 0 to {len(held.images) - 1}")
    return number
