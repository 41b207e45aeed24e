"""Images, maps, filters and gradients: one, or several side by side."""

from __future__ import annotations

import math
from typing import Any, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from cnnlab._checks import as_flag, as_int, as_positive
from cnnlab.course.plots import _style as style
from cnnlab.course.plots._checks import (
    MOST_AXES,
    MOST_NUMBERS,
    as_axes,
    as_box,
    as_image,
    as_limits,
    as_list,
    as_numbers,
    as_title,
    as_words,
    require_figure_size,
)
from cnnlab.course.plots._extremes import scale_exponent, undrawn_note
from cnnlab.course.plots._figures import new_axes

NUMBERED_BY_DEFAULT = 8  # maps of up to 8 × 8 carry their numbers
MOST_NUMBERED = 32  # rows and columns whose cells can carry numbers at all
MOST_ROWS = 4096  # of an image that are drawn; of a larger one every second, third, …
MOST_ELONGATED = (
    20  # times as long as it is wide: a longer image gets cells that are not square, so as not to be a hair line
)


@style.course_style()
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
        Whether to draw a small image as large ones are drawn: without numbers at its edges or in its cells.

    Raises
    ------
    TypeError, ValueError
        If values are not one image of numbers, the box is not within it, or it is too large for numbers.
    """
    values = as_image("values", values)
    ax, title = as_axes(ax), as_title(title)
    signed, picture = as_flag("signed", signed), as_flag("picture", picture)
    limits = as_limits(limits)
    height, width = values.shape
    box = as_box(box, (height, width))
    small = max(height, width) <= NUMBERED_BY_DEFAULT and not picture
    numbers = small if numbers is None else as_flag("numbers", numbers)
    if numbers and max(height, width) > MOST_NUMBERED:
        raise ValueError(
            f"numbers must be False for more than {MOST_NUMBERED} rows or columns; values have shape {values.shape}"
        )
    if ax is None:
        side = 0.55 if small else 3.0 / max(height, width)
        ax = new_axes(max(width * side, 1.2) + 0.4, max(height * side, 1.2) + (0.7 if title else 0.4))
    drawn = _draw_map(values, ax, signed, limits)
    if title == "" and np.isnan(values).all():
        drawn.set_visible(False)
        ax.set_xlabel("")
    if small:
        ax.set_xticks(range(width), minor=False)
        ax.set_yticks(range(height), minor=False)
        ax.tick_params(length=0, labelsize=style.SMALL_LETTERS, colors=style.QUIET)
    else:
        ax.set(xticks=[], yticks=[])
    if numbers:
        _write_numbers(values, ax, drawn)
    if box is not None:
        row, column, rows, columns = box
        look: dict[str, Any] = {"fill": False, "edgecolor": style.RED, "linewidth": 3, "clip_on": False}
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), columns, rows, **look))
    if title:
        ax.set_title(title, fontsize=style.TITLE)
    return ax


@style.course_style()
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
        If there is no image or one that is none, titles or signs are not as many, or the figure would be too large.
    """
    if not isinstance(values, (list, tuple)):
        values = as_numbers("values", values, MOST_NUMBERS)
        if values.ndim != 3:
            raise ValueError(f"values must have shape (N, H, W), or be a list of images; got {values.shape}")
        values = list(values[: MOST_AXES + 1])
    maps = [as_image(f"values[{k}]", value) for k, value in enumerate(as_list("values", values))]
    count = len(maps)
    if not count:
        raise ValueError("values must hold at least one image; got none")
    captions: list[str | None] = [None] * count
    if titles is not None:
        captions = [as_words(f"titles[{k}]", title) for k, title in enumerate(as_list("titles", titles))]
    if len(captions) != count:
        raise ValueError(f"titles must be as many as the images, {count}; got {len(captions)}")
    columns = count if columns is None else as_int("columns", columns, 1)
    if isinstance(signed, (bool, np.bool_)):
        signs = [bool(signed)] * count
    else:
        signs = [as_flag(f"signed[{k}]", sign) for k, sign in enumerate(as_list("signed", signed, count))]
    limits, size, picture = as_limits(limits), as_positive("size", size), as_flag("picture", picture)
    numbers = None if numbers is None else as_flag("numbers", numbers)
    rows = -(-count // columns)
    tallest = min(MOST_ELONGATED, max(value.shape[0] / value.shape[1] for value in maps))
    height = size * tallest + (0.2 if titles is None else 0.45)  # with room for the numbers below and the title above
    remedy = "pass fewer images, another number of columns or another size"
    require_figure_size(columns * size, rows * height, rows * columns, remedy)
    axes = np.atleast_2d(new_axes(columns * size, rows * height, rows=rows, columns=columns))
    for k, ax in enumerate(axes.flat):
        if k >= count:
            ax.set_axis_off()
            continue
        image(maps[k], ax, title=captions[k], signed=signs[k], limits=limits, numbers=numbers, picture=picture)
    return axes


def _draw_map(values: np.ndarray, ax: Axes, signed: bool, limits: tuple[float, float] | None) -> AxesImage:
    """Draw the colours, and say below what is not finite and whether rows are left out."""
    finite = np.isfinite(values)
    largest = float(np.maximum(values.max(where=finite, initial=0), -values.min(where=finite, initial=0)))
    height, width = values.shape
    every = -(-max(height, width) // MOST_ROWS)
    notes = [undrawn_note(values, finite, "cell")]
    if every > 1:
        notes.append(f"drawn: one of {every} rows and columns")
    if limits is not None:
        low, high = limits
    elif not finite.any():
        low, high = (-1.0, 1.0) if signed else (0.0, 1.0)
    elif signed:
        low, high = -largest, largest
    else:
        low, high = float(values.min(where=finite, initial=np.inf)), float(values.max(where=finite, initial=-np.inf))
    if every > 1:
        values, finite = values[::every, ::every], finite[::every, ::every]
    reach = max(abs(low), abs(high))
    if scale_exponent(largest) or scale_exponent(reach):
        values = np.where(finite, np.clip(values.astype(np.float64), low, high), np.nan)
        values = np.ldexp(values, -scale_exponent(reach))
        low, high = (math.ldexp(limit, -scale_exponent(reach)) for limit in (low, high))
    if low == high:
        step = max(1.0, abs(low))
        low, high = low - step, high + step
    drawn = ax.imshow(
        values,
        cmap=style.colours_of(style.SIGNED if signed else style.PIXELS).with_extremes(bad=style.NOT_FINITE),
        vmin=low,
        vmax=high,
        interpolation="nearest",
        origin="upper",  # whatever the reader's matplotlibrc says
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        aspect="equal" if max(height, width) <= MOST_ELONGATED * min(height, width) else "auto",
    )
    note = "\n".join(filter(None, notes))
    if note or "not finite" in ax.get_xlabel():  # an earlier map's note goes with it
        ax.set_xlabel(note, fontsize=style.SMALL_LETTERS)
    return drawn


def _write_numbers(values: np.ndarray, ax: Axes, drawn: AxesImage) -> None:
    """Write each number into its cell."""
    decimals = 3 if max(values.shape) <= 4 else 2
    colours = drawn.to_rgba(np.asarray(drawn.get_array()))
    for (row, column), value in np.ndenumerate(values):
        ink = style.ink_on(colours[row, column]) if np.isfinite(value) else "black"
        text = style.compact(value, decimals)
        ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=style.LETTERS)
