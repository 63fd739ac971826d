"""A judge in training: a small classifier that learns the labels of a source's training slice.

The same source, seed and number of threads give the same bytes on the same machine, however often the training was stopped.
"""

from __future__ import annotations

from math import ceil, isfinite
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..data import Data
from ..data.labels import untrained
from ..errors import CheckpointError, DataError, Diverged, UsageError, shown
from ..store.tensors import all_finite, pack, unpack
from .judge import JudgeNet

BATCH = 128
IMAGES_SEEN = 160_000  # at least so many in all, and EPOCHS times each
EPOCHS = 8
SHIFT = 1  # pixel
HAZE = 0.1  # largest standard deviation of noise in the images; without it a trace of haze would shake all features


class JudgeTraining:
    """A judge's training, step by step: AdamW, one cycle of the learning rate, images shifted and hazy.

    step: of `steps`, those that are done. losses: of the current epoch's steps. All that is random comes from a generator of
    its own, so that `saved` and `resume` lose nothing.
    Raises DataError where the source has no labels, fewer than two classes, or a class without images.
    """

    def __init__(self, data: Data, *, seed: int = 0, epochs: int | None = None, d: int = 64) -> None:
        self.part = _labelled(data)
        count = len(self.part.images)
        self.epochs = epochs or max(EPOCHS, ceil(IMAGES_SEEN / count))
        self.batches = ceil(count / BATCH)  # in an epoch
        self.step, self.steps = 0, self.epochs * self.batches
        self.order, self.losses = torch.empty(0, dtype=torch.int64), list[float]()
        self._made_for = {"format": 1, "seed": seed, "epochs": self.epochs, "d": d, "images": self.part.fingerprint()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = JudgeNet(data.channels, len(data.classes), d).train()
            self.random = Generator()
            self.random.set_state(torch.get_rng_state())
        self.optimizer = torch.optim.AdamW(self.net.parameters(), weight_decay=0.05)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, max_lr=4e-3, total_steps=self.steps)

    def advance(self) -> None:
        """Takes one step. Raises Diverged."""
        place = self.step % self.batches * BATCH
        if not place:
            self.order, self.losses = torch.randperm(len(self.part.images), generator=self.random), []
        rows = self.order[place : place + BATCH]
        assert self.part.labels is not None
        _, logits = self.net(hazy(shifted(self.part.images[rows], self.random).float() / 255, self.random))
        loss = F.cross_entropy(logits, self.part.labels[rows])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.losses.append(float(loss.detach()))
        if not isfinite(self.losses[-1]):
            raise Diverged(f"the judge's loss is not a finite number (step {self.step + 1}): try another --seed")
        self.step += 1

    @property
    def epochs_done(self) -> int:
        """The epochs that have ended."""
        return self.step // self.batches

    def saved(self) -> bytes:
        """Where the training stands, as a safetensors file that `resume` reads."""
        optimizer = self.optimizer.state_dict()
        slots = {f"{n}/{slot}": value for n, slots in optimizer["state"].items() for slot, value in slots.items()}
        parts = {
            "net": self.net.state_dict(),
            "optimizer": slots,
            "now": {"random": self.random.get_state(), "order": self.order},
        }
        return pack(
            {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()},
            {
                **self._made_for, "step": self.step, "losses": self.losses,
                "groups": optimizer["param_groups"], "schedule": self.schedule.state_dict(),
            },
        )  # fmt: skip

    def resume(self, data: bytes, where: Path) -> None:
        """Goes on from what `saved` gave; `where` names it in errors. Raises CheckpointError where it is damaged, UsageError
        where it is of another training.
        """
        damaged = CheckpointError(f"damaged, the training of a judge ({shown(where)}): remove it to begin anew")
        try:
            tensors, about = unpack(data)
            own = {name: about[name] for name in self._made_for}
        except (ValueError, KeyError):
            raise damaged from None
        if differing := [name for name, value in self._made_for.items() if own[name] != value]:
            raise UsageError(
                f"a judge of other {differing[0]} is in training there ({shown(where)}): "
                "go on with its command, remove that file, or choose another --out"
            )
        try:
            parts: dict[str, dict[str, Tensor]] = {"net": {}, "optimizer": {}, "now": {}}
            for name, value in tensors.items():
                part, _, rest = name.partition("/")
                parts[part][rest] = value
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in parts["optimizer"].items():
                number, _, slot = name.partition("/")
                state.setdefault(int(number), {})[slot] = value
            self.net.load_state_dict(parts["net"])
            self.optimizer.load_state_dict({"state": state, "param_groups": about["groups"]})
            self.schedule.load_state_dict(about["schedule"])
            self.random.set_state(parts["now"]["random"])
            self.order, self.losses, self.step = parts["now"]["order"], list(about["losses"]), int(about["step"])
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError):
            raise damaged from None


def _labelled(data: Data) -> Data:
    """The training slice, with images of two classes or more. Raises DataError."""
    if data.labels is None:
        raise DataError(
            f"no labels to learn from ({shown(data.source)}): a judge needs two classes or more; give each a sub-folder"
        )
    part = data.take("train")
    if len(data.classes) - len(untrained(data.classes, part.labels)) < 2:
        raise DataError(f"training images of one class only ({shown(data.source)}): a judge needs two classes or more")
    return part


def shifted(images: Tensor, random: Generator | None = None, most: int = SHIFT) -> Tensor:
    """Images (N, C, H, W), each moved by up to `most` whole pixels either way; what comes in at the edge is the edge's own."""
    n, c, h, w = images.shape
    down, right = torch.randint(-most, most + 1, (2, n, 1), generator=random)
    rows = (torch.arange(h) + down).clamp(0, h - 1)
    columns = (torch.arange(w) + right).clamp(0, w - 1)
    image = torch.arange(n)[:, None, None, None]
    return images[image, torch.arange(c)[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def hazy(images: Tensor, random: Generator | None = None, most: float = HAZE) -> Tensor:
    """Images (N, C, H, W) in [0, 1], each under Gaussian noise of its own standard deviation, uniform in [0, most]."""
    level = most * torch.rand(len(images), 1, 1, 1, generator=random)
    return (images + level * torch.randn(images.shape, generator=random)).clamp(0, 1)


@torch.no_grad()
def accuracy(net: JudgeNet, data: Data) -> float:
    """Share of the images that the network, put into eval mode, names as their labels do. Raises Diverged."""
    assert data.labels is not None
    net.eval()
    logits = torch.cat([net(batch.float() / 255)[1] for batch in data.images.split(500)])
    if not all_finite(logits):
        raise Diverged("the judge answers with numbers that are not finite: try another --seed")
    return float((logits.argmax(1) == data.labels).double().mean())
