"""Notebook 1: learning rate and steps of the 2×2 filter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from cnnlab.convolution import unfold
from cnnlab.course import plots
from cnnlab.course.plots import _style as style
from cnnlab.course.widgets._board import Board, slider
from cnnlab.networks import FilterRegression
from cnnlab.training import gradient_descent

IMAGE = np.array([[1.0, 2, 1], [0, 1, 2], [2, 1, 0]])
TARGET = np.array([[1.0, 2], [2, 1]])
START = np.random.RandomState(42).rand(2, 2)

# The loss is a bowl; its axes are the eigenvectors of the Hessian. The map shows the steepest one and the one along
# which the filter has the longest way to go once it stands on the valley's floor.
COLUMNS = unfold(IMAGE, 2)
EIGENVALUES, AXES = np.linalg.eigh(COLUMNS @ COLUMNS.T / 2)
SHOWN = [1, 3]
OPTIMUM = np.linalg.solve(COLUMNS.T, TARGET.reshape(4))
MOST_STEPS = 50
LARGEST_RATE = 2 / EIGENVALUES[-1]  # learning rates above it diverge


class FilterRun(NamedTuple):
    """What one run of gradient descent did."""

    losses: np.ndarray  # after 0, 1, … steps
    path: np.ndarray  # (steps + 1, 2) the filter's distance from the optimum along the two axes shown
    verdict: str  # converges, converges slowly, converges in jumps or diverges
    words: str


def filter_run(learning_rate: float, steps: int) -> FilterRun:
    """Train the filter from its usual start."""
    network = FilterRegression({"conv_weight": START[None, None]})
    filters: list[np.ndarray] = []

    def keep_filter(step: int, loss: float) -> None:
        filters.append(network.parameters["conv_weight"].reshape(4).copy())

    # One step more, before which the loss after the last is noted.
    history = gradient_descent(
        network, IMAGE, TARGET, learning_rate=learning_rate, steps=steps + 1, on_step=keep_filter
    )
    path = (np.array(filters) - OPTIMUM) @ AXES[:, SHOWN]
    flattest, steepest = 1 - learning_rate * EIGENVALUES[[0, -1]]
    verdict, factor, axis = "converges", f"{flattest:.3f}", "flattest"
    if steepest < -0.5:
        verdict = "diverges" if steepest < -1 else "converges in jumps"
        factor, axis = style.number(steepest, ".3f"), "steepest"
    elif flattest > 0.99:
        verdict = "converges slowly"
    words = (
        f"learning rate {learning_rate:.3f}: loss {history.loss[0]:.3g} → {history.loss[-1]:.3g} after {steps} "
        f"step{'s'[: steps > 1]}, {verdict}\n"
        f"each step: factor {factor} along the {axis} axis; the limit is {LARGEST_RATE:.5f}"
    )
    return FilterRun(history.loss, path, verdict, words)


@style.course_style()
def filter_update(learning_rate: float = 0.1, steps: int = 10) -> Board:
    """Show what the learning rate and the number of steps do to the 2×2 filter of notebook 1.

    Parameters
    ----------
    learning_rate : float
        Where the first slider stands, from 0.005 to 0.25.
    steps : int
        Where the second slider stands, from 1 to 50.
    """
    controls = {
        "learning_rate": slider(
            "learning_rate", learning_rate, "learning rate η", 0.005, 0.25, 0.005, readout_format=".3f"
        ),
        "steps": slider("steps", steps, "steps", 1, MOST_STEPS),
    }
    curve, bowl, ruler = _axes()
    (line,) = curve.plot([], [], marker="o", markersize=3)
    (path,) = bowl.plot([], [], marker="o", markersize=3, linewidth=1, color=style.RED)
    (mark,) = ruler.plot([LARGEST_RATE], [1.3], marker="v", markersize=11, color=style.RED, clip_on=False)

    def draw(learning_rate: float, steps: int) -> str:
        run = filter_run(learning_rate, steps)
        line.set_data(np.arange(steps + 1), run.losses)
        # Far outside the map a line would be drawn from rounding alone.
        path.set_data(run.path[np.abs(run.path).max(axis=1) < 100].T)
        mark.set_xdata([learning_rate])
        return run.words

    return Board(controls, plots.figure_of(curve), draw)


def _axes() -> tuple[Axes, Axes, Axes]:
    """Lay out the loss curve, the bowl from above, and the ruler of learning rates under them."""
    axes = plots.new_axes(6, 4, rows=2, columns=2, height_ratios=(8, 1))
    curve, bowl = axes[0]
    axes[1, 1].remove()
    ruler = axes[1, 0]
    ruler.set_subplotspec(ruler.get_gridspec()[1, :])
    curve.set(yscale="log", xlim=(-1, MOST_STEPS + 1), ylim=(1e-6, 1e4), xlabel="steps", ylabel="loss L")
    curve.grid(**style.GRID)
    x, y = np.linspace(-0.5, 0.3, 161), np.linspace(-1.2, 1.2, 161)
    across, steepest = EIGENVALUES[SHOWN]
    surface = (across * x**2 + steepest * y[:, None] ** 2) / 2
    plots.loss_surface(
        x, y, surface, bowl, xlabel=f"axis with λ = {across:.2f}", ylabel=f"axis with λ = {steepest:.2f}"
    )
    bowl.set_xticks([-0.4, -0.2, 0, 0.2])
    bowl.plot(*((START.reshape(4) - OPTIMUM) @ AXES[:, SHOWN]), marker="s", markersize=7, color=style.RED)
    ruler.set(xlim=(0, 0.255), ylim=(0, 1), yticks=[], xlabel="learning rate η")
    ruler.axvspan(LARGEST_RATE, 0.255, color=style.RED, alpha=0.15, hatch="//")
    ruler.axvline(LARGEST_RATE, color="black")
    ruler.text(LARGEST_RATE + 0.003, 0.5, "diverges", va="center", fontsize=style.LETTERS)
    return curve, bowl, ruler
