"""smalldiffusion: the settings of its example for 28 x 28 grey images (a U-Net), through its package.

As shipped: width 64 (1, 1, 2), attention at 14, batch 1024, AdamW 7e-4, log-linear levels .01 to 20, EMA .999, mirrored
images, 20 steps with gam = 1.6. Best effort: no mirroring; a network for two cores, width 32 with one block a level and no
attention but in the middle, no dropout; batch 64, AdamW 2e-3, EMA .99.
"""

from common import Job, race, size_of  # isort: skip

import itertools

import torch
from PIL import Image
from smalldiffusion import Scaled, ScheduleLogLinear, Unet, img_normalize, img_train_transform, samples, training_loop
from torch.utils.data import DataLoader
from torch_ema import ExponentialMovingAverage


class Mirrored(list):
    """Images that go through PIL and the package's transform of training images, one by one."""

    def __getitem__(self, number: int) -> torch.Tensor:
        return img_train_transform(super().__getitem__(number))


class Racer:
    """The package's training loop, which is a generator that yields before each optimizer step."""

    nfe = 20

    def __init__(self, job: Job) -> None:
        width, batch, rate, length = (32, 64, 2e-3, 0.99) if job.best else (64, 1024, 7e-4, 0.999)
        mirrored = "not mirrored" if job.best else "mirrored"
        self.setting = f"Unet {width} (1, 1, 2); eps; batch {batch}, AdamW {rate:g}, EMA {length}, {mirrored}; 20 steps gam 1.6"
        light = {"num_res_blocks": 1, "attn_resolutions": (), "dropout": 0.0} if job.best else {"attn_resolutions": (14,)}
        self.net = Scaled(Unet)(28, 1, 1, ch=width, ch_mult=(1, 1, 2), **light)
        self.schedule = ScheduleLogLinear(sigma_min=0.01, sigma_max=20, N=800)
        self.ema = ExponentialMovingAverage(self.net.parameters(), decay=length)
        images = 2 * job.floats() - 1 if job.best else Mirrored(map(Image.fromarray, job.images))
        loader = DataLoader(images, batch_size=batch, shuffle=True)
        self.loop = training_loop(loader, self.net, self.schedule, epochs=10**9, lr=rate)
        self.batch = next(self.loop).x0
        self.parameters = size_of(self.net)

    def step(self) -> int:
        """Lets the loop finish a step; it stops before the optimizer of the next one, whose loss stands computed."""
        used = len(self.batch)
        self.batch = next(self.loop).x0
        self.ema.update()
        return used

    def draw(self, count: int) -> tuple[torch.Tensor, None]:
        """The package's sampler with the averaged weights."""
        with self.ema.average_parameters():
            steps = samples(self.net, self.schedule.sample_sigmas(self.nfe), gam=1.6, batchsize=count)
            (x0,) = itertools.islice(steps, self.nfe - 1, None)
        self.net.train()
        return img_normalize(x0), None


if __name__ == "__main__":
    race(Racer)
