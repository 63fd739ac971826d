"""Reading what a header declares and not a byte more, so that a small hostile file cannot fill the memory."""

from __future__ import annotations

from typing import IO

LIMIT = 8 * 2**30  # bytes that one array may declare
PIECE = 2**20


def read_at_most(file: IO[bytes], count: int) -> bytearray:
    """The next `count` bytes, fewer where the file ends. Memory grows with what is there, not with `count`."""
    body = bytearray()
    while len(body) < count and (piece := file.read(min(count - len(body), PIECE))):
        body += piece
    return body
