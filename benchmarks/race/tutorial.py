"""The tutorial's script: a plain loop around diffusers' UNet2DModel, uniform noise, Adam 1e-3, 40 steps of mixing, no EMA.

Best effort: an average of the weights (0.995 a step) draws the pictures.
"""

from common import Job, race, size_of  # isort: skip

import torch
import torch.nn.functional as F
from diffusers import UNet2DModel
from torch.utils.data import DataLoader, TensorDataset

STEPS = 40


class Racer:
    """The tutorial's section 3.3 and its complete example, with the images in memory."""

    setting = "UNet2DModel 32, 64, 64; uniform noise, x0; batch 128, Adam 1e-3; 40 Euler steps"
    nfe = STEPS

    def __init__(self, job: Job) -> None:
        self.loader = DataLoader(TensorDataset(job.floats()), batch_size=128, shuffle=True)
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
        self.mean = None
        if job.best:
            self.mean = torch.optim.swa_utils.AveragedModel(
                self.net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
            )
            self.setting += "; EMA .995"
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-3)
        self.parameters = size_of(self.net)

    def step(self) -> int:
        """One batch."""
        try:
            (x,) = next(self.batches)
        except StopIteration:
            self.batches = iter(self.loader)
            (x,) = next(self.batches)
        amount = torch.rand(len(x), 1, 1, 1)
        noisy = x * (1 - amount) + torch.rand_like(x) * amount
        loss = F.mse_loss(self.net(noisy, 0).sample, x)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.mean is not None:
            self.mean.update_parameters(self.net)
        return len(x)

    @torch.no_grad()
    def draw(self, count: int) -> tuple[torch.Tensor, None]:
        """Mixes a little more of the prediction in at each step."""
        net = self.net if self.mean is None else self.mean.module
        x = torch.rand(count, 1, 28, 28)
        for i in range(STEPS):
            share = 1 / (STEPS - i)
            x = x * (1 - share) + net(x, 0).sample * share
        return x, None


if __name__ == "__main__":
    race(Racer)
