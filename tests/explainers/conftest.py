"""What the tests of the topics share: Chinese letters, and whether words lie on the paper."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from inkbloom.errors import UsageError
from inkbloom.explainers.fonts import families


@pytest.fixture
def chinese():
    """The families for Chinese; without a font the test is left out."""
    try:
        return families("zh")
    except UsageError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def outside():
    """A function that gives the texts of a figure that do not lie on its paper, a letter's edge of 2 pixels apart."""

    def texts_outside(figure):
        renderer = FigureCanvasAgg(figure).get_renderer()
        wide, high = figure.bbox.width, figure.bbox.height
        found = []
        for text in [*figure.texts, *(text for axis in figure.axes for text in [axis.title, axis._left_title, *axis.texts])]:
            box = text.get_window_extent(renderer)
            over = max(-box.x0, box.x1 - wide, -box.y0, box.y1 - high)
            if text.get_text() and over > 2:
                found.append(text.get_text())
        return found

    return texts_outside
