"""The panel scores by the shipped judge, and sees what any judge must see."""

import torch

from inkbloom.bench.panel import panel_for
from inkbloom.data import load_data


def test_the_panel_ranks_real_images_copies_and_noise(source):
    data = load_data("digits")
    panel = panel_for(data)
    assert panel.count == 1000
    assert abs(panel.score(data.take("reference").images)["fd"]) < 1e-3
    assert 0 < panel.floor["fd"] == panel.score(data.take("holdout").images)["fd"]
    noise = torch.randint(0, 256, (1000, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    scored = panel.score(noise)
    assert scored["fd"] > 20 * panel.floor["fd"]
    assert scored["kid"] > 20 * abs(panel.floor["kid"])
    assert panel.labels == tuple(data.take("reference").labels.tolist())
    assert panel_for(load_data(source())) is None
