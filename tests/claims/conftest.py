"""A laboratory as small as can be."""

from dataclasses import replace

import pytest
import torch

from inkbloom.claims.lab import Lab, Size
from inkbloom.evaluation import published


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty folder in the place of the published cards; the current folder is empty too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(published, "FOLDER", tmp_path / "published")
    published.FOLDER.mkdir()
    return published.FOLDER


@pytest.fixture(scope="session")
def small():
    """A Lab of 20 pictures, 8 held-out images, 2 seeds and 2 kernels, on 500 of the digits."""
    lab = Lab(Size(pictures=20, held=8, seeds=2, kernels=2))
    slices = {name: index[: 300 if name == "train" else 100] for name, index in lab.data.slices.items()}
    kept = torch.cat([*slices.values()])
    places = dict(zip(slices, torch.arange(len(kept)).split([len(index) for index in slices.values()]), strict=True))
    lab.__dict__["data"] = replace(lab.data, images=lab.data.images[kept], labels=lab.data.labels[kept], slices=places)
    return lab
