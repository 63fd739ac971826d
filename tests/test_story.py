"""The stories of docs/*.py, scripts of cells that become notebooks: every cell runs, and leaves what it tells of."""

import ast
import re
import subprocess
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[1]
STORIES = sorted((ROOT / "docs").glob("*.py"))
CELL = re.compile(r'^# %%( \[markdown\]| tags=\["parameters"\])?$', re.MULTILINE)


def notebook(name, **parameters):
    """The notebook that jupytext makes of a story, with other values in its cell of parameters."""
    made = jupytext.read(ROOT / "docs" / f"{name}.py")
    (cell,) = [cell for cell in made.cells if "parameters" in cell.metadata.get("tags", ())]
    for name, value in parameters.items():
        cell.source, found = re.subn(rf"^{name} = \S+", f"{name} = {value!r}", cell.source, flags=re.MULTILINE)
        assert found == 1
    return made


def play(made, folder):
    """Executes a notebook in a folder, and returns all that its cells print."""
    NotebookClient(made, timeout=590, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in made.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


@pytest.fixture(autouse=True)
def gently(monkeypatch):
    """One thread, and a kernel that asks nothing of the user's home."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_it_is_made_of_cells_in_both_languages(story):
    text = story.read_text(encoding="utf-8")
    kinds = [match.group(1) or "" for match in CELL.finditer(text)]
    assert text.startswith("# %%")
    assert kinds[:2] == [" [markdown]", ' tags=["parameters"]']
    assert kinds[2:] == [" [markdown]", ""] * (len(kinds) // 2 - 1)  # words, then code
    for cell in CELL.split(text)[2::4]:
        lines = [line for line in cell.strip().splitlines() if line]
        assert all(line.startswith("#") for line in lines)
        assert any(re.search("[一-鿿]", line) for line in lines), "a cell without Chinese"
        assert any(not re.search("[一-鿿]", line) and len(line) > 9 for line in lines), "a cell without English"


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_it_becomes_a_notebook_with_the_same_cells(story, tmp_path):
    target = tmp_path / "a.ipynb"
    jupytext.write(jupytext.read(story), target)
    made = nbformat.read(target, as_version=4)
    nbformat.validate(made)
    text = story.read_text(encoding="utf-8")
    assert [cell.cell_type for cell in made.cells] == [
        "markdown" if kind == " [markdown]" else "code" for kind in CELL.split(text)[1::2]
    ]
    code = "\n".join(cell.source for cell in made.cells if cell.cell_type == "code")
    assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(text))  # nothing lost, no output kept
    assert not any(cell.get("outputs") for cell in made.cells)


def test_make_notebooks_makes_each():
    told = subprocess.run(["make", "-n", "-B", "notebooks"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for story in STORIES:
        assert f"jupytext --quiet --to ipynb --output build/notebooks/{story.stem}.ipynb docs/{story.name}" in told


@pytest.mark.timeout(600)
def test_the_whole_story_runs(tmp_path):
    told = play(notebook("story", STEPS=1), tmp_path)
    names = {"noising", "vae", "gan", "inputs", "predictions", "steps", "few-step"}
    assert {path.stem for path in (tmp_path / "story").glob("*.png")} == names
    assert Image.open(tmp_path / "story" / "inputs.png").size == (8 * 57 + 1, 11 * 57 + 1)
    for name in ("vae", "gan", "fast"):
        assert re.search(rf"^{name}: fd \d+\.\d\d \(floor 0\.", told, re.MULTILINE)


@pytest.mark.timeout(600)
def test_your_images_run_from_a_folder_to_a_card_and_pictures(tmp_path):
    told = play(notebook("your-images", STEPS=1, EPOCHS=1), tmp_path)
    place = tmp_path / "your-images"
    stickers = sorted((place / "pictures").rglob("*.png"))
    assert {path.parent.name for path in stickers} == {"three", "five", "eight"}
    assert len(stickers) == 900
    alpha = Image.open(stickers[0]).getchannel("A").getextrema()
    assert alpha[0] == 0 < alpha[1]
    assert "images: 900 of 28 x 28 pixels, 3 channels" in told
    assert "broken: 0 files" in told
    assert re.search(r"^FD \(judge .*\) +\d", told, re.MULTILINE)
    assert (place / "1-steps" / "README.md").exists()
    width, height = Image.open(place / "samples.png").size
    assert width > 8 * 28 * 2
    assert height > 3 * 28 * 2


def test_your_images_take_a_folder_that_is_there(tmp_path):
    """Of one's own folder nothing is overwritten, and it is what is looked at."""
    made = notebook("your-images", STEPS=1, EPOCHS=1, FOLDER="mine")
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (16, 16), (200, 10, 10)).save(tmp_path / "mine" / "a.png")
    Image.new("RGB", (16, 16), (10, 200, 10)).save(tmp_path / "mine" / "b.png")
    at = next(number for number, cell in enumerate(made.cells) if "inkbloom.grid(found.data)" in cell.source)
    made.cells = made.cells[: at + 1]  # to its inspection
    assert "images: 2 of 16 x 16 pixels, 3 channels" in play(made, tmp_path)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["a.png", "b.png"]
