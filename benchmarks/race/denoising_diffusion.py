"""denoising-diffusion-pytorch: its Unet, GaussianDiffusion and Trainer, the network scaled to 28 x 28 grey images.

The README's network (width 64, four levels, 35.7 M parameters, 128 x 128 images) does not take 28 pixels and would get some
twenty steps in a minute here: width 32 with three levels stands in for it. As shipped: the trainer's settings of the README
(batch 32, gradients of 2 batches, Adam 8e-5, EMA .995 every 10 steps, mirrored images from PNG files), v prediction.
It draws with 50 DDIM steps, not the README's 250, so that judging ends. Best effort: no mirroring, batch 64, Adam 1e-3.
"""

from common import Job, race, size_of  # isort: skip

import contextlib
import io
import tempfile
from pathlib import Path

import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Trainer, Unet
from PIL import Image


class Racer:
    """The package's trainer, one step at a time."""

    nfe = 50

    def __init__(self, job: Job) -> None:
        self.folder = tempfile.TemporaryDirectory()
        pictures = Path(self.folder.name) / "pictures"
        pictures.mkdir()
        for number, image in enumerate(job.images):
            Image.fromarray(image).save(pictures / f"{number}.png")
        batch, parts, rate = (64, 1, 1e-3) if job.best else (32, 2, 8e-5)
        self.used = batch * parts
        mirrored = "not mirrored" if job.best else "mirrored"
        self.setting = (
            f"Unet 32 (1, 2, 4); DDPM, v; batch {parts} x {batch}, Adam {rate:g}, EMA .995, {mirrored}; 50 DDIM steps"
        )
        net = Unet(dim=32, dim_mults=(1, 2, 4), channels=1, flash_attn=True)
        diffusion = GaussianDiffusion(net, image_size=28, timesteps=1000, sampling_timesteps=self.nfe)
        self.trainer = Trainer(
            diffusion,
            str(pictures),
            train_batch_size=batch,
            gradient_accumulate_every=parts,
            train_lr=rate,
            augment_horizontal_flip=not job.best,
            ema_decay=0.995,
            train_num_steps=0,
            save_and_sample_every=10**9,
            results_folder=str(Path(self.folder.name) / "results"),
            calculate_fid=False,
        )
        self.parameters = size_of(net)

    def step(self) -> int:
        """Moves the trainer's goal one step on and lets it run there, its progress bar unseen."""
        self.trainer.train_num_steps = self.trainer.step + 1
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            self.trainer.train()
        return self.used

    def draw(self, count: int) -> tuple[torch.Tensor, None]:
        """The package's sampler with the averaged weights."""
        mean = self.trainer.ema.ema_model
        mean.eval()
        with contextlib.redirect_stderr(io.StringIO()):
            return mean.sample(batch_size=count), None


if __name__ == "__main__":
    race(Racer)
