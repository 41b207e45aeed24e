"""The loss, or another number, over the steps of training."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatterSciNotation
from numpy.typing import ArrayLike

from cnnlab._checks import as_flag
from cnnlab.course.plots import _style as style
from cnnlab.course.plots._checks import MOST_POINTS, as_axes, as_label, as_numbers, as_words
from cnnlab.course.plots._extremes import LARGEST_DRAWN, OFF_AXIS, undrawn_note
from cnnlab.course.plots._figures import new_axes

MOST_MARKS = 1000  # × at the edge


class _PlainNearOne(LogFormatterSciNotation):
    """Write 0.6 where matplotlib writes 6×10⁻¹; powers of ten stay where a number would take many digits."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = super().__call__(x, pos)  # empty where there is no room
        return f"{x:g}" if text and 0.001 <= x <= 1000 else text


@style.course_style()
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

    Raises
    ------
    TypeError, ValueError
        If losses are not numbers in a row.
    """
    losses = as_numbers("losses", losses, MOST_POINTS).astype(np.float64, copy=False)
    if losses.ndim != 1:
        raise ValueError(f"losses must have shape (steps,), one number for each step; got {losses.shape}")
    ax, log = as_axes(ax), as_flag("log", log)
    label = None if label is None else as_label("label", label)
    ylabel = as_words("ylabel", ylabel)
    if ax is None:
        ax = new_axes()
    lowest = 1 / LARGEST_DRAWN if log or ax.get_yscale() == "log" else -LARGEST_DRAWN
    on_axis = (losses >= lowest) & (losses <= LARGEST_DRAWN)
    runs = sum(line.get_gid() != OFF_AXIS for line in ax.lines)
    (line,) = ax.plot(
        losses if on_axis.all() else np.where(on_axis, losses, np.nan),
        linestyle=style.LINE_STYLES[runs % len(style.LINE_STYLES)],
        marker=style.MARKERS[runs % len(style.MARKERS)],
        markevery=max(1, len(losses) // 10),
        markersize=4,
        label=label,
    )
    note = undrawn_note(losses, on_axis, "step", OFF_AXIS)
    if note:
        steps = np.flatnonzero(~on_axis)
        steps = steps[:: -(-len(steps) // MOST_MARKS)]
        edge = np.where(losses[steps] < lowest, 0, 1)
        look: dict[str, Any] = {"color": line.get_color(), "clip_on": False, "gid": OFF_AXIS}
        ax.plot(steps, edge, "x", transform=ax.get_xaxis_transform(), **look)
        note = f"\n{label}: {note}" if label else f"\n{note}"
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(_PlainNearOne())
        ax.yaxis.set_minor_formatter(_PlainNearOne(labelOnlyBase=False))
    # What an earlier run left out is still left out.
    ax.set_xlabel((ax.get_xlabel() if OFF_AXIS in ax.get_xlabel() else "step") + note)
    ax.set_ylabel(ylabel)
    ax.grid(**style.GRID)
    if label is not None:
        ax.legend(fontsize=style.LETTERS)
    return ax
