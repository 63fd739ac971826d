"""docs/story.py, the script-notebook: every cell runs, and leaves the pictures that it tells of."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

STORY = Path(__file__).parents[1] / "docs" / "story.py"
CELL = re.compile(r"^# %%( \[markdown\])?$", re.MULTILINE)


def test_it_is_made_of_cells_in_both_languages():
    text = STORY.read_text(encoding="utf-8")
    kinds = [match.group(1) for match in CELL.finditer(text)]
    assert text.startswith("# %%")
    assert kinds == [" [markdown]", None] * (len(kinds) // 2)  # words, then code
    for cell in CELL.split(text)[2::4]:
        lines = [line for line in cell.strip().splitlines() if line]
        assert all(line.startswith("#") for line in lines)
        assert any(re.search("[一-鿿]", line) for line in lines), "a cell without Chinese"
        assert any(not re.search("[一-鿿]", line) and len(line) > 9 for line in lines), "a cell without English"


@pytest.mark.timeout(600)
def test_the_whole_story_runs(tmp_path):
    environment = {**os.environ, "STORY_STEPS": "1"}
    done = subprocess.run([sys.executable, STORY], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=590)
    assert done.returncode == 0, done.stderr
    names = {"noising", "vae", "gan", "inputs", "predictions", "steps", "few-step"}
    assert {path.stem for path in (tmp_path / "story").glob("*.png")} == names
    assert Image.open(tmp_path / "story" / "inputs.png").size == (8 * 57 + 1, 11 * 57 + 1)
    for name in ("vae", "gan", "fast"):
        assert re.search(rf"^{name}: fd \d+\.\d\d \(floor 0\.", done.stdout, re.MULTILINE)
