"""Pictures of images, filters, gradients and training.

Every function draws into `ax` (or into a new figure) and returns the axes; `show` puts the figure into the
notebook together with its content in words. No figure is registered with pyplot, so none is shown twice or left
open.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Callable, Sequence

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnlab._checks import as_float, as_int

if TYPE_CHECKING:
    from matplotlib.image import AxesImage
    from numpy.typing import ArrayLike

__all__ = ["confusion_matrix", "image", "images", "loss_curve", "loss_surface", "new_axes", "png", "show", "tangent"]

PIXELS_PER_INCH = 90  # as shown on the page
SHARPNESS = 1.5  # pixels stored for each pixel shown, for dense screens
LARGEST_NUMBERED = 8  # maps of up to 8 × 8 carry their numbers

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
    """
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
    """
    buffer = io.BytesIO()
    # Straight from the canvas: half the time that savefig takes, which a slider would feel.
    # A canvas that stays with its figure remembers how wide its texts are.
    figure = figure_of(fig)
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
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
        If alt is empty.
    """
    from IPython.display import display  # loaded here, as it costs more than a picture

    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt must say in words what the picture shows; got {alt!r}")
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
        What to draw: bright is large; for signed values red is negative, white 0 and blue positive.
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
    values = as_float("values", values)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"values must have shape (H, W), one image; got {values.shape}")
    height, width = values.shape
    small = max(height, width) <= LARGEST_NUMBERED and not picture
    if ax is None:
        side = 0.55 if small else 3.0 / max(height, width)
        ax = new_axes(max(width * side, 1.2) + 0.4, max(height * side, 1.2) + (0.7 if title else 0.4))
    drawn = _draw(values, ax, signed, limits, picture)
    if small:
        ax.set_xticks(range(width), minor=False)
        ax.set_yticks(range(height), minor=False)
        ax.tick_params(length=0, labelsize=8, colors="0.35")
    else:
        ax.set_xticks([])
        ax.set_yticks([])
    if small if numbers is None else numbers:
        decimals = 3 if max(height, width) <= 4 else 2
        for (row, column), value in np.ndenumerate(values):
            red, green, blue, _ = drawn.cmap(drawn.norm(value))
            colour = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
            ax.text(column, row, _short(value, decimals), ha="center", va="center", color=colour, fontsize=9)
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
    count = len(values)
    if not count:
        raise ValueError("values must hold at least one image")
    if titles is not None and len(titles) != count:
        raise ValueError(f"titles must be as many as the images, {count}; got {len(titles)}")
    columns = count if columns is None else as_int("columns", columns, 1)
    rows = -(-count // columns)
    shapes = [np.shape(value) for value in values]
    tallest = max(height / width for height, width in shapes)
    height = size * tallest + (0.2 if titles is None else 0.45)  # with room for the numbers below and the title above
    axes = new_axes(columns * size, rows * height, rows=rows, columns=columns)
    axes = np.atleast_2d(axes)
    for k, ax in enumerate(axes.flat):
        if k >= count:
            ax.set_axis_off()
            continue
        sign = signed if isinstance(signed, bool) else signed[k]
        title = titles[k] if titles is not None else None
        image(values[k], ax, title=title, signed=sign, limits=limits, numbers=numbers, picture=picture)
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

    Call it again with the same axes to compare runs: every further line has another colour, style and marker.

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
    losses = as_float("losses", losses)
    if losses.ndim != 1:
        raise ValueError(f"losses must have shape (steps,), one number for each step; got {losses.shape}")
    if ax is None:
        ax = new_axes()
    k = len(ax.lines)
    ax.plot(
        losses,
        linestyle=LINE_STYLES[k % len(LINE_STYLES)],
        marker=MARKERS[k % len(MARKERS)],
        markevery=max(1, len(losses) // 10),
        markersize=4,
        label=label,
    )
    if log:
        ax.set_yscale("log")
    ax.set_xlabel("step")
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
    x, y, losses = as_float("x", x), as_float("y", y), as_float("losses", losses)
    if losses.shape != (y.size, x.size):
        raise ValueError(f"losses must have shape {(y.size, x.size)}, a row for each y; got {losses.shape}")
    if ax is None:
        ax = new_axes(5.0, 3.8)
    levels = np.geomspace(max(losses.min(), losses.max() * 1e-4), losses.max(), 12)
    ax.contour(x, y, losses, levels=levels, cmap="cividis", linewidths=1)
    if path is not None:
        path = as_float("path", path)
        ax.plot(path[:, 0], path[:, 1], marker="o", markersize=3.5, linewidth=1.2, color=RED, label=label)
        ax.plot(*path[0], marker="s", markersize=8, color=RED)
        if label is not None:
            ax.legend(fontsize=9)
    ax.set_xlim(x.min(), x.max())
    ax.set_ylim(y.min(), y.max())
    ax.set_xlabel(xlabel)
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
    """
    if ax is None:
        ax = new_axes(4.2, 2.8)
    around = np.linspace(x - reach, x + reach, 81)
    values = np.array([float(f(number)) for number in around])
    height = float(f(x))
    ax.plot(around, values, color="#3f90da", label="the function")
    # Keep the picture to the curve: a steep line would squash it.
    ax.set_ylim(ax.get_ylim())
    ax.plot(around, height + slope * (around - x), color=RED, linestyle="--", label=f"slope {_short(slope, 4)}")
    ax.plot([x], [height], color="black", marker="o")
    ax.set_xlabel(xlabel)
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
    counts = as_float("counts", counts)
    if counts.shape != (len(names), len(names)):
        raise ValueError(f"counts must have shape {(len(names), len(names))}, a row for each name; got {counts.shape}")
    if ax is None:
        ax = new_axes(1.6 + 0.8 * len(names), 1.0 + 0.7 * len(names))
    image(counts, ax, title=title, numbers=True)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, labelsize=9, colors="black")
    ax.set_xlabel("answer")
    ax.set_ylabel("right class")
    return ax


def _draw(values: np.ndarray, ax: Axes, signed: bool, limits: tuple[float, float] | None, picture: bool) -> AxesImage:
    if limits is None:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if signed:
            high = max(abs(low), abs(high))
            low = -high
        if low == high:
            low, high = low - 1, high + 1
    else:
        low, high = limits
    # Signed values: red negative, white 0, blue positive. Unsigned ones: grey for pictures, cividis for small maps.
    cmap = "RdBu" if signed else "gray" if picture or max(values.shape) > LARGEST_NUMBERED else "cividis"
    return ax.imshow(values, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")


def _short(value: float, decimals: int) -> str:
    """Write a number in as few characters as a cell has room for."""
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:.3g}"
    return "0" if text == "-0" else text.replace("-", "−")


def figure_of(fig: Any) -> Figure:
    """Return the figure itself, of some axes, or of an array of axes."""
    if isinstance(fig, np.ndarray) and fig.size:
        fig = fig.flat[0]
    figure = fig.get_figure() if isinstance(fig, Axes) else fig
    if not isinstance(figure, Figure):
        raise TypeError(f"fig must be a figure or axes; got {type(fig).__name__}")
    return figure
