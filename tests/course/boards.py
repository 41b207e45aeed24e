"""What the tests of several boards of sliders need."""

import functools
import itertools

import ipywidgets

from cnnlab import datasets
from cnnlab.course.widgets import _digits

LONGEST_LINE = 110  # characters beside a picture
LONGEST_BESIDE_SIDE_BAR = 83  # which a page 1,000 pixels wide holds beside JupyterLab's side bar


def contrast(ink, behind):
    """How many times as much light one colour (red, green, blue) gives as another, by WCAG 2.2."""

    def light(colour):
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05

    dark, bright = sorted((light(ink), light(behind)))
    return bright / dark


def words(board):
    return [label.value for label in board.labels]


def fit(text, longest=LONGEST_LINE):
    """Say whether all lines fit beside a picture."""
    return all(len(line) <= longest for line in text.split("\n"))


def ends(control):
    """The ends of a slider's range, or every choice among names."""
    if isinstance(control, ipywidgets.SelectionSlider):
        return [value for _, value in control._options_full]
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [control.base**control.min, control.base**control.max]
    return [control.min, control.max]


def quick_png():
    """Make a stand-in for `Raster.png` that gives the drawing's number, as drawing takes most of a test's time."""
    drawn = itertools.count()

    def png(raster):
        if raster._figure.stale or not raster._png:
            raster._figure.stale = False
            raster._png = str(next(drawn)).encode()
        return raster._png

    return png


@functools.cache
def sample():
    """The real digits, read once."""
    return datasets.mnist_sample()


def few_examples(train=200, held_out=100):
    """The first of the notebook's digits, so that a test takes no longer than it must."""
    everything = _digits.load_examples()
    return tuple(
        _digits.Examples(*(part[:n] for part in whole)) for whole, n in zip(everything, (train, held_out), strict=True)
    )
