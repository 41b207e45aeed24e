"""Notebook 3: a film of a filter while it trains."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.plots._checks import MOST_NUMBERS, MOST_POINTS, as_numbers
from cnnlab.course.widgets._board import Board, axes_at, figure_without_layout, slider
from cnnlab.course.widgets._lettering import Lettering, Text

LARGEST_FILTER = 8  # rows and columns, each with its number
LARGEST_NUMBER = 1e6
SIDE, MAP_SIDE = 2.15, 1.65  # of the filter and the map, in inches
TICKS = (0, 10, 50, 150, 300, 600, 1000, 3000, 10000)


@style.course_style()
def filter_film(filters: ArrayLike, maps: ArrayLike, accuracy: ArrayLike, step: int = 0) -> Board:
    """Show a filter, the map that it makes of one image, and the accuracy, after each step of a training.

    Parameters
    ----------
    filters : (T, kH, kW) array_like
        The filter before the first step, after it, and so on; at most 8 rows and columns.
    maps : (T, H, W) array_like
        The map of one image with each of these filters.
    accuracy : (T,) array_like
        The share of correct answers, from 0 to 1, at the same moments.
    step : int
        Where the slider stands, from 0 to T − 1.

    Raises
    ------
    TypeError, ValueError
        If these are not T filters, T maps and T shares, or the slider cannot stand there.
    """
    filters, maps = _as_images("filters", filters), _as_images("maps", maps)
    accuracy = as_numbers("accuracy", accuracy, MOST_POINTS).astype(float)
    count = len(filters)
    if max(filters.shape[1:]) > LARGEST_FILTER:
        raise ValueError(f"filters must have at most {LARGEST_FILTER} rows and columns; got {filters.shape[1:]}")
    if len(maps) != count or accuracy.shape != (count,):
        raise ValueError(
            f"maps and accuracy must be as many as the filters, {count}; got shapes {maps.shape} and {accuracy.shape}"
        )
    if not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError("accuracy must hold shares from 0 to 1; got others")
    control = slider("step", step, "after step", 0, count - 1)
    figure = figure_without_layout(6.08, 2.9)
    kernel, picture = axes_at(figure, 0.3, 0.4, SIDE, SIDE), axes_at(figure, 2.6, 0.65, MAP_SIDE, MAP_SIDE)
    curve = axes_at(figure, 4.65, 0.45, 1.28, SIDE - 0.05)
    # One scale for the whole film: shares of the largest number that comes.
    shares, map_shares = (values / (float(np.abs(values).max()) or 1.0) for values in (filters, maps))
    plots.image(shares[0], kernel, title="the filter", signed=True, limits=(-1, 1), numbers=False)
    plots.image(map_shares[0], picture, title="the map of one image", signed=True, limits=(-1, 1), numbers=False)
    for ax in (kernel, picture):
        ax.images[0].set_zorder(3.5)  # above all that stays, which then need not be drawn again
    lettering = Lettering(kernel, ["black", "white"], max(filters.shape[1:]) / (72 * SIDE))
    curve.plot(accuracy, color=style.BLUE)
    (here,) = curve.plot([0], [accuracy[0]], "o", color=style.RED, markersize=8, clip_on=False, zorder=3.5)
    curve.set_xscale("function", functions=(lambda x: np.sqrt(np.abs(x)), np.square))  # most happens at the beginning
    ticks = [tick for tick in TICKS if tick < count]
    curve.set(xlim=(0, max(count - 1, 1)), ylim=(0, 1.05), xticks=ticks, xlabel="step")
    curve.set_title("held-out accuracy", fontsize=style.TITLE)
    curve.tick_params(labelsize=style.LETTERS)
    curve.grid(**style.GRID)

    def draw(step: int) -> str:
        kernel.images[0].set_data(shares[step])
        picture.images[0].set_data(map_shares[step])
        here.set_data([step], [accuracy[step]])
        lettering.write(
            Text(j, i, style.compact(filters[step, i, j]), style.LETTERS, style.ink_on_signed(share), room=0.85)
            for (i, j), share in np.ndenumerate(shares[step])
        )
        rows = ", ".join(style.number(row, "+.2f", zero="0") for row in filters[step].sum(axis=1))
        largest = style.compact(np.abs(filters[step]).max(), 3)
        first = f"after {step} of {count - 1} steps: held-out accuracy {100 * accuracy[step]:.0f} %"
        return f"{first}, largest weight ±{largest}\nthe filter's rows, added up: {rows}"

    return Board({"step": control}, figure, draw)


def _as_images(name: str, values: ArrayLike) -> np.ndarray:
    array = as_numbers(name, values, MOST_NUMBERS).astype(float)
    if array.ndim != 3 or not array.size:
        raise ValueError(f"{name} must have shape (T, H, W), one image for each moment; got {array.shape}")
    if not (np.abs(array) <= LARGEST_NUMBER).all():
        raise ValueError(
            f"{name} must hold numbers up to {LARGEST_NUMBER:g} in size; got others: did the training diverge?"
        )
    return array
