"""What several pictures have in common: a map in colours, its numbers, and what is said of numbers left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

LARGEST_NUMBERED = 8  # maps of up to 8 × 8 carry their numbers
MOST_ROWS = 4096  # of an image that are drawn; of a larger one every second, third, …
LONGEST = 20  # times as long as it is wide: a longer image gets cells that are not square, so as not to be a hair line
NOT_FINITE = "#ff77e9"  # cells that hold NaN or ±inf: a colour that no scale has
OFF = "off the axis (×)"


def draw_map(
    values: np.ndarray, ax: Axes, signed: bool, limits: tuple[float, float] | None, picture: bool
) -> AxesImage:
    """Draw a map: bright is large, or red negative and blue positive; what is not finite is marked, and said below."""
    finite = np.isfinite(values)
    largest = float(np.maximum(values.max(where=finite, initial=0), -values.min(where=finite, initial=0)))
    height, width = values.shape
    every = -(-max(height, width) // MOST_ROWS)
    notes = [off_note(values, finite, "cell", "not finite")]
    if every > 1:
        notes.append(f"drawn: one of {every} rows and columns")
    if limits is not None:
        low, high = limits
    elif signed:
        low, high = (-largest, largest) if finite.any() else (-1.0, 1.0)
    elif finite.any():
        low, high = float(values.min(where=finite, initial=np.inf)), float(values.max(where=finite, initial=-np.inf))
    else:
        low, high = 0.0, 1.0
    # Signed values: red negative, white 0, blue positive. Unsigned ones: grey for pictures, cividis for small maps.
    name = "RdBu" if signed else "gray" if picture or max(height, width) > LARGEST_NUMBERED else "cividis"
    if every > 1:
        values, finite = values[::every, ::every], finite[::every, ::every]
    reach = max(abs(low), abs(high))
    if exponent_of(largest) or exponent_of(reach):
        values = np.where(finite, np.clip(values.astype(np.float64), low, high), np.nan)
        values = np.ldexp(values, -exponent_of(reach))
        low, high = (math.ldexp(limit, -exponent_of(reach)) for limit in (low, high))
    if low == high:
        step = max(1.0, abs(low))
        low, high = low - step, high + step
    drawn = ax.imshow(
        values,
        cmap=matplotlib.colormaps[name].with_extremes(bad=NOT_FINITE),
        vmin=low,
        vmax=high,
        interpolation="nearest",
        origin="upper",  # whatever the reader's matplotlibrc says
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        aspect="equal" if max(height, width) <= LONGEST * min(height, width) else "auto",
    )
    note = "\n".join(filter(None, notes))
    if note or "not finite" in ax.get_xlabel():  # an earlier map's note goes with it
        ax.set_xlabel(note, fontsize=8)
    return drawn


def exponent_of(largest: float) -> int:
    """Return the power of two that numbers are divided by, where arithmetic with them as they are would overflow."""
    return 0 if largest == 0 or 1e-30 <= largest <= 1e30 else math.frexp(largest)[1]


def off_note(values: np.ndarray, on: np.ndarray, place: str, words: str = OFF) -> str:
    """Say how many numbers are not drawn, which is the first, and where."""
    count = values.size - int(np.count_nonzero(on))
    if not count:
        return ""
    first = np.unravel_index(int(np.argmin(on)), on.shape)
    where = f"({', '.join(str(i) for i in first)})" if len(first) > 1 else str(first[0])
    number = f"{float(values[first]) + 0.0:.3g}".replace("-", "−")
    return f"{count:,} of {values.size:,} {words},\nfirst at {place} {where}: {number}"


def write_numbers(values: np.ndarray, ax: Axes, drawn: AxesImage) -> None:
    """Write each number into its cell."""
    decimals = 3 if max(values.shape) <= 4 else 2
    coloured = np.asarray(drawn.get_array())
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = drawn.cmap(drawn.norm(coloured[row, column]))
        dark = np.isfinite(value) and 0.3 * red + 0.59 * green + 0.11 * blue <= 0.5
        colour = "white" if dark else "black"
        ax.text(column, row, short(value, decimals), ha="center", va="center", color=colour, fontsize=9)


def short(value: float, decimals: int) -> str:
    """Write a number in as few characters as a cell has room for."""
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:.3g}"
    return "0" if text == "-0" else text.replace("-", "−")
