"""Fonts that have the letters of each language."""

from __future__ import annotations

from contextlib import suppress

from matplotlib import font_manager

from ..errors import UsageError

PLAIN = "DejaVu Sans"  # comes with matplotlib
FAMILIES = {
    "en": [PLAIN],
    "zh": [
        "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "PingFang SC",
        "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "Noto Sans CJK JP",
    ],
}  # fmt: skip
"""Language -> font families with its letters, the best first."""


def families(lang: str) -> list[str]:
    """The installed families for a language, in the order in which a letter is looked up; an image may have a Chinese name.

    Raises UsageError if none.
    """
    wanted = FAMILIES[lang]
    found = [name for name in wanted if name in _installed()]
    if not found:
        _look_again()
        found = [name for name in wanted if name in _installed()]
    if not found:
        raise UsageError(
            "no font with Chinese letters: install one, on Debian and Ubuntu `apt install fonts-noto-cjk`, or use --lang en"
        )
    chinese = [name for name in FAMILIES["zh"] if name in _installed()]
    return [*dict.fromkeys([found[0], PLAIN, *chinese[:1]])]


def _installed() -> set[str]:
    return {entry.name for entry in font_manager.fontManager.ttflist}


def _look_again() -> None:
    """Adds fonts that were installed after matplotlib wrote its list of them."""
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:
            with suppress(Exception):  # a damaged file is none of our fonts
                font_manager.fontManager.addfont(path)
