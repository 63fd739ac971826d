"""torchcfm: the settings of its class-conditional MNIST example through its package, labels included.

As shipped: UNetModel of width 32 with one block a level, batch 128 (short batches dropped), Adam 1e-3, independent pairs,
dopri5 at 1e-4, no EMA. Best effort: pairs by optimal transport within the batch and an EMA of .995.
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
        self.loader = DataLoader(data, batch_size=128, shuffle=True, drop_last=True)
        self.batches = iter(self.loader)
        self.net = UNetModel(dim=(1, 28, 28), num_channels=32, num_res_blocks=1, num_classes=10, class_cond=True)
        self.best, self.nfe, self.classes = job.best, 0, 10
        self.flow = (ExactOptimalTransportConditionalFlowMatcher if job.best else ConditionalFlowMatcher)(sigma=0.0)
        self.setting = "UNetModel 32, classes; flow, v; batch 128, Adam 1e-3; dopri5 1e-4"
        if job.best:
            self.mean = torch.optim.swa_utils.AveragedModel(
                self.net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
            )
            self.setting = self.setting.replace("flow,", "OT flow,").replace("1e-3;", "1e-3, EMA .995;")
        self.optimizer = torch.optim.Adam(self.net.parameters())
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
        """Picture k is of class k mod 10. The solver chooses its steps: `nfe` is what the last batch took."""
        net = self.mean.module if self.best else self.net
        y, calls = torch.arange(count) % self.classes, 0

        def velocity(t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            nonlocal calls
            calls += 1
            return net(t, x, y)

        x = torchdiffeq.odeint(
            velocity, torch.randn(count, 1, 28, 28), torch.tensor([0.0, 1.0]), atol=1e-4, rtol=1e-4, method="dopri5"
        )
        self.nfe = calls
        return (x[-1] + 1) / 2, y


if __name__ == "__main__":
    race(Racer)
