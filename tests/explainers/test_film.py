"""Films: frames, colours, what stays and what passes."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from inkbloom.explainers.canvas import COLOURS
from inkbloom.explainers.film import filmed, finish, recoloured, save_film, shared_colours


@pytest.fixture
def axis():
    figure = Figure(figsize=(1, 1), dpi=20)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    axis.set(xlim=(0, 4), ylim=(0, 1))
    return axis


def steps(axis):
    """Red boxes that stay, each with a blue one beside it that does not."""
    for place in range(3):
        boxes = [Rectangle((at, 0), 1, 1, color=colour) for at, colour in ((place, "red"), (place + 1, "blue"))]
        for box in boxes:
            axis.add_patch(box)
        yield boxes[:1], boxes[1:]


def row(frame):
    """The colours of the four quarters of a frame."""
    names = {(255, 0, 0): "red", (0, 0, 255): "blue", (255, 255, 255): "white"}
    return [names[tuple(np.asarray(frame)[10, column])] for column in (2, 7, 12, 17)]


def test_what_stays_stays_and_what_passes_goes(axis):
    rows = [row(frame) for frame in filmed(axis.figure, steps(axis))]
    assert rows == [
        ["red", "blue", "white", "white"],
        ["red", "red", "blue", "white"],
        ["red", "red", "red", "blue"],
    ]


def test_a_finished_figure_has_only_what_stays(axis):
    finish(steps(axis))
    assert [box.get_facecolor()[:3] for box in axis.patches] == [(1, 0, 0)] * 3


def test_the_file_has_every_frame_and_the_last_is_held(axis, tmp_path):
    save_film(list(filmed(axis.figure, steps(axis))), tmp_path / "a.gif", milliseconds=100, hold=1000)
    with Image.open(tmp_path / "a.gif") as film:
        shown = []
        for frame in range(film.n_frames):
            film.seek(frame)
            shown.append((row(film.convert("RGB")), film.info["duration"]))
        assert film.info["loop"] == 0
    assert [time for _, time in shown] == [100, 100, 1100]
    assert shown[0][0] == ["red", "blue", "white", "white"]


def test_our_colours_and_the_frequent_ones_are_kept_and_the_others_come_near():
    generator = np.random.default_rng(0)
    noisy = generator.integers(0, 256, (60, 60), np.uint8)
    pixels = np.stack([noisy] * 3, -1)
    pixels[:20] = [int(COLOURS[4][at : at + 2], 16) for at in (1, 3, 5)]
    pixels[20:30] = 255
    frame = Image.fromarray(pixels)
    colours = shared_colours([frame])
    assert len(colours) <= 256
    (flat,) = recoloured([frame], colours)
    back = np.asarray(flat.convert("RGB")).astype(int)
    assert (back[:30] == pixels[:30]).all()
    assert np.abs(back - pixels).max() <= 12
