"""Versions of packages, as they stand beside results."""

from __future__ import annotations

import importlib.metadata


def version(package: str) -> str:
    """The version of a package that is installed; '-' where there is none, as of inkbloom that runs from its source."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "-"
