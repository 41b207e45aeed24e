"""A function of one number, and the line that touches it if a derivative is right."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
from matplotlib.axes import Axes

from cnnlab._checks import as_number, as_positive, shown
from cnnlab.course.plots import _style as style
from cnnlab.course.plots._checks import as_axes, as_coordinate, as_title, as_words
from cnnlab.course.plots._extremes import LARGEST_DRAWN, undrawn_note
from cnnlab.course.plots._figures import new_axes


@style.course_style()
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

    Raises
    ------
    TypeError, ValueError
        If f is no function or returns no number, or x and reach make no axis.
    """
    if not callable(f):
        raise TypeError(f"f must be a function of one number; got {shown(f)}")
    x, slope, reach = as_coordinate("x", x), as_number("slope", slope), as_positive("reach", reach)
    ax, title = as_axes(ax), as_title(title)
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
    note = undrawn_note(values, on_axis, "point")
    values, straight = (np.where(np.abs(line) <= LARGEST_DRAWN, line, np.nan) for line in (values, straight))
    if ax is None:
        ax = new_axes(4.2, 2.8)
    ax.plot(around, values, color=style.BLUE, label="the function")
    # Keep the picture to the curve: a steep line would squash it.
    ax.set_ylim(ax.get_ylim())
    ax.plot(around, straight, color=style.RED, linestyle="--", label=f"slope {style.compact(slope, 4)}")
    ax.plot([x], [height if abs(height) <= LARGEST_DRAWN else np.nan], color="black", marker="o")
    ax.set(xlabel="\n".join(filter(None, [xlabel, note])), ylabel=ylabel)
    ax.grid(**style.GRID)
    ax.legend(fontsize=style.LETTERS)
    if title:
        ax.set_title(title, fontsize=style.TITLE)
    return ax
