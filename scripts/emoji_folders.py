"""Sorts the emoji of npm package emoji-datasource-twitter into folders, one for each category: a set to try things with.

    npm pack emoji-datasource-twitter@16.0.0 && tar -xf emoji-datasource-twitter-16.0.0.tgz
    python scripts/emoji_folders.py package emoji

The pictures, 64 x 64 pixels with transparency, are Twemoji by Twitter and others, licensed under CC BY 4.0: name them where you
show what a model has made of them.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path


def main(package: str, out: str) -> None:
    """Copies each picture into the folder of its category."""
    listed = json.loads((Path(package) / "emoji.json").read_text(encoding="utf-8"))
    pictures = [each for each in listed if each["has_img_twitter"]]
    for each in pictures:
        folder = Path(out) / each["category"]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(package) / "img/twitter/64" / each["image"], folder)
    print(f"{len(pictures):,} pictures in {len({each['category'] for each in pictures})} folders: {out}")


if __name__ == "__main__":
    main(*sys.argv[1:])
