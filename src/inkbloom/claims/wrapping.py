"""Text cut into lines, in Chinese and in English: none begins with a closing mark, none ends with an opening one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

OPENING, CLOSING = r"(\[（《“‘「【", r")\]，。、；：！？）》”’」】…%"
LETTER = rf"(?![{OPENING}{CLOSING}])[\u2e80-\u9fff\uff00-\uffef]"
WORD = rf"[^\s{OPENING}{CLOSING}\u2e80-\u9fff\uff00-\uffef]+"
PIECE = re.compile(rf"[{OPENING}]*(?:{WORD}(?: [±=] {WORD})?|{LETTER})?[{CLOSING}]*\s*")
"""What stays together: a word, a number with its spread, or one Chinese letter, with the marks around it."""


def wrapped(line: str, width: int) -> list[str]:
    """The line in parts of `width` cells at most, of which a Chinese letter takes two."""
    parts = [""]
    for piece in PIECE.findall(line):
        if parts[-1] and cell_len((parts[-1] + piece).rstrip()) > width:
            parts.append("")
        *full, rest = chop_cells(piece, width) if cell_len(piece.rstrip()) > width else [piece]
        parts[-1:] = [parts[-1] + full[0], *full[1:], rest] if full else [parts[-1] + rest]
    return [part.rstrip() for part in parts]


@dataclass(frozen=True)
class Wrapped:
    """Lines that rich shows wrapped, in whatever width there is."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.text.splitlines():
            yield from map(Text, wrapped(line, options.max_width))
