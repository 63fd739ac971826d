"""Trains a judge on the training slice of a labelled source: python -m inkbloom.evaluation.train_judge SOURCE --out FILE

The same source, seed and number of threads give the same bytes on the same machine.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import parse_size
from ..data import Data, load_data
from ..errors import DataError, InkbloomError, shown
from ..files import write_file
from .judge import JudgeNet, pack

BATCH = 128
IMAGES_SEEN = 160_000  # at least so many in all, and EPOCHS times each
EPOCHS = 8
SHIFT = 1  # pixel
HAZE = 0.1  # largest standard deviation of noise in the images; without it a trace of haze would shake all features


def train(data: Data, *, seed: int = 0, epochs: int | None = None, d: int = 64) -> Iterator[tuple[JudgeNet, float]]:
    """The network and the mean training loss after each epoch: AdamW, one cycle of the learning rate, images shifted and hazy.

    Raises DataError where the source has no labels, fewer than two classes, or a class without images.
    """
    if data.labels is None or len(data.classes) < 2:
        raise DataError(f"no labels to learn from ({data.source}): a judge needs two classes or more; name one sub-folder each")
    part = data.take("train")
    assert part.labels is not None
    counts = torch.bincount(part.labels, minlength=len(data.classes))
    if not counts.all():
        name = shown(data.classes[int(counts.argmin())], 40)
        raise DataError(f"class '{name}' has no image to learn from ({shown(data.source)}): add some, or remove the class")
    epochs = epochs or max(EPOCHS, ceil(IMAGES_SEEN / len(part.images)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = JudgeNet(data.channels, len(data.classes), d)
        optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
        steps = epochs * ceil(len(part.images) / BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
        for _ in range(epochs):
            net.train()
            total = 0.0
            for rows in torch.randperm(len(part.images)).split(BATCH):
                _, logits = net(hazy(shifted(part.images[rows]).float() / 255))
                loss = F.cross_entropy(logits, part.labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += float(loss.detach()) * len(rows)
            yield net, total / len(part.images)


def shifted(images: Tensor, most: int = SHIFT) -> Tensor:
    """Images (N, C, H, W), each moved by up to `most` whole pixels either way; what comes in at the edge is the edge's own."""
    n, c, h, w = images.shape
    down, right = torch.randint(-most, most + 1, (2, n, 1))
    rows = (torch.arange(h) + down).clamp(0, h - 1)
    columns = (torch.arange(w) + right).clamp(0, w - 1)
    image = torch.arange(n)[:, None, None, None]
    return images[image, torch.arange(c)[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def hazy(images: Tensor, most: float = HAZE) -> Tensor:
    """Images (N, C, H, W) in [0, 1], each under Gaussian noise of its own standard deviation, uniform in [0, most]."""
    return (images + most * torch.rand(len(images), 1, 1, 1) * torch.randn(images.shape)).clamp(0, 1)


@torch.no_grad()
def accuracy(net: JudgeNet, data: Data) -> float:
    """Share of the images that the network, put into eval mode, names as their labels do."""
    assert data.labels is not None
    net.eval()
    guesses = [net(batch.float() / 255)[1].argmax(1) for batch in data.images.split(500)]
    return float((torch.cat(guesses) == data.labels).double().mean())


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m inkbloom.evaluation.train_judge", description=__doc__.splitlines()[0])
    parser.add_argument("source", help="digits, fashion-mnist, folder:DIR, npz:FILE ...")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where the .safetensors file goes")
    parser.add_argument("--size", default="", metavar="TEXT", help="bring images to N or HxW pixels, as `inkbloom train` does")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: 160,000 images in all, and 8 epochs at least")
    args = parser.parse_args(argv)
    if args.epochs is not None and args.epochs < 1:
        parser.error("--epochs must be 1 or more")
    try:
        data = load_data(args.source, parse_size(args.size))
        begin = time.perf_counter()
        for epoch, (net, loss) in enumerate(train(data, seed=args.seed, epochs=args.epochs), 1):
            print(f"epoch {epoch}: loss {loss:.4f}, {time.perf_counter() - begin:.0f} s", flush=True)
            trained = net
        share = accuracy(trained, data.take("holdout"))
        body = pack(trained, source=args.source, classes=data.classes, size=data.size, accuracy=share, seed=args.seed)
        write_file(args.out, body)
    except InkbloomError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return problem.code
    print(f"hold-out accuracy {100 * share:.2f} %, SHA-256 {hashlib.sha256(body).hexdigest()}, written: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
