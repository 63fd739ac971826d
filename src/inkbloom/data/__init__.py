"""Sources of images: each yields one uint8 tensor with labels, class names and slices."""

from .classes import class_numbers, named
from .dataset import Data
from .source import SOURCES, load_data, load_for, source_text

__all__ = ["SOURCES", "Data", "class_numbers", "load_data", "load_for", "named", "source_text"]
