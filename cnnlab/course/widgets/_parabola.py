"""Notebook 1: gradient descent on a loss of one number."""

from __future__ import annotations

import numpy as np

from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._board import Board, slider

CURVATURE = 10  # λ of the loss ½ λ x²
STEPS = 10


def descent(learning_rate: float) -> tuple[np.ndarray, str]:
    """Return x after 0, 1, … steps from 1, and what happens in words."""
    factor = round(1 - CURVATURE * learning_rate, 9)
    x = factor ** np.arange(STEPS + 1)
    if factor > 0:
        happens = "closer, on the same side"
    elif factor == 0:
        happens = "to 0 at once"
    elif factor > -1:
        happens = "to the other side, and closer"
    else:
        happens = "to the other side, as far away" if factor == -1 else "to the other side, and farther away"
    multiplied = f"1 − {CURVATURE} · {learning_rate:.2f} = {style.number(factor, '.2f')}"
    first = ", ".join(style.number(value, ".3g") for value in x[:5])
    return x, f"each step multiplies x by {multiplied}: {happens}\nx after 0, 1, 2, … steps: {first}, …"


@style.course_style()
def parabola(learning_rate: float = 0.02) -> Board:
    """Show ten steps of gradient descent on the loss 5 x².

    Parameters
    ----------
    learning_rate : float
        Where the slider stands, from 0.01 to 0.22.
    """
    rate = slider("learning_rate", learning_rate, "learning rate η", 0.01, 0.22, 0.01, readout_format=".2f")
    ax = plots.new_axes(6, 3)
    around = np.linspace(-2, 2, 81)
    ax.plot(around, CURVATURE * around**2 / 2, color=style.BLUE)
    (path,) = ax.plot([], [], marker="o", markersize=4, linewidth=1.2, color=style.RED)
    ax.set(xlim=(-2, 2), ylim=(-1, 20), xlabel="distance x", ylabel="loss L")
    ax.grid(**style.GRID)

    def draw(learning_rate: float) -> str:
        x, words = descent(learning_rate)
        path.set_data(x, CURVATURE * x**2 / 2)
        return words

    return Board({"learning_rate": rate}, plots.figure_of(ax), draw)
