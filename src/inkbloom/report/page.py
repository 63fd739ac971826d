"""Pages that stand alone: one HTML file with its style and pictures inside, no script, nothing fetched from anywhere."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..errors import shown


@cache
def _environment() -> Environment:
    """Whatever a template inserts is escaped, but for the charts, which say themselves that they are HTML."""
    environment = Environment(
        loader=PackageLoader("inkbloom.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda text: shown(str(text), 4000)
    return environment


def page(template: str, **values: Any) -> bytes:
    """The page that `templates/TEMPLATE` makes of these values, as UTF-8."""
    return _environment().get_template(template).render(values).encode("utf-8", "replace")
