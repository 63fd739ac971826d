"""Every random number of inkbloom, as a pure function of (seed, purpose, image, draw).

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) is a block cipher used as a
generator: it turns a counter of four 32-bit words and a key of two into four random words. Nothing is carried from one
draw to the next, so a restart, the batch size, the number of processes and the device cannot change a number.

    key     = (seed, number of the purpose)
    counter = (block, draw, low and high half of the image's index)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

PURPOSES = {
    "order": 0,  # the order of the images in an epoch: draw = epoch
    "time": 1,  # noise levels in training
    "noise": 2,  # noise in training
    "label": 3,  # which labels are dropped for classifier-free guidance
    "flip": 4,  # mirrored images
    "sample": 5,  # sampling: draw 0 is the starting noise, draw k the new noise of step k
    "holdout": 6,  # the hold-out loss: draw = level
    "slices": 7,  # which images of a user's source are held out
    "init": 8,  # the seed of the network's first weights
    "judging": 9,  # evaluation: draw 0 shuffles images from a file, draw k picks the k-th random half of the floor
    "clusters": 10,  # where k-means begins: index = class
    "cluster": 11,  # sampling: the cluster that an image is drawn from
    "tint": 12,  # the colours of the tinted digits: draw 0 their strength, draw 1 which channel stays low
    "augment": 13,  # augmentation that the network is told of
    "renewal": 14,  # noise that is new in part: draw 0 between two pictures, draws 2k and 2k + 1 for the k-th step taken again
}
MAX_SEED = 2**32 - 1

_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85


def philox(counter: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike], key: tuple[int, int]) -> list[NDArray[np.uint64]]:
    """Four random words (uint64 arrays below 2^32) for a counter of four words, broadcast against each other."""
    c0, c1, c2, c3 = (np.asarray(word, np.uint64) for word in counter)
    for turn in range(10):
        k0, k1 = (np.uint64((word + turn * step) & 0xFFFFFFFF) for word, step in zip(key, _WEYL, strict=True))
        left, right = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (right >> _SHIFT) ^ (c1 ^ k0), right & _MASK, (left >> _SHIFT) ^ (c3 ^ k1), left & _MASK
    return list(np.broadcast_arrays(c0, c1, c2, c3))


def words(seed: int, purpose: str, index: ArrayLike, count: int, draw: int = 0) -> NDArray[np.uint32]:
    """(len(index), count) random words: row k belongs to image `index[k]` whatever the other rows are."""
    images = np.asarray(index, np.uint64).reshape(-1, 1)
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    out = np.empty((len(images), len(blocks), 4), np.uint32)
    rows = 1 + 8192 // max(len(blocks), 1)  # small enough to stay in the processor's cache: twice as fast
    for start in range(0, len(images), rows):
        image = images[start : start + rows]
        for lane, word in enumerate(philox((blocks, draw, image & _MASK, image >> _SHIFT), (seed, PURPOSES[purpose]))):
            out[start : start + rows, :, lane] = word
    return out.reshape(len(images), 4 * len(blocks))[:, :count]


def uniform(seed: int, purpose: str, index: ArrayLike, count: int, draw: int = 0) -> NDArray[np.float32]:
    """(len(index), count) numbers in [0, 1): multiples of 2^-24."""
    return (words(seed, purpose, index, count, draw) >> 8).astype(np.float32) * np.float32(2**-24)


def normal(seed: int, purpose: str, index: ArrayLike, count: int, draw: int = 0) -> NDArray[np.float32]:
    """(len(index), count) standard Gaussians by Box-Muller: words 2k and 2k + 1 give values 2k (cos) and 2k + 1 (sin)."""
    pairs = words(seed, purpose, index, count + count % 2, draw) >> 8
    u = pairs.astype(np.float32).reshape(len(pairs), pairs.shape[1] // 2, 2)
    radius = np.sqrt(np.float32(-2) * np.log((u[..., 0] + np.float32(1)) * np.float32(2**-24)))
    angle = u[..., 1] * np.float32(2 * np.pi * 2**-24)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(pairs.shape)[:, :count]


@dataclass(frozen=True)
class Draw:
    """The randomness of one batch: `index` holds the number of each image, so image k draws the same in any batch."""

    seed: int
    index: NDArray[np.int64]
    device: torch.device | str = "cpu"

    def uniform(self, purpose: str, *shape: int, draw: int = 0) -> Tensor:
        """(B, *shape) float32 in [0, 1); values run in C, H, W order."""
        return self._tensor(uniform(self.seed, purpose, self.index, prod(shape), draw), shape)

    def normal(self, purpose: str, *shape: int, draw: int = 0) -> Tensor:
        """(B, *shape) float32 standard Gaussians."""
        return self._tensor(normal(self.seed, purpose, self.index, prod(shape), draw), shape)

    def _tensor(self, values: NDArray[np.float32], shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).reshape(len(self.index), *shape).to(self.device)
