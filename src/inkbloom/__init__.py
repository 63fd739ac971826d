"""inkbloom: a diffusion lab for small images."""

__version__ = "0.1.0"
