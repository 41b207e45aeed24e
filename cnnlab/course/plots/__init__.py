"""Pictures of images, filters, gradients and training.

Every function draws into `ax` (or into a new figure) and returns the axes; `show` puts the figure into the
notebook together with its content in words. No figure is registered with pyplot, so none is shown twice or left
open.
"""

from __future__ import annotations

import base64
import io
import warnings
from typing import TYPE_CHECKING, Any, Callable, Sequence

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from cnnlab._checks import as_flag, as_int, as_number, as_positive, shown
from cnnlab.course.plots._checks import (
    LARGEST_DRAWN,
    MOST_AXES,
    MOST_NUMBERS,
    MOST_POINTS,
    as_axes,
    as_box,
    as_coordinate,
    as_drawn,
    as_image,
    as_limits,
    as_name,
    as_rising,
    as_row,
    as_words,
    require_sheet,
)
from cnnlab.course.plots._parts import (
    LARGEST_NUMBERED,
    LONGEST,
    OFF,
    draw_map,
    exponent_of,
    off_note,
    short,
    write_numbers,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["confusion_matrix", "image", "images", "loss_curve", "loss_surface", "new_axes", "png", "show", "tangent"]

PIXELS_PER_INCH = 90  # as shown on the page
SHARPNESS = 1.5  # pixels stored for each pixel shown, for dense screens
MOST_NUMBERED = 32  # rows and columns whose cells can carry numbers at all

RED = "#e42536"  # what to look at

# Lines differ in style and marker as well as in colour.
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v")


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
        If the figure would be too small or too large, or an argument is no size.
    """
    width, height = as_positive("width", width), as_positive("height", height)
    rows, columns = as_int("rows", rows, 1), as_int("columns", columns, 1)
    if height_ratios is not None:
        height_ratios = [as_positive("height_ratios", ratio) for ratio in as_row("height_ratios", height_ratios, rows)]
    require_sheet(width, height, rows * columns, "make width and height, or rows and columns, fit")
    with matplotlib.style.context("petroff10"):
        figure = Figure(figsize=(width, height), dpi=PIXELS_PER_INCH * SHARPNESS, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios)
    return axes[0, 0] if rows == columns == 1 else axes


def png(fig: Any) -> bytes:
    """Render a figure (or the figure of some axes) as PNG.

    Parameters
    ----------
    fig : Figure, Axes, or ndarray of Axes

    Returns
    -------
    bytes

    Raises
    ------
    TypeError, ValueError
        If fig is no figure, or has no room for what is in it.
    """
    figure = figure_of(fig)
    width, height = figure.get_size_inches()
    require_sheet(width, height, len(figure.axes), "make another figure")
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
        What the picture shows, for whoever cannot see it. It is stored with the picture as alternative text and
        as plain text, so that a notebook test notices when it changes.

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
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    data = {"image/png": base64.b64encode(png(figure)).decode("ascii"), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt, "width": width, "height": height}})


def image(
    values: ArrayLike,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    signed: bool = False,
    limits: tuple[float, float] | None = None,
    numbers: bool | None = None,
    box: tuple[int, int, int, int] | None = None,
    picture: bool = False,
) -> Axes:
    """Draw one image, map, filter or gradient.

    Parameters
    ----------
    values : (H, W) array_like
        What to draw: bright is large; for signed values red is negative, white 0 and blue positive. What is not
        finite is pink, and said below; only NaN everywhere with the title "" is a place left empty.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Written above.
    signed : bool
        Whether the sign matters, as for weights and gradients.
    limits : (float, float), optional
        The values drawn darkest and brightest; those of the image by default.
    numbers : bool, optional
        Whether to write each number into its cell; for images of up to 8 × 8 by default.
    box : (row, column, height, width), optional
        Cells to draw a frame around.
    picture : bool
        Whether to draw a small image as large ones are drawn: grey, without numbers at its edges or in its cells.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        If values are not an image.
    """
    values = as_image("values", values)
    ax = as_axes(ax)
    title = None if title is None else as_words("title", title)
    signed, picture = as_flag("signed", signed), as_flag("picture", picture)
    limits = as_limits(limits)
    height, width = values.shape
    box = as_box(box, (height, width))
    small = max(height, width) <= LARGEST_NUMBERED and not picture
    numbers = small if numbers is None else as_flag("numbers", numbers)
    if numbers and max(height, width) > MOST_NUMBERED:
        raise ValueError(
            f"numbers must be False for more than {MOST_NUMBERED} rows or columns; values have shape {values.shape}"
        )
    if ax is None:
        side = 0.55 if small else 3.0 / max(height, width)
        ax = new_axes(max(width * side, 1.2) + 0.4, max(height * side, 1.2) + (0.7 if title else 0.4))
    drawn = draw_map(values, ax, signed, limits, picture)
    if title == "" and np.isnan(values).all():
        drawn.set_visible(False)
        ax.set_xlabel("")
    if small:
        ax.set_xticks(range(width), minor=False)
        ax.set_yticks(range(height), minor=False)
        ax.tick_params(length=0, labelsize=8, colors="0.35")
    else:
        ax.set_xticks([])
        ax.set_yticks([])
    if numbers:
        write_numbers(values, ax, drawn)
    if box is not None:
        row, column, box_height, box_width = box
        frame = Rectangle(
            (column - 0.5, row - 0.5),
            box_width,
            box_height,
            fill=False,
            edgecolor=RED,
            linewidth=3,
            clip_on=False,
        )
        ax.add_patch(frame)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def images(
    values: Sequence[ArrayLike] | np.ndarray,
    *,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    signed: bool | Sequence[bool] = False,
    limits: tuple[float, float] | None = None,
    numbers: bool | None = None,
    picture: bool = False,
    size: float = 1.7,
) -> np.ndarray:
    """Draw several images side by side.

    Parameters
    ----------
    values : sequence of (H, W) array_like
        What to draw.
    titles : sequence of str, optional
        One for each image.
    columns : int, optional
        How many stand in a row; all of them by default.
    signed : bool or sequence of bool
        As in `image`, for all or for each.
    limits, numbers, picture
        As in `image`.
    size : float
        Width of each picture, in inches.

    Returns
    -------
    (rows, columns) ndarray of Axes

    Raises
    ------
    TypeError, ValueError
        If there is no image, or an argument does not fit.
    """
    if not isinstance(values, (list, tuple)):
        values = as_drawn("values", values, MOST_NUMBERS)
        if values.ndim != 3:
            raise ValueError(f"values must have shape (N, H, W), or be a list of images; got {values.shape}")
        values = list(values[: MOST_AXES + 1])
    maps = [as_image(f"values[{k}]", value) for k, value in enumerate(as_row("values", values))]
    count = len(maps)
    if not count:
        raise ValueError("values must hold at least one image; got none")
    captions: list[str | None] = [None] * count
    if titles is not None:
        captions = [as_words(f"titles[{k}]", title) for k, title in enumerate(as_row("titles", titles))]
    if len(captions) != count:
        raise ValueError(f"titles must be as many as the images, {count}; got {len(captions)}")
    columns = count if columns is None else as_int("columns", columns, 1)
    if isinstance(signed, (bool, np.bool_)):
        signs = [bool(signed)] * count
    else:
        signs = [as_flag(f"signed[{k}]", sign) for k, sign in enumerate(as_row("signed", signed, count))]
    limits, size, picture = as_limits(limits), as_positive("size", size), as_flag("picture", picture)
    numbers = None if numbers is None else as_flag("numbers", numbers)
    rows = -(-count // columns)
    tallest = min(LONGEST, max(value.shape[0] / value.shape[1] for value in maps))
    height = size * tallest + (0.2 if titles is None else 0.45)  # with room for the numbers below and the title above
    remedy = "pass fewer images, another number of columns or another size"
    require_sheet(columns * size, rows * height, rows * columns, remedy)
    axes = new_axes(columns * size, rows * height, rows=rows, columns=columns)
    axes = np.atleast_2d(axes)
    for k, ax in enumerate(axes.flat):
        if k >= count:
            ax.set_axis_off()
            continue
        image(maps[k], ax, title=captions[k], signed=signs[k], limits=limits, numbers=numbers, picture=picture)
    return axes


def loss_curve(
    losses: ArrayLike,
    ax: Axes | None = None,
    *,
    label: str | None = None,
    log: bool = True,
    ylabel: str = "loss L",
) -> Axes:
    """Draw a number, such as the loss, over the steps of training.

    Call it again with the same axes to compare runs: every further line has another colour, style and marker. What
    has no place on the axis (NaN, ±inf, and on a logarithmic axis what is not above 0) is marked × at its edge, and
    said below.

    Parameters
    ----------
    losses : (steps,) array_like
        One number for each step.
    ax : Axes, optional
        Where to draw.
    label : str, optional
        Name of the run, for the legend.
    log : bool
        Whether the vertical axis is logarithmic.
    ylabel : str
        What the numbers are.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        If losses are not numbers in a row.
    """
    losses = as_drawn("losses", losses, MOST_POINTS).astype(np.float64, copy=False)
    if losses.ndim != 1:
        raise ValueError(f"losses must have shape (steps,), one number for each step; got {losses.shape}")
    ax, log = as_axes(ax), as_flag("log", log)
    label = None if label is None else as_name("label", label)
    ylabel = as_words("ylabel", ylabel)
    if ax is None:
        ax = new_axes()
    lowest = 1 / LARGEST_DRAWN if log or ax.get_yscale() == "log" else -LARGEST_DRAWN
    on_axis = (losses >= lowest) & (losses <= LARGEST_DRAWN)
    k = sum(line.get_gid() != OFF for line in ax.lines)
    (line,) = ax.plot(
        losses if on_axis.all() else np.where(on_axis, losses, np.nan),
        linestyle=LINE_STYLES[k % len(LINE_STYLES)],
        marker=MARKERS[k % len(MARKERS)],
        markevery=max(1, len(losses) // 10),
        markersize=4,
        label=label,
    )
    note = off_note(losses, on_axis, "step")
    if note:
        steps = np.flatnonzero(~on_axis)
        steps = steps[:: -(-len(steps) // 1000)]
        edge = np.where(losses[steps] < lowest, 0, 1)
        ax.plot(
            steps,
            edge,
            "x",
            color=line.get_color(),
            transform=ax.get_xaxis_transform(),
            clip_on=False,
            gid=OFF,
        )
        note = f"\n{label}: {note}" if label else f"\n{note}"
    if log:
        ax.set_yscale("log")
    before = ax.get_xlabel() if OFF in ax.get_xlabel() else "step"  # what an earlier run left out is still left out
    ax.set_xlabel(before + note)
    ax.set_ylabel(ylabel)
    ax.grid(alpha=0.3)
    if label is not None:
        ax.legend(fontsize=9)
    return ax


def loss_surface(
    x: ArrayLike,
    y: ArrayLike,
    losses: ArrayLike,
    ax: Axes | None = None,
    *,
    path: ArrayLike | None = None,
    label: str | None = None,
    xlabel: str = "",
    ylabel: str = "",
) -> Axes:
    """Draw the loss over a plane as lines of equal loss, and the path of gradient descent across it.

    Parameters
    ----------
    x : (nx,) array_like
        Coordinates to the right.
    y : (ny,) array_like
        Coordinates upwards.
    losses : (ny, nx) array_like
        The loss at each point; above 0.
    ax : Axes, optional
        Where to draw.
    path : (steps, 2) array_like, optional
        Points (x, y) that gradient descent went through.
    label : str, optional
        Name of the path, for the legend.
    xlabel, ylabel : str
        What the coordinates are.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit together.
    """
    x, y, losses = as_rising("x", x), as_rising("y", y), as_drawn("losses", losses, MOST_POINTS).astype(np.float64)
    if losses.shape != (y.size, x.size):
        raise ValueError(f"losses must have shape {(y.size, x.size)}, a row for each y; got {losses.shape}")
    finite = np.isfinite(losses)
    if (losses < 0).any():
        raise ValueError(
            f"losses must be at least 0, as lines of equal loss are spaced by factors; got {losses.min():g}"
        )
    ax = as_axes(ax)
    if path is not None:
        path = as_drawn("path", path, MOST_POINTS).astype(np.float64)
        if path.ndim != 2 or path.shape[1] != 2 or not len(path):
            raise ValueError(f"path must have shape (steps, 2), points (x, y); got {path.shape}")
    label = None if label is None else as_name("label", label)
    xlabel, ylabel = as_words("xlabel", xlabel), as_words("ylabel", ylabel)
    if ax is None:
        ax = new_axes(5.0, 3.8)
    notes = [xlabel]
    if finite.any():
        heights = np.where(finite, losses, np.nan)
        heights = np.ldexp(heights, -exponent_of(float(np.nanmax(heights))))
        highest = np.nanmax(heights)
        levels = np.unique(np.geomspace(max(np.nanmin(heights), highest * 1e-4), highest, 12) if highest else [0.0])
        if len(levels) > 1:
            ax.contour(x, y, np.ma.masked_invalid(heights), levels=levels, cmap="cividis", linewidths=1)
        else:
            notes.append("every loss that is a number is the same: there are no lines")
    if not finite.all():
        ax.contourf(x, y, ~finite, levels=[0.5, 1.5], colors="none", hatches=["xx"])
        notes.append(f"×: {off_note(losses, finite, 'cell', 'not finite')}")
    if path is not None:
        on_axis = np.abs(path) <= LARGEST_DRAWN
        note = off_note(path, on_axis, "step", "not finite")
        path = np.where(on_axis, path, np.nan)
        ax.plot(path[:, 0], path[:, 1], marker="o", markersize=3.5, linewidth=1.2, color=RED, label=label)
        ax.plot(*path[0], marker="s", markersize=8, color=RED)
        if not on_axis.all():
            notes.append(f"path: {note}")
        if label is not None:
            ax.legend(fontsize=9)
    ax.set_xlim(x.min(), x.max())
    ax.set_ylim(y.min(), y.max())
    ax.set_xlabel("\n".join(filter(None, notes)))
    ax.set_ylabel(ylabel)
    return ax


def tangent(
    f: Callable[[float], Any],
    x: float,
    slope: float,
    ax: Axes | None = None,
    *,
    reach: float = 1.0,
    title: str | None = None,
    xlabel: str = "",
    ylabel: str = "loss L",
) -> Axes:
    """Draw a function of one number around a point, and the line through that point with a slope.

    If the slope is the derivative, the line touches the curve.

    Parameters
    ----------
    f : callable
        Takes a number and returns a number.
    x : float
        The point.
    slope : float
        f'(x), as a backward pass gave it.
    ax : Axes, optional
        Where to draw.
    reach : float
        How far to draw to the left and to the right of x.
    title : str, optional
        Written above.
    xlabel, ylabel : str
        What x and f(x) are.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        If f is no function or returns no number, or x and reach make no axis.
    """
    if not callable(f):
        raise TypeError(f"f must be a function of one number; got {shown(f)}")
    x, slope, reach = as_coordinate("x", x), as_number("slope", slope), as_positive("reach", reach)
    ax = as_axes(ax)
    title = None if title is None else as_words("title", title)
    xlabel, ylabel = as_words("xlabel", xlabel), as_words("ylabel", ylabel)
    as_coordinate("reach", abs(x) + reach)
    around = np.linspace(x - reach, x + reach, 81)
    if not (np.diff(around) > 0).all():
        raise ValueError(f"reach must be large enough to tell the numbers around x = {x:g} apart; got {reach:g}")
    values = np.array([as_number(f"f({number:g})", f(number)) for number in around])
    height = as_number(f"f({x:g})", f(x))
    with np.errstate(over="ignore", invalid="ignore"):
        straight = height + slope * (around - x)
    on_axis = np.abs(values) <= LARGEST_DRAWN
    note = off_note(values, on_axis, "point", "not finite")
    values, straight = (np.where(np.abs(line) <= LARGEST_DRAWN, line, np.nan) for line in (values, straight))
    if ax is None:
        ax = new_axes(4.2, 2.8)
    ax.plot(around, values, color="#3f90da", label="the function")
    # Keep the picture to the curve: a steep line would squash it.
    ax.set_ylim(ax.get_ylim())
    ax.plot(around, straight, color=RED, linestyle="--", label=f"slope {short(slope, 4)}")
    ax.plot([x], [height if abs(height) <= LARGEST_DRAWN else np.nan], color="black", marker="o")
    ax.set_xlabel("\n".join(filter(None, [xlabel, note])))
    ax.set_ylabel(ylabel)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=9)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def confusion_matrix(
    counts: ArrayLike, ax: Axes | None = None, *, names: Sequence[str], title: str | None = None
) -> Axes:
    """Draw how often each class was taken for each.

    Parameters
    ----------
    counts : (K, K) array_like of int
        Row: the right class; column: the answer.
    ax : Axes, optional
        Where to draw.
    names : sequence of str
        Of the K classes.
    title : str, optional
        Written above.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        If counts are not square, or there are not K names.
    """
    names = [as_words(f"names[{k}]", name) for k, name in enumerate(as_row("names", names))]
    if not names:
        raise ValueError("names must hold a name for each class; got none")
    counts = as_image("counts", counts)
    if counts.shape != (len(names), len(names)):
        raise ValueError(f"counts must have shape {(len(names), len(names))}, a row for each name; got {counts.shape}")
    if len(names) > MOST_NUMBERED:
        raise ValueError(f"names must be at most {MOST_NUMBERED}, as more numbers cannot be read; got {len(names)}")
    if not ((counts >= 0) & np.isfinite(counts)).all():
        raise ValueError(f"counts must be finite numbers from 0 up, as they say how often; got {counts.min():g}")
    ax = as_axes(ax)
    title = None if title is None else as_words("title", title)
    if ax is None:
        ax = new_axes(1.6 + 0.8 * len(names), 1.0 + 0.7 * len(names))
    image(counts, ax, title=title, numbers=True)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, labelsize=9, colors="black")
    ax.set_xlabel("answer")
    ax.set_ylabel("right class")
    return ax


def figure_of(fig: Any) -> Figure:
    """Return the figure itself, of some axes, or of an array of axes."""
    if isinstance(fig, np.ndarray) and fig.dtype == object and fig.size:
        fig = fig.flat[0]
    figure = fig.get_figure(root=True) if isinstance(fig, Axes) else fig
    if not isinstance(figure, Figure):
        what = "axes that were removed from theirs" if isinstance(fig, Axes) else type(fig).__name__
        raise TypeError(f"fig must be a figure or axes; got {what}")
    return figure
