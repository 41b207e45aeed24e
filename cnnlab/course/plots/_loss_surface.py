"""The loss over a plane, from above."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from cnnlab.course.plots import _style as style
from cnnlab.course.plots._checks import MOST_POINTS, as_axes, as_numbers, as_rising, as_words
from cnnlab.course.plots._extremes import LARGEST_DRAWN, scale_exponent, undrawn_note
from cnnlab.course.plots._figures import new_axes
from cnnlab.course.plots._style import AMOUNTS, RED


@style.course_style()
def loss_surface(
    x: ArrayLike,
    y: ArrayLike,
    losses: ArrayLike,
    ax: Axes | None = None,
    *,
    path: ArrayLike | None = None,
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
        The loss at each point, at least 0.
    ax : Axes, optional
        Where to draw.
    path : (steps, 2) array_like, optional
        Points (x, y) that gradient descent went through.
    xlabel, ylabel : str
        What the coordinates are.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit together, x or y do not rise, or a loss is below 0.
    """
    x, y, losses = as_rising("x", x), as_rising("y", y), as_numbers("losses", losses, MOST_POINTS).astype(np.float64)
    if losses.shape != (y.size, x.size):
        raise ValueError(f"losses must have shape {(y.size, x.size)}, a row for each y; got {losses.shape}")
    finite = np.isfinite(losses)
    if (losses < 0).any():
        raise ValueError(
            f"losses must be at least 0, as lines of equal loss are spaced by factors; got {losses.min():g}"
        )
    ax = as_axes(ax)
    if path is not None:
        path = as_numbers("path", path, MOST_POINTS).astype(np.float64)
        if path.ndim != 2 or path.shape[1] != 2 or not len(path):
            raise ValueError(f"path must have shape (steps, 2), points (x, y); got {path.shape}")
    xlabel, ylabel = as_words("xlabel", xlabel), as_words("ylabel", ylabel)
    if ax is None:
        ax = new_axes(5.0, 3.8)
    notes = [xlabel]
    if finite.any():
        heights = np.where(finite, losses, np.nan)
        heights = np.ldexp(heights, -scale_exponent(float(np.nanmax(heights))))
        highest = np.nanmax(heights)
        levels = np.unique(np.geomspace(max(np.nanmin(heights), highest * 1e-4), highest, 12) if highest else [0.0])
        if len(levels) > 1:
            ax.contour(x, y, np.ma.masked_invalid(heights), levels=levels, cmap=AMOUNTS, linewidths=1)
        else:
            notes.append("every loss that is a number is the same: there are no lines")
    if not finite.all():
        ax.contourf(x, y, ~finite, levels=[0.5, 1.5], colors="none", hatches=["xx"])
        notes.append(f"×: {undrawn_note(losses, finite, 'cell')}")
    if path is not None:
        on_axis = np.abs(path) <= LARGEST_DRAWN
        note = undrawn_note(path, on_axis, "step")
        path = np.where(on_axis, path, np.nan)
        ax.plot(path[:, 0], path[:, 1], marker="o", markersize=3, linewidth=1, color=RED)
        ax.plot(*path[0], marker="s", markersize=7, color=RED)
        if note:
            notes.append(f"path: {note}")
    ax.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
    ax.set(xlabel="\n".join(filter(None, notes)), ylabel=ylabel)
    return ax
