"""Sources of images: each yields one uint8 tensor with labels, class names and slices."""

from .dataset import Data
from .source import SOURCES, load_data

__all__ = ["SOURCES", "Data", "load_data"]
