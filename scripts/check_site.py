"""Checks a folder of HTML pages: every link, anchor and picture is there, and nothing is fetched from elsewhere.

Run it with: python scripts/check_site.py build/site
"""

from __future__ import annotations

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """A page's links, what it loads to be shown, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if "href" in values:
            (self.links if tag == "a" else self.loads).append(values["href"])
        if "src" in values:
            self.loads.append(values["src"])


def elsewhere(address: str) -> bool:
    """Whether an address leads out of the folder."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def is_path(address: str) -> bool:
    """Whether an address leads to a file of the folder, or a place in it."""
    return not elsewhere(address) and not address.startswith("data:")


def faults(site: Path) -> list[str]:
    """A line for everything that is wrong with the pages of a site."""
    read = cache(Page)
    found = []
    for path in sorted(site.rglob("*.html")):
        page, name = read(path), path.relative_to(site)
        found += [f"{name} loads {address}" for address in page.loads if elsewhere(address)]
        for address in dict.fromkeys(address for address in (*page.links, *page.loads) if is_path(address)):
            parts = urlsplit(address)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{name}: {address} leads nowhere")
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in read(target).anchors:
                found.append(f"{name}: {address}: no such place on that page")
    for path in sorted(site.rglob("*.css")):
        wanted = re.findall(r"(?:@import\s+|url\()\s*[\"']?([^\"')\s]+)", path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(site)} loads {address}" for address in wanted if elsewhere(address)]
    return found


def main() -> None:
    site = Path(sys.argv[1])
    found, pages = faults(site), len(list(site.rglob("*.html")))
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    print(f"checked:  {pages} pages, {len(found)} faults")
    sys.exit(bool(found) or not pages)


if __name__ == "__main__":
    main()
