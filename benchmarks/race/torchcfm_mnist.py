"""torchcfm: the settings of its class-conditional MNIST example through its package, labels included.

As shipped: UNetModel of width 32 with one block a level, batch 128 (short batches dropped), Adam 1e-3, independent pairs,
no EMA. It draws with ten steps of the midpoint rule, not with dopri5 at 1e-4, which takes more than ten minutes for 1,000
pictures, so that judging ends. Best effort: pairs by optimal transport within the batch, attention at 7 x 7 pixels instead of
all 28 x 28, batch 64, Adam 2e-3, an EMA of .99.
"""

from common import Job, race, size_of  # isort: skip

import torch
import torchdiffeq
from torch.utils.data import DataLoader, TensorDataset
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher, ExactOptimalTransportConditionalFlowMatcher
from torchcfm.models.unet import UNetModel


class Racer:
    """Flow matching from noise at t = 0 to the image at t = 1."""

    def __init__(self, job: Job) -> None:
        data = TensorDataset(2 * job.floats() - 1, torch.from_numpy(job.labels))
        batch, rate, looks = (64, 2e-3, "7") if job.best else (128, 1e-3, "16")
        self.loader = DataLoader(data, batch_size=batch, shuffle=True, drop_last=True)
        self.batches = iter(self.loader)
        self.net = UNetModel((1, 28, 28), 32, num_res_blocks=1, num_classes=10, class_cond=True, attention_resolutions=looks)
        self.best, self.nfe, self.classes = job.best, 20, 10
        self.flow = (ExactOptimalTransportConditionalFlowMatcher if job.best else ConditionalFlowMatcher)(sigma=0.0)
        self.setting = f"UNetModel 32, classes; flow, v; batch {batch}, Adam {rate:g}; 10 midpoint steps"
        if job.best:
            self.mean = torch.optim.swa_utils.AveragedModel(
                self.net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
            )
            self.setting = f"UNetModel 32, classes; OT flow, v; batch {batch}, Adam {rate:g}, EMA .99; 10 midpoint steps"
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=rate)
        self.parameters = size_of(self.net)

    def step(self) -> int:
        """One batch."""
        try:
            x1, y = next(self.batches)
        except StopIteration:
            self.batches = iter(self.loader)
            x1, y = next(self.batches)
        x0 = torch.randn_like(x1)
        if self.best:  # the pairing moves the images, and their labels with them
            t, xt, ut, _, y = self.flow.guided_sample_location_and_conditional_flow(x0, x1, y1=y)
        else:
            t, xt, ut = self.flow.sample_location_and_conditional_flow(x0, x1)
        loss = ((self.net(t, xt, y) - ut) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.best:
            self.mean.update_parameters(self.net)
        return len(x1)

    @torch.no_grad()
    def draw(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Picture k is of class k mod 10."""
        net = self.mean.module if self.best else self.net
        y = torch.arange(count) % self.classes
        noise, ends = torch.randn(count, 1, 28, 28), torch.tensor([0.0, 1.0])
        x = torchdiffeq.odeint(lambda t, x: net(t, x, y), noise, ends, method="midpoint", options={"step_size": 0.1})
        return (x[-1] + 1) / 2, y


if __name__ == "__main__":
    race(Racer)
