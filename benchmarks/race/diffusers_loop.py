"""A diffusers training loop, scaled to the images: DDPMScheduler, the tutorial's UNet2DModel, AdamW 1e-3, EMA; 50 DDPM steps.

What is kept of its example train_unconditional: 1000 noise levels, prediction of the noise, AdamW (betas .95, .999, weight
decay 1e-6), warm-up, gradients clipped at 1, the EMA that warms up. Scaled: the network, batch 128, learning rate 1e-3 with
100 steps of warm-up and then constant (its cosine would need the number of steps in advance), 50 steps to draw.
Best effort: 20 steps of DPM-Solver++ with its trailing spacing draw the pictures.
"""

from common import Job, race, size_of  # isort: skip

import torch
import torch.nn.functional as F
from diffusers import DDPMPipeline, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel
from diffusers.optimization import get_constant_schedule_with_warmup
from diffusers.training_utils import EMAModel
from torch.utils.data import DataLoader, TensorDataset


class Racer:
    """The loop of the library's training example."""

    setting = "UNet2DModel 32, 64, 64; DDPM, eps; batch 128, AdamW 1e-3, EMA; 50 DDPM steps"
    nfe = 50

    def __init__(self, job: Job) -> None:
        self.loader = DataLoader(TensorDataset(2 * job.floats() - 1), batch_size=128, shuffle=True)
        self.batches = iter(self.loader)
        self.net = UNet2DModel(
            sample_size=28,
            in_channels=1,
            out_channels=1,
            layers_per_block=2,
            block_out_channels=(32, 64, 64),
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        )
        self.ema = EMAModel(
            self.net.parameters(),
            decay=0.9999,
            use_ema_warmup=True,
            inv_gamma=1.0,
            power=0.75,
            model_cls=UNet2DModel,
            model_config=self.net.config,
        )
        self.noising = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=1e-3, betas=(0.95, 0.999), weight_decay=1e-6)
        self.rate = get_constant_schedule_with_warmup(self.optimizer, num_warmup_steps=100)
        self.drawing, self.seed, self.drawn = self.noising, job.seed, 0
        if job.best:
            self.drawing = DPMSolverMultistepScheduler.from_config(self.noising.config, timestep_spacing="trailing")
            self.nfe = 20
            self.setting = self.setting.replace("50 DDPM steps", "20 DPM-Solver++ steps")
        self.parameters = size_of(self.net)

    def step(self) -> int:
        """One batch."""
        try:
            (x,) = next(self.batches)
        except StopIteration:
            self.batches = iter(self.loader)
            (x,) = next(self.batches)
        noise = torch.randn_like(x)
        times = torch.randint(0, self.noising.config.num_train_timesteps, (len(x),))
        guess = self.net(self.noising.add_noise(x, noise, times), times).sample
        F.mse_loss(guess, noise).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.rate.step()
        self.optimizer.zero_grad()
        self.ema.step(self.net.parameters())
        return len(x)

    def draw(self, count: int) -> tuple[torch.Tensor, None]:
        """The library's pipeline with the averaged weights."""
        self.ema.store(self.net.parameters())
        self.ema.copy_to(self.net.parameters())
        pipeline = DDPMPipeline(self.net, self.drawing)
        pipeline.set_progress_bar_config(disable=True)
        self.drawn += 1
        noise = torch.Generator().manual_seed(1000 * self.seed + self.drawn)
        pictures = pipeline(count, generator=noise, num_inference_steps=self.nfe, output_type="np").images
        self.ema.restore(self.net.parameters())
        self.net.train()
        return torch.from_numpy(pictures).permute(0, 3, 1, 2), None


if __name__ == "__main__":
    race(Racer)
