"""A network as plain steps: every kind of network of ours, and what a page cannot compute."""

import pytest
import torch
from torch import nn

from inkbloom.errors import UsageError
from inkbloom.exports.graph import OPS, graph_of, play
from inkbloom.nets import Basic, ClusterConditioned, Ink, UNet2D


class Own(nn.Module):
    """A network of one's own from the operations that ours leave unused."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 2, 3, padding=1)
        self.norm, self.label = nn.GroupNorm(2, 8), nn.Embedding(4, 8)

    def forward(self, x, t, y=None):
        h = torch.relu(self.norm(self.first(x))) * torch.sigmoid(self.label(y))[:, :, None, None]
        return self.last(h * 2 + 1) + t.reshape(-1, 1, 1, 1)


def example(net, channels, size, conditions):
    y = torch.tensor([1]) if conditions else None
    return torch.linspace(-1, 1, channels * size[0] * size[1]).reshape(1, channels, *size), torch.tensor([0.5]), y


NETWORKS = [
    (lambda: Ink(1, (28, 28), 10, (16, 32), 1), 1, (28, 28), 10),
    (lambda: Ink(3, (27, 18), 0, (16, 16, 32), 2, 5, True), 3, (27, 18), 0),
    (lambda: ClusterConditioned(Ink(1, (16, 16), 6, (16,), 1), 2, 3), 1, (16, 16), 6),
    (lambda: Basic(1, (29, 28)), 1, (29, 28), 0),
    (lambda: Own(), 2, (9, 8), 3),
]


@pytest.mark.parametrize(("make", "channels", "size", "conditions"), NETWORKS)
def test_the_steps_give_what_the_network_gives(make, channels, size, conditions):
    torch.manual_seed(0)
    net = make().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)  # first weights of zero would hide half of the network
        steps, constants = graph_of(net, example(net, channels, size, conditions))
        x, t = torch.randn(4, channels, *size), torch.rand(4)
        y = torch.arange(4) % (conditions + 1) if conditions else None
        values = play(steps, {**net.state_dict(), **constants}, x, t, y)
        torch.testing.assert_close(values[steps[-1]["name"]], net(x, t, y), rtol=1e-5, atol=1e-5)
    assert all(list(values[step["name"]].shape[1:]) == step["shape"] for step in steps)
    assert {step["op"] for step in steps} <= set(OPS)
    assert {name for step in steps for name in step["weights"]} >= {name for name, _ in net.named_parameters()}


def test_a_changed_step_changes_the_answer():
    """The list is what computes, not a memory of the network."""
    net = Basic(1, (16, 16)).eval()
    given = example(net, 1, (16, 16), 0)
    with torch.no_grad():
        steps, _ = graph_of(net, given)
        without = [{**step, "op": "relu"} if step["op"] == "silu" else step for step in steps]
        before, after = (play(each, net.state_dict(), *given)[each[-1]["name"]] for each in (steps, without))
    assert not torch.allclose(before, after)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: UNet2D(1, 16, 0, (8, 16), 1), "cannot compute"),
        (lambda: nn.Conv2d(1, 1, 3, padding=2, dilation=2), "cannot compute the operation conv2d"),
        (lambda: nn.Sequential(nn.Conv2d(1, 1, 1), nn.Softplus()), "cannot compute the operation softplus in 1"),
    ],
)
def test_what_the_page_cannot_compute_is_named(make, told):
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = make()

        def forward(self, x, t, y=None):
            return self.net(x) if not isinstance(self.net, UNet2D) else self.net(x, t)

    with pytest.raises(UsageError, match=told.replace(" in 1", " in net.1")):
        graph_of(Blind().eval(), example(None, 1, (16, 16), 0))
