"""Figures: made, rendered, and put into the notebook."""

from __future__ import annotations

import base64
import html
import io
import warnings
from typing import Any, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from cnnlab._checks import as_int, as_positive, shown
from cnnlab.course.plots._checks import as_list, require_figure_size
from cnnlab.course.plots._style import PIXELS_PER_INCH, SHARPNESS, course_style


@course_style()
def new_axes(
    width: float = 5.0,
    height: float = 3.2,
    *,
    rows: int = 1,
    columns: int = 1,
    height_ratios: Sequence[float] | None = None,
) -> Any:
    """Make a figure with one or more axes.

    Parameters
    ----------
    width, height : float
        Size of the figure, in inches.
    rows, columns : int
        How many axes.
    height_ratios : (rows,) sequence of float, optional
        How high the rows are, beside each other.

    Returns
    -------
    Axes, or (rows, columns) ndarray of Axes

    Raises
    ------
    TypeError, ValueError
        If a size is no positive number, or the figure would be too small or too large to draw.
    """
    width, height = as_positive("width", width), as_positive("height", height)
    rows, columns = as_int("rows", rows, 1), as_int("columns", columns, 1)
    if height_ratios is not None:
        height_ratios = [as_positive("height_ratios", ratio) for ratio in as_list("height_ratios", height_ratios, rows)]
    require_figure_size(width, height, rows * columns, "make width and height, or rows and columns, fit")
    figure = Figure(figsize=(width, height), dpi=PIXELS_PER_INCH * SHARPNESS, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios)
    return axes[0, 0] if rows == columns == 1 else axes


@course_style()
def png(fig: Any) -> bytes:
    """Render a figure (or the figure of some axes) as PNG.

    Parameters
    ----------
    fig : Figure, Axes, or ndarray of Axes

    Raises
    ------
    TypeError
        If fig is no figure.
    ValueError
        If fig is too large, or has no room for what is in it.
    """
    figure = figure_of(fig)
    width, height = figure.get_size_inches()
    require_figure_size(width, height, len(figure.axes), "make another figure")
    for text in figure.findobj(Text):
        text.set_usetex(False)  # what a reader added with LaTeX switched on; it may not be there
    # A canvas that stays with its figure remembers how wide its texts are.
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        return _rendered(canvas)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout not applied")
        try:
            return _rendered(canvas)
        except UserWarning as warning:
            if "constrained_layout" not in str(warning):  # raised, where the reader made errors of all warnings
                raise
            raise ValueError("fig has no room for its axes and words: make it larger, or the words shorter") from None


def _rendered(canvas: FigureCanvasAgg) -> bytes:
    buffer = io.BytesIO()
    # Straight from the canvas: half the time that savefig takes, which a slider would feel.
    canvas.print_png(buffer, pil_kwargs={"compress_level": 2})
    return buffer.getvalue()


def show(fig: Any, alt: str) -> None:
    """Put a figure into the notebook, with its content in words.

    Parameters
    ----------
    fig : Figure, Axes, or ndarray of Axes
        What to show.
    alt : str
        What the picture shows, for whoever cannot see it. It is stored with the picture as its alternative
        text and as plain text, so that a notebook test notices when it changes.

    Raises
    ------
    TypeError
        If fig is no figure.
    ValueError
        If alt is empty, or cannot be stored.
    """
    from IPython.display import display  # loaded here, as it costs more than a picture

    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt must say in words what the picture shows; got {shown(alt)}")
    if not alt.isascii() and any("\ud800" <= character <= "\udfff" for character in alt):
        raise ValueError(f"alt must be text that can be stored; got half a character in {alt[:60]!a}")
    figure = figure_of(fig)
    display(_Picture(image_tag(png(figure), figure, alt), alt))


class _Picture:
    """A picture for whoever can show HTML, and its words for whoever cannot."""

    def __init__(self, tag: str, alt: str) -> None:
        self._tag, self._alt = tag, alt

    def _repr_html_(self) -> str:
        return self._tag

    def __repr__(self) -> str:
        return self._alt


def image_tag(picture: bytes, figure: Figure, alt: str) -> str:
    """Return the HTML element that shows the PNG of a figure, with its words as alternative text.

    It is HTML because JupyterLab and nbconvert show a plain PNG without its words.
    """
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    data = base64.b64encode(picture).decode("ascii")
    size = f'width="{width}" height="{height}" style="max-width: 100%; height: auto"'
    return f'<img alt="{html.escape(alt)}" {size} src="data:image/png;base64,{data}">'


def figure_of(fig: Any) -> Figure:
    """Return the figure itself, of some axes, or of an array of axes."""
    if isinstance(fig, np.ndarray) and fig.dtype == object and fig.size:
        fig = fig.flat[0]
    figure = fig.figure and fig.figure.figure if isinstance(fig, Axes) else fig
    if not isinstance(figure, Figure):
        what = "axes that were removed from theirs" if isinstance(fig, Axes) else type(fig).__name__
        raise TypeError(f"fig must be a figure or axes; got {what}")
    return figure
