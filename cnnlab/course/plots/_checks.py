"""Argument checks of the pictures: what cannot be drawn is refused before anything is."""

from __future__ import annotations

import warnings
from typing import Any
from unicodedata import category

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from cnnlab._checks import as_float, as_int, as_number, shown
from cnnlab.course.plots._extremes import LARGEST_DRAWN

# What a picture may ask for, so that a slip takes neither the memory nor minutes.
MOST_NUMBERS = 2**26  # of an image: 8,192 × 8,192
MOST_POINTS = 2**20  # of a curve or a surface
MOST_AXES = 200  # of a figure
LONGEST_SIDE = 400  # of a figure, in inches
SHORTEST_SIDE = 0.5
LARGEST_AREA = 1000  # square inches
LONGEST_WORDS = 300  # characters


def as_axes(ax: Any) -> Axes | None:
    """Return `ax`, which must be axes to draw on, or None."""
    if ax is None:
        return None
    if isinstance(ax, np.ndarray):
        raise TypeError(f"ax must be one axes; got an array of shape {ax.shape}: pick one, as in axes[0, 0]")
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be axes, as plots.new_axes() makes them; got {shown(ax)}")
    if ax.name != "rectilinear":
        raise ValueError(f"ax must be plain axes, as plots.new_axes() makes them; got {ax.name} axes")
    if ax.get_figure() is None:
        raise ValueError("ax must be in a figure; these axes have been removed from theirs")
    return ax


def as_words(name: str, value: Any) -> str:
    """Return `value`, which must be words that can be drawn."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be words (a str); got {shown(value)} ({type(value).__name__})")
    if len(value) > LONGEST_WORDS:
        raise ValueError(f"{name} must have at most {LONGEST_WORDS} characters, to fit; got {len(value)}")
    for character in value:
        if character != "\n" and (category(character)[0] == "C" or category(character) in ("Zl", "Zp")):
            raise ValueError(f"{name} must hold characters that can be drawn; got {character!a}")
    if not value.isascii() or "$" in value:
        _require_drawable(name, value)
    return value


def as_title(title: Any) -> str | None:
    """Return `title`, which must be words that can be drawn, or None."""
    return None if title is None else as_words("title", title)


def _require_drawable(name: str, words: str) -> None:
    """Raise a ValueError where the font has no picture of a character, or a formula between $ signs is none."""
    figure = Figure()
    renderer = FigureCanvasAgg(figure).get_renderer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an older matplotlib uses what its libraries have given new names
        warnings.filterwarnings("error", "Glyph")
        try:
            Text(0, 0, words, figure=figure).get_window_extent(renderer)
        except ValueError:
            raise ValueError(f"{name} must not hold a broken formula between $ signs: write \\$ for a dollar") from None
        except UserWarning:
            raise ValueError(
                f"{name} must hold characters that the font can draw; got {shown(words)}: write other words"
            ) from None


def as_label(name: str, value: Any) -> str:
    """Return `value`, words that a legend shows."""
    words = as_words(name, value)
    if not words.strip() or words.startswith("_"):
        raise ValueError(f"{name} must be words that do not begin with _, which a legend leaves out; got {words!r}")
    return words


def as_list(name: str, values: Any, count: int | None = None) -> list[Any]:
    """Return `values`, a list of things (or of so many), as a list."""
    is_row = isinstance(values, np.ndarray) and values.ndim == 1 and not isinstance(values, np.ma.MaskedArray)
    if not is_row and not isinstance(values, (list, tuple)):
        raise TypeError(f"{name} must be a list; got {shown(values)} ({type(values).__name__})")
    if count is not None and len(values) != count:
        raise ValueError(f"{name} must be {count} things in a list; got {len(values)}")
    if len(values) > MOST_AXES:
        raise ValueError(f"{name} must be at most {MOST_AXES} things; got {len(values):,}")
    return list(values)


def as_rising(name: str, values: Any) -> np.ndarray:
    """Return `values` as a row of rising float64 numbers that have places on an axis."""
    row = as_numbers(name, values, MOST_POINTS).astype(np.float64, copy=False)
    if row.ndim != 1 or len(row) < 2:
        raise ValueError(f"{name} must be two or more numbers in a row; got shape {row.shape}")
    if not (np.abs(row) <= LARGEST_DRAWN).all():
        raise ValueError(f"{name} must hold numbers between −{LARGEST_DRAWN:g} and {LARGEST_DRAWN:g}; got others")
    falls = np.flatnonzero(~(np.diff(row) > 0))
    if len(falls):
        raise ValueError(f"{name} must rise from number to number; got {row[falls[0] + 1]:g} after {row[falls[0]]:g}")
    return row


def as_limits(limits: Any) -> tuple[float, float] | None:
    """Return `limits`, a pair of finite numbers, the smaller one first, or None."""
    if limits is None:
        return None
    low, high = (as_number("limits", number) for number in as_list("limits", limits, 2))
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"limits must be two finite numbers, the smaller one first; got ({low:g}, {high:g})")
    return low, high


def as_box(box: Any, shape: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return `box`, (row, column, height, width) of cells of an image, or None."""
    if box is None:
        return None
    row, column, height, width = (
        as_int("box", number, minimum) for number, minimum in zip(as_list("box", box, 4), (0, 0, 1, 1), strict=True)
    )
    if row + height > shape[0] or column + width > shape[1]:
        raise ValueError(
            f"box must lie within the image, {shape[0]}×{shape[1]}; got {height}×{width} cells at ({row}, {column})"
        )
    return row, column, height, width


def as_numbers(name: str, values: Any, most: int) -> np.ndarray:
    """Return `values` as a float array of at most so many numbers."""
    if isinstance(values, np.ndarray):  # before a copy is made
        _require_few(name, values.size, most)
    array = as_float(name, values)
    _require_few(name, array.size, most)
    return array


def as_image(name: str, values: Any) -> np.ndarray:
    """Return `values` as the float array of one image."""
    values = as_numbers(name, values, MOST_NUMBERS)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{name} must have shape (H, W), one image; got {values.shape}")
    return values


def _require_few(name: str, count: int, most: int) -> None:
    if count > most:
        raise ValueError(f"{name} must have at most {most:,} numbers to be drawn; got {count:,}: pass a part of them")


def require_figure_size(width: float, height: float, axes: int, remedy: str) -> None:
    """Raise a ValueError if a figure of this size, in inches, with so many axes would take too much to draw."""
    if axes > MOST_AXES:
        raise ValueError(f"a figure must have at most {MOST_AXES} axes; got {axes:,}: {remedy}")
    short, long = sorted((width, height))
    if not (short >= SHORTEST_SIDE and long <= LONGEST_SIDE and width * height <= LARGEST_AREA):
        raise ValueError(
            f"width and height of a figure must be from {SHORTEST_SIDE} to {LONGEST_SIDE} inches, and their product at "
            f"most {LARGEST_AREA:,}; got {width:.4g} and {height:.4g}: {remedy}"
        )
